"""Pictures for tests."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (320, 200), colour: str = "teal", **options: object) -> bytes:
    """Return the bytes of a plain picture."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()
