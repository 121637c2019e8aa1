"""Account deletion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chatapp.model.conversations import Conversation
from chatapp.model.people import Deletion


class AccountDeletion(Protocol):
    """Lock a deleted account at once, and keep it on record until the last trace of its owner's name is gone."""

    async def begin(self, user_id: int, *, password: str, stamp: int, removing: bool) -> bool:
        """Lock an account for good, if its stored password is still the one that was verified. Return whether it was.

        Its sessions end. Its name stays reserved and is shown nowhere: the username becomes a placeholder that begins
        with a space, as no name does.
        """
        ...

    async def under_way(self) -> list[Deletion]:
        """Return the deletions that are not complete."""
        ...

    async def anonymise(self, conversation: Conversation, user_id: int) -> None:
        """Blank a user's name on the messages they wrote in a conversation, and on those that were sent to them."""
        ...

    async def erase(self, conversation: Conversation, message_ids: Iterable[int]) -> None:
        """Erase the content of removed messages now: nobody is left to undo the removal."""
        ...

    async def end(self, user_id: int) -> None:
        """Delete what was kept for the user alone, and the record of the deletion."""
        ...
