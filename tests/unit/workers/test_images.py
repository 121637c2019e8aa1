"""What becomes of an uploaded picture, and of a file that only pretends to be one."""

import asyncio
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageCms, ImageDraw, ImageOps, PngImagePlugin

from chatapp.model.pictures import PICTURE_BYTES, Picture, Prepared
from chatapp.model.refusals import Rejected
from chatapp.workers import animations, apngs, gifs, images, reencoding, shapes
from chatapp.workers.animations import Selection
from chatapp.workers.budget import EDGE, FRAMES, PIXELS
from chatapp.workers.images import EACH, WAITING, Images, clean_name
from chatapp.workers.reencoding import adopt, reencode

RED, GREEN, BLUE = (220, 20, 20), (20, 220, 20), (20, 20, 220)
SECRET = b"somewhere in Hanoi"

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals to the child")


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Images]:
    worker = Images()
    yield worker
    await worker.close()


def pid(worker: Images) -> int | None:
    """Return the process id of the one child that one picture after another needs."""
    return next(iter(worker.pids), None)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def photo(width: int = 320, height: int = 240) -> Image.Image:
    """Return a picture with soft changes everywhere, red in its upper left corner."""
    bands = Image.linear_gradient("L"), Image.radial_gradient("L"), Image.effect_noise((40, 30), 60)
    picture = Image.merge("RGB", [band.resize((width, height), Image.Resampling.BICUBIC) for band in bands])
    picture.paste(RED, (0, 0, width // 4, height // 4))
    return picture


def drawing(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).multiline_text((5, 5), "The quick brown fox\n" * 9, fill=BLUE)
    return picture.convert(mode)


def animation(count: int, format_: str, size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    frames = [Image.new("RGB", size, (255 * n // count, 90, 255 - 255 * n // count)) for n in range(count)]
    for n, frame in enumerate(frames):
        frame.paste(RED if n % 2 else GREEN, (n % 40, 5, n % 40 + 15, 25))
    return encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options)


def sparse_gif(count: int, edge: int) -> bytes:
    """Return a GIF of a few bytes with a large canvas, of which each frame sets one pixel."""
    one = encoded(Image.new("P", (1, 1)), "GIF")
    start = one.index(b",", 13)
    return one[:6] + edge.to_bytes(2, "little") * 2 + one[10:start] + one[start:-1] * count + b";"


def shown(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def near(one: Any, other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 25 for a, b in zip(one, other, strict=True))


def refusal(data: bytes) -> str:
    with pytest.raises(Rejected) as refused:
        reencode(data)
    assert refused.value.reason.endswith(".")
    return refused.value.code


def test_a_photo_loses_place_and_comments_and_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the right side is up
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[2] = (21.0, 1.0, 42.0)  # GPS latitude
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
    upload = encoded(photo(), "JPEG", exif=exif, comment=SECRET, xmp=xmp, quality=95)
    assert upload.count(SECRET) == 3
    prepared = reencode(upload)
    assert (prepared.mime, prepared.width, prepared.height) == ("image/jpeg", 240, 320)
    for data in (prepared.data, prepared.thumb):
        picture = shown(data)
        assert SECRET not in data
        assert not {"exif", "xmp", "comment", "icc_profile"} & picture.info.keys()
        assert not picture.getexif()
        assert near(picture.convert("RGB").getpixel((230, 10)), RED), "the upper left corner went to the upper right"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright_however_the_camera_was_held(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upload = encoded(photo(), "JPEG", exif=exif, quality=95)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(upload)))
    after = shown(reencode(upload).data)
    assert after.size == upright.size
    corners = [(9, 9), (after.width - 9, 9), (9, after.height - 9), (after.width - 9, after.height - 9)]
    assert all(near(after.getpixel(corner), upright.getpixel(corner)) for corner in corners)  # type: ignore[arg-type]


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_other_formats_lose_their_metadata_too(format_: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x010E] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    options = {"pnginfo": text} if format_ == "PNG" else {"lossless": True}
    upload = encoded(photo(), format_, exif=exif, **options)
    assert SECRET in upload
    prepared = reencode(upload)
    assert SECRET not in prepared.data + prepared.thumb
    assert near(shown(prepared.data).convert("RGB").getpixel((315, 235)), RED), "turned by half"


def test_the_colours_of_a_profile_become_those_of_screens() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    for profile, colour in ((srgb, RED), (exchanged, GREEN), (b"broken", RED)):
        for upload in (photo(), photo().convert("RGBA")):
            picture = shown(reencode(encoded(upload, "PNG", icc_profile=profile)).data)
            assert near(picture.convert("RGB").getpixel((9, 9)), colour)
            assert "icc_profile" not in picture.info


@pytest.mark.parametrize(
    ("size", "kept", "thumb"),
    [
        ((10_000, 1_000), (10_000, 1_000), (640, 107)),
        ((1_290, 19_854), (1_020, 15_692), (256, 640)),
        ((800, 1_600), (800, 1_600), (320, 640)),
        ((40_000, 1), (16_000, 1), (6, 1)),
        ((4_000, 3_000), (2_560, 1_920), (640, 480)),
        ((2_560, 640), (2_560, 640), (640, 160)),
    ],
)
def test_a_large_picture_is_shrunk_in_proportion(
    size: tuple[int, int], kept: tuple[int, int], thumb: tuple[int, int]
) -> None:
    prepared = reencode(encoded(Image.new("RGB", size, GREEN), "JPEG"))
    assert (prepared.width, prepared.height) == shown(prepared.data).size == kept
    assert (prepared.thumb_width, prepared.thumb_height) == shown(prepared.thumb).size == thumb


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_of_one_pixel_is_a_picture(format_: str) -> None:
    prepared = reencode(encoded(Image.new("RGB", (1, 1), RED), format_))
    assert (prepared.width, prepared.height, prepared.thumb_width, prepared.thumb_height) == (1, 1, 1, 1)
    assert near(shown(prepared.data).convert("RGB").getpixel((0, 0)), RED)


@pytest.mark.parametrize(
    ("mode", "format_"),
    [("CMYK", "JPEG"), ("L", "JPEG"), ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("P", "GIF")],
)
def test_every_kind_of_colour_is_understood(mode: str, format_: str) -> None:
    before = drawing(mode)
    after = shown(reencode(encoded(before, format_)).data)
    assert after.size == before.size
    for place in ((1, 1), (299, 199), (150, 10)):
        assert near(after.convert("RGB").getpixel(place), before.convert("RGB").getpixel(place))  # type: ignore[arg-type]


def test_sixteen_bits_of_grey_keep_their_brightness() -> None:
    picture = shown(reencode(encoded(Image.new("I;16", (40, 40), 0x8000), "PNG")).data)
    assert near(picture.convert("RGB").getpixel((5, 5)), (128, 128, 128))


def png(depth: int, colour_type: int, row: bytes, transparent: bytes = b"", width: int = 4) -> bytes:
    """Return a PNG of one row, as Pillow does not write them."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
        if body or kind != b"tRNS"
    )


@pytest.mark.parametrize(
    ("upload", "shades"),
    [
        (png(16, 0, struct.pack(">4H", 0x7693, 0x7694, 0x8000, 0x7593), b"\x76\x93"), [None, 0x76, 0x80, 0x75]),
        (png(2, 0, bytes([0b00011011]), b"\0\1"), [0, None, 170, 255]),
        (png(1, 0, bytes([0b10100000]), b"\0\1"), [None, 0, None, 0]),
        (png(4, 0, bytes([0x09, 0x9F]), b"\0\x09"), [0, None, None, 255]),
        (png(8, 0, bytes([3, 4, 5, 200]), b"\0\4"), [3, None, 5, 200]),
        (png(16, 2, struct.pack(">12H", *[9_000] * 3, *[50_000] * 6, *[0] * 3), struct.pack(">3H", *[9_000] * 3)),
         [None, 195, 195, 0]),
    ],
)  # fmt: skip
def test_the_one_grey_or_colour_that_stands_for_nothing_is_seen_through(
    upload: bytes, shades: list[int | None]
) -> None:
    after = shown(reencode(upload).data).convert("RGBA")
    found = [after.getpixel((x, 0)) for x in range(4)]
    for (grey, _, _, alpha), shade in zip(found, shades, strict=True):  # type: ignore[misc]
        assert alpha == (0 if shade is None else 255)
        assert shade is None or abs(grey - shade) <= 1


def test_transparency_is_kept_where_there_is_any() -> None:
    seen_through = Image.new("RGBA", (900, 50), (*BLUE, 100))
    after = shown(reencode(encoded(seen_through, "PNG")).data)
    assert near(after.getpixel((3, 3)), (*BLUE, 100))
    assert near(shown(reencode(encoded(seen_through, "PNG")).thumb).getpixel((3, 3)), (*BLUE, 100))
    seen_through.putalpha(255)
    assert shown(reencode(encoded(seen_through, "PNG")).data).mode == "RGB"


def test_a_drawing_stays_exact_and_a_photo_stays_small() -> None:
    lines = drawing(size=(1_200, 800))
    after = shown(reencode(encoded(lines, "PNG")).data)
    assert after.tobytes() == lines.tobytes()
    upload = encoded(photo(1_200, 800), "PNG")
    prepared = reencode(upload)
    assert prepared.mime == "image/jpeg"
    assert len(prepared.data) < len(upload) / 3


def test_an_animated_gif_keeps_its_frames_times_and_colours() -> None:
    upload = animation(12, "GIF", duration=[50 + 10 * n for n in range(12)], loop=3, comment=SECRET)
    prepared = reencode(upload)
    assert prepared.mime == "image/gif"
    assert SECRET not in prepared.data
    before, after = Image.open(BytesIO(upload)), Image.open(BytesIO(prepared.data))
    assert after.n_frames == before.n_frames == 12  # type: ignore[attr-defined]
    assert after.info["loop"] == 3
    for number in range(12):
        before.seek(number)
        after.seek(number)
        assert after.info["duration"] == before.info["duration"]
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    assert shown(prepared.thumb).size == (60, 40)


def test_what_moves_in_a_transparent_gif_leaves_no_trail() -> None:
    frames = [Image.new("RGBA", (64, 64)) for _ in range(4)]
    for n, frame in enumerate(frames):
        frame.paste((*RED, 255), (n * 10, n * 10, n * 10 + 20, n * 10 + 20))
    upload = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, disposal=2)
    after = Image.open(BytesIO(reencode(upload).data))
    for n, frame in enumerate(frames):
        after.seek(n)
        assert after.convert("RGBA").getchannel("A").tobytes() == frame.getchannel("A").tobytes()


def gif(*frames: tuple[tuple[int, int, int, int], int, int | None, str], size: tuple[int, int] = (4, 1)) -> bytes:
    """Return a GIF of frames: box, disposal, index that stands for nothing, and rows of the digits of a palette."""
    palette = bytes([*RED, *GREEN, *BLUE, 9, 9, 9])
    parts = [
        replace(
            gifs.packed(Image.frombytes("L", box[2:], bytes(int(c) for c in rows)), box, palette),
            delay=5,
            disposal=disposal,
            clear=clear,
        )
        for box, disposal, clear, rows in frames
    ]
    return gifs.write(size, 0, parts)


def seen(data: bytes) -> list[str]:
    """Return what stands in the one row of each frame: r, g, b, or a dot for nothing."""
    names = {(*RED, 255): "r", (*GREEN, 255): "g", (*BLUE, 255): "b"}
    return [
        "".join(names.get(frame.getpixel((x, 0)), ".") for x in range(frame.width))  # type: ignore[arg-type]
        for frame in gifs.paint(gifs.parse(data, FRAMES))
    ]


WHOLE = (0, 0, 4, 1)


@pytest.mark.parametrize(
    ("upload", "frames"),
    [
        # An opaque frame that is taken away again, and frames with holes: the file that used to leave a trail.
        (gif((WHOLE, 2, None, "0000"), (WHOLE, 2, 3, "1133"), (WHOLE, 2, 3, "2233")), ["rrrr", "gg..", "bb.."]),
        (gif((WHOLE, 1, None, "0000"), (WHOLE, 1, 3, "1133"), (WHOLE, 1, 3, "3323")), ["rrrr", "ggrr", "ggbr"]),
        (gif((WHOLE, 0, 3, "0330"), ((1, 0, 2, 1), 3, None, "11"), ((2, 0, 1, 1), 0, None, "2")),
         ["r..r", "rggr", "r.br"]),
        (gif(((1, 0, 2, 1), 2, None, "00"), ((0, 0, 1, 1), 1, None, "1"), ((3, 0, 1, 1), 1, None, "2")),
         [".rr.", "g...", "g..b"]),
        (gif((WHOLE, 0, None, "0000"), ((3, 0, 4, 1), 0, None, "1222")), ["rrrr", "rrrg"]),
        (gif(((2, 0, 4, 1), 0, None, "0000"), ((0, 0, 2, 1), 0, None, "11")), ["..rrrr", "ggrrrr"]),
    ],
)  # fmt: skip
def test_every_frame_of_a_gif_shows_what_browsers_show_of_it(
    upload: bytes, frames: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen(upload) == frames
    prepared = reencode(upload)
    assert seen(prepared.data) == frames
    assert [frame.delay for frame in gifs.parse(prepared.data, FRAMES).frames] == [5] * len(frames)
    monkeypatch.setattr(shapes, "EDGE", 3)  # now it is drawn anew
    redrawn = Image.open(BytesIO(reencode(upload).data))
    for number, row in enumerate(frames):
        redrawn.seek(number)
        first = redrawn.convert("RGBA").getpixel((0, 0))
        assert (first[3] == 0) == (row[0] == ".")  # type: ignore[index]


def test_an_animated_png_is_painted_frame_over_frame() -> None:
    frames = [Image.new("RGBA", (8, 4)) for _ in range(3)]
    frames[0].paste((*RED, 255), (0, 0, 4, 4))
    frames[1].paste((*BLUE, 128), (2, 0, 6, 4))
    frames[2].paste((*GREEN, 255), (6, 0, 8, 4))
    upload = encoded(
        frames[0], "PNG", save_all=True, append_images=frames[1:], duration=50, blend=1, disposal=[0, 1, 0]
    )
    half = tuple((one + other) // 2 for one, other in zip(RED, BLUE, strict=True))
    painted = [frame.copy() for frame in apngs.paint(apngs.parse(upload, 3))]
    assert near(painted[1].getpixel((3, 1)), (*half, 255))
    assert near(painted[1].getpixel((5, 1)), (*BLUE, 128))
    assert painted[2].getpixel((5, 1)) == (0, 0, 0, 0), "taken away again"
    after = Image.open(BytesIO(reencode(upload).data))
    assert after.n_frames == 3  # type: ignore[attr-defined]


def test_an_animated_webp_stays_animated() -> None:
    upload = animation(9, "WEBP", duration=[40 + 10 * n for n in range(9)], loop=2)
    after = Image.open(BytesIO(reencode(upload).data))
    assert after.format == "WEBP"
    assert after.n_frames == 9  # type: ignore[attr-defined]
    assert after.info["loop"] == 2
    after.seek(8)
    after.load()
    assert after.info["duration"] == 120


def test_a_large_animation_is_shrunk() -> None:
    prepared = reencode(animation(3, "GIF", size=(2_800, 140)))
    assert (prepared.width, prepared.height) == (2_560, 128)
    after = Image.open(BytesIO(prepared.data))
    assert after.size == (2_560, 128)
    assert after.n_frames == 3  # type: ignore[attr-defined]


def test_an_animation_too_large_as_written_anew_is_shrunk_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = [Image.effect_noise((60, 50), 99).convert("P") for _ in range(15)]
    upload = encoded(noise[0], "GIF", save_all=True, append_images=noise[1:])
    monkeypatch.setattr(animations, "PICTURE_BYTES", len(upload) // 2)
    mime, kept, first = animations.write_gif(gifs.parse(upload, 15), Selection(15))
    assert mime == "image/gif"
    assert len(kept) <= len(upload) // 2
    assert first.size == shown(kept).size < (60, 50)


def test_too_long_animations_are_refused() -> None:
    assert refusal(animation(FRAMES + 1, "GIF")) == "picture_frames"
    assert refusal(sparse_gif(5, 7_000)) == "picture_pixels"


def test_an_animated_png_stays_animated() -> None:
    upload = animation(9, "PNG", duration=[40 + 10 * n for n in range(9)], loop=2)
    before, after = Image.open(BytesIO(upload)), Image.open(BytesIO(reencode(upload).data))
    assert (after.format, after.n_frames, after.info["loop"]) == ("WEBP", 9, 2)  # type: ignore[attr-defined]
    for number in range(9):
        before.seek(number)
        after.seek(number)
        after.load()
        assert after.info["duration"] == before.info["duration"]
        for place in ((1, 1), (number + 7, 15), (58, 38)):
            assert near(after.convert("RGB").getpixel(place), before.convert("RGB").getpixel(place))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"BM" + bytes(60),
        b"II*\x00" + bytes(60),
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"\x00",
    ],
)
def test_what_is_not_a_picture_of_the_four_formats_is_refused(data: bytes) -> None:
    assert refusal(data) == "picture_type"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_damaged_picture_is_refused(format_: str) -> None:
    whole = encoded(photo(), format_)
    assert refusal(whole[: len(whole) // 2]) == "picture_damaged"
    assert refusal(whole[:20]) == "picture_damaged"
    assert refusal(whole[:12] + b"<script>alert(1)</script>") == "picture_damaged"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP"])
def test_any_damage_ends_in_a_picture_or_in_a_refusal(format_: str) -> None:
    chance = random.Random(7)
    whole = encoded(photo(64, 48), format_)
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert shown(reencode(bytes(data)).data)
        except Rejected:
            pass


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_picture_without_its_end_mark_is_refused_when_it_is_sent(format_: str) -> None:
    whole = encoded(photo(), format_)
    cut = whole[: -2 if format_ == "JPEG" else -12]
    assert refusal(cut) == "picture_damaged"
    assert shown(adopt(cut).data).size == (320, 240)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_an_old_picture_that_is_cut_off_is_shown_as_far_as_it_goes(format_: str) -> None:
    whole = encoded(photo(), format_)
    after = shown(adopt(whole[: len(whole) * 2 // 3]).data)
    assert after.size == (320, 240)
    assert near(after.convert("RGB").getpixel((9, 9)), RED)


@pytest.mark.parametrize("format_", ["GIF", "WEBP"])
def test_an_old_animation_that_is_cut_off_keeps_the_frames_that_are_whole(format_: str) -> None:
    whole = animation(30, format_)
    after = Image.open(BytesIO(adopt(whole[: len(whole) * 2 // 3]).data))
    assert 10 <= after.n_frames < 30  # type: ignore[attr-defined]


@pytest.mark.parametrize("format_", ["BMP", "TIFF", "ICO", "PPM", "AVIF"])
def test_an_old_picture_of_another_format_becomes_one_of_ours(format_: str) -> None:
    before = Image.new("RGB", (64, 64), RED)
    prepared = adopt(encoded(before, format_))
    assert prepared.mime in ("image/webp", "image/jpeg")
    assert near(shown(prepared.data).convert("RGB").getpixel((30, 30)), RED)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF"])
def test_an_old_picture_of_64_megapixels_is_made_smaller(format_: str) -> None:
    upload = encoded(Image.new("L", (8_000, 8_000), 99), format_)
    assert refusal(upload) == "picture_pixels"
    prepared = adopt(upload)
    assert (prepared.width, prepared.height) == shown(prepared.data).size == (2_560, 2_560)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_old_animation_of_too_many_frames_keeps_some_of_them_and_all_of_its_time(format_: str) -> None:
    upload = animation(2 * FRAMES + 7, format_, size=(20, 30), duration=50)
    assert refusal(upload) == "picture_frames"
    after = Image.open(BytesIO(adopt(upload).data))
    frames = after.n_frames  # type: ignore[attr-defined]
    assert FRAMES // 2 < frames <= FRAMES
    lasts = 0
    for number in range(frames):
        after.seek(number)
        after.load()
        lasts += after.info["duration"]
    assert lasts == (2 * FRAMES + 7) * 50


def test_an_old_picture_that_is_too_long_is_made_smaller() -> None:
    upload = encoded(Image.new("L", (2, EDGE + 1_000), 99), "PNG")
    assert refusal(upload) == "picture_edge"
    prepared = adopt(upload)
    assert shown(prepared.data).size == (prepared.width, prepared.height)
    assert prepared.height <= EDGE


def test_an_old_picture_of_too_many_bytes_is_taken() -> None:
    upload = encoded(photo(), "PNG") + bytes(PICTURE_BYTES)
    assert refusal(upload) == "picture_bytes"
    assert shown(adopt(upload).data).size == (320, 240)


@pytest.mark.parametrize(
    "data", [b"", b"no picture at all" * 9, b"<svg/>", b"GIF89a" + bytes(90), encoded(photo(), "PNG")[:60]]
)
def test_of_old_data_only_what_shows_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        adopt(data)


async def test_old_pictures_go_through_a_child_of_their_own(worker: Images) -> None:
    upload = encoded(photo(), "BMP")
    assert (await worker.adopt(upload, "mèo.bmp")).name == "mèo.bmp"
    assert worker._adopter.pid
    assert not any(decoder.pid for decoder in worker._decoders)
    with pytest.raises(Rejected) as refused:
        await worker.prepare(upload, "mèo.bmp")
    assert refused.value.code == "picture_type"


def test_what_follows_a_picture_in_its_file_is_gone() -> None:
    assert b"<script>" not in reencode(encoded(photo(), "JPEG") + b"<script>alert(1)</script>").data


def test_empty_and_too_large_files_are_refused() -> None:
    assert refusal(b"") == "picture_empty"
    assert refusal(b"\xff\xd8\xff" + bytes(PICTURE_BYTES)) == "picture_bytes"


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bombs = [
        encoded(Image.new("1", (8_000, 8_000)), "PNG"),
        sparse_gif(1, 65_535),
        encoded(Image.new("L", (PIXELS // 5_000 + 1, 5_000)), "JPEG", quality=1),
    ]
    for bomb in bombs:
        start = time.process_time()
        assert refusal(bomb) == "picture_pixels"
        assert time.process_time() - start < 0.5


def test_what_would_cost_too_much_is_refused_by_its_header_alone() -> None:
    jpeg = encoded(photo(), "JPEG", progressive=True)
    scan = jpeg.index(b"\xff\xda")
    costly = {
        "picture_pixels": [
            encoded(Image.new("RGB", (7_000, 7_000), GREEN), "WEBP", lossless=True, method=0),
            sparse_gif(1, 5_001),
            sparse_gif(101, 1_000),
            gif(*[(WHOLE, 0, None, "0000")] * 2)[::-1].replace(b"\0\1\0\4", b"\x40\0\x40\0", 1)[::-1],
        ],
        "picture_edge": [
            encoded(Image.new("L", (1, 16_000_000)), "PNG"),
            encoded(Image.new("1", (EDGE + 1, 1)), "PNG"),
            encoded(Image.new("L", (1, EDGE + 1)), "JPEG"),
        ],
        "picture_scans": [jpeg[:-2] + jpeg[scan : scan + 40] * 11_000 + jpeg[-2:]],
        "picture_frames": [sparse_gif(300_000, 10)],
    }
    for code, uploads in costly.items():
        for upload in uploads:
            start = time.process_time()
            assert refusal(upload) == code
            assert time.process_time() - start < 0.5


def test_a_photo_with_a_second_picture_inside_stays_a_photo() -> None:
    upload = encoded(photo(900, 600), "MPO", save_all=True, append_images=[photo(90, 60)])
    assert Image.open(BytesIO(upload)).format == "MPO"
    prepared = reencode(upload)
    assert (prepared.mime, prepared.width) == ("image/jpeg", 900)


def test_of_a_very_long_picture_the_thumbnail_is_the_beginning() -> None:
    tall = Image.new("RGB", (600, 6_000), BLUE)
    tall.paste(RED, (0, 0, 600, 1_500))
    wide = tall.transpose(Image.Transpose.ROTATE_90).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for picture, size, beyond in ((tall, (256, 640), "below"), (wide, (640, 107), "beside")):
        prepared = reencode(encoded(picture, "PNG"))
        assert (prepared.thumb_width, prepared.thumb_height) == size
        ends = [(5, 5), (size[0] // 2, 5) if beyond == "beside" else (5, size[1] // 2)]
        corners = [shown(prepared.thumb).convert("RGB").getpixel(at) for at in ends]
        assert near(corners[0], BLUE if beyond == "beside" else RED)
        kept = Picture("", "", prepared.width, prepared.height, *size)
        assert kept.beyond == beyond
        assert kept.size_in_log == ((179.2, 448) if beyond == "below" else size)


@pytest.mark.parametrize("size", [(800, 1_600), (1_600, 800), (1_600, 1_200), (600, 100), (1, 1), (1_000, 999)])
def test_any_other_picture_is_shown_whole(size: tuple[int, int]) -> None:
    prepared = reencode(encoded(Image.new("RGB", size, GREEN), "PNG"))
    kept = Picture("", "", prepared.width, prepared.height, prepared.thumb_width, prepared.thumb_height)
    assert kept.beyond == ""
    width, height = kept.size_in_log
    assert abs(width / height - size[0] / size[1]) <= 0.02 * size[0] / size[1]


def test_the_letters_of_a_long_screenshot_stay_readable() -> None:
    screenshot = Image.new("RGB", (1_290, 19_854), "white")
    pen = ImageDraw.Draw(screenshot)
    for y in range(0, 19_854, 60):
        pen.text((20, y), "The quick brown fox", fill="black", font_size=36)
    kept = shown(reencode(encoded(screenshot, "PNG")).data)
    assert kept.width >= 1_000
    row = kept.convert("L").crop((0, kept.height // 2, 400, kept.height // 2 + 60))
    dark, light = row.getextrema()
    assert dark < 60, "strokes are not washed out"  # type: ignore[operator]
    assert light > 240  # type: ignore[operator]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\fakepath\\ảnh.jpg", "ảnh.jpg"),
        ("../../etc/passwd", "passwd"),
        ("gnp\u202e.exe\x00\r\n  x", "gnp .exe x"),
        ("", "picture"),
        ("..", "picture"),
        ("/", "picture"),
        ("a" * 300, "a" * 100),
        ("e\u0302\u0323.png", "ệ.png"),
        ("\ud800", "picture"),
    ],
)
def test_a_file_name_is_fit_to_be_shown(path: str, name: str) -> None:
    assert clean_name(path) == name


async def test_a_picture_goes_through_the_child(worker: Images) -> None:
    upload = encoded(photo(), "JPEG")
    prepared = await worker.prepare(upload, "dir/mèo.jpg")
    assert prepared == reencode(upload, "mèo.jpg")
    assert isinstance(prepared, Prepared)
    assert prepared.name == "mèo.jpg"
    assert len(prepared.digest) == 64
    with pytest.raises(Rejected) as refused:
        await worker.prepare(upload[:1_000], "half.jpg")
    assert refused.value.code == "picture_damaged"
    with pytest.raises(Rejected) as refused:
        await worker.prepare(encoded(Image.new("1", (8_000, 8_000)), "PNG"), "bomb.png")
    assert (refused.value.code, refused.value.values) == ("picture_pixels", {"limit": 50})
    assert await worker.prepare(upload, "again.jpg")


@pytest.mark.parametrize("upload", [encoded(photo(), "JPEG"), encoded(drawing(), "PNG"), animation(3, "GIF")])
async def test_a_stored_picture_is_decoded_to_its_end_when_it_is_verified(worker: Images, upload: bytes) -> None:
    prepared = await worker.prepare(upload, "tree.png")
    for data in (prepared.data, prepared.thumb):
        await worker.verify(data)
        with pytest.raises(Rejected) as refused:
            await worker.verify(data[: len(data) * 3 // 4])
        assert refused.value.code == "picture_damaged"
    with pytest.raises(Rejected):
        await worker.verify(b"")
    await worker.verify(prepared.data)


async def test_nothing_is_started_for_what_is_plainly_no_picture(worker: Images) -> None:
    for data in (b"", b"<svg/>", bytes(PICTURE_BYTES + 1)):
        with pytest.raises(Rejected):
            await worker.prepare(data, "x")
    assert pid(worker) is None


@posix
async def test_a_child_killed_between_pictures_is_replaced_unnoticed(worker: Images) -> None:
    await worker.prepare(encoded(photo(), "JPEG"), "one.jpg")
    first = pid(worker)
    assert first
    os.kill(first, signal.SIGKILL)
    child = worker._decoders[0]._child
    assert child
    await child.wait()
    assert await worker.prepare(encoded(photo(), "JPEG"), "two.jpg")
    assert pid(worker) != first


@posix
async def test_a_child_killed_at_work_costs_that_picture_only(worker: Images) -> None:
    await worker.prepare(encoded(photo(), "JPEG"), "one.jpg")
    first = pid(worker)
    assert first
    os.kill(first, signal.SIGSTOP)
    doomed = asyncio.create_task(worker.prepare(encoded(photo(), "JPEG"), "doomed.jpg"))
    waiting = asyncio.create_task(worker.prepare(encoded(photo(), "JPEG"), "waiting.jpg"))
    while not worker._turns._served:
        await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(Rejected) as refused:
        await doomed
    assert refused.value.code == "picture_failed"
    assert (await waiting).name == "waiting.jpg"


@posix
async def test_a_picture_that_takes_too_long_is_given_up(worker: Images) -> None:
    upload = encoded(photo(), "JPEG")
    await worker.prepare(upload, "one.jpg")
    first = pid(worker)
    assert first
    os.kill(first, signal.SIGSTOP)  # as slow as can be
    worker._decoders[0]._seconds = 0.01
    with pytest.raises(Rejected) as refused:
        await worker.prepare(upload, "slow.jpg")
    assert refused.value.code == "picture_slow"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    worker._decoders[0]._seconds = images.SECONDS
    assert await worker.prepare(upload, "next.jpg")


async def test_a_child_that_takes_too_long_to_start_is_given_up() -> None:
    worker = Images(seconds=0.001)
    with pytest.raises(Rejected) as refused:
        await worker.prepare(encoded(photo(), "JPEG"), "slow.jpg")
    assert refused.value.code == "picture_slow"
    assert pid(worker) is None
    await worker.close()


async def test_a_cancelled_upload_does_not_answer_the_next_one(worker: Images) -> None:
    await worker.prepare(encoded(photo(), "JPEG"), "warm.jpg")
    left = asyncio.create_task(worker.prepare(encoded(photo(2_000, 2_000), "PNG"), "left.png"))
    while not worker._turns._served:
        await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert (await worker.prepare(encoded(photo(), "JPEG"), "next.jpg")).name == "next.jpg"


async def test_more_pictures_than_the_queue_holds_are_refused(worker: Images) -> None:
    upload = encoded(photo(8, 8), "PNG")
    work = [worker.prepare(upload, f"{n}.png") for n in range(WAITING + 2)]
    results = await asyncio.gather(*work, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Rejected)]
    assert [(no.code, no.retry) for no in refused] == [("busy", True)] * 2
    assert sum(isinstance(result, Prepared) for result in results) == WAITING


async def test_one_persons_pictures_are_bounded_and_leave_room_for_others(worker: Images) -> None:
    upload = encoded(photo(8, 8), "PNG")
    work = [worker.prepare(upload, f"{n}.png", "an") for n in range(EACH + 2)]
    *results, other = await asyncio.gather(*work, worker.prepare(upload, "x.png", "binh"), return_exceptions=True)
    assert [result.code for result in results if isinstance(result, Rejected)] == ["busy"] * 2
    assert isinstance(other, Prepared)


async def test_the_next_picture_of_another_person_waits_for_the_one_in_work_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "_cores", lambda: 1)
    worker, upload = Images(), encoded(photo(8, 8), "PNG")
    ready: list[str] = []

    async def send(person: str) -> None:
        await worker.prepare(upload, "x.png", person)
        ready.append(person)

    await asyncio.gather(*(send("an") for _ in range(EACH)), send("binh"), send("chi"))
    assert ready == ["an", "binh", "chi", "an", "an", "an"]
    await worker.close()


@posix
async def test_a_picture_that_never_ends_holds_nobody_elses_where_there_are_two_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "_cores", lambda: 2)
    worker, upload = Images(), encoded(photo(), "JPEG")
    await worker.prepare(upload, "warm.jpg", "an")
    stuck = worker._decoders[0].pid
    assert stuck
    os.kill(stuck, signal.SIGSTOP)
    endless = asyncio.create_task(worker.prepare(upload, "endless.jpg", "an"))
    while not worker._turns._served:
        await asyncio.sleep(0)
    assert (await worker.prepare(upload, "other.jpg", "binh")).name == "other.jpg"
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    await worker.close()


async def test_an_idle_child_ends() -> None:
    worker = Images(idle_seconds=0.01)
    await worker.prepare(encoded(photo(), "JPEG"), "one.jpg")
    while pid(worker):
        await asyncio.sleep(0.01)
    assert await worker.prepare(encoded(photo(), "JPEG"), "two.jpg")
    await worker.close()
    assert pid(worker) is None


async def test_nothing_is_started_after_closing(worker: Images) -> None:
    await worker.close()
    with pytest.raises(Rejected):
        await worker.prepare(encoded(photo(), "JPEG"), "late.jpg")
    assert pid(worker) is None


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads the limits of a process on Linux")
async def test_the_child_is_short_of_memory(worker: Images) -> None:
    await worker.prepare(encoded(photo(), "JPEG"), "one.jpg")
    limits = Path(f"/proc/{pid(worker)}/limits").read_text()
    assert f"Max address space         {reencoding.MEMORY}" in limits


def test_the_server_does_not_load_the_decoders() -> None:
    program = "import sys, chatapp.workers.images; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
