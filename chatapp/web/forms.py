"""Parser for urlencoded forms; anything that browsers do not send is refused with a sentence.

The framework's own reader decodes whatever charset and transfer encoding Python knows, some of them in quadratic time
or into halves of characters, fails in a dozen ways over a broken body, and needs a second for a Content-Type of 8 KB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web
from yarl import query_to_pairs

from chatapp.model.refusals import Rejected
from chatapp.web import bodies
from chatapp.web.bodies import Size

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
CHARSETS = {"", "utf-8", "utf8", "us-ascii", "ascii"}  # browsers post a form in the charset of its page (HTML 4.10.21)
_KIND_LIMIT = 300  # characters of a Content-Type: a type, a charset and a boundary of at most 70 (RFC 2046, 5.1.1)
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)")
_PARAMETER = re.compile(r'\s*;\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_FIELDS = 100  # of one form; ours have up to five


@dataclass(frozen=True, slots=True)
class Kind:
    """What a Content-Type header says: ``name`` in lower case, empty if it cannot be parsed."""

    name: str
    charset: str
    boundary: str

    @classmethod
    def of(cls, header: str) -> Kind:
        """Read a header."""
        found = _TYPE.match(header) if len(header) <= _KIND_LIMIT else None
        if found is None:
            return cls("", "", "")
        given = parameters(header, found.end())
        return cls(found[1].lower(), given.get("charset", "").lower(), given.get("boundary", ""))


def parameters(header: str, at: int) -> dict[str, str]:
    """Return the parameters of a header from an offset up to the first malformed one; names in lower case."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(header, at):
        at = match.end()
        value = match[3] if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        found.setdefault(match[1].lower(), value)
    return found


def unreadable() -> Rejected:
    """Return the refusal of a body that is not a form."""
    return Rejected("form_unreadable")


def kind(request: web.Request) -> Kind:
    """Return what the body of a request claims to be."""
    return Kind.of(request.headers.get("Content-Type", ""))


async def urlencoded(request: web.Request, size: Size) -> dict[str, str]:
    """Return the fields of a form without files, the first of each name. Raise Rejected if the body is not a form."""
    claimed, body = kind(request), await bodies.read(request, size)
    if not body:
        return {}
    if claimed.name not in ("", URLENCODED):
        raise Rejected("not_a_form")
    if not claimed.name or claimed.charset not in CHARSETS:
        raise unreadable()
    found: dict[str, str] = {}
    for name, value in _pairs(text(body)):
        found.setdefault(name, value)
    return found


def _pairs(body: str) -> list[tuple[str, str]]:
    try:
        return query_to_pairs(body.rstrip(), max_fields=_FIELDS)
    except ValueError:
        raise unreadable() from None


def text(data: bytes | bytearray) -> str:
    """Return the text of a field. Raise Rejected."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise unreadable() from None
