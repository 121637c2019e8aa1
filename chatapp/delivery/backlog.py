"""What was accepted and is not saved yet, in its order and within its limits; and what was saved a moment ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import chain

from chatapp.delivery.entries import Entry
from chatapp.model.messages import Identity, Message

_BATCH_ROWS = 256  # of one transaction: past this a row costs no less, and the first one waits longer
_BATCH_BYTES = 256 * 1024
_LATELY = 4_000  # entries: more than the fullest backlog can save while one query runs


class Backlog:
    """Keep entries in the order in which they came: some are being written, the others wait."""

    def __init__(self, rows_limit: int, bytes_limit: int) -> None:
        """Be full from so many rows or bytes on; 0 is no limit."""
        self._rows_limit = rows_limit
        self._bytes_limit = bytes_limit
        self._bytes = 0
        self.generation = 0  # goes up with all that is added or withdrawn
        self.waiting: list[Entry] = []
        self.writing: list[Entry] = []
        # What was saved lately: a query that began before the commit does not know it yet.
        self._lately: deque[Entry] = deque(maxlen=_LATELY)

    @property
    def pending(self) -> list[Entry]:
        """Return what is neither saved nor given up, in order."""
        return self.writing + self.waiting

    @property
    def first(self) -> Entry | None:
        """Return the one that has been pending for longest."""
        return next(iter(self.writing or self.waiting), None)

    @property
    def full(self) -> bool:
        """Tell whether no more should be accepted for now."""
        rows = len(self.waiting) + len(self.writing)
        return rows >= self._rows_limit > 0 or self._bytes >= self._bytes_limit > 0

    def recent(self, after: int) -> list[Entry]:
        """Return what was accepted above a number and is not given up: pending, or saved a moment ago."""
        lately: list[Entry] = []
        for entry in reversed(self._lately):
            if entry.message.rev <= after:
                break
            lately.append(entry)
        return lately[::-1] + [entry for entry in self.pending if entry.message.rev > after]

    def current(self, identity: Identity) -> Message | None:
        """Return the newest revision of a message, if it was accepted a short while ago."""
        conversation, number = identity
        newest_first = chain(reversed(self.waiting), reversed(self.writing), reversed(self._lately))
        # The number first: of thousands of entries it nearly always tells by itself.
        found = (entry.message for entry in newest_first if entry.message.id == number)
        return next((message for message in found if message.conversation == conversation), None)

    def entry(self, message: Message) -> Entry | None:
        """Return the entry of a revision that is pending."""
        return next((entry for entry in self.pending if entry.message.rev == message.rev), None)

    def add(self, entry: Entry) -> None:
        """Let an entry wait behind all others."""
        self.generation += 1
        self.waiting.append(entry)
        self._bytes += entry.size

    def begin(self) -> None:
        """Begin to write the first that wait, as many as go into one transaction."""
        count, size = 0, 0
        for entry in self.waiting[:_BATCH_ROWS]:
            if count and size + entry.size > _BATCH_BYTES:
                break
            count, size = count + 1, size + entry.size
        self.writing, self.waiting = self.waiting[:count], self.waiting[count:]

    def saved(self, batch: Sequence[Entry]) -> None:
        """Take out what was saved: the front of what is being written."""
        del self.writing[: len(batch)]
        self._bytes -= sum(entry.size for entry in batch)
        self._lately.extend(batch)

    def withdraw(self, entries: Sequence[Entry]) -> list[Entry]:
        """Remove what is given up together with later changes of it, and return it all in order."""
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
        """Note that a revision stands again as if it had been saved just now."""
        self._lately.append(entry)
