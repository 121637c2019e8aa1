"""Language and time zone of the current request: choosing them, translating, formatting dates."""

from __future__ import annotations

import gettext as catalogs
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from chatapp.model.refusals import N_, OF_ONE, Rejected

LANGUAGES: Final = ("vi", "en")
NATIVE_NAMES: Final = {"vi": "Tiếng Việt", "en": "English"}  # each in its own language, for its speakers
SOURCE: Final = "en"  # the language of the sentences in code and templates
LOCALE = Path(__file__).parents[1] / "locale"

current: ContextVar[str] = ContextVar("language", default=SOURCE)
zone: ContextVar[str] = ContextVar("zone", default="UTC")

_NEAR_DAYS = (N_("Today"), N_("Yesterday"))
_WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
_MONTHS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)


def choose(accept_language: str | None, preferred: str | None, default: str | None) -> str:
    """Return the language of an answer: the person's choice, else the browser's, the operator's, or English."""
    if preferred in LANGUAGES:
        return preferred
    for tag in _by_preference(accept_language or ""):
        if tag in LANGUAGES:
            return tag
    return default if default in LANGUAGES else SOURCE


def _by_preference(header: str) -> list[str]:
    """Return the primary tags of an Accept-Language header (RFC 9110, 12.5.4), most preferred first."""
    wanted = []
    for item in header[:1000].split(","):
        tag, _, weight = item.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if quality > 0:
            wanted.append((quality, tag.strip().partition("-")[0].lower()))
    return [tag for _, tag in sorted(wanted, key=lambda pair: -pair[0])]


@cache
def _catalog(language: str) -> catalogs.NullTranslations:
    if language == SOURCE:
        return catalogs.NullTranslations()
    return catalogs.translation("chatapp", LOCALE, languages=[language])


def gettext(text: str) -> str:
    """Translate an English sentence into the current language."""
    return _catalog(current.get()).gettext(text)


def ngettext(one: str, many: str, n: int) -> str:
    """Translate the sentence that fits the number ``n`` into the current language."""
    return _catalog(current.get()).ngettext(one, many, n)


def explain(refusal: Rejected, **more: str) -> str:
    """Return the sentence of a refusal in the current language, with its values and ``more`` filled in."""
    why = gettext(refusal.reason).format(**more, **refusal.values)
    return why if refusal.subject is None else gettext(OF_ONE).format(name=refusal.subject, why=why)


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Make ``language`` the current one inside the block."""
    token = current.set(language)
    try:
        yield
    finally:
        current.reset(token)


@lru_cache(maxsize=256)
def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name. Names come from browsers: UTC if there is no such zone."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no such zone, no zone data on this machine, or not a name
        return UTC


def local(moment: str) -> datetime:
    """Return an ISO 8601 moment in the current time zone."""
    return datetime.fromisoformat(moment).astimezone(time_zone(zone.get()))


def day_name(day: date, today: date) -> str:
    """Return the name of a day in the current language, in the words of browsers (ICU)."""
    distance = (today - day).days
    if 0 <= distance < len(_NEAR_DAYS):
        return gettext(_NEAR_DAYS[distance])
    this_year, other_year = gettext("{weekday}, {month} {day}"), gettext("{weekday}, {month} {day}, {year}")
    return (this_year if day.year == today.year else other_year).format(
        weekday=gettext(_WEEKDAYS[day.weekday()]), month=gettext(_MONTHS[day.month - 1]), day=day.day, year=day.year
    )
