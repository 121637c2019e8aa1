"""Pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chatapp.model.conversations import Conversation
from chatapp.model.pictures import Picture, Prepared, StoredPicture


class Pictures(Protocol):
    """Keep pictures and their thumbnails. A picture is stored before the message that shows it."""

    async def add(self, owner_id: int, conversation: Conversation, picture: Prepared) -> Picture:
        """Store a picture that no message shows yet, under an id that cannot be guessed."""
        ...

    async def discard(self, ids: Iterable[str]) -> None:
        """Delete those of some pictures that no message shows."""
        ...

    async def read(self, picture_id: str, *, thumbnail: bool) -> StoredPicture | None:
        """Return one size of a picture; None if there is no such picture."""
        ...

    async def sweep(self) -> None:
        """Delete pictures whose message was never posted."""
        ...
