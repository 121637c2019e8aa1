"""Accounts and their sessions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

import aiosqlite

from chatapp.model.lookalikes import skeleton
from chatapp.model.people import LogIn, Session, User
from chatapp.model.refusals import Rejected
from chatapp.store import contract
from chatapp.store.sqlite.adoption import LOCKED
from chatapp.store.sqlite.database import Database, Row
from chatapp.system import clock

_USER = "users.id, users.username, users.role, users.language, users.theme, users.reserved_name IS NOT NULL"
_DAY = 86_400  # seconds


def _user(row: Row) -> User:
    return User(row[0], row[1], row[2] or "user", row[3], row[4], bool(row[5]))


class Accounts(contract.Accounts):
    """Accounts and sessions in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, username: str, name_key: str, password: str, *, read_up_to: int = 0) -> User:
        try:
            async with self._database.transaction() as db:
                # Compares all names: registrations are rare, and stored skeletons would not follow a new Unicode.
                for name, key in await db.execute_fetchall(
                    "SELECT coalesce(reserved_name, username), name_key FROM users"
                ):
                    if key != name_key and skeleton(name) == skeleton(username):
                        raise Rejected("name_alike")
                cursor = await db.execute(
                    "INSERT INTO users (username, name_key, password, role, created_at) VALUES (?, ?, ?, 'user', ?)",
                    (username, name_key, password, clock.timestamp()),
                )
                await db.execute(
                    "INSERT INTO read_marks SELECT ?, key, ? FROM conversations WHERE kind = 'room'",
                    (cursor.lastrowid, read_up_to),
                )
        except sqlite3.IntegrityError as error:
            raise Rejected("name_taken") from error
        assert cursor.lastrowid is not None, "an insert has a row id"
        return User(cursor.lastrowid, username)

    async def credentials(self, username: str, name_key: str) -> tuple[User, str] | None:
        row = await self._database.row(
            f"SELECT {_USER}, password FROM users WHERE (username = ? OR name_key = ?) AND password <> ?"  # noqa: S608
            " ORDER BY username = ? DESC LIMIT 1",
            (username, name_key, LOCKED, username),
        )
        return (_user(row), row[6]) if row else None

    async def password(self, user_id: int) -> str | None:
        row = await self._database.row("SELECT password FROM users WHERE id = ? AND password <> ?", (user_id, LOCKED))
        return row[0] if row else None

    async def user(self, user_id: int) -> User | None:
        row = await self._database.row(f"SELECT {_USER} FROM users WHERE id = ?", (user_id,))  # noqa: S608
        return _user(row) if row else None

    async def named(self, username: str, name_key: str) -> User | None:
        row = await self._database.row(
            f"SELECT {_USER} FROM users WHERE username = ? OR name_key = ? ORDER BY username = ? DESC LIMIT 1",  # noqa: S608
            (username, name_key, username),
        )
        return _user(row) if row else None

    async def deleted(self) -> set[int]:
        rows = await self._database.rows("SELECT id FROM users WHERE reserved_name IS NOT NULL")
        return {row[0] for row in rows}

    async def people(self) -> list[User]:
        rows = await self._database.rows(
            f"SELECT {_USER} FROM users WHERE password <> ? ORDER BY name_key",  # noqa: S608
            (LOCKED,),
        )
        return [_user(row) for row in rows]

    async def set_password(self, user_id: int, password: str, *, before: str) -> bool:
        async with self._database.transaction() as db:
            return await _replace(db, user_id, password, before)

    async def change_password(self, user_id: int, password: str, *, before: str, session: tuple[str, str]) -> bool:
        kept, renewed = session
        async with self._database.transaction() as db:
            if not await _replace(db, user_id, password, before):
                return False
            await db.execute("DELETE FROM sessions WHERE user_id = ? AND id <> ?", (user_id, kept))
            await db.execute("UPDATE sessions SET id = ? WHERE id = ? AND user_id = ?", (renewed, kept, user_id))
        return True

    async def set_language(self, user_id: int, language: str | None) -> None:
        await self._set(user_id, "language", language)

    async def set_theme(self, user_id: int, theme: str | None) -> None:
        await self._set(user_id, "theme", theme)

    async def set_last_conversation(self, user_id: int, conversation: str) -> None:
        await self._set(user_id, "last_conversation", conversation)

    async def last_conversation(self, user_id: int) -> str | None:
        row = await self._database.row("SELECT last_conversation FROM users WHERE id = ?", (user_id,))
        return row[0] if row else None

    async def _set(self, user_id: int, column: str, value: str | None) -> None:
        async with self._database.transaction() as db:
            await db.execute(f"UPDATE users SET {column} = ? WHERE id = ?", (value, user_id))  # noqa: S608

    async def open_session(self, session_id: str, user_id: int, user_agent: str, password: str) -> bool:
        now = clock.unix_time()
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "INSERT INTO sessions SELECT ?, id, ?, ?, ? FROM users WHERE id = ? AND password = ?",
                (session_id, user_agent[:300], now, now, user_id, password),
            )
        return cursor.rowcount == 1

    async def session(self, session_id: str, *, idle_days: float, days: float) -> tuple[Session, int] | None:
        now = clock.unix_time()
        row = await self._database.row(
            f"SELECT {_USER}, sessions.seen_at FROM sessions JOIN users ON users.id = sessions.user_id"  # noqa: S608
            " WHERE sessions.id = ? AND sessions.seen_at > ? AND sessions.created_at > ?",
            (session_id, now - idle_days * _DAY, now - days * _DAY),
        )
        return (Session(session_id, _user(row)), row[6]) if row else None

    async def still_open(self, session_ids: Iterable[str]) -> set[str]:
        asked = json.dumps(list(session_ids))  # a single parameter: SQLite limits their number
        rows = await self._database.rows(
            "SELECT id FROM sessions WHERE id IN (SELECT value FROM json_each(?) asked)", (asked,)
        )
        return {row[0] for row in rows}

    async def log_ins(self, user_id: int, *, idle_days: float, days: float) -> list[LogIn]:
        now = clock.unix_time()
        rows = await self._database.rows(
            "SELECT id, user_agent, created_at, seen_at FROM sessions"
            " WHERE user_id = ? AND +seen_at > ? AND +created_at > ?",
            (user_id, now - idle_days * _DAY, now - days * _DAY),
        )
        return sorted((LogIn(*row) for row in rows), key=lambda log_in: log_in.seen_at, reverse=True)

    async def touch_session(self, session_id: str) -> None:
        async with self._database.transaction() as db:
            await db.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", (clock.unix_time(), session_id))

    async def close_session(self, session_id: str) -> None:
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM sessions WHERE id = ?", (session_id,))

    async def close_other_sessions(self, user_id: int, session_id: str) -> None:
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM sessions WHERE user_id = ? AND id <> ?", (user_id, session_id))

    async def sweep_sessions(self, *, idle_days: float, days: float) -> None:
        now = clock.unix_time()
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM sessions WHERE seen_at <= ?", (now - idle_days * _DAY,))
            await db.execute("DELETE FROM sessions WHERE created_at <= ?", (now - days * _DAY,))


async def _replace(db: aiosqlite.Connection, user_id: int, password: str, before: str) -> bool:
    cursor = await db.execute(
        "UPDATE users SET password = ? WHERE id = ? AND password = ?", (password, user_id, before)
    )
    return cursor.rowcount == 1
