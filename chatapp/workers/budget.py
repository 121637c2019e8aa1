"""How much work an uploaded picture may be, judged by its header: what would take too long is refused at once.

Measured on one core of a small server, the dearest pictures that these limits let in take four seconds (a GIF of 25
megapixels) and 510 MB (a JPEG of 49 megapixels that is very long and comes in scans).
"""

from __future__ import annotations

from chatapp.model.refusals import N_, Rejected
from chatapp.workers.headers import Header

PIXELS = 50_000_000  # of a JPEG or PNG: today's phones take 12 to 48 megapixels
EDGE = 60_000  # pixels of an edge: JPEG ends at 65,535, and each row costs time however short it is
COSTLY_PIXELS = 25_000_000  # of a WebP or GIF: their decoders take 20 bytes for a pixel, four times as much
COEFFICIENTS = 150_000_000  # of a JPEG that comes in several scans: its decoder keeps them all, two bytes each
SCANNED_PIXELS = 800_000_000  # of all scans of a JPEG: cameras write one scan, programs ten, attackers thousands
FRAMES = 200  # of an animation
MOVING_PIXELS = {"GIF": 100_000_000, "PNG": 50_000_000, "WEBP": 50_000_000}  # of all frames of an animation

MEGA = 10**6

DAMAGED = N_("This picture is damaged or incomplete. Open it on your device and save it again.")


def check(header: Header) -> None:
    """Raise Rejected when a picture asks for more than the budget, or lacks its end."""
    if header.frames > 1:
        _check_animation(header)
    else:
        _check_still(header)
    if max(header.width, header.height) > EDGE:
        raise Rejected("picture_edge", N_("A picture can be at most {limit} pixels wide or high."), limit=EDGE)
    if not header.whole:
        raise Rejected("picture_damaged", DAMAGED)


def _check_animation(header: Header) -> None:
    if header.frames > FRAMES:
        reason = N_("An animation can have at most {limit} frames. Make it shorter.")
        raise Rejected("picture_frames", reason, limit=FRAMES)
    if header.pixels > MOVING_PIXELS[header.format] or header.pixels > PIXELS * header.frames:
        reason = N_(
            "An animation can have at most {limit} megapixels in all of its frames. Make it smaller or shorter."
        )
        raise Rejected("picture_pixels", reason, limit=MOVING_PIXELS[header.format] // MEGA)


def _check_still(header: Header) -> None:
    if header.format in ("JPEG", "PNG"):
        limit = PIXELS if header.scans == 1 else min(PIXELS, COEFFICIENTS // max(header.components, 1))
        reason = N_("A picture can have at most {limit} megapixels. Make it smaller.")
    else:
        limit = COSTLY_PIXELS
        reason = N_("A WebP or GIF picture can have at most {limit} megapixels. Make it smaller, or save it as JPEG.")
    if header.pixels > limit:
        raise Rejected("picture_pixels", reason, limit=limit // MEGA)
    if header.pixels * header.scans > SCANNED_PIXELS:
        reason = N_("This JPEG is stored in too many steps. Open it on your device and save it again.")
        raise Rejected("picture_scans", reason)
