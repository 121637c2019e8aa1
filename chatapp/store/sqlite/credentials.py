"""Give an account another password from outside the server, whether it runs or not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite.adoption import LOCKED
from chatapp.store.sqlite.maintenance import Reading, Refused, connect, translated


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    id: int
    username: str


def find(database: Reading, username: str, name_key: str) -> Account | None:
    """Return the account of that name as a log-in finds it: by the exact name, or else by its key."""
    rows = database.rows(
        "SELECT id, username FROM users WHERE (username = ?1 OR name_key = ?2) AND password <> ?3"
        " ORDER BY username = ?1 DESC LIMIT 1",
        username,
        name_key,
        LOCKED,
    )
    return Account(*rows[0]) if rows else None


def names(database: Reading) -> list[str]:
    """Return the names of everybody who may log in."""
    return [row[0] for row in database.rows("SELECT username FROM users WHERE password <> ? ORDER BY id", LOCKED)]


def replace(path: Path, account: Account, password: str) -> None:
    """Store what a password is verified by, and end all log-ins of the account.

    A server that runs notices by itself and closes their sockets. Raise Refused when the account is gone meanwhile.
    """
    with translated(path), closing(connect(path)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        changed = db.execute(
            "UPDATE users SET password = ? WHERE id = ? AND password <> ?", (password, account.id, LOCKED)
        )
        if changed.rowcount != 1:
            raise Refused(f"{account.username} has just deleted the account.")
        db.execute("DELETE FROM sessions WHERE user_id = ?", (account.id,))
        db.execute("COMMIT")
