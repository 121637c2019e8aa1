"""A picture that does not move, written anew: upright, in the colours of screens, no larger than it is looked at."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow
from PIL import ImageChops, ImageCms
from PIL.Image import Image, Resampling, Transpose

from chatapp import shapes

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
_BAND = 256  # rows that are converted at once: a second copy of a large picture would not fit
_SHARP = 3.0  # bytes of a lossless source for one of the lossy result up to which it is worth staying lossless
_PNG_DEPTH = 24  # where a PNG says how many bits a sample has


def write(image: Image, source: bytes) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of a picture, and the picture itself, upright and in sRGB."""
    photo = image.format in ("JPEG", "MPO") or b"VP8 " in source[:64]
    target = shapes.kept(*image.size)
    image.draft(None, target)  # a JPEG can be decoded at a half, a quarter or an eighth of its size
    image.load()
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    share = target[0] * target[1] / (image.width * image.height)
    image = _upright(_srgb(_shrunk(_transparent(image, source), target), profile), orientation)
    if "A" in image.mode:
        mime, lossy = "image/webp", encoded(image, "WEBP", quality=85, method=3)
    else:
        mime, lossy = "image/jpeg", encoded(image, "JPEG", quality=85, optimize=True, progressive=True)
    if not photo and len(source) * share <= _SHARP * len(lossy):
        # Drawings and screenshots stay sharp, and are small that way; a photo saved as PNG is not.
        lossless = encoded(image, "WEBP", lossless=True, quality=50, method=2)
        if len(lossless) <= 2 * len(lossy):
            return "image/webp", lossless, image
    return mime, lossy, image


def encoded(image: Image, format_: str, **options: Any) -> bytes:
    """Return a picture as bytes of a format, without anything that came with it."""
    image.info = {}  # EXIF with its place, ICC, XMP, comments: Pillow would copy some of them
    out = BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata does not make a broken picture
        return 1


def _upright(image: Image, orientation: int) -> Image:
    return image.transpose(Transpose[_TURNS[orientation]]) if orientation in _TURNS else image


def _transparent(image: Image, source: bytes) -> Image:
    """Say in the 8 bits that Pillow decodes to which grey or colour of a PNG stands for nothing."""
    key = image.info.get("transparency")
    if image.format == "PNG" and key is not None:
        depth = source[_PNG_DEPTH]
        if image.mode == "L":
            image.info["transparency"] = key * 255 // (2**depth - 1)
        elif image.mode == "RGB" and depth > 8:
            image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _shrunk(image: Image, target: tuple[int, int]) -> Image:
    """Return a picture in mode L, RGB, RGBA or CMYK, made smaller. The one given is no longer usable."""
    factor = max(1, min(image.width // target[0], image.height // target[1]))
    rows = _BAND * factor
    result: Image | None = None
    for top in range(0, image.height, rows):
        band = _plain(image.crop((0, top, image.width, min(top + rows, image.height))))
        band = band.convert("RGBa") if band.mode == "RGBA" else band  # a see-through pixel must not lend its colour
        band = band.reduce(factor) if factor > 1 else band
        result = result or Pillow.new(band.mode, (band.width, -(-image.height // factor)))
        result.paste(band, (0, top // factor))
    assert result, "a picture has rows"
    image.close()
    result = result.resize(target, Resampling.BICUBIC) if result.size != target else result
    if result.mode != "RGBa":
        return result
    result = result.convert("RGBA")
    return result.convert("RGB") if result.getchannel("A").getextrema() == (255, 255) else result


def _plain(image: Image) -> Image:
    """Return a picture in mode L, RGB, RGBA or CMYK: those that can be shrunk well."""
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if image.mode == "I":
        return image.point(lambda grey: grey * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("1", "L", "F"):
        return image.convert("L")
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _from_16_bits(image: Image) -> Image:
    """Return the upper bytes of 16 bits of grey, see-through where all 16 are those that stand for nothing."""
    raw = image.tobytes()
    last = 0 if image.mode.endswith("B") else 1
    high = Pillow.frombytes("L", image.size, raw[last::2])
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return high
    low = Pillow.frombytes("L", image.size, raw[1 - last :: 2])
    here = [
        part.point([255 * (value != wanted) for value in range(256)])
        for part, wanted in ((high, key >> 8), (low, key & 255))
    ]
    return Pillow.merge("LA", (high, ImageChops.lighter(*here))).convert("RGBA")


def _srgb(image: Image, profile: bytes | None) -> Image:
    """Return a picture with the colours of its ICC profile turned into those that screens expect."""
    if profile and image.mode != "L":
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target, mode = ImageCms.createProfile("sRGB"), "RGBA" if image.mode == "RGBA" else "RGB"
            image = ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a broken profile does not make a broken picture
    return image.convert("RGB") if image.mode == "CMYK" else image
