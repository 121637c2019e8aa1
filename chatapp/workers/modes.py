"""Colour modes: conversion of what decoders produce to the few that can be drawn and scaled."""

from __future__ import annotations

from PIL import Image as Pillow
from PIL import ImageChops
from PIL.Image import Image

_PNG_DEPTH = 24  # where a PNG says how many bits a sample has


def keyed(image: Image, source: bytes) -> Image:
    """Say in the 8 bits that Pillow decodes to which grey or colour of a PNG stands for nothing."""
    key = image.info.get("transparency")
    if image.format == "PNG" and key is not None:
        depth = source[_PNG_DEPTH]
        if image.mode == "L":
            image.info["transparency"] = key * 255 // (2**depth - 1)
        elif image.mode == "RGB" and depth > 8:
            image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def plain(image: Image) -> Image:
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
