"""Pictures that are cut off, damaged, lie about their size, cost too much, or are something else as well."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from PIL import Image

MARK = b"<script>alert('chat')</script>"  # must not be in any picture that the server gives out
_MUCH = 64 * 2**20  # bytes that some hundred thousand unpack to
Fate = Literal["refused", "clean", "either"]


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One upload, and what has to become of it."""

    name: str
    data: bytes
    fate: Fate = "either"


def spoiled() -> list[Spoiled]:
    """Return all of them."""
    return [*_cut_off(), *_bombs(), *_sizes(), *_damaged(), *_costly(), *_unusual(), *_polyglots()]


def photo(kind: str, size: tuple[int, int] = (160, 120), mode: str = "RGB", **options: object) -> bytes:
    """Return a picture with something to see on it."""
    image = Image.effect_noise(size, 60).convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _cut_off() -> Iterator[Spoiled]:
    for kind in ("JPEG", "PNG"):
        whole = photo(kind)
        for percent in range(5, 100, 5):
            yield Spoiled(f"{percent} % of a {kind}", whole[: len(whole) * percent // 100], "refused")
    for kind in ("GIF", "WEBP"):
        whole = photo(kind)
        for percent in (25, 50, 75):
            yield Spoiled(f"{percent} % of a {kind}", whole[: len(whole) * percent // 100])


def _chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _png(width: int, height: int, pixels: bytes, *more: bytes, depth: int = 8, colours: int = 0) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    packer, block = zlib.compressobj(9), bytes(2**20)
    packed = [packer.compress(block[: min(2**20, count - at)]) for at in range(0, count, 2**20)]
    return b"".join([*packed, packer.flush()])


def _jpeg(width: int, height: int) -> bytes:
    """Return a small JPEG whose header says another size."""
    data = bytearray(photo("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif(width: int, height: int) -> bytes:
    data = bytearray(photo("GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    at = data.index(b"\x2c", 13 + 3 * 256)  # behind the palette: the first frame
    data[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def _bombs() -> Iterator[Spoiled]:
    yield Spoiled("900 megapixels of white", _png(30_000, 30_000, _zeros(30_000 * 3751), depth=1), "refused")
    yield Spoiled("a PNG that says 4 gigapixels", _png(2**16, 2**16, zlib.compress(b"\0")), "refused")
    yield Spoiled("a PNG as wide as can be said", _png(2**31 - 1, 1, zlib.compress(b"\0")), "refused")
    yield Spoiled("a JPEG that says 4 gigapixels", _jpeg(65_500, 65_500), "refused")
    yield Spoiled("a GIF that says 4 gigapixels", _gif(65_535, 65_535), "refused")
    canvas = struct.pack("<I", 16_383)[:3] * 2
    parts = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + photo("WEBP")[12:]
    webp = b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts
    yield Spoiled("a WebP that says 268 megapixels", webp, "refused")
    yield Spoiled("pixels without an end", _png(10, 10, _zeros(_MUCH)))
    text = _chunk(b"zTXt", b"Comment\0\0" + _zeros(_MUCH))
    yield Spoiled("a comment of 64 MB", _png(1, 1, zlib.compress(b"\0\0"), text))
    profile = _chunk(b"iCCP", b"x\0\0" + _zeros(_MUCH))
    yield Spoiled("a colour profile of 64 MB", _png(1, 1, zlib.compress(b"\0\0"), profile))


def _sizes() -> Iterator[Spoiled]:
    for width, height in ((0, 10), (10, 0), (0, 0)):
        yield Spoiled(f"a PNG of {width} by {height}", _png(width, height, zlib.compress(b"\0" * 20)), "refused")
        yield Spoiled(f"a JPEG of {width} by {height}", _jpeg(width, height), "refused")
    yield Spoiled("a GIF of 0 by 10", _gif(0, 10), "refused")


def _damaged() -> Iterator[Spoiled]:
    whole = photo("PNG")
    yield Spoiled("a header with a bad checksum", whole[:29] + b"\0\0\0\0" + whole[33:], "refused")
    at = whole.index(b"IDAT") + 40
    yield Spoiled("pixels with a bad checksum", whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :], "refused")
    noisy = bytearray(photo("JPEG"))
    for _ in range(50):
        noisy[random.randrange(len(noisy) // 2, len(noisy))] = random.randrange(256)
    yield Spoiled("a JPEG with 50 wrong bytes", bytes(noisy))
    yield Spoiled("nothing", b"", "refused")
    yield Spoiled("a signature and noise", b"\xff\xd8\xff" + random.randbytes(5000), "refused")
    yield Spoiled("a page that says it is a picture", b"<html>" + MARK + b"</html>", "refused")
    yield Spoiled("a drawing with a script", b"<svg xmlns='http://www.w3.org/2000/svg'>" + MARK + b"</svg>", "refused")


def _costly() -> Iterator[Spoiled]:
    yield Spoiled("1,000 frames", _animation(1000), "refused")
    many = bytearray(_animation(10))
    many[6:10] = struct.pack("<HH", 6000, 6000)
    yield Spoiled("10 frames that say 36 megapixels each", bytes(many), "refused")
    yield Spoiled("49 megapixels of 16 bits", slow(), "clean")


def slow() -> bytes:
    """Return a sound picture that is as large as is allowed, and takes about a second."""
    return _png(7000, 7000, _zeros(7000 * 14_001), depth=16)


def _animation(count: int) -> bytes:
    frames = [Image.new("L", (8, 8), number % 256) for number in range(count)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=20)
    return out.getvalue()


def _unusual() -> Iterator[Spoiled]:
    yield Spoiled("a photo for print", photo("JPEG", mode="CMYK"), "clean")
    for name, colours, samples in (("grey", 0, 1), ("colour", 2, 3), ("colour and alpha", 6, 4)):
        rows = b"".join(b"\0" + random.randbytes(60 * 2 * samples) for _ in range(40))
        yield Spoiled(f"16 bits of {name}", _png(60, 40, zlib.compress(rows), depth=16, colours=colours), "clean")


def _polyglots() -> Iterator[Spoiled]:
    yield Spoiled("a JPEG with a page behind it", photo("JPEG") + MARK, "clean")
    yield Spoiled("a JPEG with a page in its comment", photo("JPEG", comment=MARK), "clean")
    text = _chunk(b"tEXt", b"Comment\0" + MARK)
    yield Spoiled("a PNG with a page in its text", _png(1, 1, zlib.compress(b"\0\0"), text), "clean")
    archive = io.BytesIO(photo("PNG"))
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("index.html", MARK)
    yield Spoiled("a PNG that is an archive too", archive.getvalue(), "clean")
    gif = photo("GIF")
    script = b"GIF89a" + gif[6:] + b"=1;" + MARK
    yield Spoiled("a GIF that is a script too", script, "clean")
