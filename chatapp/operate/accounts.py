"""Account management from the command line: finding an account, setting its password."""

from __future__ import annotations

import asyncio
import difflib
import unicodedata
from pathlib import Path

from chatapp.model import names, normal
from chatapp.store.sqlite import credentials
from chatapp.store.sqlite.credentials import Account
from chatapp.store.sqlite.maintenance import Reading, Refused, reading
from chatapp.workers.passwords import Cost, Passwords

_SUGGESTED = 3  # names
_SIMILARITY = 0.6  # of a suggested name, from 0 to 1, as difflib measures it
_LONGEST = 200  # characters of a name that is looked up; no account has a longer one


def account(path: Path, name: str) -> Account:
    """Return the account with a log-in name. Raise Refused, suggesting similar names."""
    with reading(path) as database:
        if database.is_original or database.is_old:
            raise Refused(f"{path} was written by an older version. Start the server once: it upgrades the file.")
        key = names.key(name.strip()) if len(name) <= _LONGEST else ""
        found = credentials.find(database, name, key)
        if found is None:
            raise Refused(_unknown(database, name))
    return found


def _unknown(database: Reading, name: str) -> str:
    similar = _similar(name, credentials.names(database))
    meant = f" Did you mean {' or '.join(similar)}?" if similar else ""
    return f"Nobody with an account is called {shown(name)}.{meant}"


def _similar(name: str, known: list[str]) -> list[str]:
    spelt = {_letters(each): shown(each) for each in reversed(known)}
    found = difflib.get_close_matches(_letters(name[:_LONGEST]), spelt, _SUGGESTED, _SIMILARITY)
    return [spelt[each] for each in found]


def _letters(name: str) -> str:
    """Return a name without diacritics, as people type it in a hurry."""
    folded = normal.normalize("NFD", names.key(name)).replace("đ", "d")
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def shown(name: str) -> str:
    """Return a name that is safe on a terminal: unprintable characters are escaped."""
    return name if name.isprintable() else ascii(name)


def set_password(path: Path, who: Account, password: str, cost: Cost) -> None:
    """Set the password of an account and end all its sessions, even in a running server. Raise Refused."""
    credentials.replace(path, who, asyncio.run(_hashed(password, cost)))


async def _hashed(password: str, cost: Cost) -> str:
    passwords = Passwords(cost)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
