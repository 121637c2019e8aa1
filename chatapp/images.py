"""Make uploaded pictures safe: read in a process of their own, written anew without metadata, with a thumbnail.

Decoders of picture formats are where hostile bytes do harm. So the server itself never decodes: a child process
(``python -m chatapp.images``) does, short of memory and of time, and may be killed at any moment. It starts with the
first picture and ends after a quiet minute. Both sides talk in frames: four bytes of length, then that many bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import struct
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from chatapp.records import PICTURE_BYTES, Rejected, sentence

if TYPE_CHECKING:  # only the child loads Pillow; an idle server stays small without it
    from PIL.Image import Image

PIXELS = 50_000_000  # of an upload: today's phones take 12 to 48 megapixels
EDGE = 2_560  # pixels of the longer edge as kept: fills a large screen
THUMB_EDGE = 640  # of the thumbnail: the width of a message at twice the pixels
FRAMES = 200  # of an animation
ANIMATION_PIXELS = 200_000_000  # of all frames as uploaded: some seconds of decoding
ANIMATION_KEPT_PIXELS = 40_000_000  # of all frames as kept, 200 frames of 447 by 447: some seconds of encoding
NAME_LIMIT = 100  # characters of a file name
DEFAULT_NAME = "picture"

SECONDS = 20.0  # for one picture; a 48 megapixel photo takes 1 s, the slowest allowed animation about 10 s
IDLE_SECONDS = 60.0  # before a child without work ends
MEMORY = 2**30  # bytes of address space of the child, where the system can limit it
NICENESS = 10  # messages go before pictures
WAITING = 16  # pictures in the queue, at most PICTURE_BYTES each
BUSY_SECONDS = 5.0

_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_LENGTH = struct.Struct(">I")
_LONGEST_FRAME = 4 * PICTURE_BYTES
_ORIENTATION = 0x0112  # EXIF; the values below say how to turn the picture upright
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture fit to be stored and shown; sizes in pixels."""

    name: str
    mime: str
    data: bytes
    width: int
    height: int
    thumb_mime: str
    thumb: bytes
    thumb_width: int
    thumb_height: int
    digest: str  # SHA-256 of the uploaded bytes, hex


class Images:
    """Prepare pictures one after another in a child process, which lives while there is work."""

    def __init__(self, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self._child: asyncio.subprocess.Process | None = None
        self._rest: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    async def prepare(self, data: bytes, name: str) -> Prepared:
        """Return an upload as a safe picture. Raise Rejected when it is none or costs too much."""
        _check(data)
        if self._waiting >= WAITING:
            reason = sentence("The server is busy with other pictures. Please try again in a moment.")
            raise Rejected("busy", reason, retry=True, retry_after=BUSY_SECONDS)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(data, name)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the child; a picture in its hands and those that wait are refused."""
        self._closed = True
        if self._rest:
            self._rest.cancel()
            await asyncio.wait([self._rest])
        await self._stop()

    async def _ask(self, data: bytes, name: str) -> Prepared:
        if self._rest:
            self._rest.cancel()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._exchange(data, name)
        except TimeoutError:
            await self._stop()
            raise Rejected("picture_slow", sentence("This picture takes too long to process.")) from None
        except (OSError, EOFError):
            await self._stop()
            reason = sentence("The server could not process this picture. Please try a smaller one.")
            raise Rejected("picture_failed", reason) from None
        except BaseException:
            await self._stop()  # a cancelled request leaves an answer behind that is not for the next one
            raise
        self._rest = asyncio.create_task(self._stop_later())
        head, *parts = answer
        if parts:
            return Prepared(**json.loads(head), data=parts[0], thumb=parts[1])
        refusal = json.loads(head)
        raise Rejected(refusal["code"], refusal["reason"], **refusal["values"])

    async def _exchange(self, data: bytes, name: str) -> list[bytes]:
        if self._closed:
            raise EOFError("no child is started any more")
        if self._child is None or self._child.returncode is not None:
            self._child = await _start()
        source, target = self._child.stdout, self._child.stdin
        assert source, "a pipe"
        assert target, "a pipe"
        for part in (name.encode("utf-8", "replace"), data):
            target.write(_LENGTH.pack(len(part)))
            target.write(part)
        await target.drain()
        (count,) = await source.readexactly(1)
        return [await _receive(source) for _ in range(count)]

    async def _stop_later(self) -> None:
        await asyncio.sleep(self._idle_seconds)
        await self._stop()

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _start() -> asyncio.subprocess.Process:
    # From the folder above the package, so that "-m" finds this very package, installed or not.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatapp.images"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )


async def _receive(source: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await source.readexactly(_LENGTH.size))
    if length > _LONGEST_FRAME:
        raise EOFError("the child does not keep to the protocol")
    return await source.readexactly(length)


def _check(data: bytes) -> None:
    """Refuse what needs no decoding to be refused."""
    if not data:
        raise Rejected("picture_empty", sentence("This file is empty."))
    if len(data) > PICTURE_BYTES:
        reason = sentence("A picture can have at most {limit} MB.")
        raise Rejected("picture_bytes", reason, limit=PICTURE_BYTES // 2**20)
    if not _SIGNATURES.match(data):
        raise Rejected("picture_type", sentence("This file is not a JPEG, PNG, WebP or GIF picture."))


def clean_name(name: str) -> str:
    """Return the last part of a file's path, fit to be shown and to be downloaded under."""
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in last)
    return " ".join(unicodedata.normalize("NFC", visible).split()).strip(". ")[:NAME_LIMIT].strip() or DEFAULT_NAME


# From here on: what the child does.


def reencode(data: bytes, name: str = DEFAULT_NAME) -> Prepared:
    """Return an upload as a picture written anew. Raise Rejected."""
    from PIL import Image  # noqa: PLC0415 - see above

    _check(data)
    Image.MAX_IMAGE_PIXELS = PIXELS // 2  # Pillow warns above this and refuses above twice as much
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data), formats=_FORMATS) as image:
            animated = image.format in ("GIF", "WEBP") and getattr(image, "n_frames", 1) > 1
            mime, kept, first = _animation(image) if animated else _still(image)
    except MemoryError:
        reason = sentence("This picture is too large to process. Please try a smaller one.")
        raise Rejected("picture_memory", reason) from None
    except Image.DecompressionBombError:
        reason = sentence("A picture can have at most {limit} megapixels.")
        raise Rejected("picture_pixels", reason, limit=PIXELS // 10**6) from None
    except Rejected:
        raise
    except Exception as error:  # damaged files end in any of a dozen exceptions
        raise Rejected("picture_damaged", sentence("This picture is damaged or incomplete.")) from error
    width, height = first.size
    first.thumbnail((THUMB_EDGE, THUMB_EDGE))
    thumb = _encoded(first, "WEBP", quality=75)
    digest = hashlib.sha256(data).hexdigest()
    return Prepared(clean_name(name), mime, kept, width, height, "image/webp", thumb, *first.size, digest)


def _still(image: Image) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of a picture, and the picture itself, upright and in sRGB."""
    photo = image.format == "JPEG"
    image.draft(None, (EDGE, EDGE))  # a JPEG can be decoded at a half, a quarter or an eighth of its size
    image.load()
    orientation = _orientation(image)
    image = _plain(image)
    image.thumbnail((EDGE, EDGE), reducing_gap=3.0)
    image = _upright(_srgb(image), orientation)
    if "A" in image.mode:
        mime, lossy = "image/webp", _encoded(image, "WEBP", quality=85)
    else:
        mime, lossy = "image/jpeg", _encoded(image, "JPEG", quality=85, optimize=True, progressive=True)
    if not photo:
        # Drawings and screenshots stay sharp, and are small that way; a photo saved as PNG is not.
        lossless = _encoded(image, "WEBP", lossless=True, quality=50, method=2)
        if len(lossless) <= 2 * len(lossy):
            return "image/webp", lossless, image
    return mime, lossy, image


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata does not make a broken picture
        return 1


def _upright(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose  # noqa: PLC0415 - see above

    return image.transpose(Transpose[_TURNS[orientation]]) if orientation in _TURNS else image


def _plain(image: Image) -> Image:
    """Return a picture in mode L, RGB, RGBA or CMYK: those that can be shrunk well."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return image.convert("RGB") if _opaque(image) else image
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _opaque(image: Image) -> bool:
    return image.getchannel("A").getextrema() == (255, 255)


def _srgb(image: Image) -> Image:
    """Return a picture with the colours of its ICC profile turned into those that screens expect."""
    from PIL import ImageCms  # noqa: PLC0415 - see above

    profile = image.info.get("icc_profile")
    if profile and image.mode != "L":
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target, mode = ImageCms.createProfile("sRGB"), "RGBA" if image.mode == "RGBA" else "RGB"
            image = ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a broken profile does not make a broken picture
    return image.convert("RGB") if image.mode == "CMYK" else image


def _animation(image: Image) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of an animation, and its first frame; shrink it until it is small enough."""
    count, (width, height) = getattr(image, "n_frames", 1), image.size
    if count > FRAMES:
        raise Rejected("picture_frames", sentence("An animation can have at most {limit} frames."), limit=FRAMES)
    if count * width * height > ANIMATION_PIXELS:
        reason = sentence("An animation can have at most {limit} megapixels in all of its frames.")
        raise Rejected("picture_pixels", reason, limit=ANIMATION_PIXELS // 10**6)
    scale = min(1.0, EDGE / max(width, height), (ANIMATION_KEPT_PIXELS / (count * width * height)) ** 0.5)
    write = _write_gif if image.format == "GIF" else _write_webp
    while True:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        kept = write(image, size)
        if len(kept) <= PICTURE_BYTES:
            image.seek(0)
            return f"image/{str(image.format).lower()}", kept, image.convert("RGBA").resize(size)
        scale *= 0.7


def _frames(image: Image, size: tuple[int, int]) -> Iterator[Image]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        frame = image.convert("RGBA").resize(size)
        frame.info = {"duration": image.info.get("duration", 100)}  # nothing else: comments would be written too
        yield frame


def _write_gif(image: Image, size: tuple[int, int]) -> bytes:
    frames = (_indexed(frame) for frame in _frames(image, size))
    first = next(frames)
    options: dict[str, Any] = {"disposal": 2 if "transparency" in first.info else 1}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    return _encoded(first, "GIF", save_all=True, append_images=frames, **options)


def _indexed(frame: Image) -> Image:
    """Return a frame with a palette of its own, in which the last colour may stand for none."""
    colours = frame.convert("RGB")
    indexed = colours.quantize(256 if _opaque(frame) else 255)
    indexed.info = dict(frame.info)
    if not _opaque(frame):
        indexed.paste(255, mask=frame.getchannel("A").point(lambda alpha: 255 * (alpha < 128)))
        indexed.info["transparency"] = 255
    return indexed


def _write_webp(image: Image, size: tuple[int, int]) -> bytes:
    frames = list(_frames(image, size))
    durations = [frame.info["duration"] for frame in frames]
    loop = image.info.get("loop", 0)
    return _encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=loop, quality=75, method=2
    )


def _encoded(image: Image, format_: str, **options: Any) -> bytes:
    if not options.get("save_all"):
        image.info = {}  # EXIF with its place, ICC, XMP, comments: Pillow would copy some of them
    out = BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer one picture after another until the server closes its end."""
    while prefix := source.read(_LENGTH.size):
        name = source.read(*_LENGTH.unpack(prefix)).decode()
        data = source.read(*_LENGTH.unpack(source.read(_LENGTH.size)))
        try:
            answer = asdict(reencode(data, name))
            parts = [answer.pop("data"), answer.pop("thumb")]
        except Rejected as no:
            answer, parts = {"code": no.code, "reason": no.reason, "values": no.values}, []
        parts.insert(0, json.dumps(answer).encode())
        target.write(bytes([len(parts)]) + b"".join(_LENGTH.pack(len(part)) + part for part in parts))
        target.flush()


def _confine() -> None:
    """Take from this process what it does not need; Windows has no such limits."""
    if sys.platform != "win32":
        import os  # noqa: PLC0415 - not on Windows
        import resource  # noqa: PLC0415 - not on Windows

        os.nice(NICENESS)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        except (OSError, ValueError):  # macOS refuses any limit below what it maps by itself
            pass


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the pipe
    _confine()
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        pass
