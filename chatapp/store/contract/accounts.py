"""Accounts and their sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chatapp.model.people import LogIn, Session, User


class Accounts(Protocol):
    """Store accounts and their sessions. Times are compared with the clock of this machine."""

    async def create(self, username: str, name_key: str, password: str, *, read_up_to: int = 0) -> User:
        """Add a user whose read marks in all rooms stand at a message id.

        Raise Rejected if the name is taken, or looks like somebody else's.
        """
        ...

    async def credentials(self, username: str, name_key: str) -> tuple[User, str] | None:
        """Return a user with an account, found by exact name or else by key, and their stored password."""
        ...

    async def password(self, user_id: int) -> str | None:
        """Return the stored password of a user with an account."""
        ...

    async def user(self, user_id: int) -> User | None:
        """Return a user, with or without an account."""
        ...

    async def named(self, username: str, name_key: str) -> User | None:
        """Return the user with a name, with or without an account."""
        ...

    async def people(self) -> list[User]:
        """Return every user with an account, by name."""
        ...

    async def deleted(self) -> set[int]:
        """Return the ids of the users who deleted their accounts."""
        ...

    async def set_password(self, user_id: int, password: str, *, before: str) -> bool:
        """Replace the stored password if it is still the one that was verified. Return whether it was."""
        ...

    async def change_password(self, user_id: int, password: str, *, before: str, session: tuple[str, str]) -> bool:
        """Replace the stored password if it is still the one that was verified, and end all sessions but one.

        ``session`` is the id of the session to keep, and its new id. Return whether all this was done.
        """
        ...

    async def set_language(self, user_id: int, language: str | None) -> None:
        """Store the preferred language; None follows the browser."""
        ...

    async def set_theme(self, user_id: int, theme: str | None) -> None:
        """Store the preferred theme; None follows the system."""
        ...

    async def set_last_conversation(self, user_id: int, conversation: str) -> None:
        """Store the key of the conversation to open at the next log-in."""
        ...

    async def last_conversation(self, user_id: int) -> str | None:
        """Return the key of the conversation that the user was in last."""
        ...

    async def open_session(self, session_id: str, user_id: int, user_agent: str, password: str) -> bool:
        """Store a session if the stored password is still the one that was verified. Return whether it was."""
        ...

    async def session(self, session_id: str, *, idle_days: float, days: float) -> tuple[Session, int] | None:
        """Return a session and when it was last seen (seconds since 1970); None if it is unknown or has expired."""
        ...

    async def still_open(self, session_ids: Iterable[str]) -> set[str]:
        """Return which of some sessions have not been ended."""
        ...

    async def log_ins(self, user_id: int, *, idle_days: float, days: float) -> list[LogIn]:
        """Return a user's sessions, the one last seen first."""
        ...

    async def touch_session(self, session_id: str) -> None:
        """Record that the session was used now."""
        ...

    async def close_session(self, session_id: str) -> None:
        """End a session."""
        ...

    async def close_other_sessions(self, user_id: int, session_id: str) -> None:
        """End all sessions of a user but one."""
        ...

    async def sweep_sessions(self, *, idle_days: float, days: float) -> None:
        """Delete expired sessions."""
        ...
