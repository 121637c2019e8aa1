"""The operator's commands for accounts: ``user passwd NAME``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatapp.html import language
from chatapp.model.refusals import Rejected
from chatapp.operate import accounts
from chatapp.settings import Settings
from chatapp.store.sqlite.maintenance import Refused
from chatapp.workers import passwords

_BYTES = 4 * passwords.LONGEST_BYTES  # of a line on standard input; no password is longer


def declare(adds: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Declare the commands; ``add`` declares one that works on a database."""
    user = adds.add_parser("user", description="Manage accounts.", allow_abbrev=False)
    one = add(
        user.add_subparsers(dest="subcommand", required=True),
        passwd,
        "Set somebody's password, while the server runs or not; they are logged out everywhere. It is asked for twice\n"
        "on the terminal, or read from standard input. It is never an argument, where every user of this computer\n"
        "could see it.\n"
        "Exit status: 0 when it is set, 1 when nothing was changed.",
        "python -m chatapp user passwd lan --database /srv/chat/chat.db",
    )
    one.add_argument("name", metavar="NAME", help="the name that they log in with")


def passwd(settings: Settings, given: argparse.Namespace) -> int:
    """Ask for a new password and set it."""
    database: Path = settings.database
    account = accounts.account(database, given.name)
    name = accounts.shown(account.username)
    password = _asked(name) if sys.stdin.isatty() else _read()
    try:
        passwords.check_new(password)
    except Rejected as refusal:
        raise Refused(f"{language.explain(refusal)} Nothing was changed.") from refusal
    accounts.set_password(database, account, password, passwords.COSTS[settings.password_cost])
    print(f"{name} has a new password. Whoever was logged in as {name} is logged out everywhere.")
    return 0


def _asked(name: str) -> str:
    try:
        password = getpass.getpass(f"New password of {name}: ")
        if getpass.getpass("The same again: ") != password:
            raise Refused("The two passwords are not the same. Nothing was changed.")
    except EOFError:
        raise Refused("No password was given. Nothing was changed.") from None
    return password


def _read() -> str:
    """Return the first line of standard input without its line break; spaces may belong to the password."""
    line = sys.stdin.buffer.readline(_BYTES)
    try:
        password = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("The password on standard input is not UTF-8. Nothing was changed.") from None
    if not password:
        raise Refused("No password was given: type it on a terminal, or write it to standard input.")
    return password
