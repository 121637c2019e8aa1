"""What a page's person wrote and is not saved yet: first in, first out, one at a time on the wire."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fault.log import Log

_FIRST, _CAP = 0.5, 15.0  # seconds between two tries of a refused message, doubled each time
_UNSAVED = 45.0  # seconds from sent to saved; the server promises 35, so its answer was lost


@dataclass(slots=True, eq=False)
class Entry:
    """One message, or a change of one, on its way."""

    content: str
    key: str
    kind: str = ""  # edit, remove or restore
    target: int = 0  # of a change: the message,
    rev: int = 0  # and the revision that its author saw
    stale: bool = False  # what stood before it stands again, under a number that is yet to come
    state: Literal["queued", "sending", "sent"] = "queued"
    id: int = 0  # provisional: it means nothing on another connection
    tries: int = 0
    until: float = 0.0  # not before this moment
    since: float = 0.0  # when it was sent

    @property
    def frame(self) -> dict[str, Any]:
        """Return it as it goes over the wire."""
        change = {"id": self.target, "rev": self.rev} if self.kind else {}
        return {"type": self.kind or "message", "content": self.content, "key": self.key} | change


class Outbox:
    """Keep messages through lost connections, refusals and restarts, each under one key for ever."""

    def __init__(self, log: Log, shown: Callable[[int], int]) -> None:
        self._log = log
        self._shown = shown  # the revision of a message that is on the screen
        self._entries: list[Entry] = []
        self._flight: Entry | None = None  # sent and not answered: the window is one

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def keys(self) -> list[str]:
        """Return the keys that wait."""
        return [entry.key for entry in self._entries]

    @property
    def removing(self) -> set[int]:
        """Return the messages that a removal is on its way to."""
        return {entry.target for entry in self._entries if entry.kind == "remove"}

    def put(self, content: str, kind: str = "", target: int = 0) -> None:
        """Take what somebody wrote, or wants a message to become."""
        entry = Entry(content, secrets.token_urlsafe(16), kind, target, self._shown(target))
        self._log.note("invoke", target, entry.key, content, change=kind)
        self._entries.append(entry)

    def take(self) -> Entry | None:
        """Return the message that may leave now. One that holds back holds back all behind it."""
        entry = self._next()
        if self._flight is not None or entry is None or entry.until > time.monotonic():
            return None
        if entry.stale:
            self._rebase(entry.target)
        self._flight, entry.stale = entry, False
        entry.state, entry.since = "sending", time.monotonic()
        return entry

    @property
    def pause(self) -> float | None:
        """Return the seconds until ``take`` may have something, None when only an answer can change that."""
        entry = self._next()
        return None if self._flight or entry is None else max(0.0, entry.until - time.monotonic())

    @property
    def waits(self) -> float:
        """Return the seconds that the message on the wire has had no answer."""
        return time.monotonic() - self._flight.since if self._flight else 0.0

    def sent(self, frame: dict[str, Any]) -> None:
        """Learn the id of a message that everybody sees now."""
        if entry := self._find(frame["key"]):
            # The id of a change is that of its message, which is on disk already.
            entry.state, entry.id, entry.since = "sent", 0 if entry.target else frame["id"], time.monotonic()
            self._land(entry)

    def saved(self, frame: dict[str, Any]) -> None:
        """Let go of what is on the disk."""
        keys, upto = frame.get("keys", ()), frame.get("upto", 0)
        for entry in [one for one in self._entries if one.key in keys or 0 < one.id <= upto]:
            self._log.note("saved", entry.target or entry.id, entry.key, entry.content, change=entry.kind)
            self._entries.remove(entry)
            self._rebase(entry.target)
            self._land(entry)

    def refused(self, frame: dict[str, Any]) -> None:
        """Try again under the same key, or never."""
        entry = self._find(frame["key"])
        if entry is None:
            return
        entry.stale = frame.get("change", False)
        if frame["retry"]:
            entry.tries += 1
            wait = frame.get("retry_after") or min(_FIRST * 2**entry.tries, _CAP)
            entry.state, entry.id, entry.until = "queued", 0, time.monotonic() + wait
        else:
            self._log.note("failed", entry.target or entry.id, entry.key, entry.content, change=entry.kind)
            self._entries.remove(entry)
        self._land(entry)

    def down(self) -> None:
        """Forget what the lost connection said of ids; keep every message."""
        self._flight = None
        for entry in self._entries:
            entry.state, entry.id = "queued", 0

    def ask_again(self) -> None:
        """Queue anew what was sent and never called saved."""
        for entry in self._entries:
            if entry.state == "sent" and time.monotonic() - entry.since > _UNSAVED:
                entry.state, entry.id = "queued", 0

    def _next(self) -> Entry | None:
        """Return the first that waits, unless it changes a message that another change is on its way to."""
        entry = next((entry for entry in self._entries if entry.state == "queued"), None)
        if entry and entry.target and next(one for one in self._entries if one.target == entry.target) is not entry:
            return None
        return entry

    def _rebase(self, target: int) -> None:
        """What waits to change a message was meant for it as it is shown now."""
        for entry in self._entries:
            if target and entry.target == target:
                entry.rev = self._shown(target) or entry.rev

    def _find(self, key: str | None) -> Entry | None:
        return next((entry for entry in self._entries if entry.key == key), None)

    def _land(self, entry: Entry) -> None:
        if self._flight is entry:
            self._flight = None
