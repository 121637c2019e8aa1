"""Resume: catch a page up from its cursor, completely or not at all, then go live without a gap."""

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

_LIMIT = 500  # messages; with more, fetching the list again is faster
_CHUNK = 100  # messages per frame
_KEPT_SECONDS = 1.0  # lifetime of a shared answer: after a restart all pages ask for the same within a second
_END = ID_LIMIT  # a cursor after which there is nothing


@dataclass(frozen=True, slots=True)
class CatchUp:
    """A cached catch-up: what a page missed, and the range of cursors for which the answer is the same."""

    since: int  # valid for cursors from this one
    before: int  # up to, not including, this one
    generation: int  # of the journal when the query began: everything accepted before is included
    parts: tuple[Envelope, ...] | None  # None: too many
    pending: tuple[Envelope, ...]  # accepted before, and not in ``parts``

    def serves(self, since: int, generation: int) -> bool:
        """Tell whether this is valid for a cursor, if the page asked at a given journal generation."""
        same = since <= self.since if self.parts is None else self.since <= since < self.before
        return same and self.generation >= generation


_NOTHING = CatchUp(_END, _END, 0, (), ())  # for pages that show no conversation


class Resume:
    """Catch connections up. Pages that missed the same messages share one answer, queried and encoded once."""

    def __init__(self, standing: Standing, journal: Journal, hub: Hub, *, epoch: str) -> None:
        self._standing = standing
        self._journal = journal
        self._hub = hub
        self._lookup_lock = asyncio.Lock()
        self._answers: list[tuple[Conversation, CatchUp]] = []  # of the last second
        self.boot = secrets.token_urlsafe(6)  # changes with every start of the server, so that pages notice it
        self._hello = lru_cache(maxsize=256)(self._greeting)  # one frame for everybody who joins a conversation
        self.epoch = epoch  # of the database: cursors from another one are meaningless

    async def bring(
        self,
        listeners: Sequence[Listener],
        conversation: Conversation | None,
        since: int | None,
        epoch: str | None,
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Catch up connections that share a format, then let them go live: the only way to connect.

        ``send`` writes frames to them and waits while their buffer is full. They get everything they missed, or nothing
        (``recovered`` is false): never part of a gap.
        """
        key = conversation.key if conversation else None
        for listener in listeners:
            self._hub.join(listener, key)  # from now on its live frames are held back
        missed = await self._missed(conversation, since, epoch) if conversation else _NOTHING
        head: tuple[Envelope, ...] = (self._hello(key, missed.parts is not None, self._journal.healthy),)
        for part in (*(missed.parts or ()), *missed.pending):
            await send(self._hub.encoded(listeners[0], *head, part))
            head = ()
        ready = self._hub.envelope(events.Ready(key, self._journal.issue_watermark(key)))
        for listener in listeners:
            self._hub.go_live(listener, head, [ready])

    async def _missed(self, conversation: Conversation, since: int | None, epoch: str | None) -> CatchUp:
        generation = self._standing.generation  # as of now: what is accepted while we wait is held back
        if since is None:
            return await self._answer(conversation, _END, generation)  # the page has no list
        if epoch != self.epoch or since > self._journal.newest(conversation.key):
            return replace(await self._answer(conversation, _END, generation), parts=None)
        return await self._answer(conversation, since, generation)

    async def _answer(self, conversation: Conversation, since: int, generation: int) -> CatchUp:
        async with self._lookup_lock:  # after a wait, somebody else has usually left the answer
            for about, missed in self._answers:
                if about == conversation and missed.serves(since, generation):
                    return missed
            answer = conversation, await self._look_up(conversation, since)
            self._answers.append(answer)
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._answers.remove, answer)
            return answer[1]

    async def _look_up(self, conversation: Conversation, since: int) -> CatchUp:
        found = await self._standing.changes(conversation, None if since == _END else since, _LIMIT)
        return CatchUp(
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
