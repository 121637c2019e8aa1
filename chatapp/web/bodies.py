"""Memory for form bodies: bounded by form, by person, by address and in total until the request is answered.

Anybody may send half a form and wait. Pictures are not counted here: few uploads run at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import web

from chatapp.model.refusals import Rejected
from chatapp.web import keys
from chatapp.web.deadlines import BodyDeadline
from chatapp.wire.addresses import address_key

READ_BYTES = 2**20  # of one form without files, kept or not; past this it is not read to its end


class Size(NamedTuple):
    """How many bytes of a form are kept, and how many of each of its fields, as they are sent."""

    form: int
    field: int


# A name of 200 characters, a password of 1,024 bytes and an address of 2,000 to go on to, three bytes for each byte.
# A longer field is cut, and still longer than any may be: so its form says what is wrong with it.
SMALL = Size(16 * 2**10, 8 * 2**10)
TEXT = Size(READ_BYTES, READ_BYTES)  # a message that is too long comes back whole, to be cut by its author


def keep(request: web.Request, count: int) -> None:
    """Count more bytes as kept until the request ends. Raise Rejected when that is too much."""
    address, session = address_key(request.remote), request.get(keys.session)
    person = session.user.id if session else f"stranger at {address}"
    person, address, before = request.get(keys.kept, (person, address, 0))
    request[keys.kept] = person, address, before + count
    if not request.app[keys.limits].forms.count(person, address, count):
        raise Rejected("busy.forms")


def release(request: web.Request) -> None:
    """Release what is counted for a request."""
    person, address, count = request.get(keys.kept, (None, "", 0))
    if count:
        request.app[keys.limits].forms.count(person, address, -count)


async def read(request: web.Request, size: Size) -> bytes:
    """Return an urlencoded body, long fields cut. Raise Rejected, HTTPRequestEntityTooLarge."""
    kept, field = bytearray(), 0
    async for piece in _pieces(request):
        before = len(kept)
        for number, part in enumerate(piece.split(b"&")):
            if number:
                kept += b"&"
                field = 0
            kept += part[: size.field - field]
            field = min(size.field, field + len(part))
            if len(kept) > size.form:
                raise web.HTTPRequestEntityTooLarge(size.form, len(kept))
        keep(request, len(kept) - before)
    return bytes(kept)


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    deadline, count = BodyDeadline(), 0
    while piece := await deadline.wait(request.content.readany()):
        count += len(piece)
        if count > READ_BYTES:
            raise web.HTTPRequestEntityTooLarge(READ_BYTES, count)
        yield piece
