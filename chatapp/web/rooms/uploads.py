"""The form of a message, read as it comes in: each picture is stored before the next one is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from aiohttp import web

from chatapp.chat.pictures import too_big
from chatapp.model.people import User
from chatapp.model.pictures import PICTURE_BYTES, PICTURES_LIMIT, Picture
from chatapp.model.refusals import Rejected
from chatapp.web import bodies, forms, keys, parts
from chatapp.web.deadlines import BodyDeadline
from chatapp.web.parts import Part, Parts
from chatapp.web.places import Place

_FIELD_BYTES = 2**20  # of a text field, as in other forms: what is too long for a message still comes back to be cut
_BODY_BYTES = PICTURES_LIMIT * PICTURE_BYTES + 2**20  # past this a request is not even read to its end
_FIELDS = ("content", "key", "author")


@dataclass(slots=True)
class Form:
    """What a form held, as far as it was read. ``refusal`` is the first thing that was wrong with it."""

    content: str = ""
    key: str = ""
    author: str = ""  # the id of the person whose page it is, where the page says so
    pictures: list[Picture] = field(default_factory=list)
    refusal: Rejected | None = None
    taken: bool = False  # a message shows its pictures


async def read(request: web.Request, me: User, place: Place, form: Form) -> None:
    """Read a request into a form. Raise Rejected or HTTPRequestEntityTooLarge."""
    if forms.kind(request).name != forms.MULTIPART:
        fields = await parts.fields(request, bodies.TEXT)
        form.content, form.key, form.author = (fields.get(name, "") for name in _FIELDS)
        return
    with request.app[keys.limits].bodies.turn(me.id) as free:
        if not free:
            raise Rejected("rate_limited.pictures")
        upload = _Upload(request, me, place, form)
        await upload.read()


class _Upload:
    """One form with pictures."""

    def __init__(self, request: web.Request, me: User, place: Place, form: Form) -> None:
        self._app = request.app
        self._me = me
        self._place = place
        self._form = form
        self._parts = Parts(request, _BODY_BYTES, BodyDeadline())

    async def read(self) -> None:
        while (part := await self._parts.next()) is not None:
            if part.name in _FIELDS:
                await self._take_text(part)
            elif part.name == "pictures" and part.filename:
                await self._take_picture(part.filename)
            # All else is passed over.

    async def _take_text(self, part: Part) -> None:
        text = await self._parts.read(_FIELD_BYTES)
        if text is None:
            raise web.HTTPRequestEntityTooLarge(_FIELD_BYTES)
        setattr(self._form, part.name, forms.text(text))

    async def _take_picture(self, name: str) -> None:
        data, form = await self._parts.read(PICTURE_BYTES), self._form
        if form.refusal is None:
            try:
                form.pictures.append(await self._picture(data, name))
            except Rejected as refusal:
                form.refusal = _named(refusal, name)  # the rest is read all the same: the caption may come last

    async def _picture(self, data: bytes | None, name: str) -> Picture:
        if len(self._form.pictures) >= PICTURES_LIMIT:
            raise Rejected("too_many_pictures", limit=PICTURES_LIMIT)
        if data is None:
            raise too_big(name)
        if self._form.key and await self._app[keys.posting].knows(self._me, self._form.key):
            # A retry: it is enough to see that it is the same picture.
            return Picture("", name, 0, 0, 0, 0, hashlib.sha256(data).hexdigest())
        return await self._app[keys.pictures].keep(self._me, self._place.conversation, data, name)


def _named(refusal: Rejected, name: str) -> Rejected:
    """Return a refusal that says which of several pictures it means."""
    named = "name" in refusal.values or not refusal.code.startswith("picture_")
    return refusal if named else refusal.about(name)
