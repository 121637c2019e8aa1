"""Decoding budget of an uploaded picture, checked against its header before anything is decoded.

Measured on one core of a small server, the costliest pictures within these limits take four seconds (a GIF of 25
megapixels) and 510 MB (a very long progressive JPEG of 49 megapixels).
"""

from __future__ import annotations

from chatapp.model.refusals import Rejected
from chatapp.workers.headers import Header

PIXELS = 50_000_000  # of a JPEG or PNG: today's phones take 12 to 48 megapixels
EDGE = 60_000  # pixels: JPEG allows 65,535, and every row takes time, however short
COSTLY_PIXELS = 25_000_000  # of a WebP or GIF: their decoders take 20 bytes per pixel, four times a JPEG's or PNG's
COEFFICIENTS = 150_000_000  # of a progressive JPEG: its decoder keeps all of them, two bytes each
SCANNED_PIXELS = 800_000_000  # pixels x scans of a JPEG: cameras write one scan, editors ten, attackers thousands
FRAMES = 200  # of an animation
MOVING_PIXELS = {"GIF": 100_000_000, "PNG": 50_000_000, "WEBP": 50_000_000}  # of all frames of an animation

MEGA = 10**6


def check(header: Header) -> None:
    """Raise Rejected when a picture exceeds the budget or is truncated."""
    if header.frames > 1:
        _check_animation(header)
    else:
        _check_still(header)
    if max(header.width, header.height) > EDGE:
        raise Rejected("picture_edge", limit=EDGE)
    if not header.whole:
        raise Rejected("picture_damaged")


def _check_animation(header: Header) -> None:
    if header.frames > FRAMES:
        raise Rejected("picture_frames", limit=FRAMES)
    if header.pixels > MOVING_PIXELS[header.format]:
        raise Rejected("picture_pixels.moving", limit=MOVING_PIXELS[header.format] // MEGA)


def _check_still(header: Header) -> None:
    if header.format in ("JPEG", "PNG"):
        name, limit = "picture_pixels", PIXELS
        if header.scans > 1:
            limit = min(PIXELS, COEFFICIENTS // max(header.components, 1))
    else:
        name, limit = "picture_pixels.costly", COSTLY_PIXELS
    if header.pixels > limit:
        raise Rejected(name, limit=limit // MEGA)
    if header.pixels * header.scans > SCANNED_PIXELS:
        raise Rejected("picture_scans")
