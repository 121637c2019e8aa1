"""What the operator reads after the start that adopted an old database: what came along, what was changed, and why."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chatapp.html import language
from chatapp.html.language import gettext, ngettext

_SHOWN = 20  # of each list; more would push the addresses off the screen
_NAME_SHOWN = 60  # characters of a name


@dataclass(slots=True)
class Report:
    """What was adopted, in figures and names."""

    copy: str = ""  # where the file is kept as it was
    people: int = 0
    ghosts: int = 0  # authors without an account
    messages: int = 0
    directs: int = 0
    pictures: int = 0
    renamed: list[tuple[str, str]] = field(default_factory=list)  # old and new name
    shared: bool = False  # several people had one name
    untimed: int = 0  # messages whose time cannot be read
    unreadable_pictures: int = 0
    removed: int = 0  # messages that the old program no longer showed
    unreadable_passwords: list[str] = field(default_factory=list)
    known_passwords: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)  # that only the old program had
    aside: list[str] = field(default_factory=list)  # tables that are in the copy only
    guessing: float = 0.0  # seconds that the search for default passwords took

    def text(self, spoken: str, database: str) -> str:
        """Return the report in a language, as a block of lines. ``database`` is how a command line names the file."""
        with language.spoken(spoken):
            return "\n" + "".join(f"  {line}".rstrip() + "\n" for line in self._lines(database))

    def _lines(self, database: str) -> Iterator[str]:
        yield gettext("This database of another program was adopted:")
        yield "  " + ", ".join(
            (
                ngettext("{n} person", "{n} people", self.people).format(n=f"{self.people:,}"),
                ngettext("{n} message", "{n} messages", self.messages).format(n=f"{self.messages:,}"),
                ngettext("{n} private message", "{n} private messages", self.directs).format(n=f"{self.directs:,}"),
                ngettext("{n} picture", "{n} pictures", self.pictures).format(n=f"{self.pictures:,}"),
            )
        )
        yield gettext("The file as it was is kept: {file}").format(file=self.copy)
        yield from self._about_people(database)
        yield from self._about_messages()

    def _about_people(self, database: str) -> Iterator[str]:
        if self.renamed:
            yield ""
            yield gettext(
                "These people could not keep their names; they log in under the new one with their old password:"
            )
            yield from _listed([f"{shown(old)} → {shown(new)}" for old, new in self.renamed])
        if self.shared:
            yield gettext("What was written under a name that several people had belongs to the first of them.")
        for names, reason in (
            (
                self.unreadable_passwords,
                gettext("The passwords of these people are stored in a form that cannot be verified:"),
            ),
            (
                self.known_passwords,
                gettext("The passwords of these people are ones that anybody would try; they no longer open anything:"),
            ),
        ):
            if names:
                yield ""
                yield reason
                yield from _listed([shown(name) for name in names])
                command = f"python -m chatapp user passwd NAME --database {database}"
                yield gettext("Set a new one for each of them: {command}").format(command=command)
        if self.ghosts:
            yield ""
            yield ngettext(
                "{n} author without an account is kept by name; nobody can log in as them.",
                "{n} authors without an account are kept by name; nobody can log in as them.",
                self.ghosts,
            ).format(n=f"{self.ghosts:,}")

    def _about_messages(self) -> Iterator[str]:
        if self.rooms:
            yield ""
            yield gettext("Rooms that came along:")
            yield from _listed([shown(room) for room in self.rooms])
        counted = (
            (
                self.untimed,
                ngettext(
                    "The time of {n} message cannot be read: it is that of the message beside it, or of the file.",
                    "The times of {n} messages cannot be read: they are those of messages beside them, or of the file.",
                    self.untimed,
                ),
            ),
            (
                self.unreadable_pictures,
                ngettext(
                    "{n} picture cannot be read: its place says so, and the original data stays in the database.",
                    "{n} pictures cannot be read: their places say so, and the original data stays in the database.",
                    self.unreadable_pictures,
                ),
            ),
            (
                self.removed,
                ngettext(
                    "{n} message was marked as deleted and stays so.",
                    "{n} messages were marked as deleted and stay so.",
                    self.removed,
                ),
            ),
        )
        for count, sentence in counted:
            if count:
                yield ""
                yield sentence.format(n=f"{count:,}")
        if self.aside:
            yield ""
            yield gettext("Other tables of the old program are left to the copy:")
            yield from _listed([shown(table) for table in self.aside])


def _listed(rows: Sequence[str]) -> Iterator[str]:
    for row in rows[:_SHOWN]:
        yield f"  {row}"
    if len(rows) > _SHOWN:
        yield "  " + gettext("and {n} more").format(n=f"{len(rows) - _SHOWN:,}")


def shown(name: str) -> str:
    """Return a foreign name as it can be printed: in quotes, nothing in it moves the cursor or turns the direction."""
    cut = name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}…"
    visible = "".join(
        character if unicodedata.category(character)[0] not in "CZ" or character == " " else _escaped(character)
        for character in cut
    )
    return f'"{visible}"'


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) > 0xFF else f"\\x{ord(character):02x}"
