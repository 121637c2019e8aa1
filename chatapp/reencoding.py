"""Write pictures anew, in a process of their own: the only place where their formats are decoded.

Started by ``chatapp.images`` as ``python -m chatapp.reencoding``, short of memory; it may be killed at any moment.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image as Pillow
from PIL import ImageCms
from PIL.Image import Image, Transpose

from chatapp.images import DEFAULT_NAME, LENGTH, Prepared, check, clean_name
from chatapp.records import PICTURE_BYTES, Rejected, sentence

PIXELS = 50_000_000  # of an upload: today's phones take 12 to 48 megapixels
EDGE = 2_560  # pixels of the longer edge as kept: fills a large screen
THUMB_EDGE = 640  # of the thumbnail: the width of a message at twice the pixels
FRAMES = 200  # of an animation
ANIMATION_PIXELS = 200_000_000  # of all frames as uploaded: some seconds of decoding
ANIMATION_KEPT_PIXELS = 40_000_000  # of all frames as kept, 200 frames of 447 by 447: some seconds of encoding
MEMORY = 2**30  # bytes of address space of the child, where the system can limit it
NICENESS = 10  # messages go before pictures

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
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


def reencode(data: bytes, name: str = DEFAULT_NAME) -> Prepared:
    """Return an upload as a picture written anew. Raise Rejected."""
    check(data)
    with _opened(data) as image:
        animated = image.format in ("GIF", "WEBP") and getattr(image, "n_frames", 1) > 1
        mime, kept, first = _animation(image) if animated else _still(image)
    width, height = first.size
    first.thumbnail((THUMB_EDGE, THUMB_EDGE))
    thumb = _encoded(first, "WEBP", quality=75)
    digest = hashlib.sha256(data).hexdigest()
    return Prepared(clean_name(name), mime, kept, width, height, "image/webp", thumb, *first.size, digest)


def verify(data: bytes) -> None:
    """Decode a stored picture to the end of its last frame. Raise Rejected."""
    with _opened(data) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()


@contextmanager
def _opened(data: bytes) -> Iterator[Image]:
    """Give a picture to be decoded; turn whatever goes wrong with it into Rejected."""
    Pillow.MAX_IMAGE_PIXELS = PIXELS // 2  # Pillow warns above this and refuses above twice as much
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(BytesIO(data), formats=_FORMATS) as image:
            yield image
    except MemoryError:
        reason = sentence("This picture is too large to process. Please try a smaller one.")
        raise Rejected("picture_memory", reason) from None
    except Pillow.DecompressionBombError:
        reason = sentence("A picture can have at most {limit} megapixels.")
        raise Rejected("picture_pixels", reason, limit=PIXELS // 10**6) from None
    except Rejected:
        raise
    except Exception as error:  # damaged files end in any of a dozen exceptions
        raise Rejected("picture_damaged", sentence("This picture is damaged or incomplete.")) from error


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
    while task := _receive(source):
        name, data = _receive(source).decode(), _receive(source)
        try:
            parts = [b"done", *_do(task, data, name)]
        except Rejected as no:
            parts = [b"refused", json.dumps({"code": no.code, "reason": no.reason, "values": no.values}).encode()]
        target.write(bytes([len(parts)]) + b"".join(LENGTH.pack(len(part)) + part for part in parts))
        target.flush()


def _do(task: bytes, data: bytes, name: str) -> list[bytes]:
    if task == b"verify":
        verify(data)
        return []
    facts = asdict(reencode(data, name))
    parts = [facts.pop("data"), facts.pop("thumb")]
    return [json.dumps(facts).encode(), *parts]


def _receive(source: BinaryIO) -> bytes:
    prefix = source.read(LENGTH.size)
    return source.read(*LENGTH.unpack(prefix)) if prefix else b""


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
