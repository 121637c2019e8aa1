"""Animated PNG files taken apart and painted as browsers paint them (PNG specification, third edition, section 11.3.5).

Pillow reads them too, but mixes half-transparent colours in another way than browsers do.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image as Pillow
from PIL.Image import Image

from chatapp.workers import modes
from chatapp.workers.headers import PNG

_CONTROL = struct.Struct(">5I2H2B")
_COLOURS = (b"PLTE", b"tRNS")  # the chunks before the pixels without which they cannot be read
_BACKGROUND, _PREVIOUS = 1, 2  # what is restored after a frame; else it stays
_OVER = 1  # drawn over what is there; else in its place
_HUNDREDTHS = 100  # of a second: what a denominator of 0 stands for
_NOTHING = (0, 0, 0, 0)


@dataclass(slots=True)
class Frame:
    """One frame as stored: a part of the picture, and what becomes of it when its time is over."""

    box: tuple[int, int, int, int]  # left, top, right, bottom
    duration: float  # ms
    disposal: int
    over: bool
    data: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Apng:
    """A file taken apart. ``loop`` is 0 when it plays endlessly."""

    header: bytes
    size: tuple[int, int]
    loop: int = 0
    colours: list[tuple[bytes, bytes]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)


def parse(data: bytes, most: int) -> Apng:
    """Take an animated PNG apart, up to its first ``most`` frames. Raise ValueError or struct.error if it is broken."""
    apng = Apng(data[16:29], struct.unpack_from(">II", data, 16))
    for kind, body in _chunks(data):
        if kind == b"acTL":
            _, apng.loop = struct.unpack_from(">II", body)
        elif kind in _COLOURS and not apng.frames:
            apng.colours.append((kind, body))
        elif kind == b"fcTL":
            if len(apng.frames) == most:
                break
            apng.frames.append(_frame(body, apng.size))
        elif kind == b"IDAT" and apng.frames:  # else it is shown where nothing moves, and only there
            apng.frames[-1].data.append(body)
        elif kind == b"fdAT" and apng.frames:
            apng.frames[-1].data.append(body[4:])
    if not apng.frames:
        raise ValueError("no frame")
    return apng


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += length + 12


def _frame(body: bytes, size: tuple[int, int]) -> Frame:
    _, width, height, left, top, delay, unit, disposal, blend = _CONTROL.unpack_from(body)
    if not (width and height) or left + width > size[0] or top + height > size[1]:
        raise ValueError("a frame beside the picture")
    duration = 1000 * delay / (unit or _HUNDREDTHS)
    return Frame((left, top, left + width, top + height), duration, disposal, blend == _OVER)


def _decoded(apng: Apng, frame: Frame) -> Image:
    left, top, right, bottom = frame.box
    header = struct.pack(">II", right - left, bottom - top) + apng.header[8:]
    chunks = [(b"IHDR", header), *apng.colours, (b"IDAT", b"".join(frame.data)), (b"IEND", b"")]
    alone = PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    with Pillow.open(BytesIO(alone), formats=("PNG",)) as image:
        image.load()
        return modes.plain(modes.keyed(image, alone)).convert("RGBA")


def paint(apng: Apng) -> Iterator[Image]:
    """Yield the composited image after each frame: always the same canvas, updated in place."""
    canvas = Pillow.new("RGBA", apng.size, _NOTHING)
    for frame in apng.frames:
        before = canvas.crop(frame.box) if frame.disposal == _PREVIOUS else None
        drawn = _decoded(apng, frame)
        if frame.over:
            canvas.alpha_composite(drawn, frame.box[:2])
        else:
            canvas.paste(drawn, frame.box)
        yield canvas
        if before is not None:
            canvas.paste(before, frame.box)
        elif frame.disposal == _BACKGROUND:
            canvas.paste(_NOTHING, frame.box)
