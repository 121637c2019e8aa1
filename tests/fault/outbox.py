"""What a page's person wrote and is not saved yet: first in, first out, one at a time on the wire."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from fault.log import Log

_FIRST, _CAP = 0.5, 15.0  # seconds between two tries of a refused message, doubled each time
_UNSAVED = 45.0  # seconds from sent to saved; the server promises 35, so its answer was lost


@dataclass(slots=True, eq=False)
class Entry:
    """One message on its way."""

    content: str
    key: str
    state: Literal["queued", "sending", "sent"] = "queued"
    id: int = 0  # provisional: it means nothing on another connection
    tries: int = 0
    until: float = 0.0  # not before this moment
    since: float = 0.0  # when it was sent


class Outbox:
    """Keep messages through lost connections, refusals and restarts, each under one key for ever."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._entries: list[Entry] = []
        self._flight: Entry | None = None  # sent and not answered: the window is one

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def keys(self) -> list[str]:
        """Return the keys that wait."""
        return [entry.key for entry in self._entries]

    def put(self, content: str) -> None:
        """Take what somebody wrote."""
        entry = Entry(content, secrets.token_urlsafe(16))
        self._log.note("invoke", key=entry.key, content=content)
        self._entries.append(entry)

    def take(self) -> Entry | None:
        """Return the message that may leave now. One that holds back holds back all behind it."""
        entry = next((entry for entry in self._entries if entry.state == "queued"), None)
        if self._flight is not None or entry is None or entry.until > time.monotonic():
            return None
        self._flight, entry.state, entry.since = entry, "sending", time.monotonic()
        return entry

    @property
    def pause(self) -> float | None:
        """Return the seconds until ``take`` may have something, None when only an answer can change that."""
        entry = next((entry for entry in self._entries if entry.state == "queued"), None)
        return None if self._flight or entry is None else max(0.0, entry.until - time.monotonic())

    @property
    def waits(self) -> float:
        """Return the seconds that the message on the wire has had no answer."""
        return time.monotonic() - self._flight.since if self._flight else 0.0

    def sent(self, frame: dict[str, Any]) -> None:
        """Learn the id of a message that everybody sees now."""
        if entry := self._find(frame["key"]):
            entry.state, entry.id, entry.since = "sent", frame["id"], time.monotonic()
            self._land(entry)

    def saved(self, frame: dict[str, Any]) -> None:
        """Let go of what is on the disk."""
        keys, upto = frame.get("keys", ()), frame.get("upto", 0)
        for entry in [one for one in self._entries if one.key in keys or 0 < one.id <= upto]:
            self._log.note("saved", entry.id, entry.key, entry.content)
            self._entries.remove(entry)
            self._land(entry)

    def refused(self, frame: dict[str, Any]) -> None:
        """Try again under the same key, or never."""
        entry = self._find(frame["key"])
        if entry is None:
            return
        if frame["retry"]:
            entry.tries += 1
            wait = frame.get("retry_after") or min(_FIRST * 2**entry.tries, _CAP)
            entry.state, entry.id, entry.until = "queued", 0, time.monotonic() + wait
        else:
            self._log.note("failed", entry.id, entry.key, entry.content)
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

    def _find(self, key: str | None) -> Entry | None:
        return next((entry for entry in self._entries if entry.key == key), None)

    def _land(self, entry: Entry) -> None:
        if self._flight is entry:
            self._flight = None
