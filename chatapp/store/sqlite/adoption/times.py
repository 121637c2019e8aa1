"""Moments as programs write them: numbers of many units, dates in many orders, or a time of day alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

from chatapp.store.sqlite.adoption.values import Value, text

_YEARS = range(1970, 9999)  # of a believable moment, which can also be shown in any time zone
_LONGEST = 100  # characters; JavaScript's Date.toString() takes about 60
_NUMBER = re.compile(r"[0-9]{7,20}(\.[0-9]+)?")
# Seconds since 1970 have nine or ten digits; each finer unit has three more. The last that is below is meant.
_UNITS = ((10**8, 1), (10**11, 10**3), (10**14, 10**6), (10**17, 10**9))
_JULIAN = (2_440_588, 2_500_000)  # days since noon of 24 November 4714 BC, as SQLite's julianday() gives them
_JULIAN_1970 = 2_440_587.5
_COMPACT = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])(?:T?([01]\d|2[0-3])([0-5]\d)([0-5]\d)Z?)?")

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_ZONE = (
    r"(?:\s*(?:(?:Z|UTC|GMT)(?![a-z]))?\s*(?P<sign>[+-])(?P<zh>[01]\d)(?::?(?P<zm>[0-5]\d))?"
    r"|\s*(?P<zulu>Z|UTC|GMT)(?![a-z]))?"
)
_CLOCK = re.compile(
    r"(?<!\d)(?P<h>\d{1,2})\s?[:h]\s?(?P<m>[0-5]\d)(?:[:.](?P<s>[0-5]\d|60)(?:[.,:](?P<f>\d{1,9}))?)?(?!\d)"
    rf"(?:\s*(?P<half>[ap]\.?m\.?|sa|ch)\b)?{_ZONE}",
    re.IGNORECASE,
)
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<y>\d{4})\s?[-/._]\s?(?P<mo>\d{1,2})\s?[-/._]\s?(?P<d>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<a>\d{1,2})\s?[-/._]\s?(?P<b>\d{1,2})\s?[-/._]\s?(?P<y>\d{4}|\d\d)(?!\d)",
        rf"\b{_MONTH}\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})(?!\d)",
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s-]*{_MONTH}[\s,-]*(?P<y>\d{{4}})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2})\s*tháng\s*(?P<mo>\d{1,2}),?\s*(?:năm)?\s*(?P<y>\d{4})(?!\d)",
        rf"\b{_MONTH}\s*(?P<d>\d{{1,2}})\b(?P<ctime>.*?)\s(?P<y>\d{{4}})$",  # what stands between is looked at again
    )
)
_FILLING = re.compile(
    r"\([^)]*\)|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|\bt(?:hứ)?\s?(?:hai|ba|tư|năm|sáu|bảy|[2-7])\b"
    r"|\bchủ nhật\b|\bcn\b"
    r"|\b(?:at|on|lúc|ngày|vào|giờ|time|date|t|utc|gmt|ict)\b|[\s,.;|@T\"'\[\]-]",
    re.IGNORECASE,
)
_HALF_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a value: a moment in UTC, or a date, or a time of day alone, or nothing."""

    moment: datetime | None = None
    clock: time | None = None
    bare: bool = False  # a date without a time of day


NOTHING = Read()


def shape(words: str) -> str:
    """Return what the dates of one program have in common: digits, and words, do not count."""
    return re.sub(r"[^\W\d]+", "a", re.sub(r"\d", "0", re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", words)))


def month_first(values: Iterable[Value]) -> frozenset[str]:
    """Return the shapes whose dates begin with the month: some can only be read so, and none only the other way."""
    american: Counter[str] = Counter()
    for value in values:
        words = text(value).strip()[:_LONGEST]
        if found := _DATES[1].search(words):
            first, second = int(found["a"]), int(found["b"])
            if (first > 12) != (second > 12):
                american[shape(words)] += 1 if second > 12 else -(10**9)
    return frozenset(words for words, weight in american.items() if weight > 0)


def read(value: Value, american: frozenset[str] = frozenset()) -> Read:
    """Read a value of a column of times. Times without a zone are UTC, as SQLite's own are."""
    words = text(value).strip()
    if not words or len(words) > _LONGEST:
        return NOTHING
    try:
        if _NUMBER.fullmatch(words) or _COMPACT.fullmatch(words):
            return _believed(_number(words))
        return _words(words, american)
    except (ValueError, OverflowError, OSError):
        return NOTHING


def _believed(moment: datetime | None, bare: bool = False) -> Read:
    if moment is None:
        return NOTHING
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Read(moment, bare=bare) if moment.year in _YEARS else NOTHING


def _number(words: str) -> datetime | None:
    if compact := _COMPACT.fullmatch(words):
        return datetime.strptime("".join(compact.groups("00")), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    value = float(words)
    if _JULIAN[0] <= value < _JULIAN[1]:
        return datetime.fromtimestamp(round((value - _JULIAN_1970) * 86_400, 3), UTC)
    unit = next((unit for least, unit in reversed(_UNITS) if value >= least), None)
    if unit is None:
        return None
    whole, _, fraction = words.partition(".")
    seconds, rest = divmod(int(whole), unit)  # whole numbers: a float of nanoseconds is not exact
    micros = rest * 10**6 // unit if rest else int(float(f"0.{fraction or 0}") * 10**6) if unit == 1 else 0
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)


def _words(words: str, american: frozenset[str]) -> Read:
    rest = words
    found = next((match for pattern in _DATES if (match := pattern.search(words))), None)
    day = None
    if found:
        day = _date(found, words, american)
        between = found.groupdict().get("ctime") or ""
        rest = f"{words[: found.start()]} {between} {words[found.end() :]}"
    clock = _CLOCK.search(rest)
    if clock:
        rest = f"{rest[: clock.start()]} {rest[clock.end() :]}"
    if _FILLING.sub("", rest) or (day is None and clock is None):
        return NOTHING  # there is other text, so this is not a time
    at = _time(clock) if clock else time()
    if day is None:
        return Read(clock=at.replace(tzinfo=None))
    return _believed(datetime.combine(day, at), bare=clock is None)


def _date(found: re.Match[str], words: str, american: frozenset[str]) -> date:
    part = found.groupdict()
    year = int(part["y"])
    if len(part["y"]) == 2:
        year += 2000 if year < 70 else 1900
    if part.get("month"):
        return date(year, _MONTHS[part["month"].lower()], int(part["d"]))
    if "a" not in part:
        return date(year, int(part["mo"]), int(part["d"]))
    day, month = int(part["a"]), int(part["b"])  # as in Vietnam, and most of the world
    if month > 12 or (day <= 12 and shape(words) in american):
        day, month = month, day
    return date(year, month, day)


def _time(clock: re.Match[str]) -> time:
    hour, half = int(clock["h"]), (clock["half"] or "").lower()[:1]
    if half:
        hour = hour % 12 + (12 if half in "pc" else 0) if hour <= 12 else hour
    zone = UTC if clock["zulu"] else None
    if clock["sign"]:
        distance = timedelta(hours=int(clock["zh"]), minutes=int(clock["zm"] or 0))
        zone = timezone(distance if clock["sign"] == "+" else -distance)
    second = min(int(clock["s"] or 0), 59)  # a leap second
    return time(hour, int(clock["m"]), second, int((clock["f"] or "0").ljust(6, "0")[:6]), tzinfo=zone)


def joined(reads: Sequence[Read]) -> Read:
    """Return what the columns of one row say together: a date in one, the time of day in another."""
    whole = next((each for each in reads if each.moment and not each.bare), None)
    day = next((each.moment for each in reads if each.moment), None)
    at = next((each.clock for each in reads if each.clock), None)
    if whole is None and day is not None and at is not None:
        return Read(datetime.combine(day.date(), at, UTC))
    return whole or (Read(day, bare=True) if day else Read(clock=at))


def filled(reads: Sequence[Read], otherwise: datetime) -> tuple[list[datetime], int]:
    """Give every row a moment, in the order of rows; return them, and how many could not be read.

    An unreadable time is taken from the row before, or else from the next readable one; a bare time of day is on the
    day of the row before, or on the next day if it would be half a day earlier.
    """
    last = next((each.moment for each in reads if each.moment), otherwise)
    found: list[datetime] = []
    unread = 0
    for each in reads:
        if each.moment:
            last = each.moment
        elif each.clock:
            moment = datetime.combine(last.date(), each.clock, UTC)
            last = moment + timedelta(days=1) if found and last - moment > _HALF_DAY else moment
        else:
            unread += 1
        found.append(last)
    return found, unread


def are_in_order(moments: Sequence[datetime]) -> bool:
    """Tell whether no moment is before the one before it."""
    return all(one <= other for one, other in pairwise(moments))
