"""Headers of pictures, read without decoding: format, size, number of frames, whether the file is complete."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # not a stuffed byte, not a restart inside a scan
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 (ITU T.81, table B.1)
_JPEG_ALONE = {0x01, 0xD8}  # TEM and SOI carry no length
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_VP8_START = b"\x9d\x01\x2a"  # RFC 6386, section 9.1


@dataclass(frozen=True, slots=True)
class Header:
    """What a file declares; sizes in pixels."""

    format: str  # as Pillow calls it
    width: int
    height: int
    frames: int = 1
    scans: int = 1  # of a JPEG: how many times its decoder goes over the whole picture
    components: int = 3  # of a JPEG: 4 for CMYK
    whole: bool = True  # the mark that ends the file is there
    drawn: int = 0  # pixels that the frames of a GIF say they draw, perhaps beside the screen

    @property
    def pixels(self) -> int:
        """Return the pixels of all frames."""
        return max(self.width * self.height * self.frames, self.drawn)


def read(data: bytes) -> Header:
    """Return what a JPEG, PNG or WebP says of itself. Raise ValueError, IndexError or struct.error if it says nothing.

    A GIF says nothing up front: ``gifs.parse`` walks through it.
    """
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    return _png(data) if data.startswith(PNG) else _webp(data)


def _jpeg(data: bytes) -> Header:
    position, scans, whole = 2, 0, False
    height = width = components = 0
    while match := _JPEG_MARKER.search(data, position):
        code, position = match[1][0], match.end()
        if code == _JPEG_END:
            whole = True
            break
        if code in _JPEG_ALONE:
            continue
        if code in _JPEG_FRAMES and not width:
            height, width, components = struct.unpack_from(">HHB", data, position + 3)
        scans += code == _JPEG_SCAN
        position += int.from_bytes(data[position : position + 2], "big")
    if not width:
        raise ValueError("no size")
    return Header("JPEG", width, height, 1, max(scans, 1), components, whole)


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        raise ValueError("no size")
    width, height = struct.unpack_from(">II", data, 16)
    position, frames, moves, whole = 8, 0, False, False
    while not whole and position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        whole = kind == b"IEND"
        moves = moves or kind == b"acTL"
        frames += kind == b"fcTL"
        position += length + 12
    return Header("PNG", width, height, max(frames, 1) if moves else 1, whole=whole)


def _webp(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    position, frames = 12, 0
    end = 8 + int.from_bytes(data[4:8], "little")
    while position + 8 <= min(len(data), end):
        kind, length = struct.unpack_from("<4sI", data, position)
        size = size or _webp_size(kind, data[position + 8 : position + 18])
        frames += kind == b"ANMF"
        position += 8 + length + length % 2
    if size is None:
        raise ValueError("no size")
    return Header("WEBP", *size, max(frames, 1), whole=len(data) >= end)


def mended(data: bytes) -> bytes:
    """Return a WebP that was cut off as one that decoders read: without the frame that was cut, or filled up."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if data[:4] + data[8:12] != b"RIFFWEBP" or len(data) >= end:
        return data
    position = whole = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        position += 8 + length + length % 2
        if kind == b"ANMF" and position <= len(data):
            whole = position
    if whole > 12:
        return data[:4] + (whole - 8).to_bytes(4, "little") + data[8:whole]
    return data.ljust(min(end, 2 * len(data) + 2**20), b"\0")  # what is missing is decoded to something grey


def _webp_size(kind: bytes, start: bytes) -> tuple[int, int] | None:
    """Return the size that the first chunk of a WebP states (its container specification, RFC 9649)."""
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[4:7], "little"), 1 + int.from_bytes(start[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and start[3:6] == _VP8_START:
        width, height = struct.unpack_from("<HH", start, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
