"""How a request is answered: a page, a way on, or a refusal that a person or a program can read."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from yarl import URL

from chatapp.html import language, paths
from chatapp.html.language import gettext, ngettext
from chatapp.model.refusals import N_, Rejected
from chatapp.web import bodies, keys, parts
from chatapp.web.assets import packing
from chatapp.wire.handshake import is_handshake

log = logging.getLogger("chatapp.web")

_NEXT_LIMIT = 2_000  # characters of an address to go on to
_SECONDS_LIMIT = 90  # waits up to this many seconds are told in seconds, longer ones in minutes

# What the answer under an address depends on.
VARY = "Cookie, HX-Request, HX-Request-Type, HX-History-Restore-Request, Accept, Accept-Encoding, Accept-Language"
_NOT_UNDERSTOOD = (N_("That did not work"), N_("The server did not understand this request."))
_TEXTS = {
    401: (N_("Please log in"), N_("Please log in again.")),
    403: (N_("Not allowed"), N_("This request did not come from a page of this chat, so it was refused.")),
    404: (N_("Not found"), N_("There is nothing at this address, or you are not allowed to see it.")),
    405: (N_("That did not work"), N_("This address cannot be used this way.")),
    408: (
        N_("Too slow"),
        N_("This took too long to arrive, so the server stopped waiting. Please try again."),
    ),
    413: (N_("Too large"), N_("This is more than the server accepts at once.")),
    421: (N_("Wrong address"), N_("This chat is found at {address} only.")),
    422: (N_("That did not work"), N_("The server cannot accept this.")),
    429: (N_("Too fast"), N_("Too many requests in a short time. Please wait a moment and try again.")),
    500: (
        N_("Something went wrong"),
        N_(
            "This is the server's fault, not yours. Please try again."
            " If this keeps happening, tell the administrator: {request}."
        ),
    ),
    503: (N_("Not right now"), N_("The server cannot do this at the moment. Please try again soon.")),
    507: (N_("Not right now"), N_("The server cannot do this at the moment. Please try again soon.")),
}
# By code; 503 or 422 for all others.
_STATUS = {"form_unreadable": 400, "rate_limited": 429, "upload_quota": 429, "disk_full": 507}


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


def url(request: web.Request, path: str) -> str:
    """Return the address of one of our own paths."""
    return request.app[keys.settings].base_path + path


def redirect(request: web.Request, path: str) -> web.Response:
    """Send the browser on with a GET to one of our own paths."""
    return go(request, url(request, path))


def go(request: web.Request, address: str) -> web.Response:
    """Send the browser on with a GET to an address of this site that includes the base path."""
    location = str(URL(address))
    if request.method == "POST" and "HX-Request" in request.headers:
        # A redirect would be followed by the script alone; this makes the browser go there.
        return web.Response(status=200, headers={"HX-Redirect": location})
    return web.Response(status=303, headers={"Location": location})


def back(request: web.Request, default: str) -> web.Response:
    """Send the browser back to the page it came from if that was one of ours, else to one of our own paths."""
    return go(request, _referring(request) or url(request, default))


def _referring(request: web.Request) -> str | None:
    """Return the address, without scheme and host, of the page of ours that a request came from."""
    page = request.headers.get("HX-Current-URL", request.headers.get("Referer", ""))
    host, slash, path = page.partition("://")[2].partition("/")
    if host.lower() != request.host.lower():
        return None
    return safe_next(slash + path.partition("#")[0], request.app[keys.settings].base_path)


def safe_next(address: str | None, base: str = "") -> str | None:
    """Return an address if it surely stays on this site and below its base path; otherwise None.

    Browsers drop tabs and line breaks, and read a backslash as a slash, before they look for ``//host``.
    """
    if not address or len(address) > _NEXT_LIMIT or not address.startswith("/") or address.startswith("//"):
        return None
    if "\\" in address or any(ord(character) < 0x20 or ord(character) == 0x7F for character in address):
        return None
    try:
        address = str(URL(address))  # which spells %2e as a dot; browsers take both for one
    except ValueError:
        return None
    path = address.partition("?")[0].partition("#")[0]
    inside = ".." not in path.split("/") and (path == base or path.startswith(f"{base}/"))
    return address if inside else None


def log_in_first(request: web.Request) -> web.StreamResponse:
    """Send a person to the log-in and back afterwards; tell a program that it is not logged in."""
    partial = "HX-Request" in request.headers
    if not partial and _is_program(request):
        return refuse(request, 401)
    wanted = request.path_qs if request.method in ("GET", "HEAD") and not partial else _referring(request)
    address = url(request, paths.login(wanted))
    if partial:  # followed by the browser itself: a redirect would put the log-in page into a corner of this one
        return web.Response(status=401, headers={"HX-Redirect": address})
    return go(request, address)


def _is_program(request: web.Request) -> bool:
    asked_by = request.headers.get("Sec-Fetch-Dest", "document")  # pictures and fetch() name themselves here
    return wants_json(request) or is_handshake(request) or asked_by not in ("document", "iframe")


def wants_json(request: web.Request) -> bool:
    """Tell whether the answer is for a program."""
    return "application/json" in request.headers.get("Accept", "")


async def form(request: web.Request, size: bodies.Size = bodies.SMALL) -> dict[str, str]:
    """Return the text fields of a posted form, the first of each name. Raise Rejected if it is none."""
    return await parts.fields(request, size)


def wait_in_words(seconds: float) -> str:
    """Return a wait in the reader's language, rounded up."""
    if seconds <= _SECONDS_LIMIT:
        number = max(1, math.ceil(seconds))
        return ngettext("{number} second", "{number} seconds", number).format(number=number)
    number = math.ceil(seconds / 60)
    return ngettext("{number} minute", "{number} minutes", number).format(number=number)


def rejected(request: web.Request, refusal: Rejected) -> web.Response:
    """Answer with a refusal that no page took upon itself to show."""
    text, retry, later = language.explain(refusal), refusal.retry, refusal.retry_after
    return refuse(request, status_of(refusal), code=refusal.code, text=text, retry=retry, retry_after=later)


def advise(refusal: Rejected) -> str:
    """Return why a form was refused, for a page that cannot send again by itself: its reader has to."""
    if refusal.code == "rate_limited":
        return gettext("That was too fast. Please wait a moment, then send it again.")
    again = " " + gettext("Please send it again in a moment.") if refusal.retry else ""
    return language.explain(refusal) + again


def status_of(refusal: Rejected) -> int:
    """Return the status that says the same as a refusal: a fault in the request, too often, or not just now."""
    return _STATUS.get(refusal.code, 503 if refusal.retry else 422)


def wait_for(refusal: Rejected, response: web.Response) -> web.Response:
    """Return the answer to a refusal with the time after which a program may try again."""
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    return response


def refuse(  # noqa: PLR0913 - the parts of one answer
    request: web.Request,
    status: int,
    *,
    code: str | None = None,
    text: str | None = None,
    retry: bool = False,
    retry_after: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a status and a sentence: as a page, as JSON, or as bare text before a WebSocket."""
    title, standard = _TEXTS.get(status, _TEXTS[500] if status > 500 else _NOT_UNDERSTOOD)
    text = text or gettext(standard).format(
        request=request[keys.request_id], address=request.app[keys.settings].public_url
    )
    if is_handshake(request):
        response = web.Response(text=text, status=status)
    elif wants_json(request):
        told = {"code": code or str(status), "reason": text, "retry": retry, "retry_after": retry_after}
        response = web.json_response(told | {"request": request[keys.request_id]}, status=status, dumps=_dumps)
    else:
        response = _error_page(request, status, gettext(title), text)
    response.headers.update(headers or {})
    if retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(retry_after))
    return response


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _error_page(request: web.Request, status: int, title: str, text: str) -> web.Response:
    context = {
        "status": status,
        "title": title,
        "text": text,
        "action_url": (request.app[keys.settings].public_url or url(request, "")) + "/",
        "action_text": gettext("Back to the chat"),
        "request_id": request[keys.request_id],
    }
    try:
        return page(request, "errors/error.html", context, status)
    except Exception:
        log.exception("error page failed", extra={"request": request[keys.request_id]})
        return web.Response(text=f"{title}\n\n{text}\n", status=status)
