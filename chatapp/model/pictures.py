"""Pictures of messages, and pictures that were made safe and are ready to be stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chatapp.model.conversations import Conversation

PICTURES_LIMIT = 10  # pictures of one message
PICTURE_BYTES = 10 * 2**20  # bytes of one picture as uploaded
TALLEST_IN_LOG = 448  # CSS pixels of a picture: most of a phone's screen, so that what was said around it is seen too
_THUMB_SHORT, _CUT = 100, 1.05  # pixels; how much longer a picture is than its thumbnail when that was cut


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture of a message; sizes in pixels, as shown (turned upright)."""

    id: str
    name: str
    width: int
    height: int
    thumb_width: int
    thumb_height: int
    digest: str = ""  # SHA-256 of the uploaded bytes, hex: tells a retry from another picture under one key

    @property
    def size_in_log(self) -> tuple[float, float]:
        """Return the size at which the log shows the thumbnail where there is room: its whole shape, not too tall.

        The page decides the width, and so the height unless it is taller than wide. Not rounded to whole pixels:
        the shape is exactly that of the thumbnail, so that nothing moves when it has loaded.
        """
        upright = self.thumb_height > self.thumb_width
        scale = min(1.0, TALLEST_IN_LOG / self.thumb_height) if upright else 1.0
        return round(self.thumb_width * scale, 3), round(self.thumb_height * scale, 3)

    @property
    def beyond(self) -> str:
        """Tell where a picture goes on that its thumbnail shows the beginning of: "below", "beside" or nowhere ("")."""
        # With fewer pixels than that the rounding of a whole thumbnail alone makes as much of a difference.
        if min(self.thumb_width, self.thumb_height) < _THUMB_SHORT:
            return ""
        longer = (self.height * self.thumb_width) / max(self.width * self.thumb_height, 1)
        return "below" if longer > _CUT else "beside" if longer < 1 / _CUT else ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that is safe to store and show; sizes in pixels."""

    name: str
    mime: str
    data: bytes
    width: int
    height: int
    thumb_mime: str
    thumb: bytes
    thumb_width: int
    thumb_height: int
    digest: str  # SHA-256 of the uploaded bytes, hex


Prepare = Callable[[bytes, str], Awaitable[Prepared]]


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One size of a picture, ready to be served to those who may read its conversation."""

    conversation: Conversation
    name: str
    mime: str
    data: bytes
