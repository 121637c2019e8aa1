"""Reading form bodies with bounded memory: per form, per person, per address and in total, until the response.

A client may send half a form and stall. Pictures are not counted here: few uploads run at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import web

from chatapp.model.refusals import Rejected
from chatapp.web import keys
from chatapp.web.deadlines import BodyDeadline
from chatapp.wire.addresses import address_key

READ_BYTES = 2**20  # of a form without files, discarded ones included; a longer one is not read to its end


class Size(NamedTuple):
    """Limits on the bytes kept, as sent: of a whole form, and of each field."""

    form: int
    field: int


# Room for a username of 200 characters, a password of 1,024 bytes and a redirect URL of 2,000, all percent-encoded.
# A longer field is truncated, but stays over every limit, so that validation still reports it.
SMALL = Size(16 * 2**10, 8 * 2**10)
TEXT = Size(READ_BYTES, READ_BYTES)  # a message that is too long is returned in full, for its author to shorten


def keep(request: web.Request, count: int) -> None:
    """Count bytes as held until the request ends. Raise Rejected if that exceeds a limit."""
    address, session = address_key(request.remote), request.get(keys.session)
    person = session.user.id if session else f"stranger at {address}"
    person, address, before = request.get(keys.kept, (person, address, 0))
    request[keys.kept] = person, address, before + count
    if not request.app[keys.limits].forms.count(person, address, count):
        raise Rejected("busy.forms")


def release(request: web.Request) -> None:
    """Release the bytes counted for a request."""
    person, address, count = request.get(keys.kept, (None, "", 0))
    if count:
        request.app[keys.limits].forms.count(person, address, -count)


async def read(request: web.Request, size: Size) -> bytes:
    """Return a URL-encoded body with long fields truncated. Raise Rejected, HTTPRequestEntityTooLarge."""
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
