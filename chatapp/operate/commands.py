"""The operator's commands: check, back up and restore a database, manage accounts, measure the machine.

All except restore, repair and rotate-key work while the server runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chatapp import options
from chatapp.operate import maintenance, usercommands
from chatapp.operate.maintenance import Refused, Report, State
from chatapp.settings import Settings
from chatapp.system.startup import CannotStart

_STOPPED = 130  # exit status after Ctrl+C
_NICENESS = 10  # messages before backups

_REPAIR = "This can be repaired without loss. Stop the server, then:\n  {check} --repair"
_UPGRADE = "Start the server: it keeps a copy of the database and upgrades it."
_LOST = """\
The items listed are missing; everything else works, so the server can keep running. An older backup may have them.
To go back to one, stop the server, then:
  {restore}"""
_DAMAGED = """\
The file is damaged, and using it makes it worse. Stop the server, check the disk, and go back to your newest backup;
the damaged file is kept beside it:
  {restore}
Without a backup, sqlite3 may recover part of it: sqlite3 {database} .recover"""


def run(argv: Sequence[str]) -> int:
    """Run the command in ``argv``. Return its exit status, 0 on success."""
    given = _parser().parse_args(argv)
    for name in ("SIGTERM", "SIGHUP"):  # end as with Ctrl+C, so that no partial copy stays behind
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    database: str | Path = given.database or "the database"
    try:
        settings = Settings.read([] if given.database is None else ["--database", given.database])
        database = settings.database
        return int(given.run(settings, given))
    except (Refused, CannotStart) as reason:
        _print_error(str(reason))
    except OSError as error:
        _print_error(f"{error.filename or database}: {error.strerror}")
    except KeyboardInterrupt:
        _print_error("stopped before it was done.")
        return _STOPPED
    return int(given.failure)


def _print_error(sentence: str) -> None:
    over = "\r\x1b[K" if sys.stderr.isatty() else ""  # erases the progress line
    print(f"{over}chatapp: {sentence}", file=sys.stderr)


def _check(settings: Settings, given: argparse.Namespace) -> int:
    database = settings.database
    if given.repair:
        maintenance.repair(database)
    _lower_priority()
    report = asyncio.run(maintenance.check(database, _Progress))
    lost = "damaged" if report.damaged else "missing"
    print(f"{database.absolute()}: {report.size / 1e6:,.1f} MB" + (f"; {report.counts}" if report.counts else ""))
    for state, line in report.found:
        print(f"  {lost if state is State.LOST else 'repairable'}: {line}")
    print(_advice(report, database))
    return report.state


def _advice(report: Report, database: Path) -> str:
    if report.state is State.FINE:
        return "Everything is in order."
    if report.state is State.REPAIRABLE:
        text = _UPGRADE if report.old else _REPAIR
    else:
        text = _DAMAGED if report.damaged else _LOST
    name = shlex.quote(str(database))
    return text.format(
        check=f"python -m chatapp check --database {name}",
        restore=f"python -m chatapp restore FILE --database {name}",
        database=name,
    )


def _backup(settings: Settings, given: argparse.Namespace) -> int:
    database = settings.database
    target = Path(given.file).expanduser()
    _lower_priority()
    counts = maintenance.backup(database, target, _Progress("copying"), force=given.force)
    print(f"Saved and verified: {target.absolute()}, {target.stat().st_size / 1e6:,.1f} MB; {counts}")
    print("It holds every message and the secret key: keep it as safe as the database itself.")
    return 0


def _restore(settings: Settings, given: argparse.Namespace) -> int:
    database = settings.database
    copy = Path(given.file).expanduser()
    counts, kept = maintenance.restore(copy, database, _Progress("copying"))
    print(f"Restored: {database.absolute()}; {counts}")
    if counts.newest:
        print(f"The newest message is from {counts.newest[:16].replace('T', ' ')} UTC.")
    if kept:
        print(f"The database that was here is kept: {kept}\nDelete it once you no longer need it.")
    print("Now start the server. Open pages reload by themselves; sessions that the backup knows are valid again.")
    return 0


def _rotate_key(settings: Settings, given: argparse.Namespace) -> int:
    database = settings.database
    maintenance.rotate_key(database)
    print("The log-in cookies have a new key; nobody has to log in again. The previous key is accepted until the next")
    print("rotation, and the server renews the cookies of everybody who visits.")
    return 0


def _bench(_: Settings, given: argparse.Namespace) -> int:
    from chatapp import bench  # noqa: PLC0415 - only it needs an HTTP client

    plan = bench.Plan(given.clients, given.rate, given.seconds, given.folder, given.host, given.anywhere)
    print(bench.run(plan, _Progress))
    return 0


def _lower_priority() -> None:
    if sys.platform != "win32":
        os.nice(_NICENESS)


class _Progress:
    """Show progress on one line of a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = ""

    def __call__(self, done: int, total: int) -> None:
        line = f"{self._what}: {100 * done // max(total, 1)} %"
        if line != self._shown and sys.stderr.isatty():
            end = "\r\x1b[K" if done >= total else ""
            print(f"\r{line}{end}", end="", file=sys.stderr, flush=True)
            self._shown = line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatapp", allow_abbrev=False)
    adds = parser.add_subparsers(dest="command", required=True)
    check = _add(
        adds,
        _check,
        "Check a database, while the server runs or not: the file, its references and every picture. Changes nothing.\n"
        "Exit status: 0 all is well, 1 it can be repaired, 2 something is lost or the database cannot be read.",
        "python -m chatapp check --database /srv/chat/chat.db",
        failure=State.LOST,
    )
    check.add_argument("--repair", action="store_true", help="make repairs; the server must be stopped")
    backup = _add(
        adds,
        _backup,
        "Copy everything into one file and verify it, while the server runs or not. Only its owner can read the copy.\n"
        "Never copy the database with cp while the server runs.\n"
        "Exit status: 0 when the copy was made, 1 when it was not.",
        "python -m chatapp backup /srv/backups/chat-monday.db --force\n\n"
        "every night, one copy for each day of the week, with crontab -e (cron mails errors):\n"
        "  15 3 * * * cd /srv/chat && .venv/bin/python -m chatapp backup backups/chat-$(date +\\%u).db"
        " --force >/dev/null",
    )
    backup.add_argument("file", metavar="FILE", help="where the copy goes; a database like the original")
    backup.add_argument("--force", action="store_true", help="replace FILE if it exists, once the copy is verified")
    restore = _add(
        adds,
        _restore,
        "Replace the database with a backup; the server must be stopped. The database that was there is kept beside\n"
        "it, and only that one holds what was written after the backup. Sessions that the backup knows are valid\n"
        "again, even those that were ended since.\n"
        "Exit status: 0 when it is done, 1 when nothing was changed.",
        "python -m chatapp restore /srv/backups/chat-monday.db\n\n"
        "rehearse it beside the running server, and look at the result on port 8766:\n"
        "  python -m chatapp restore /srv/backups/chat-monday.db --database drill.db\n"
        "  python -m chatapp check --database drill.db\n"
        "  python -m chatapp --database drill.db --host 127.0.0.1 --port 8766",
    )
    restore.add_argument("file", metavar="FILE", help="the backup; it is not changed")
    _add(
        adds,
        _rotate_key,
        "Replace the key of the log-in cookies; the server must be stopped. Nobody has to log in again, as cookies of\n"
        "the previous key are accepted until the next rotation. Run it twice to end all sessions at once.\n\n"
        "The key is kept in the database. To keep it elsewhere, make one with: openssl rand -base64 32\n"
        "and put it into CHATAPP_SECRET_KEY. To rotate that one, put a new key and a space in front of it; remove the\n"
        "old one after 30 days, when sessions that were not used since have expired.\n\n"
        "Exit status: 0 when it is done, 1 when nothing was changed.",
        "python -m chatapp rotate-key --database /srv/chat/chat.db",
    )
    usercommands.declare(adds, _add)
    _add_bench(adds)
    return parser


def _add_bench(adds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = _add(
        adds,
        _bench,
        "Measure what this machine can carry: start a separate server on a temporary database, let simulated people\n"
        "talk in it, and report how fast messages arrive and are saved. Your own database and server are not touched.\n"
        "Exit status: 0 when it was measured, whatever the result, 1 when it could not be.",
        "python -m chatapp bench --clients 200 --rate 10",
        database=False,
    )
    for flag, metavar, read, default, text in (
        ("--clients", "N", options.whole(1, 20_000), 100, "open tabs (default: 100)"),
        ("--rate", "N", options.decimal(0.1), 20, "messages per second in total (default: 20)"),
        ("--seconds", "N", options.decimal(0.1), 10, "how long to measure (default: 10)"),
        ("--folder", "FOLDER", options.path, None, "where its database goes (default: the temporary folder)"),
        ("--host", "ADDRESS", options.host, "127.0.0.1", "address to listen on (default: 127.0.0.1)"),
    ):
        bench.add_argument(flag, metavar=metavar, type=_read(read), default=default, help=text)
    bench.add_argument("--anywhere", action="store_true", help="allow an address that other machines can reach")


def _read(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse report an invalid value in the words of the setting."""

    def taken(raw: str) -> Any:
        try:
            return read(raw)
        except ValueError as reason:
            raise argparse.ArgumentTypeError(f"{raw!r} {reason}") from None

    return taken


def _add(  # noqa: PLR0913 - one row of the table of commands
    adds: argparse._SubParsersAction[argparse.ArgumentParser],
    run: Callable[[Settings, argparse.Namespace], int],
    description: str,
    example: str,
    failure: int = 1,
    database: bool = True,
) -> argparse.ArgumentParser:
    command = adds.add_parser(
        run.__name__.strip("_").replace("_", "-"),
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if database:
        command.add_argument("--database", metavar="FILE", help="the database (default: chat.db; CHATAPP_DATABASE)")
    command.set_defaults(run=run, failure=failure, database=None)
    return command
