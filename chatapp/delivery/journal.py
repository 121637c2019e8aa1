"""The journal: it numbers every message and change, has it shown, and queues it for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from chatapp.delivery.backlog import Backlog
from chatapp.delivery.commits import GroupCommit, Save
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft, Identity, Message
from chatapp.model.people import User
from chatapp.system import clock
from chatapp.system.clock import Stamper


class Journal:
    """Accept messages in one order, and make them durable in that order.

    Numbering a message, showing it (by the subscribers) and queueing it for the disk is one step without an await, so
    ids, every listener and the database agree on the order.

    Methods that take a conversation, or its key, answer for it alone. Here all conversations share one counter and one
    queue, so most of them do not need it; a journal of several processes does.
    """

    def __init__(  # noqa: PLR0913 - what it needs, named
        self,
        save: Save,
        *,
        floor: int = 0,
        watermark: int = 0,
        hold: float = 30.0,
        rows_limit: int = 2_000,
        bytes_limit: int = 8 * 2**20,
    ) -> None:
        """Issue numbers above ``floor``. Be full at so many rows or bytes; 0 means no limit."""
        self._stamper = Stamper(floor)
        self._backlog = Backlog(rows_limit, bytes_limit)
        self._commits = GroupCommit(save, self._stamper, self._backlog, watermark=watermark, hold=hold)
        self.run = self._commits.run
        self.flush = self._commits.flush
        self.suspend = self._commits.suspend
        self.give_up = self._commits.give_up

    def subscribe(self, *subscribers: Subscriber) -> None:
        """Call subscribers from now on, always in this order."""
        self._commits.subscribers.extend(subscribers)

    # --- accepting --------------------------------------------------------------------------------------------------

    def accept(self, author: User, conversation: Conversation, draft: Draft) -> Entry:
        """Number a new message, show it, and queue it. Return the entry whose ``saved`` completes."""
        number = self._stamper.next()
        message = Message(
            id=number,
            rev=number,
            conversation=conversation,
            author_id=author.id,
            author=author.username,
            content=draft.content,
            created_at=clock.timestamp(),
            key=draft.key,
            pictures=draft.pictures,
        )
        return self._append(message)

    def revise(self, current: Message, **changes: Any) -> Entry:
        """Number a change of a message as it stands now, show it, and queue it. Return its entry."""
        return self._append(replace(current, rev=self._stamper.next(), **changes), current)

    def _append(self, message: Message, before: Message | None = None) -> Entry:
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = Entry(message, saved, clock.monotonic(), before)
        for subscriber in self._commits.subscribers:
            subscriber.accepted(entry)
        self._backlog.add(entry)
        self._commits.wake()
        return entry

    @property
    def healthy(self) -> bool:
        """Tell whether the database can be written, as far as the journal knows."""
        return self._commits.healthy

    @property
    def full(self) -> bool:
        """Tell whether nothing more should be accepted for now."""
        return self._backlog.full

    # --- numbers ----------------------------------------------------------------------------------------------------

    def issue_number(self) -> int:
        """Return a new number, which is above everything accepted so far."""
        return self._stamper.next()

    def issue_watermark(self, conversation: str | None = None) -> int:
        """Return a number at or below which everything in a conversation is saved, or durably retracted.

        It follows the clock and not the traffic, so it does not reveal that others talk in private.
        """
        if self._commits.retractions:  # a crash could bring back what was retracted
            return self._commits.settled
        first = self._backlog.first
        return max(self._commits.settled, first.message.rev - 1) if first else self.issue_number()

    def newest(self, conversation: str | None = None) -> int:
        """Return the largest number that was issued for a conversation."""
        return self._stamper.last

    async def reserve(self, write: Callable[[int], Awaitable[None]]) -> None:
        """Let numbers follow the clock for a while even if nobody writes: ``write`` makes their ceiling durable."""
        ceiling = self._stamper.reserve()
        await write(ceiling)
        self._stamper.reserved(ceiling)

    # --- what the database does not show yet --------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Return a counter that grows with everything accepted or retracted."""
        return self._backlog.generation

    def pending(self, conversation: Conversation | None = None) -> list[Message]:
        """Return what is neither saved nor retracted, in one conversation or in all, in order."""
        messages = (entry.message for entry in self._backlog.pending)
        return [message for message in messages if conversation is None or message.conversation == conversation]

    def recent(self, after: int) -> list[Message]:
        """Return what was accepted above a number and not retracted: pending, or saved recently."""
        return [entry.message for entry in self._backlog.recent(after)]

    def current(self, identity: Identity) -> Message | None:
        """Return the newest revision of a message if it was accepted recently."""
        return self._backlog.current(identity)

    def entry(self, message: Message) -> Entry | None:
        """Return the entry of a pending revision."""
        return self._backlog.entry(message)

    def corrected(self, message: Message) -> Message | None:
        """Return what a message from the database will be once retractions are undone; None if nothing."""
        return self._commits.retractions.corrected(message)

    @property
    def restored(self) -> list[Message]:
        """Return the revisions that stand again and may not be in the database yet."""
        return self._commits.retractions.restored
