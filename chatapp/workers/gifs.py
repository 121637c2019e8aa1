"""GIF files: parsed, composited as browsers do it, and reassembled (GIF89a specification).

Pillow reads GIF frames too, but fills what a frame leaves behind with a colour where browsers leave nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image as Pillow
from PIL.Image import Image

_SCREEN = struct.Struct("<6sHHBBB")
_CONTROL = struct.Struct("<BHB")
_PLACE = struct.Struct("<HHHHB")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL_LABEL, _APPLICATION_LABEL = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_TABLE, _TABLE_SIZE, _INTERLACED, _SEEN_THROUGH = 0x80, 0x07, 0x40, 0x01
KEPT, BACKGROUND, PREVIOUS = 1, 2, 3  # what is on the screen after a frame; browsers take 4 for 3, and all else for 1
_NOTHING = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as stored: a part of the screen, and what becomes of it when its time is over."""

    box: tuple[int, int, int, int]  # left, top, width, height
    palette: bytes
    data: bytes  # the code size and the blocks of LZW
    delay: int = 10  # hundredths of a second
    disposal: int = 0
    clear: int | None = None  # the index that stands for nothing
    interlaced: bool = False


@dataclass(frozen=True, slots=True)
class Gif:
    """A parsed file. ``loop`` is None if it plays once, 0 if it plays forever."""

    size: tuple[int, int]
    frames: list[Frame]
    loop: int | None = None

    @property
    def drawn(self) -> int:
        """Return the pixels of all frames, which may reach beyond the screen."""
        return sum(width * height for _, _, width, height in (frame.box for frame in self.frames))


def parse(data: bytes, most: int, *, lenient: bool = False) -> Gif:
    """Take a GIF apart, up to its first ``most`` frames. Raise ValueError when it is cut off, unless lenient."""
    _, width, height, flags, _, _ = _SCREEN.unpack_from(data)
    position = _SCREEN.size
    shared, position = _table(data, position, flags)
    gif, control = Gif((width, height), []), Frame((0, 0, 0, 0), b"", b"")
    try:
        while len(gif.frames) < most and position < len(data) and data[position] != _TRAILER:
            kind, position = data[position], position + 1
            if kind == _EXTENSION:
                gif, control = _extension(data, position, gif, control)
                position = _after_blocks(data, position + 1)
            elif kind == _IMAGE:
                frame, position = _frame(data, position, shared, control)
                gif.frames.append(frame)
                control = Frame((0, 0, 0, 0), b"", b"")
            elif kind:  # a stray end of blocks does no harm
                raise ValueError("this is no block")
    except (ValueError, IndexError, struct.error):
        if not lenient or not gif.frames:
            raise
    if not gif.frames:
        raise ValueError("no frame")
    left, top, across, down = gif.frames[0].box  # browsers enlarge a screen that is too small for the first frame
    return replace(gif, size=(max(width, left + across), max(height, top + down)))


def _table(data: bytes, position: int, flags: int) -> tuple[bytes, int]:
    end = position + (3 * 2 ** ((flags & _TABLE_SIZE) + 1) if flags & _TABLE else 0)
    if end > len(data):
        raise ValueError("cut off")
    return data[position:end], end


def _after_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1


def _extension(data: bytes, position: int, gif: Gif, control: Frame) -> tuple[Gif, Frame]:
    label, start = data[position], position + 2
    if label == _CONTROL_LABEL:
        flags, delay, clear = _CONTROL.unpack_from(data, start)
        seen = clear if flags & _SEEN_THROUGH else None
        return gif, replace(control, delay=delay, disposal=flags >> 2 & 7, clear=seen)
    name = data[start : start + 11]
    if label == _APPLICATION_LABEL and name in _LOOPS and data[start + 11 : start + 13] == b"\x03\x01":
        return replace(gif, loop=int.from_bytes(data[start + 13 : start + 15], "little")), control
    return gif, control


def _frame(data: bytes, position: int, shared: bytes, control: Frame) -> tuple[Frame, int]:
    left, top, width, height, flags = _PLACE.unpack_from(data, position)
    own, position = _table(data, position + _PLACE.size, flags)
    if not (width and height):
        raise ValueError("an empty frame")
    end = _after_blocks(data, position + 1)
    if end > len(data):
        raise ValueError("cut off")
    frame = replace(
        control,
        box=(left, top, width, height),
        palette=own or shared,
        data=data[position:end],
        interlaced=bool(flags & _INTERLACED),
    )
    return frame, end


def indices(frame: Frame) -> Image:
    """Decode a frame to the indices of its palette, as a picture in mode L."""
    _, _, width, height = frame.box
    flags = _INTERLACED if frame.interlaced else 0
    place = bytes([_IMAGE]) + _PLACE.pack(0, 0, width, height, flags)
    alone = _SCREEN.pack(b"GIF89a", width, height, 0, 0, 0) + place + frame.data + bytes([_TRAILER])
    with Pillow.open(BytesIO(alone), formats=("GIF",)) as image:
        image.load()
        return image.copy()


def paint(gif: Gif) -> Iterator[Image]:
    """Yield the composited image after each frame: always the same canvas, updated in place."""
    canvas = Pillow.new("RGBA", gif.size, _NOTHING)
    for frame in gif.frames:
        left, top, width, height = frame.box
        box = left, top, left + width, top + height
        before = canvas.crop(box) if frame.disposal in (PREVIOUS, PREVIOUS + 1) else None
        drawn = indices(frame)
        mask = None if frame.clear is None else drawn.point([255 * (index != frame.clear) for index in range(256)])
        drawn.putpalette(frame.palette.ljust(768, b"\0") if frame.palette else bytes(n // 3 for n in range(768)))
        canvas.paste(drawn.convert("RGB"), (left, top), mask)
        yield canvas
        if before is not None:
            canvas.paste(before, (left, top))
        elif frame.disposal == BACKGROUND:
            canvas.paste(_NOTHING, box)


def packed(drawn: Image, box: tuple[int, int, int, int], palette: bytes) -> Frame:
    """Return a frame of indices (mode L or P), encoded."""
    out = BytesIO()
    plain = Pillow.frombytes("L", drawn.size, drawn.tobytes())
    plain.save(out, "GIF", optimize=False, interlace=0)
    return replace(parse(out.getvalue(), 1).frames[0], box=box, palette=palette)


def renewed(gif: Gif) -> Iterator[Frame]:
    """Yield every frame decoded and re-encoded: the same indices, palettes and times, and nothing else."""
    for frame in gif.frames:
        again = packed(indices(frame), frame.box, frame.palette)
        yield replace(again, delay=frame.delay, disposal=frame.disposal, clear=frame.clear)


def write(size: tuple[int, int], loop: int | None, frames: Iterable[Frame]) -> bytes:
    """Put a file together. The palette of the first frame is written once for all that have the same."""
    frames = iter(frames)
    first = next(frames)
    shared, bits = _rounded(first.palette)
    out = BytesIO()
    out.write(_SCREEN.pack(b"GIF89a", *size, _TABLE | bits if shared else 0, 0, 0) + shared)
    if loop is not None:
        out.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + loop.to_bytes(2, "little") + b"\0")
    for frame in (first, *frames):
        palette, bits = _rounded(frame.palette)
        palette, flags = (b"", 0) if palette == shared else (palette, _TABLE | bits)
        seen = 0 if frame.clear is None else _SEEN_THROUGH
        out.write(b"\x21\xf9\x04" + _CONTROL.pack(frame.disposal << 2 | seen, frame.delay, frame.clear or 0) + b"\0")
        out.write(bytes([_IMAGE]) + _PLACE.pack(*frame.box, flags) + palette + frame.data)
    return out.getvalue() + bytes([_TRAILER])


def _rounded(palette: bytes) -> tuple[bytes, int]:
    """Return a palette filled up to a size that can be written, and the bits that say which."""
    if not palette:
        return b"", 0
    bits = max(0, (len(palette) // 3 - 1).bit_length() - 1)
    return palette[:768].ljust(3 * 2 ** (bits + 1), b"\0"), bits
