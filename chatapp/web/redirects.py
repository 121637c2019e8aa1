"""Where a browser is sent next, and never to another site."""

from __future__ import annotations

from aiohttp import web
from yarl import URL

from chatapp.web import keys

_NEXT_LIMIT = 2_000  # characters of an address to go on to


def url(request: web.Request, path: str) -> str:
    """Return the address of one of our own paths."""
    return request.app[keys.settings].base_path + path


def to(request: web.Request, path: str) -> web.Response:
    """Send the browser on with a GET to one of our own paths."""
    return to_address(request, url(request, path))


def to_address(request: web.Request, address: str) -> web.Response:
    """Send the browser on with a GET to an address of this site that includes the base path."""
    location = str(URL(address))
    if request.method == "POST" and "HX-Request" in request.headers:
        # A redirect would be followed by the script alone; this makes the browser go there.
        return web.Response(status=200, headers={"HX-Redirect": location})
    return web.Response(status=303, headers={"Location": location})


def back(request: web.Request, default: str) -> web.Response:
    """Send the browser back to the page it came from if that was one of ours, else to one of our own paths."""
    return to_address(request, referring(request) or url(request, default))


def referring(request: web.Request) -> str | None:
    """Return the address, without scheme and host, of the page of ours that a request came from."""
    page = request.headers.get("HX-Current-URL", request.headers.get("Referer", ""))
    host, slash, path = page.partition("://")[2].partition("/")
    if host.lower() != request.host.lower():
        return None
    return safe(slash + path.partition("#")[0], request.app[keys.settings].base_path)


def safe(address: str | None, base: str = "") -> str | None:
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
