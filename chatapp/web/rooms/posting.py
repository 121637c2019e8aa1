"""Sending by form: text, pictures, or both; answered when the message is on disk."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.model.pictures import PICTURE_BYTES, PICTURES_LIMIT, Picture
from chatapp.model.refusals import Rejected
from chatapp.store import Busy, Unwritable
from chatapp.web import bodies, forms, keys, pages, parts, places, redirects, refusals, sessions
from chatapp.web.parts import Part, Parts
from chatapp.web.patience import Patience
from chatapp.web.places import Place
from chatapp.web.rooms import conversations

_FIELD_BYTES = 2**20  # of a text field, as in other forms: what is too long for a message still comes back to be cut
_BODY_BYTES = PICTURES_LIMIT * PICTURE_BYTES + 2**20  # past this a request is not even read to its end
# What a browser calls a file is a guess by its name, or nothing: the bytes decide.
_DATA_URL = re.compile(
    r"data:(image/[a-z0-9.+-]{1,40}|application/octet-stream|)(;[a-z0-9=.+-]{1,40}){0,3};base64,", re.IGNORECASE
)
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


async def post(request: web.Request) -> web.StreamResponse:
    """Post a message and answer once it is saved; nothing typed is lost when it is refused."""
    form = Form()
    try:
        return await _post(request, form)
    finally:
        if form.pictures and not form.taken:  # it was refused, or the line broke in the middle of it
            with suppress(Busy, Unwritable):  # then the sweep of orphans finds them
                await request.app[keys.store].pictures.discard(picture.id for picture in form.pictures)


async def _post(request: web.Request, form: Form) -> web.StreamResponse:
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    try:
        await _read(request, me, place, form)
        if form.refusal is not None:
            raise form.refusal
        if not await sessions.is_open(request, sessions.mine(request).id):
            return refusals.log_in_first(request)  # ended while a slow upload came in
        if form.author not in ("", str(me.id)):
            raise Rejected("other_person", name=me.username)
        check_reader(place)
        draft = Draft.parse(form.content, form.key or secrets.token_urlsafe(16), tuple(form.pictures))
        take_turn(request, me)
        entry, again = await request.app[keys.messaging].post(me, place.conversation, draft, place.person)
        form.taken = not again
        if not await entry.saved:
            raise Rejected("storage")
    except Rejected as refusal:
        return await _refuse(request, place, form, refusal)
    if pages.wants_json(request):
        return web.json_response({"key": draft.key, "id": entry.message.id})
    return redirects.to(request, await conversations.way_to(request, place, entry.message.id))


def check_reader(place: Place) -> None:
    """Raise Rejected where there is nobody any more to read a message."""
    if place.person is not None and place.person.left:
        raise Rejected("left")


def take_turn(asker: keys.Asker, me: User) -> None:
    """Count one message of a person. Raise Rejected when there were too many."""
    wait = asker.app[keys.limits].messages.take(me.id)
    if wait:
        raise Rejected("rate_limited", retry_after=round(wait + 0.05, 2))


async def _refuse(request: web.Request, place: Place, form: Form, refusal: Rejected) -> web.StreamResponse:
    if pages.wants_json(request):
        return refusals.answer(request, refusal)
    return await conversations.open_at_unread(
        request, place, content=form.content, error=refusals.advise(refusal), status=refusal.status
    )


async def _read(request: web.Request, me: User, place: Place, form: Form) -> None:
    if forms.kind(request).name != forms.MULTIPART:
        fields = await parts.fields(request, bodies.TEXT)
        form.content, form.key, form.author = (fields.get(name, "") for name in _FIELDS)
        return
    with request.app[keys.limits].bodies.turn(me.id) as free:
        if not free:
            raise Rejected("rate_limited.pictures")
        await _read_parts(request, me, place, form)


async def _read_parts(request: web.Request, me: User, place: Place, form: Form) -> None:
    parts = Parts(request, _BODY_BYTES, Patience())
    while (part := await parts.next()) is not None:
        await _take(request, me, place, form, parts, part)


async def _take(  # noqa: PLR0913 - a part, and what becomes of it
    request: web.Request, me: User, place: Place, form: Form, parts: Parts, part: Part
) -> None:
    if part.name in _FIELDS:
        text = await parts.read(_FIELD_BYTES)
        if text is None:
            raise web.HTTPRequestEntityTooLarge(_FIELD_BYTES)
        setattr(form, part.name, forms.text(text))
        return
    if part.name != "pictures" or not part.filename:
        return  # it is passed over
    data = await parts.read(PICTURE_BYTES)
    if form.refusal is None:
        try:
            form.pictures.append(await _picture(request, me, place, form, data, part.filename))
        except Rejected as refusal:
            form.refusal = _named(refusal, part.filename)  # the rest is read all the same: the caption may come last


def _named(refusal: Rejected, name: str) -> Rejected:
    """Return a refusal that says which of several pictures it means."""
    named = "name" in refusal.values or not refusal.code.startswith("picture_")
    return refusal if named else refusal.about(name)


async def _picture(  # noqa: PLR0913 - one picture and where it belongs
    request: web.Request, me: User, place: Place, form: Form, data: bytes | None, name: str
) -> Picture:
    if len(form.pictures) >= PICTURES_LIMIT:
        raise Rejected("too_many_pictures", limit=PICTURES_LIMIT)
    if data is None:
        raise too_big(name)
    if form.key and await request.app[keys.messaging].knows(me.id, form.key):
        # A retry: it is enough to see that it is the same picture.
        return Picture("", name, 0, 0, 0, 0, hashlib.sha256(data).hexdigest())
    return await keep_picture(request, me, place, data, name)


async def keep_picture(asker: keys.Asker, me: User, place: Place, data: bytes, name: str) -> Picture:
    """Check, re-encode and store a picture that its person may now post. Raise Rejected."""
    wait = asker.app[keys.limits].uploads.take(me.id)
    if wait:
        raise Rejected("rate_limited.pictures", retry_after=round(wait + 0.5, 1))
    asker.app[keys.messaging].refuse_when_unable()  # a picture whose message is refused would stay behind
    _check_room(asker)
    prepared = await asker.app[keys.images].prepare(data, name, me.id)
    if asker.app[keys.limits].upload_bytes.take(me.id, len(prepared.data) + len(prepared.thumb)):
        raise Rejected("upload_quota", limit=asker.app[keys.settings].upload_megabytes)
    try:
        return await asker.app[keys.store].pictures.add(me.id, place.conversation, prepared)
    except (Busy, Unwritable) as error:
        raise Rejected("storage") from error


def _check_room(asker: keys.Asker) -> None:
    """Keep the last of the disk for messages. Raise Rejected when a picture would take from it."""
    settings = asker.app[keys.settings]
    if shutil.disk_usage(settings.database.parent).free < settings.free_megabytes * 2**20:
        raise Rejected("disk_full")


def decoded(content: object) -> bytes:
    """Return the bytes of a picture in a frame of the original program's client. Raise Rejected."""
    if not isinstance(content, str) or not _DATA_URL.match(content):
        raise Rejected("content_type.picture")
    try:
        data = base64.b64decode(content.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("damaged") from error
    if len(data) > PICTURE_BYTES:
        raise too_big("picture")
    return data


def too_big(name: str) -> Rejected:
    """Return the refusal of a picture with too many bytes."""
    return Rejected("picture_too_big", name=name, limit=PICTURE_BYTES // 2**20)
