"""Rooms of another program: matched to ours by name, or created."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from chatapp.model import names, normal
from chatapp.store.sqlite.adoption.values import Value, text

DEFAULT = ("general", "tech", "game")
# What the original program may have stored as the room of a message, in either language.
_KNOWN = {
    "general": "general",
    "phòng chung": "general",
    "phong chung": "general",
    "chung": "general",
    "tech": "tech",
    "phòng công nghệ": "tech",
    "phong cong nghe": "tech",
    "công nghệ": "tech",
    "game": "game",
    "phòng game": "game",
    "phong game": "game",
}
_SLUG_LIMIT = 40  # characters of a room's id, which is part of addresses
_NAME_LIMIT = 100  # characters of a room's name, which stands in lists
_LONGEST = 1_000  # characters of an old name that are looked at


@dataclass(slots=True)
class Rooms:
    """Find the room that an old table means, and make those that we do not have."""

    by_number: dict[str, str] = field(default_factory=dict)  # names of the old program's own table, by its ids
    made: dict[str, str] = field(default_factory=dict)  # id to name of rooms that only the old program had
    _ids: dict[str, str] = field(default_factory=lambda: dict(_KNOWN))  # by folded name

    def title(self, value: Value) -> str:
        """Return the name of the room that a column's value means, as text."""
        name = text(value)[:_LONGEST]
        known = {_folded(each) for each in self.by_number.values()}
        return name if _folded(name) in known else self.by_number.get(name.strip(), name)

    def make(self, titles: set[str]) -> None:
        """Make a room for each name that we do not know, in an order that no chance decides."""
        for title in sorted(titles):
            folded = _folded(title)
            if folded and folded not in self._ids:
                self._ids[folded] = slug = _slug(folded, set(self._ids.values()))
                self.made[slug] = _shown(title) or slug

    def id(self, title: str) -> str:
        """Return the id of a room that was made, or is one of ours; without a name it is the general one."""
        return self._ids.get(_folded(title), DEFAULT[0])


def _folded(title: str) -> str:
    return names.key(title.strip()).strip(" #")


def _shown(title: str) -> str:
    visible = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in title)
    return " ".join(normal.normalize("NFC", visible).split())[:_NAME_LIMIT].strip()


def _slug(folded: str, taken: set[str]) -> str:
    """Return an id for a room that can be read in its address: ``am-nhac`` for "Âm nhạc"."""
    letters = normal.normalize("NFKD", folded.replace("đ", "d")).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG_LIMIT].strip("-") or "room"
    number, free = 2, slug
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    return free
