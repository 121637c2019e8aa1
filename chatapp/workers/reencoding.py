"""Re-encoding of pictures in a child process, the only place where their formats are decoded.

Started by ``workers.decoding`` as ``python -m chatapp.workers.reencoding``, with limited memory; it may be killed at
any moment.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from typing import BinaryIO

from PIL import Image as Pillow
from PIL import ImageFile
from PIL.Image import Image

from chatapp.model.pictures import Prepared
from chatapp.model.refusals import Rejected
from chatapp.workers import animations, apngs, budget, gifs, headers, shapes, stills
from chatapp.workers.animations import Selection
from chatapp.workers.decoding import ADOPT, LENGTH
from chatapp.workers.headers import Header
from chatapp.workers.images import DEFAULT_NAME, check, clean_name

MEMORY = 640 * 2**20  # bytes of address space of the child, where the system can limit it
ADOPTING_MEMORY = 3 * 2**30  # the same during an import, when nobody else is served
SECONDS = (
    15  # of CPU time for one picture, where the system can limit it; the costliest upload takes 4 on a small server
)
ADOPTING_SECONDS = 150  # the same for a picture of an imported database
NICENESS = 10  # messages before pictures
SACRIFICE = "1000"  # oom_score_adj: when memory runs out, Linux kills this process first

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
# Old chats may hold more: whatever browsers and desktops of their time could show. Not EPS: it runs a program.
_OLD_FORMATS = (*_FORMATS, "BMP", "DIB", "TIFF", "ICO", "PPM", "AVIF", "JPEG2000")
_OLD_FRAMES = 5_000  # of an imported animation; later ones are left out
_OLD_PIXELS = 2_000_000_000  # of the frames of an imported animation that are decoded at all: about a minute
# What decoders leave where they decoded nothing: black, grey, or transparent.
_UNDECODED = {((value, value),) * 3 + ((255, 255),) for value in (0, 127, 128, 129)} | {((0, 0),) * 4}


def reencode(data: bytes, name: str = DEFAULT_NAME) -> Prepared:
    """Re-encode an upload. Raise Rejected."""
    check(data)
    with _refusing("picture_damaged"):
        gif = gifs.parse(data, budget.FRAMES + 1) if data.startswith(b"GIF8") else None
        header = Header("GIF", *gif.size, len(gif.frames), drawn=gif.drawn) if gif else headers.read(data)
        budget.check(header)
        Pillow.MAX_IMAGE_PIXELS = budget.PIXELS // 2  # Pillow refuses above twice as much
        return _prepared(hashlib.sha256(data).hexdigest(), name, *_written(data, gif, Selection(header.frames)))


def adopt(data: bytes, name: str = DEFAULT_NAME) -> Prepared:
    """Re-encode a picture of an imported database, whatever its size, repairing damage.

    Raise Rejected when nothing of it can be shown.
    """
    if not data:
        check(data)
    digest = hashlib.sha256(data).hexdigest()
    data = headers.mended(data)
    Pillow.MAX_IMAGE_PIXELS = None
    with _refusing():
        try:
            written = _adopted(data)
        except Exception:  # any decoder may raise anything on a damaged file
            written = _repaired(data)
        return _prepared(digest, name, *written)


def verify(data: bytes) -> None:
    """Decode every frame of a stored picture. Raise Rejected."""
    with _refusing(), Pillow.open(BytesIO(data), formats=_FORMATS) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()


def _adopted(data: bytes) -> tuple[str, bytes, Image]:
    gif = gifs.parse(data, _OLD_FRAMES, lenient=True) if data.startswith(b"GIF8") else None
    size, count = (gif.size, len(gif.frames)) if gif else _announced(data)
    count = max(1, min(count, _OLD_FRAMES, _OLD_PIXELS // (size[0] * size[1])))
    return _written(data, gif, Selection(count, -(-count // budget.FRAMES)), _OLD_FORMATS)


def _repaired(data: bytes) -> tuple[str, bytes, Image]:
    """Re-encode what can be decoded of a damaged picture. Raise ValueError if that is nothing."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        mime, kept, first = _adopted(data)
    except Exception:  # one of its frames is better than none
        with Pillow.open(BytesIO(data), formats=_OLD_FORMATS) as image:
            mime, kept, first = stills.write(image, data)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    if first.convert("RGBA").getextrema() in _UNDECODED:
        raise ValueError("nothing was decoded")
    return mime, kept, first


def _announced(data: bytes) -> tuple[tuple[int, int], int]:
    if data.startswith(headers.PNG):
        header = headers.read(data)
        return (header.width, header.height), header.frames
    with Pillow.open(BytesIO(data), formats=_OLD_FORMATS) as image:
        return image.size, getattr(image, "n_frames", 1) if image.format in ("WEBP", "AVIF") else 1


def _written(
    data: bytes, gif: gifs.Gif | None, selection: Selection, formats: tuple[str, ...] = _FORMATS
) -> tuple[str, bytes, Image]:
    if gif and selection.count > 1:
        return animations.write_gif(gif, selection)
    if gif:
        return stills.write(next(gifs.paint(gif)), data)
    if selection.count > 1 and data.startswith(headers.PNG):
        return animations.write_apng(apngs.parse(data, selection.count), selection)
    with Pillow.open(BytesIO(data), formats=formats) as image:
        return animations.write_webp(image, selection) if selection.count > 1 else stills.write(image, data)


def _prepared(digest: str, name: str, mime: str, kept: bytes, first: Image) -> Prepared:
    small = shapes.thumbnail(first)
    thumb = stills.encoded(small, "WEBP", quality=75)
    return Prepared(clean_name(name), mime, kept, *first.size, "image/webp", thumb, *small.size, digest)


@contextmanager
def _refusing(damaged: str = "picture_damaged.stored") -> Iterator[None]:
    """Turn whatever goes wrong with a picture into Rejected."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except MemoryError:
        raise Rejected("picture_memory") from None
    except Pillow.DecompressionBombError:
        raise Rejected("picture_pixels", limit=budget.PIXELS // budget.MEGA) from None
    except Rejected:
        raise
    except Exception as error:  # damaged files end in any of a dozen exceptions
        raise Rejected(damaged) from error


_TASKS = {b"prepare": reencode, b"adopt": adopt}


def _serve(source: BinaryIO, target: BinaryIO, seconds: int) -> None:
    """Answer one picture after another until the server closes its end."""
    while task := _receive(source):
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_PROF, seconds)  # the signal ends this process, also within a decoder
        name, data = _receive(source).decode(), _receive(source)
        try:
            parts = [b"done", *_do(task, data, name)]
        except Rejected as no:
            parts = [b"refused", json.dumps({"name": no.row.name, "values": no.values}).encode()]
        target.write(bytes([len(parts)]) + b"".join(LENGTH.pack(len(part)) + part for part in parts))
        target.flush()


def _do(task: bytes, data: bytes, name: str) -> list[bytes]:
    if task == b"verify":
        verify(data)
        return []
    facts = asdict(_TASKS[task](data, name))
    parts = [facts.pop("data"), facts.pop("thumb")]
    return [json.dumps(facts).encode(), *parts]


def _receive(source: BinaryIO) -> bytes:
    prefix = source.read(LENGTH.size)
    return source.read(*LENGTH.unpack(prefix)) if prefix else b""


def _confine(memory: int) -> None:
    """Take from this process what it does not need; Windows has no such limits."""
    if sys.platform != "win32":
        import os  # noqa: PLC0415 - not on Windows
        import resource  # noqa: PLC0415 - not on Windows
        from pathlib import Path  # noqa: PLC0415 - beside its only use

        os.nice(NICENESS)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        except (OSError, ValueError):  # macOS refuses any limit below what it maps by itself
            pass
        try:
            Path("/proc/self/oom_score_adj").write_text(SACRIFICE)
        except OSError:  # not Linux
            pass


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the pipe
    old = ADOPT in sys.argv
    _confine(ADOPTING_MEMORY if old else MEMORY)
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer, ADOPTING_SECONDS if old else SECONDS)
    except BrokenPipeError:
        pass
