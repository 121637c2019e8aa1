"""Report of an import for the operator: what was imported, what was changed, and why."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from chatapp.html import language
from chatapp.html.language import gettext, ngettext
from chatapp.model.adoption import Report

_SHOWN = 20  # entries of each list; more would push the addresses off the screen
_NAME_SHOWN = 60  # characters of a name


def text(report: Report, spoken: str, database: str) -> str:
    """Return the report in a language, as a block of lines. ``database`` is how a command line names the file."""
    with language.spoken(spoken):
        return "\n" + "".join(f"  {line}".rstrip() + "\n" for line in _lines(report, database))


def _lines(report: Report, database: str) -> Iterator[str]:
    yield gettext("Imported the database of another program:")
    yield "  " + ", ".join(
        (
            ngettext("{n} person", "{n} people", report.people).format(n=f"{report.people:,}"),
            ngettext("{n} message", "{n} messages", report.messages).format(n=f"{report.messages:,}"),
            ngettext("{n} private message", "{n} private messages", report.directs).format(n=f"{report.directs:,}"),
            ngettext("{n} picture", "{n} pictures", report.pictures).format(n=f"{report.pictures:,}"),
        )
    )
    yield gettext("The file as it was is kept: {file}").format(file=report.copy)
    yield from _about_people(report, database)
    yield from _about_messages(report)


def _about_people(report: Report, database: str) -> Iterator[str]:
    if report.renamed:
        yield ""
        yield gettext("These people could not keep their names; they log in with the new name and their old password:")
        yield from _listed([f"{shown(old)} → {shown(new)}" for old, new in report.renamed])
    if report.shared:
        yield gettext("Messages under a name that several people shared belong to the first of them.")
    for names, reason in (
        (
            report.unreadable_passwords,
            gettext("The passwords of these people are stored in a form that cannot be verified:"),
        ),
        (
            report.known_passwords,
            gettext("These people had passwords that anybody would try; the passwords no longer work:"),
        ),
    ):
        if names:
            yield ""
            yield reason
            yield from _listed([shown(name) for name in names])
            command = f"python -m chatapp user passwd NAME --database {database}"
            yield gettext("Set a new one for each of them: {command}").format(command=command)
    if report.ghosts:
        yield ""
        yield ngettext(
            "{n} author without an account is kept by name; nobody can log in as them.",
            "{n} authors without an account are kept by name; nobody can log in as them.",
            report.ghosts,
        ).format(n=f"{report.ghosts:,}")


def _about_messages(report: Report) -> Iterator[str]:
    if report.rooms:
        yield ""
        yield gettext("Imported rooms:")
        yield from _listed([shown(room) for room in report.rooms])
    counted = (
        (
            report.untimed,
            ngettext(
                "The time of {n} message is unreadable: it gets that of a neighbouring message or of the file.",
                "The times of {n} messages are unreadable: they get those of neighbouring messages or of the file.",
                report.untimed,
            ),
        ),
        (
            report.unreadable_pictures,
            ngettext(
                "{n} picture is unreadable: a note takes its place; the original data stays in the database.",
                "{n} pictures are unreadable: notes take their places; the original data stays in the database.",
                report.unreadable_pictures,
            ),
        ),
        (
            report.removed,
            ngettext(
                "{n} message was marked as deleted and remains so.",
                "{n} messages were marked as deleted and remain so.",
                report.removed,
            ),
        ),
    )
    for count, sentence in counted:
        if count:
            yield ""
            yield sentence.format(n=f"{count:,}")
    if report.aside:
        yield ""
        yield gettext("Other tables of the old program are only in the copy:")
        yield from _listed([shown(table) for table in report.aside])


def _listed(rows: Sequence[str]) -> Iterator[str]:
    for row in rows[:_SHOWN]:
        yield f"  {row}"
    if len(rows) > _SHOWN:
        yield "  " + gettext("and {n} more").format(n=f"{len(rows) - _SHOWN:,}")


def shown(name: str) -> str:
    """Return a foreign name in quotes, with control and direction characters escaped."""
    cut = name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}…"
    visible = "".join(
        character if unicodedata.category(character)[0] not in "CZ" or character == " " else _escaped(character)
        for character in cut
    )
    return f'"{visible}"'


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) > 0xFF else f"\\x{ord(character):02x}"
