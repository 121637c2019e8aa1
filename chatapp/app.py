"""Composition root: wire the parts together, start the background loops, shut everything down in order."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import aiohttp_jinja2
from aiohttp import web

from chatapp.chat import chores, limits
from chatapp.chat.access import Access
from chatapp.chat.account_deletion import AccountDeletion
from chatapp.chat.broadcast import Broadcast
from chatapp.chat.history import History
from chatapp.chat.messaging import Messaging
from chatapp.chat.news import Newsroom
from chatapp.chat.pictures import Pictures
from chatapp.chat.posting import Posting
from chatapp.chat.presence import Presence
from chatapp.chat.reading import Reading
from chatapp.chat.resume import Resume
from chatapp.chat.retries import Retries
from chatapp.chat.revisions import Revisions
from chatapp.chat.revocations import Revocations
from chatapp.chat.standing import Standing
from chatapp.chat.unread import Unread
from chatapp.delivery.envelope import Format
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.html import render
from chatapp.html.frames import Frames
from chatapp.model.events import Beat
from chatapp.model.facts import Facts
from chatapp.settings import Settings
from chatapp.store import Store
from chatapp.system import resources
from chatapp.system.lock import DatabaseLock
from chatapp.web import guard, health, keys, routes, sessions
from chatapp.web.assets import static
from chatapp.wire.sockets import Sockets
from chatapp.workers import passwords
from chatapp.workers.images import Images

log = logging.getLogger("chatapp")

_FLUSH_SECONDS = 3.0  # at shutdown, to save pending messages; the rest is withdrawn


def create_app(settings: Settings) -> web.Application:
    """Return an application that opens its database when it starts. Its start raises CannotStart."""
    storage = sessions.CookieStorage(settings)
    app = web.Application(middlewares=guard.middlewares(storage))
    app[keys.settings] = settings
    app[keys.limits] = limits.Limits(settings)
    app[keys.failed] = asyncio.Event()
    app[static.key] = static.Static(resources.folder("static"), settings.base_path)
    app[keys.sockets] = Sockets(settings.beat_seconds)
    env = aiohttp_jinja2.setup(app, **render.options(resources.folder("templates")))
    render.configure(env, base_path=settings.base_path, server_name=settings.name, static=app[static.key].url)
    app[keys.hub] = Hub({Format.HTML: Frames(env)}, buffer_limit=settings.write_buffer)
    app.add_routes(routes.table(settings.base_path))
    if settings.base_path:
        app.router.add_get("/", _to_base)
        app.router.add_get(settings.base_path, _to_base)
    app.on_response_prepare.append(guard.add_security_headers)
    app.on_shutdown.append(_shut_down)
    app.cleanup_ctx.extend([_workers, _storage, partial(_delivery, cookies=storage), _background])
    return app


async def _to_base(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.app[keys.settings].base_path + "/")


async def _workers(app: web.Application) -> AsyncIterator[None]:
    app[keys.passwords] = passwords.Passwords(passwords.COSTS[app[keys.settings].password_cost])
    app[keys.images] = Images()
    yield
    await app[keys.images].close()
    app[keys.passwords].close()


async def _storage(app: web.Application) -> AsyncIterator[None]:
    path = app[keys.settings].database
    with DatabaseLock(path, create=True):
        app[keys.store] = await Store.open(path, app[keys.images].adopt)
        try:
            yield
        finally:
            await app[keys.store].close()


async def _delivery(app: web.Application, cookies: sessions.CookieStorage) -> AsyncIterator[None]:
    settings, store, hub = app[keys.settings], app[keys.store], app[keys.hub]
    facts = await store.meta.facts()
    # The keys of the database stay valid, so that moving the key to the settings logs nobody out.
    cookies.unlock([*settings.secret_keys, *facts.cookie_keys])
    journal = app[keys.journal] = _journal(settings, store, facts)
    await journal.reserve(store.meta.reserve)
    access = app[keys.access] = Access(store)
    await access.load()
    standing = app[keys.standing] = Standing(store, journal, access)
    app[keys.history] = History(store, standing)
    app[keys.resume] = Resume(standing, journal, hub, epoch=facts.epoch)
    presence = app[keys.presence] = Presence(hub)
    retries, news = Retries(store, standing), Newsroom(hub, presence, access)
    unread = app[keys.unread] = Unread(store, journal, standing, hub, presence)
    # A message is a known one before anybody sees it; its conversation sees it before others hear that it is there;
    # counts are told again after everything else.
    journal.subscribe(retries, Broadcast(hub, journal), news, unread)
    messaging = app[keys.messaging] = Messaging(journal, retries, news, access)
    app[keys.revisions] = Revisions(journal, standing, messaging)
    app[keys.account_deletion] = AccountDeletion(store, journal, standing, messaging)
    app[keys.revocations] = Revocations(store, journal, hub, access, presence, app[keys.account_deletion])
    await _rules(app)
    app[health.key] = health.Readiness(store.probe, lambda: journal.healthy and not journal.full)
    async with _running(app, journal.run()):
        yield


def _journal(settings: Settings, store: Store, facts: Facts) -> Journal:
    return Journal(
        store.messages.save,
        floor=facts.ceiling,
        watermark=facts.watermark,
        hold=settings.hold_seconds,
        rows_limit=settings.queue_messages,
        bytes_limit=settings.queue_bytes,
    )


async def _rules(app: web.Application) -> None:
    """Wire the rules of the chat, which the web asks."""
    settings, store, limit, messaging = app[keys.settings], app[keys.store], app[keys.limits], app[keys.messaging]
    access = app[keys.access]
    app[keys.posting] = Posting(access, limit, messaging, app[keys.revisions])
    app[keys.reading] = Reading(store, access, app[keys.history], app[keys.standing], app[keys.unread])
    app[keys.pictures] = Pictures(
        settings,
        access,
        limit,
        messaging,
        app[keys.images],
        store,
        lambda: shutil.disk_usage(settings.database.parent).free,
    )


async def _background(app: web.Application) -> AsyncIterator[None]:
    store = app[keys.store]
    loops = (
        _beat(app),
        app[keys.sockets].reap(),
        app[keys.account_deletion].run(),
        chores.clean_up(store, app[keys.journal], app[keys.settings]),
        chores.watch(store, app[keys.journal], app[keys.revocations].elsewhere),
    )
    async with AsyncExitStack() as running:
        for loop in loops:
            await running.enter_async_context(_running(app, loop))
        yield


@asynccontextmanager
async def _running(app: web.Application, loop: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a background loop. If it ends by itself, stop the server: one that cannot save must not look healthy."""

    def stop_on_failure(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical("a background loop ended; stopping the server", exc_info=task.exception())
            app[keys.failed].set()
            os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(loop)
    task.add_done_callback(stop_on_failure)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat(app: web.Application) -> None:
    """Send every page a frame often enough to show that its connection is alive."""
    while True:
        await asyncio.sleep(app[keys.settings].beat_seconds)
        app[keys.hub].publish_everywhere(Beat())


async def _shut_down(app: web.Application) -> None:
    """Save what was accepted, then close every socket with RESTART."""
    await app[keys.messaging].close(_FLUSH_SECONDS)
    app[keys.hub].close_all()
    await app[keys.sockets].wait_closed()
