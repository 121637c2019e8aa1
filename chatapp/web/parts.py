"""Streaming parser for multipart/form-data (RFC 7578); every piece is bounded.

Not with the framework's reader: anybody could hold the server for seconds with empty lines before the first part, or
with a head of 8 KB that names a part.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from aiohttp import web

from chatapp.model.refusals import Rejected
from chatapp.web import bodies, forms
from chatapp.web.bodies import SMALL, Size
from chatapp.web.deadlines import BodyDeadline

PARTS = 30  # of one form, useful or not: pictures, text fields, and the files that other inputs may bring
FIELDS_BYTES = bodies.READ_BYTES  # of a form whose files nobody wants, as of one without parts
_HEAD_BYTES = 4096  # of a part: a name, a file name of at most 255 characters, a type
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")  # RFC 2046, 5.1.1, and what it does not allow but nobody minds
# As browsers write it: a quotation mark becomes %22, and a backslash escapes nothing.
_NAMED = re.compile(r'form-data; name="([^"]*)"(?:; filename="([^"]*)")?')
_NAMES = ("name", "filename")
_ENCODINGS = ("content-transfer-encoding", "content-encoding")  # RFC 7578, 4.7 and 4.8: no part should have one
_PLAIN = {"", "binary", "8bit", "7bit", "identity"}  # those that change nothing


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form, or one of its files."""

    name: str
    filename: str | None  # None: no file

    @classmethod
    def of(cls, head: str) -> Part:
        """Read the head of a part. Raise Rejected for content that cannot be parsed."""
        lines = (line.partition(":") for line in head.split("\r\n"))
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        kind = forms.Kind.of(headers.get("content-type", ""))
        name, filename = _names(headers.get("content-disposition", ""))
        nested, foreign = kind.name.startswith("multipart/"), filename is None and kind.charset not in forms.CHARSETS
        plain = all(headers.get(header, "").lower() in _PLAIN for header in _ENCODINGS)
        if nested or foreign or not plain:
            raise forms.unreadable()
        return cls(name, filename)


def _names(disposition: str) -> tuple[str, str | None]:
    """Return the names of a field, empty if it has none, and of its file."""
    if match := _NAMED.fullmatch(disposition):
        return match[1], match[2] and match[2].replace("%22", '"')
    given = forms.parameters(disposition, len(disposition.partition(";")[0]))
    extended = {name: given[f"{name}*"].partition("'")[2].partition("'")[2] for name in _NAMES if f"{name}*" in given}
    given |= {name: unquote(value) for name, value in extended.items()}  # RFC 5987, of which only UTF-8 is left
    return given.get("name", ""), given.get("filename")


class Parts:
    """The parts of a form, one after the other."""

    def __init__(self, request: web.Request, limit: int, deadline: BodyDeadline) -> None:
        """Read a body of at most ``limit`` bytes. Raise Rejected if it is not multipart."""
        kind = forms.kind(request)
        if kind.name != forms.MULTIPART or not _BOUNDARY.fullmatch(kind.boundary):
            raise forms.unreadable()
        self._content = request.content
        self._limit = limit
        self._deadline = deadline
        self._mark = b"\r\n--" + kind.boundary.encode()
        self._rest = bytearray(b"\r\n")  # so that the first mark is found like all others
        self._size = self._count = 0
        self._within = True  # before the first mark there may be words for those who do not know what parts are

    async def next(self) -> Part | None:
        """Return the next part, None after the last. Raise Rejected; HTTPRequestEntityTooLarge past the limit."""
        if self._within:
            async for _ in self._pieces():
                pass
        while len(self._rest) < 2:
            await self._more()
        if self._rest.startswith(b"--"):
            return None
        self._count += 1
        if self._count > PARTS:
            raise Rejected("too_many_parts")
        self._within = True
        return Part.of((await self._head()).decode("utf-8", "replace"))

    async def read(self, limit: int, keep: Callable[[int], None] | None = None) -> bytes | None:
        """Return the bytes of the part that came last, None if there are more than ``limit``. Raise as ``next``.

        ``keep`` is told how many bytes are kept, as they come in; with it, more are HTTPRequestEntityTooLarge at once.
        """
        data, whole = bytearray(), True
        async for piece in self._pieces():
            whole = whole and len(data) + len(piece) <= limit
            if whole:
                data += piece
            if keep is not None:
                if not whole:
                    raise web.HTTPRequestEntityTooLarge(limit)
                keep(len(piece))
        return bytes(data) if whole else None

    async def _head(self) -> bytes:
        """Return the lines between a mark and the content, without those around them."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > _HEAD_BYTES:
                raise forms.unreadable()
            await self._more()
        padding, _, head = bytes(self._rest[: end + 2]).partition(b"\r\n")
        if end > _HEAD_BYTES or padding.strip(b" \t"):
            raise forms.unreadable()
        del self._rest[: end + 4]
        return head

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Yield what comes before the next mark, and step over that."""
        keep = len(self._mark) - 1  # bytes that may be the beginning of it
        while (end := self._rest.find(self._mark)) < 0:
            if len(self._rest) > keep:
                piece = bytes(self._rest[:-keep])
                del self._rest[:-keep]
                yield piece
            await self._more()
        piece = bytes(self._rest[:end])
        del self._rest[: end + len(self._mark)]
        self._within = False
        yield piece

    async def _more(self) -> None:
        chunk = await self._deadline.wait(self._content.readany())
        if not chunk:
            raise forms.unreadable()  # it ends in the middle
        self._size += len(chunk)
        self._deadline.came(len(chunk))
        if self._size > self._limit:
            raise web.HTTPRequestEntityTooLarge(self._limit, self._size)
        self._rest += chunk


async def fields(request: web.Request, size: Size = SMALL) -> dict[str, str]:
    """Return the text fields of a form of either kind, the first of each name. Raise Rejected if it is not a form."""
    if forms.kind(request).name != forms.MULTIPART:
        return await forms.urlencoded(request, size)
    found: dict[str, str] = {}
    parts, left = Parts(request, FIELDS_BYTES, BodyDeadline()), size.form
    while (part := await parts.next()) is not None:
        if part.filename is not None:
            await parts.read(0)
            continue
        data = await parts.read(left, partial(bodies.keep, request)) or b""
        left -= len(data)
        found.setdefault(part.name, forms.text(data))
    return found
