"""Exchange the key that a database keeps for the log-in cookies, from outside the server."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing
from pathlib import Path

from chatapp.store.sqlite.maintenance import connect, translated

KEPT = 2  # the newest, and the one before, under which cookies are until their owners come by
_KEY_BYTES = 32  # of a Fernet key


def rotate(path: Path) -> None:
    """Put a new key in front of those of a database that no server uses, and drop the oldest. Raise Refused."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    with translated(path), closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        before = [
            word for (line,) in db.execute("SELECT value FROM meta WHERE name = 'cookie_key'") for word in line.split()
        ]
        db.execute("INSERT OR REPLACE INTO meta VALUES ('cookie_key', ?)", (" ".join([key, *before][:KEPT]),))
        db.execute("COMMIT")
