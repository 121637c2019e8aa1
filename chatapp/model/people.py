"""People and their log-ins."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    id: int
    username: str
    role: str = "user"
    language: str | None = None  # "vi", "en"; None follows the browser
    theme: str | None = None  # "light", "dark"; None follows the system
    left: bool = False  # the account was deleted; ``username`` is then an address, and no name to be shown


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of a user on one browser. ``id`` is the hash that the database holds, not the cookie's value."""

    id: str
    user: User
