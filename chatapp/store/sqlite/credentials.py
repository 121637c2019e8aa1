"""Reset of a password from outside the server, whether it runs or not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite.adoption import LOCKED
from chatapp.store.sqlite.maintenance import Reading, Refused, connect, translated


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as a command names it."""

    id: int
    username: str


def find(database: Reading, username: str, name_key: str) -> Account | None:
    """Return an account as a log-in finds it: by exact name, or else by key."""
    rows = database.rows(
        "SELECT id, username FROM users WHERE (username = ?1 OR name_key = ?2) AND password <> ?3"
        " ORDER BY username = ?1 DESC LIMIT 1",
        username,
        name_key,
        LOCKED,
    )
    return Account(*rows[0]) if rows else None


def names(database: Reading) -> list[str]:
    """Return the names of all accounts."""
    return [row[0] for row in database.rows("SELECT username FROM users WHERE password <> ? ORDER BY id", LOCKED)]


def replace(path: Path, account: Account, password: str) -> None:
    """Store a password hash and end all sessions of the account.

    A running server notices and closes their sockets. Raise Refused if the account has been deleted meanwhile.
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
