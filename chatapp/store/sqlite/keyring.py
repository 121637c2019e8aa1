"""Rotation of the session cookie key, from outside the server."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing
from pathlib import Path

from chatapp.store.sqlite.maintenance import connect, translated

KEPT = 2  # the newest, and the one before, which opens cookies until their owners return
_KEY_BYTES = 32  # of a Fernet key


def rotate(path: Path) -> None:
    """Add a new key to a database that no server uses, and drop the oldest. Raise Refused."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    with translated(path), closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        before = [
            word for (line,) in db.execute("SELECT value FROM meta WHERE name = 'cookie_key'") for word in line.split()
        ]
        db.execute("INSERT OR REPLACE INTO meta VALUES ('cookie_key', ?)", (" ".join([key, *before][:KEPT]),))
        db.execute("COMMIT")
