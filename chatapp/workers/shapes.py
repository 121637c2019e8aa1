"""Sizes: of stored pictures, and of thumbnails in the message list."""

from __future__ import annotations

from math import sqrt

from PIL.Image import Image, Resampling

EDGE = 2_560  # pixels of the longer edge as kept: fills a large screen
SHORT = 1_440  # pixels of the shorter edge that a long picture keeps: letters on a screenshot stay readable
AREA = 16_000_000  # pixels of a long picture as kept: 64 MB in the browser that shows it
LONGEST = 16_000  # pixels of any edge: WebP ends at 16,383, and so do the textures of many graphics cards
THUMB_EDGE = 640  # of the thumbnail: the width of a message at twice the pixels
TALLEST, WIDEST = 2.5, 6.0  # a thumbnail's longer edge for its shorter one; beyond that it shows the beginning only


def kept(width: int, height: int) -> tuple[int, int]:
    """Return the size to store a picture in: same aspect ratio, never larger."""
    long, short = max(width, height), min(width, height)
    roomy = min(SHORT / short, sqrt(AREA / (width * height)))
    scale = min(1.0, max(EDGE / long, roomy), LONGEST / long)
    return scaled(width, height, scale)


def scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return a size made smaller, at least one pixel each way."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def thumbnail(image: Image) -> Image:
    """Return the small form of a picture; of one that is very tall or very wide, of its beginning."""
    width, height = image.size
    box = 0, 0, min(width, max(1, round(height * WIDEST))), min(height, max(1, round(width * TALLEST)))
    beginning = image.crop(box)
    beginning.thumbnail((THUMB_EDGE, THUMB_EDGE), Resampling.BICUBIC, reducing_gap=3.0)
    return beginning
