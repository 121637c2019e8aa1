"""Messages of another program: id, conversation, author and time of each, before it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chatapp.store.sqlite.adoption import times
from chatapp.store.sqlite.adoption.columns import Meaning, folded
from chatapp.store.sqlite.adoption.people import Account, People
from chatapp.store.sqlite.adoption.reading import Old, Row, is_blank
from chatapp.store.sqlite.adoption.rooms import Rooms
from chatapp.store.sqlite.adoption.values import Value, is_true, text

# Ids above are replaced: below any number of the clock that orders messages, so that new ones follow the old.
_ID_LIMIT = 2**50
_EVERYBODY = frozenset({"", "all", "everyone", "everybody", "public", "group", "room", "general", "broadcast", "tatca"})
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_REMOVED = frozenset(
    {"deleted", "removed", "softdeleted", "recalled", "unsent", "xoa", "daxoa", "daxoatinnhan", "dathuhoi"}
)
_NO_TIME = datetime(1970, 1, 2, tzinfo=UTC)  # the zero of clocks, in whatever time zone, stands for no time

Values = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it is to be stored, but for its words."""

    row: Row
    id: int
    at: datetime
    author: Account
    room: str | None  # a room's id; None for a direct message
    receiver: Account | None
    removed: bool


@dataclass(slots=True)
class Talk:
    """The messages of one table: looked through once for everybody and everything they name, then told one by one."""

    old: Old
    meaning: Meaning | None
    private: bool
    people: People
    rooms: Rooms
    ids: list[int] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    unread: int = 0  # times that cannot be read
    _who: dict[tuple[str, Values], Account | None] = field(default_factory=dict)
    _titles: dict[Value, str] = field(default_factory=dict)
    _reads: list[times.Read] = field(default_factory=list)

    def look_through(self) -> None:
        """Note everybody and every room that is named, and the numbers and the times of all messages."""
        numbers: list[Value] = []
        moments: list[Values] = []
        named: dict[tuple[str, Values], None] = {}
        for row in self.old.rows(self.meaning):
            numbers.append(row.first("id"))
            moments.append(row.all("time"))
            for use in ("sender", "receiver"):
                named[use, row.all(use)] = None
            if not self.private:
                self._titles.setdefault(row.first("room"), "")
        for value in self._titles:
            self._titles[value] = self.rooms.title(value)
        self._note_people(list(named))
        american = times.month_first(value for values in moments for value in values)
        self._reads = [times.joined([times.read(value, american) for value in values]) for values in moments]
        self._number(numbers)

    @property
    def titles(self) -> set[str]:
        """Return the names of all rooms in which something was said."""
        return {*self._titles.values()}

    def date(self, otherwise: datetime) -> None:
        """Give every message its moment; ``otherwise`` is for a table in which no time can be read at all."""
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        found, self.unread = times.filled([self._reads[place] for place in order], otherwise)
        self.moments = [otherwise] * len(order)
        for place, moment in zip(order, found, strict=True):
            self.moments[place] = moment
        self._reads = []

    @property
    def latest(self) -> datetime | None:
        """Return the latest moment that can be read."""
        return max((each.moment for each in self._reads if each.moment), default=None)

    def shift(self, above: int) -> None:
        """Number all messages above a number."""
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        for rank, place in enumerate(order, above + 1):
            self.ids[place] = rank

    @property
    def has_directs(self) -> bool:
        """Tell whether some of these messages were for one person alone."""
        return any(use == "receiver" and account is not None for (use, _), account in self._who.items())

    def said(self) -> Iterator[Said]:
        """Yield every message in the order of its table."""
        for row, number, moment in zip(self.old.rows(self.meaning), self.ids, self.moments, strict=True):
            author = self._who["sender", row.all("sender")]
            receiver = self._who["receiver", row.all("receiver")]
            assert author is not None, "nobody has an account of their own"
            room = None if receiver else self.rooms.id(self._titles[row.first("room")])
            yield Said(row, number, moment, author, room, receiver, _is_removed(row))

    def _note_people(self, named: list[tuple[str, Values]]) -> None:
        """Find out whom each combination of names and ids means."""
        if self.meaning is None:
            return
        columns = {use: self.meaning.uses[use] for use in ("sender", "receiver")}
        ids = {
            (use, place): self._are_ids(column, [values[place] for each, values in named if each == use])
            for use, found in columns.items()
            for place, column in enumerate(found)
        }
        for use, values in named:
            self._who[use, values] = self._meant(use, values, [ids[use, place] for place in range(len(values))])

    def _are_ids(self, column: str, values: Sequence[Value]) -> bool:
        assert self.meaning is not None, "a column belongs to a table"
        users = self.old.users
        table, other = self.meaning.table.points.get(column, ("", ""))
        points = table.lower() == users.table.name.lower()
        declared = points and other.lower() in ("", *(name.lower() for name in users.uses["id"]))
        named = points and other.lower() in (name.lower() for name in users.uses["name"])
        return not named and self.people.are_ids(values, declared=declared, likely=folded(column).endswith("id"))

    def _meant(self, use: str, values: Values, ids: Sequence[bool]) -> Account | None:
        for value, is_id in zip(values, ids, strict=True):
            found = self.people.numbered(value) if is_id else self.people.named(value)
            if found:
                return found
        said = next(((value, is_id) for value, is_id in zip(values, ids, strict=True) if not is_blank(value)), None)
        if use == "receiver" and not self.private and (said is None or folded(text(said[0])) in _EVERYBODY):
            return None
        value, is_id = said or (None, False)
        return self.people.ghost(value, is_id=is_id)

    def _number(self, numbers: list[Value]) -> None:
        """Keep the numbers of messages that are numbers of our kind; else count them in the order they came in."""
        whole = [int(words) if _WHOLE.fullmatch(words := text(value).strip()) else None for value in numbers]
        known = [each for each in whole if each is not None]
        self.ids = list(range(1, len(numbers) + 1))
        if len(known) == len({*known}) == len(numbers):
            if all(0 < each < _ID_LIMIT for each in known):
                self.ids = known
                return
            order = sorted(range(len(known)), key=known.__getitem__)
        elif self.meaning and self.meaning.table.order in ("rowid", "_rowid_", "oid"):
            return
        else:  # by names that tell no order, such as UUIDs
            filled, _ = times.filled(self._reads, _ANY_TIME)
            order = sorted(range(len(numbers)), key=filled.__getitem__)
        for rank, place in enumerate(order, 1):
            self.ids[place] = rank


def _is_removed(row: Row) -> bool:
    """Tell whether the old program no longer showed a message."""
    return any(says_removed(value) for value in row.all("removed"))


def says_removed(value: Value) -> bool:
    """Tell whether a column for it says that a message was removed: by a flag, a word, or the time when it was."""
    if is_true(value) or folded(text(value)) in _REMOVED:
        return True
    moment = times.read(value).moment
    return moment is not None and moment > _NO_TIME
