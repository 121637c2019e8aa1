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


@dataclass(frozen=True, slots=True)
class LogIn:
    """A session as its owner sees it in the list of devices. Times are seconds since 1970."""

    session_id: str
    user_agent: str
    created_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of an account that is not complete: its owner's name is still on some messages."""

    user_id: int
    removing: bool  # their messages are deleted, too
    stamp: int  # every revision with a larger number was made after the account was locked
