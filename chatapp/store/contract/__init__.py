"""What the rest of the program asks of a store, whatever database keeps it: Protocols by noun.

Their docstrings are the promises that every store keeps; an implementation says only how. Every method may raise Busy
or Unwritable. A task that is cancelled while it writes does not learn whether all of it was written, or nothing.
"""

from __future__ import annotations

from typing import Protocol

from chatapp.model.adoption import Report
from chatapp.store.contract.account_deletion import AccountDeletion
from chatapp.store.contract.accounts import Accounts
from chatapp.store.contract.conversations import Conversations
from chatapp.store.contract.errors import Busy, Unwritable
from chatapp.store.contract.marks import Marks
from chatapp.store.contract.messages import Messages
from chatapp.store.contract.meta import Meta
from chatapp.store.contract.pictures import Pictures

__all__ = [
    "AccountDeletion",
    "Accounts",
    "Busy",
    "Conversations",
    "Marks",
    "Messages",
    "Meta",
    "Pictures",
    "Store",
    "Unwritable",
]


class Store(Protocol):
    """The chat's memory. Reads see what is committed; a write that returns is on disk."""

    adopted: Report | None  # what this start imported from another program's database; None if it was one of ours
    meta: Meta
    accounts: Accounts
    conversations: Conversations
    messages: Messages
    pictures: Pictures
    marks: Marks
    deletions: AccountDeletion

    async def close(self) -> None:
        """Wait for writes under way, and close every connection. Later writes raise Unwritable."""
        ...

    async def changed_by_others(self) -> bool:
        """Return whether another program may have written since this was asked last."""
        ...

    async def probe(self) -> None:
        """Write and commit something harmless."""
        ...
