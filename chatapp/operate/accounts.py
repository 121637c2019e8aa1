"""What an operator does with people's accounts beside the server."""

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

_NEAR = 3  # names that are suggested
_LIKENESS = 0.6  # of two names, from 0 to 1, as difflib measures it
_LONGEST = 200  # characters of a name that is looked up; longer ones cannot be anybody's


def account(path: Path, name: str) -> Account:
    """Return somebody's account, by the name that they log in with. Raise Refused, naming near ones."""
    with reading(path) as database:
        if database.is_original or database.is_old:
            raise Refused(f"{path} was written by an older version. Start the server once: it upgrades the file.")
        key = names.key(name.strip()) if len(name) <= _LONGEST else ""
        found = credentials.find(database, name, key)
        if found is None:
            raise Refused(_unknown(database, name))
    return found


def _unknown(database: Reading, name: str) -> str:
    near = _near(name, credentials.names(database))
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"Nobody with an account is called {shown(name)}.{meant}"


def _near(name: str, known: list[str]) -> list[str]:
    spelt = {_letters(each): shown(each) for each in reversed(known)}
    found = difflib.get_close_matches(_letters(name[:_LONGEST]), spelt, _NEAR, _LIKENESS)
    return [spelt[each] for each in found]


def _letters(name: str) -> str:
    """Return a name without its accents, as people type it in a hurry."""
    folded = normal.normalize("NFD", names.key(name)).replace("đ", "d")
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def shown(name: str) -> str:
    """Return a name as a terminal can show it: control characters are spelt out."""
    return name if name.isprintable() else ascii(name)


def set_password(path: Path, who: Account, password: str, cost: Cost) -> None:
    """Give an account another password and end all its log-ins, also in a server that runs. Raise Refused."""
    credentials.replace(path, who, asyncio.run(_hashed(password, cost)))


async def _hashed(password: str, cost: Cost) -> str:
    passwords = Passwords(cost)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
