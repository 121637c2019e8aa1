"""Facts that a store keeps about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read once at start."""

    epoch: str  # changes when the database is created or restored
    cookie_keys: tuple[bytes, ...]  # the newest first, which writes cookies; all read them
    watermark: int  # every number at or below it is on disk or was retracted
    ceiling: int  # no number above it was ever handed out
