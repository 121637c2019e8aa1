"""Frames of the original program's client and of its relatives, as acts."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.chat.access import Access
from chatapp.html.views import room_title
from chatapp.model.acts import Act, Post
from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.model.rooms import Room
from chatapp.web import acts
from chatapp.web.acts import Frame
from chatapp.web.legacy import pictures
from chatapp.web.places import Place

# What their frames ask for, in the words of our own.
KINDS = {"switch_room": "join", "private_message": "message", "image": "message"}
_ROOM_NAME = 100  # characters of a room's name that are looked at


@dataclass(frozen=True, slots=True)
class Shot:
    """Post a picture that came in a frame."""

    key: object
    data: bytes


async def of_frame(frame: Frame, here: Place | None, me: User, access: Access) -> Act | Shot | None:
    """Return what a frame of an old client asks for; None if it is one of our own. Raise Rejected or NotFound.

    Old clients send no keys: their messages are posted at most once, and not retried.
    """
    match frame.get("type"):
        case "message" if "key" not in frame or "content" not in frame:
            return acts.post(_draft(frame), here)
        case "private_message":  # whichever conversation is shown
            found = await access.find(me, direct=frame.get("to"))
            return Post(found.conversation, _draft(frame), found.person)
        case "switch_room":
            return acts.join(frame, find_room(frame.get("room"), access.readable(me.id)) or "", None)
        case "image":
            return Shot(_key(frame), pictures.decoded(_words(frame)))
    return None


async def of_large_text(text: bytearray) -> Shot:
    """Return the picture that a text holds which is as large as only theirs are. Raise Rejected."""
    frame, data = await pictures.take_apart(text)
    if frame.get("type") != "image":
        raise Rejected("unknown_type")
    return Shot(_key(frame), data)


def find_room(named: object, rooms: list[Room]) -> str | None:
    """Return the id of the room that an old client means by its id or its name."""
    if not isinstance(named, str):
        return None
    wanted = named[:_ROOM_NAME].strip().lower()
    return next((each.id for each in rooms if wanted in (each.id.lower(), room_title(each).lower())), None)


def _draft(frame: Frame) -> Draft:
    return Draft.parse(_words(frame), _key(frame))


def _words(frame: Frame) -> object:
    """Return what a message says: relatives of the original program put it into ``message``."""
    return frame["content"] if "content" in frame else frame.get("message")


def _key(frame: Frame) -> object:
    return frame["key"] if "key" in frame else acts.new_key()
