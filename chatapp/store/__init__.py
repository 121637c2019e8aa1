"""Where the chat is kept. Callers see the contract; only this module knows which database keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from chatapp.model.pictures import Prepare
from chatapp.store import contract
from chatapp.store.contract import Busy, Unwritable
from chatapp.store.sqlite import opening
from chatapp.store.sqlite.store import SqliteStore

__all__ = ["Busy", "Store", "Unwritable", "why_unusable"]


class Store(contract.Store, Protocol):
    """The chat's memory, as the contract promises it."""

    @staticmethod
    async def open(place: Path, prepare: Prepare) -> Store:
        """Open or create the database at a place and bring it up to date.

        ``prepare`` re-encodes pictures found in an old one. Raise CannotStart with a sentence for the operator.
        """
        return await SqliteStore.open(place, prepare)


def why_unusable(place: Path, error: Busy | Unwritable) -> str:
    """Return a sentence for the operator: why the database at a place cannot be used, and what to do."""
    return opening.cannot_open(place, error.__cause__ or error)
