"""Re-encoding of still pictures: upright, in sRGB, no larger than screens show them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow
from PIL import ImageCms
from PIL.Image import Image, Resampling, Transpose

from chatapp.workers import modes, shapes

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


def write(image: Image, source: bytes) -> tuple[str, bytes, Image]:
    """Return the type and the bytes of a picture, and the picture itself, upright and in sRGB."""
    photo = image.format in ("JPEG", "MPO") or b"VP8 " in source[:64]
    target = shapes.kept(*image.size)
    image.draft(None, target)  # a JPEG can be decoded at a half, a quarter or an eighth of its size
    image.load()
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    share = target[0] * target[1] / (image.width * image.height)
    image = _upright(_srgb(_shrunk(modes.keyed(image, source), target), profile), orientation)
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


def _shrunk(image: Image, target: tuple[int, int]) -> Image:
    """Return a picture in mode L, RGB, RGBA or CMYK, made smaller. The one given is no longer usable."""
    if image.size == target:
        return _without_needless_alpha(modes.plain(image))
    factor = max(1, min(image.width // target[0], image.height // target[1]))
    rows = _BAND * factor
    result: Image | None = None
    for top in range(0, image.height, rows):
        band = modes.plain(image.crop((0, top, image.width, min(top + rows, image.height))))
        band = band.convert("RGBa") if band.mode == "RGBA" else band  # a see-through pixel must not lend its colour
        band = band.reduce(factor) if factor > 1 else band
        result = result or Pillow.new(band.mode, (band.width, -(-image.height // factor)))
        result.paste(band, (0, top // factor))
    assert result, "a picture has rows"
    image.close()
    result = result.resize(target, Resampling.BICUBIC)
    return _without_needless_alpha(result.convert("RGBA") if result.mode == "RGBa" else result)


def _without_needless_alpha(image: Image) -> Image:
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


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
