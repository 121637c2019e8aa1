"""Users of the other program, with or without an account, and the names they get here."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatapp.model import names, normal
from chatapp.model.lookalikes import skeleton
from chatapp.model.refusals import Rejected
from chatapp.store.sqlite.adoption.values import Value, text

NOBODY = "?"  # wrote what names no author
SOMEBODY = "user"  # what the names of people without one begin with
_LONGEST = 1_000  # characters of an old name that are looked at
_ID_LIMIT = 2**31  # ids of people stand in the keys of conversations; larger ones are replaced
_NOT_IN_NAMES = re.compile(r"[/\\]+")


@dataclass(slots=True)
class Account:
    """Somebody of the old program; ``old_id`` and ``old_name`` are as its table says, as text."""

    old_id: str
    old_name: str
    id: int = 0
    name: str = ""
    key: str = ""  # under which nobody else can register


@dataclass(slots=True)
class People:
    """Everybody, and by which names and ids the old tables call them."""

    accounts: list[Account]
    ghosts: list[Account] = field(default_factory=list)  # wrote, or were written to, without an account
    _by_name: dict[str, Account] = field(default_factory=dict)
    _by_id: dict[str, Account] = field(default_factory=dict)
    _by_key: dict[str, Account | None] = field(default_factory=dict)  # None where several have one key

    def __post_init__(self) -> None:
        for account in self.accounts:
            self._by_name.setdefault(account.old_name, account)
            if account.old_id:
                self._by_id.setdefault(account.old_id, account)
            key = _key(account.old_name)
            self._by_key[key] = None if key in self._by_key else account
        _number(self.accounts)

    @property
    def renamed(self) -> list[Account]:
        """Return those with an account who have another name now."""
        return [each for each in self.accounts if _composed(each.old_name) != each.name]

    def named(self, value: Value) -> Account | None:
        """Return the account of a name: the first of exactly that name, or the only one of a spelling of it."""
        name = text(value)
        if value is None:
            return None
        return self._by_name.get(name) or (self._by_key.get(_key(name)) if name.strip() else None)

    def numbered(self, value: Value) -> Account | None:
        """Return the account of an id."""
        return self._by_id.get(text(value).strip())

    def are_ids(self, values: Iterable[Value], *, declared: bool, likely: bool) -> bool:
        """Tell whether a column holds ids: it says so, or all of its values are ids and none is a name.

        ``declared``: it is a foreign key of ids. ``likely``: it is called something like ``user_id``.
        """
        given = [value for value in values if text(value).strip()]
        ids = sum(1 for value in given if self.numbered(value))
        known = sum(1 for value in given if self.named(value))
        if declared or not given:
            return declared
        return not known and (ids == len(given) or (likely and ids > 0))

    def ghost(self, value: Value, *, is_id: bool = False) -> Account:
        """Return the placeholder for an author without an account, by name or id; create it if it is new."""
        name = text(value)
        if is_id and name.strip():
            name = f"{SOMEBODY}-{name.strip()}"
        name = name if name.strip() else NOBODY
        if name not in self._by_name:
            self.ghosts.append(Account("", name))
            self._by_name[name] = self.ghosts[-1]
        return self._by_name[name]

    def settle(self) -> None:
        """Assign ids and names, once all authors without an account are known."""
        for number, ghost in enumerate(self.ghosts, max((each.id for each in self.accounts), default=0) + 1):
            ghost.id = number
        _name(self.accounts, self.ghosts)


def _number(accounts: Sequence[Account]) -> None:
    """Keep ids that are numbers of our kind, all of them or none."""
    ids = [int(each.old_id) if re.fullmatch(r"[0-9]{1,10}", each.old_id) else 0 for each in accounts]
    if len(set(ids)) < len(ids) or not all(0 < each < _ID_LIMIT for each in ids):
        ids = list(range(1, len(ids) + 1))
    for account, number in zip(accounts, ids, strict=True):
        account.id = number


def _name(accounts: Sequence[Account], ghosts: Sequence[Account]) -> None:
    """Keep names where possible; give the others a similar name that is free."""
    taken: set[str] = set()
    keys: Counter[str] = Counter()
    changing: list[Account] = []
    for each in (*accounts, *ghosts):
        name = _kept(each.old_name)
        if name is None or name in taken:
            changing.append(each)
            continue
        taken.add(name)
        each.name, each.key = name, names.key(name)
        if keys[each.key]:  # "An" and "an" were two people in the original program; both keep their own name
            each.key = f"{each.key}\x00{each.id}"
        keys[names.key(name)] += 1
    free = _Free({*keys}, {skeleton(name) for name in taken})
    for each in changing:
        each.name = free.like(each.old_name)
        each.key = names.key(each.name)


def _kept(old: str) -> str | None:
    """Return a name as it may stay; None if it may not."""
    try:
        return names.check(old) if len(old) <= _LONGEST else None
    except Rejected:
        return None


class _Free:
    """Find names that are free and cannot be confused with one that is taken."""

    def __init__(self, keys: set[str], skeletons: set[str]) -> None:
        self._keys = keys
        self._skeletons = skeletons
        self._next: dict[str, int] = {}  # many may have wanted the same name

    def like(self, old: str) -> str:
        """Return a free name as near to an old one as can be, and take it."""
        cleaned = _cleaned(old)
        if cleaned == " ".join(old.split()) and self._take(cleaned):
            return cleaned  # only blanks around it were too many
        for base in filter(None, (cleaned, _plain(cleaned), SOMEBODY)):
            number = self._next.get(base, 2)
            while _kept(candidate := _with(base, number)) and not self._take(candidate):
                number += 1
            self._next[base] = number + 1
            if _kept(candidate):
                return candidate
        raise AssertionError("a plain word and a number are a name")

    def _take(self, name: str) -> bool:
        kept = _kept(name)
        if kept is None or names.key(kept) in self._keys or skeleton(kept) in self._skeletons:
            return False
        self._keys.add(names.key(kept))
        self._skeletons.add(skeleton(kept))
        return True


def _with(base: str, number: int) -> str:
    end = f"-{number}"
    return base[: names.LIMIT - len(end)].strip(" -.") + end


def _composed(name: str) -> str:
    return normal.normalize("NFC", name[:_LONGEST])


def _key(name: str) -> str:
    """Return what the spellings of one name have in common, in foreign text of any size."""
    return names.key(" ".join(name[:_LONGEST].split()))


def _cleaned(old: str) -> str:
    """Return a name without what no name may hold."""
    composed = normal.normalize("NFC", _NOT_IN_NAMES.sub("-", old[:_LONGEST]))
    visible = "".join(
        " " if unicodedata.category(character)[0] == "Z" or character in "\t\n\r" else character
        for character in composed
        if unicodedata.category(character)[0] != "C" or character in "\t\n\r"
    )
    return " ".join(visible.split()).strip(" -.")


def _plain(name: str) -> str:
    """Return the ASCII letters of a name."""
    letters = normal.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D")).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^A-Za-z0-9 ._-]+", " ", letters).split()).strip(" -.")
