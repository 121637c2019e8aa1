"""Typed keys for what the application and a request carry."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from chatapp.chat.access import Access
    from chatapp.chat.account_deletion import AccountDeletion
    from chatapp.chat.history import History
    from chatapp.chat.limits import Limits
    from chatapp.chat.messaging import Messaging
    from chatapp.chat.pictures import Pictures
    from chatapp.chat.posting import Posting
    from chatapp.chat.presence import Presence
    from chatapp.chat.reading import Reading
    from chatapp.chat.resume import Resume
    from chatapp.chat.revisions import Revisions
    from chatapp.chat.revocations import Revocations
    from chatapp.chat.standing import Standing
    from chatapp.chat.unread import Unread
    from chatapp.delivery.hub import Hub
    from chatapp.delivery.journal import Journal
    from chatapp.model.people import Session
    from chatapp.settings import Settings
    from chatapp.store import Store
    from chatapp.wire.sockets import Sockets
    from chatapp.workers.images import Images
    from chatapp.workers.passwords import Passwords

settings: web.AppKey[Settings] = web.AppKey("settings")
store: web.AppKey[Store] = web.AppKey("store")
passwords: web.AppKey[Passwords] = web.AppKey("passwords")
images: web.AppKey[Images] = web.AppKey("images")
journal: web.AppKey[Journal] = web.AppKey("journal")
standing: web.AppKey[Standing] = web.AppKey("standing")
history: web.AppKey[History] = web.AppKey("history")
resume: web.AppKey[Resume] = web.AppKey("resume")
hub: web.AppKey[Hub] = web.AppKey("hub")
presence: web.AppKey[Presence] = web.AppKey("presence")
messaging: web.AppKey[Messaging] = web.AppKey("messaging")
account_deletion: web.AppKey[AccountDeletion] = web.AppKey("account_deletion")
revisions: web.AppKey[Revisions] = web.AppKey("revisions")
unread: web.AppKey[Unread] = web.AppKey("unread")
access: web.AppKey[Access] = web.AppKey("access")
posting: web.AppKey[Posting] = web.AppKey("posting")
pictures: web.AppKey[Pictures] = web.AppKey("pictures")
reading: web.AppKey[Reading] = web.AppKey("reading")
revocations: web.AppKey[Revocations] = web.AppKey("revocations")
limits: web.AppKey[Limits] = web.AppKey("limits")
sockets: web.AppKey[Sockets] = web.AppKey("sockets")
failed: web.AppKey[asyncio.Event] = web.AppKey("failed")  # set when the server stops because a part of it died


class HasApp(Protocol):
    """A request or a socket: anything that belongs to an application."""

    @property
    def app(self) -> web.Application:
        """Return the application."""
        ...


session: web.RequestKey[Session | None] = web.RequestKey("session")
request_id: web.RequestKey[str] = web.RequestKey("request_id")
kept: web.RequestKey[tuple[Hashable, str, int]] = web.RequestKey("kept")  # of its form: by whom, from where, bytes
# Of a handshake: how many ends of sessions there were before it was recognised.
revoked: web.RequestKey[int] = web.RequestKey("revoked")
