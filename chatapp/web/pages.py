"""Pages as answers: whole ones, and the column in the middle of one that is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from chatapp.html import language
from chatapp.web import keys
from chatapp.web.assets import packing

# What the answer under an address depends on.
VARY = "Cookie, HX-Request, HX-Request-Type, HX-History-Restore-Request, Accept, Accept-Encoding, Accept-Language"


def page(request: web.Request, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
    """Answer with a whole page, in the reader's language and theme."""
    session = request.get(keys.session)
    me = session.user if session else None
    everywhere = {"me": me, "lang": language.current.get(), "theme": me.theme if me else None}
    return aiohttp_jinja2.render_template(template, request, {**everywhere, **context}, status=status)


def asks_for_part(request: web.Request) -> bool:
    """Tell whether a page that is open asks for a piece of itself.

    When it goes back in its history htmx asks for the whole (and marks such a request twice).
    """
    headers = request.headers
    whole = headers.get("HX-Request-Type") == "full" or "HX-History-Restore-Request" in headers
    return "HX-Request" in headers and not whole


def chat_page(request: web.Request, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
    """Answer with a page of the chat: whole, or the column in its middle where the rest is on the screen already."""
    part = asks_for_part(request)
    shell = "rooms/part.html" if part else "rooms/shell.html"
    response = page(request, template, {**context, "shell": shell}, status)
    if status == 200 and request.method != "HEAD" and isinstance(response.body, bytes):
        packed, encoding = packing.pack_page(response.body, request.headers.get("Accept-Encoding", ""))
        if encoding is not None:
            response.body, response.headers["Content-Encoding"] = packed, encoding
    if part:
        # A browser that goes back to this address shows what it has of it, so it must have nothing of this.
        response.headers.update({"Cache-Control": "private, no-store", "Vary": VARY})
    return response


def wants_json(request: web.Request) -> bool:
    """Tell whether the answer is for a program."""
    return "application/json" in request.headers.get("Accept", "")
