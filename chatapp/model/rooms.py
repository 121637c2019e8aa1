"""Rooms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation open to every user. ``name`` is None for the three rooms whose names are translated."""

    id: str
    name: str | None = None
