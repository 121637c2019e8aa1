"""How a page comes (back): from its cursor to now, all of it or none of it, and on live without a gap."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from chatapp.chat.standing import Standing
from chatapp.delivery.audience import Listener
from chatapp.delivery.envelope import Envelope
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model import events
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.numbers import ID_LIMIT

_LIMIT = 500  # messages that a page catches up with; with more it is quicker to fetch the list again
_CHUNK = 100  # messages of one frame
_KEPT_SECONDS = 1.0  # how long an answer serves others: after a restart everybody asks for the same within a second
_END = ID_LIMIT  # a cursor after which there is nothing


@dataclass(frozen=True, slots=True)
class Missed:
    """What a page missed, in parts, and for whom else that is the answer."""

    since: int  # everybody whose cursor is from here on
    before: int  # and below this missed the same
    generation: int  # of the journal when it was asked for: the answer brings everything accepted by then
    parts: tuple[Envelope, ...] | None  # None: too much of it
    pending: tuple[Envelope, ...]  # what was accepted by then and may have been on its way to the database

    def serves(self, since: int, generation: int) -> bool:
        """Tell whether this is what a page missed that came at a generation of the journal."""
        same = since <= self.since if self.parts is None else self.since <= since < self.before
        return same and self.generation >= generation


_NOTHING = Missed(_END, _END, 0, (), ())  # where no conversation is shown


class Resume:
    """Bring connections up to date. Pages that missed the same get one answer: it is looked up and rendered once."""

    def __init__(self, standing: Standing, journal: Journal, hub: Hub, *, epoch: str) -> None:
        self._standing = standing
        self._journal = journal
        self._hub = hub
        self._asking = asyncio.Lock()
        self._answers: list[tuple[Conversation, Missed]] = []  # of the last moment
        self.boot = secrets.token_urlsafe(6)  # tells pages that the server was restarted
        self._hello = lru_cache(maxsize=256)(self._greeting)  # the same for all who come to a room
        self.epoch = epoch  # of the database: cursors of another one mean nothing here

    async def bring(
        self,
        listeners: Sequence[Listener],
        conversation: Conversation | None,
        since: int | None,
        epoch: str | None,
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Bring connections from their cursor to now, and let them go on live: the only way to connect.

        ``send`` writes a frame and waits for the connections, which are of one format, to take it. All of what was
        missed, or nothing of it (``recovered`` false): never part of a gap.
        """
        key = conversation.key if conversation else None
        for listener in listeners:
            self._hub.join(listener, key)  # from here on its live frames are held back
        missed = await self._missed(conversation, since, epoch) if conversation else _NOTHING
        head: tuple[Envelope, ...] = (self._hello(key, missed.parts is not None, self._journal.healthy),)
        for part in (*(missed.parts or ()), *missed.pending):
            await send(self._hub.encoded(listeners[0], *head, part))
            head = ()
        ready = self._hub.envelope(events.Ready(key, self._journal.issue_watermark(key)))
        for listener in listeners:
            self._hub.go_live(listener, head, [ready])

    async def _missed(self, conversation: Conversation, since: int | None, epoch: str | None) -> Missed:
        generation = self._standing.generation  # of now: what is accepted while we wait is held back
        if since is None:
            return await self._answer(conversation, _END, generation)  # the page has no list
        if epoch != self.epoch or since > self._journal.newest(conversation.key):
            return replace(await self._answer(conversation, _END, generation), parts=None)
        return await self._answer(conversation, since, generation)

    async def _answer(self, conversation: Conversation, since: int, generation: int) -> Missed:
        async with self._asking:  # whoever had to wait mostly finds the answer to somebody else's question
            for about, missed in self._answers:
                if about == conversation and missed.serves(since, generation):
                    return missed
            answer = conversation, await self._look_up(conversation, since)
            self._answers.append(answer)
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._answers.remove, answer)
            return answer[1]

    async def _look_up(self, conversation: Conversation, since: int) -> Missed:
        found = await self._standing.changes(conversation, None if since == _END else since, _LIMIT)
        return Missed(
            since=since,
            before=min((message.rev for message in found.saved or ()), default=_END + 1),
            generation=found.generation,
            parts=None if found.saved is None else self._frames(found.saved),
            pending=self._frames(found.pending),
        )

    def _frames(self, messages: Sequence[Message]) -> tuple[Envelope, ...]:
        chunks = (messages[start : start + _CHUNK] for start in range(0, len(messages), _CHUNK))
        return tuple(self._hub.envelope(events.Missed(chunk)) for chunk in chunks)

    def _greeting(self, conversation: str | None, recovered: bool, healthy: bool) -> Envelope:
        return self._hub.envelope(events.Hello(conversation, recovered, healthy, self.epoch, self.boot))
