"""Read marks: how far somebody has read, and how much they have not."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.model.people import User

COUNT_LIMIT = 1000  # counts are exact below this and shown as "999+" from it on


@dataclass(frozen=True, slots=True)
class Counts:
    """What one person has not read, exact for every id up to ``watermark``, and where they talk."""

    unread: dict[str, int]  # by conversation key
    reads: dict[str, int]  # the read marks they were counted from
    watermark: int
    directs: list[tuple[str, User]]  # direct conversations by key with the other user, latest first
    last: str | None  # key of the conversation that they were in last
