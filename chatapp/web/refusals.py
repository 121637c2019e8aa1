"""Refusals as HTTP answers: a page, JSON, or plain text before a WebSocket."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping

from aiohttp import web

from chatapp.html import language, paths
from chatapp.html.language import gettext, ngettext
from chatapp.model.refusals import Rejected, title
from chatapp.web import keys, pages, redirects
from chatapp.wire.handshake import is_handshake

log = logging.getLogger("chatapp.web")

_SECONDS_LIMIT = 90  # waits up to this many seconds are given in seconds, longer ones in minutes


def answer(request: web.Request, refusal: Rejected, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with the status and the sentence of a refusal."""
    public = request.app[keys.settings].public_url
    text = language.explain(refusal, request=request[keys.request_id], address=public)
    if is_handshake(request):
        response = web.Response(text=text, status=refusal.status)
    elif pages.wants_json(request):
        facts = {"code": refusal.code, "reason": text, "retry": refusal.retry, "retry_after": refusal.retry_after}
        facts["request"] = request[keys.request_id]
        response = web.json_response(facts, status=refusal.status, dumps=_dumps)
    else:
        response = _page(request, refusal.status, text)
    response.headers.update(headers or {})
    return with_retry_after(response, refusal)


def of_status(request: web.Request, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a status and what it says by itself."""
    return answer(request, Rejected.of_status(status), headers)


def with_retry_after(response: web.Response, refusal: Rejected) -> web.Response:
    """Return the answer to a refusal with the time after which a program may try again."""
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    return response


def advise(refusal: Rejected) -> str:
    """Return why a form was refused, for a page that cannot send again by itself: its reader has to."""
    if refusal.code == "rate_limited":
        return gettext("That was too fast. Please wait a moment, then send it again.")
    again = " " + gettext("Please send it again in a moment.") if refusal.retry else ""
    return language.explain(refusal) + again


def wait_in_words(seconds: float) -> str:
    """Return a wait in the reader's language, rounded up."""
    if seconds <= _SECONDS_LIMIT:
        number = max(1, math.ceil(seconds))
        return ngettext("{number} second", "{number} seconds", number).format(number=number)
    number = math.ceil(seconds / 60)
    return ngettext("{number} minute", "{number} minutes", number).format(number=number)


def log_in_first(request: web.Request) -> web.StreamResponse:
    """Send a person to the log-in and back afterwards; tell a program that it is not logged in."""
    partial = "HX-Request" in request.headers
    if not partial and _is_program(request):
        return of_status(request, 401)
    wanted = request.path_qs if request.method in ("GET", "HEAD") and not partial else redirects.referring(request)
    address = redirects.url(request, paths.login(wanted))
    if partial:  # followed by the browser itself: a redirect would put the log-in page into a corner of this one
        return web.Response(status=401, headers={"HX-Redirect": address})
    return redirects.to_address(request, address)


def _is_program(request: web.Request) -> bool:
    asked_by = request.headers.get("Sec-Fetch-Dest", "document")  # pictures and fetch() name themselves here
    return pages.wants_json(request) or is_handshake(request) or asked_by not in ("document", "iframe")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _page(request: web.Request, status: int, text: str) -> web.Response:
    heading = gettext(title(status))
    context = {
        "status": status,
        "title": heading,
        "text": text,
        "action_url": (request.app[keys.settings].public_url or redirects.url(request, "")) + "/",
        "action_text": gettext("Back to the chat"),
        "request_id": request[keys.request_id],
    }
    try:
        return pages.page(request, "errors/error.html", context, status)
    except Exception:
        log.exception("error page failed", extra={"request": request[keys.request_id]})
        return web.Response(text=f"{heading}\n\n{text}\n", status=status)
