"""Frames of our own pages, and fields of their forms, as acts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from chatapp.model.acts import Act, Beat, Change, Edit, Join, Post, Read, Remove, Restore, Target, Typing
from chatapp.model.messages import Draft
from chatapp.model.numbers import cursor, number
from chatapp.model.pictures import Picture
from chatapp.model.refusals import Rejected
from chatapp.web.places import Place

Frame = dict[str, Any]

KINDS = ("message", "edit", "remove", "restore", "join", "read", "typing", "beat")
WRITING = {"message", "edit", "remove", "restore"}  # their number has a limit of its own


def of_frame(frame: Frame, here: Place | None) -> Act:
    """Return what a frame asks for where its connection is. Raise Rejected."""
    match frame.get("type"):
        case "message":
            return post(Draft.parse(frame.get("content"), frame.get("key")), here)
        case "edit" | "remove" | "restore" as kind:
            return change(kind, _target(frame, here), frame, frame.get("key"))
        case "join":
            return join(frame, frame.get("room"), frame.get("direct"))
        case "read":
            return Read(number(frame.get("id")))
        case "typing":
            return Typing()
        case "beat":
            return Beat()
    raise Rejected("unknown_type")


def of_form(content: str, key: str, pictures: tuple[Picture, ...], place: Place) -> Post:
    """Return the post that a form asks for; without scripts it may have no key. Raise Rejected."""
    return post(Draft.parse(content, key or new_key(), pictures), place)


def post(draft: Draft, place: Place | None) -> Post:
    """Return the act that posts a draft in a place. Raise Rejected if there is no place."""
    there = somewhere(place)
    return Post(there.conversation, draft, there.person)


def change(kind: str, target: Target, given: Mapping[str, object], key: object) -> Change:
    """Return the change of a message that a frame or a form asks for."""
    match kind:
        case "edit":
            return Edit(target, key, given.get("content"))
        case "remove":
            return Remove(target, key)
    return Restore(target, key)


def join(frame: Frame, room: object, direct: object) -> Join:
    """Return the move that a frame asks for."""
    epoch = frame.get("epoch")
    return Join(room, direct, cursor(frame), epoch if isinstance(epoch, str) else None)


def new_key() -> str:
    """Return a key for what came without one: it is posted at most once, and no retry is known."""
    return secrets.token_urlsafe(16)


def somewhere(place: Place | None) -> Place:
    """Return where a connection is. Raise Rejected if it shows no conversation."""
    if place is None:
        raise Rejected("nowhere")
    return place


def _target(frame: Frame, here: Place | None) -> Target:
    message_id, rev = number(frame.get("id")), number(frame.get("rev"))
    if message_id is None or rev is None:
        raise Rejected("not_found.message")
    return Target(somewhere(here).conversation, message_id, rev)
