"""The bounded queue of accepted messages that are not saved yet, and a memory of those saved recently."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import chain

from chatapp.delivery.entries import Entry
from chatapp.model.messages import Identity, Message

_BATCH_ROWS = 256  # per transaction: with more, a row gets no cheaper and the first one waits longer
_BATCH_BYTES = 256 * 1024
_LATELY = 4_000  # entries: more than a full backlog can save while one query runs


class Backlog:
    """Entries in the order in which they came: some are being written, the others wait."""

    def __init__(self, rows_limit: int, bytes_limit: int) -> None:
        """Be full at so many rows or bytes; 0 means no limit."""
        self._rows_limit = rows_limit
        self._bytes_limit = bytes_limit
        self._bytes = 0
        self.generation = 0  # goes up with all that is added or withdrawn
        self.waiting: list[Entry] = []
        self.writing: list[Entry] = []
        # Saved recently: a query that began before their commit does not see them.
        self._lately: deque[Entry] = deque(maxlen=_LATELY)

    @property
    def pending(self) -> list[Entry]:
        """Return what is neither saved nor retracted, in order."""
        return self.writing + self.waiting

    @property
    def first(self) -> Entry | None:
        """Return the entry that has been pending for longest."""
        return next(iter(self.writing or self.waiting), None)

    @property
    def full(self) -> bool:
        """Tell whether nothing more should be accepted for now."""
        rows = len(self.waiting) + len(self.writing)
        return rows >= self._rows_limit > 0 or self._bytes >= self._bytes_limit > 0

    def recent(self, after: int) -> list[Entry]:
        """Return what was accepted above a number and not retracted: pending, or saved recently."""
        lately: list[Entry] = []
        for entry in reversed(self._lately):
            if entry.message.rev <= after:
                break
            lately.append(entry)
        return lately[::-1] + [entry for entry in self.pending if entry.message.rev > after]

    def current(self, identity: Identity) -> Message | None:
        """Return the newest revision of a message if it was accepted recently."""
        conversation, number = identity
        newest_first = chain(reversed(self.waiting), reversed(self.writing), reversed(self._lately))
        # Compare ids first: among thousands of entries that is nearly always enough.
        found = (entry.message for entry in newest_first if entry.message.id == number)
        return next((message for message in found if message.conversation == conversation), None)

    def entry(self, message: Message) -> Entry | None:
        """Return the entry of a pending revision."""
        return next((entry for entry in self.pending if entry.message.rev == message.rev), None)

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        self.generation += 1
        self.waiting.append(entry)
        self._bytes += entry.size

    def begin(self) -> None:
        """Move as many waiting entries as fit into one transaction to those being written."""
        count, size = 0, 0
        for entry in self.waiting[:_BATCH_ROWS]:
            if count and size + entry.size > _BATCH_BYTES:
                break
            count, size = count + 1, size + entry.size
        self.writing, self.waiting = self.waiting[:count], self.waiting[count:]

    def saved(self, batch: Sequence[Entry]) -> None:
        """Remove a saved batch: the first of what is being written."""
        del self.writing[: len(batch)]
        self._bytes -= sum(entry.size for entry in batch)
        self._lately.extend(batch)

    def withdraw(self, entries: Sequence[Entry]) -> list[Entry]:
        """Remove entries, together with later changes of the same messages; return all of them in order."""
        if not entries:
            return []
        self.generation += 1
        gone = {entry.message.identity for entry in entries}
        withdrawn = [entry for entry in self.pending if entry.message.identity in gone]
        self.writing = [entry for entry in self.writing if entry.message.identity not in gone]
        self.waiting = [entry for entry in self.waiting if entry.message.identity not in gone]
        self._bytes -= sum(entry.size for entry in withdrawn)
        return withdrawn

    def put_back(self, entry: Entry) -> None:
        """Remember a revision that stands again as if it had just been saved."""
        self._lately.append(entry)
