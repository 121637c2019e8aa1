"""Where a request comes from: client address, scheme, host, and the site of the page that made it.

Without a public URL the server has no name, so it answers under any ``Host``. A page of another site that makes its
own name lead here (DNS rebinding) is nobody all the same: browsers keep cookies by the host that set them, so it gets
what a stranger on the network gets. That includes the form to register; a server that has a public URL answers under no
other name, and closes this way too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from aiohttp import web

from chatapp.options import DEFAULT_PORTS, Network
from chatapp.web import keys

_AT_HOME = {"localhost", "127.0.0.1", "[::1]"}
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")  # what can stand in a policy and mean nothing else there
# A host and a port as browsers write them, with all the signs that a name may have (WHATWG URL, forbidden host code
# points): Windows allows an underscore, and puts one where the name of a computer has a space. Nothing is decoded.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;={}`\"-]+)(?::([0-9]{0,5}))?", re.ASCII)
# An address in X-Forwarded-For: by itself, or with a port, which some proxies add (Azure, IIS), then IPv6 in brackets.
_HOP = re.compile(
    r"(?:\[(?P<boxed>[0-9A-Fa-f:.]{2,45})(?:%\w+)?\]|(?P<short>[0-9.]{7,15}))(?::[0-9]{0,5})?"
    r"|(?P<bare>[0-9A-Fa-f:.]{2,45})(?:%\w+)?"
)
_HOPS = 30  # steps of a request that are looked at, from the last; of a header that goes on for a megabyte too
_HOP_LIMIT = 100  # characters


def with_trusted_proxy(request: web.Request) -> web.Request:
    """Return the request with the client's address and scheme, as the settings or a trusted proxy give them."""
    hops = _listed(request, "X-Forwarded-For")
    client = client_address(request.remote or "", hops, request.app[keys.settings].trusted_proxies)
    said = scheme(request)
    return request if (client, said) == (request.remote, request.scheme) else request.clone(remote=client, scheme=said)


def scheme(request: web.Request) -> str:
    """Return the scheme that the browser uses; without a trusted proxy, that of the server's own socket."""
    settings = request.app[keys.settings]
    if settings.public_url:
        return settings.public_scheme
    said = _listed(request, "X-Forwarded-Proto")[-1:]
    believed = _is_trusted(request.remote, settings.trusted_proxies) and said and said[0] in DEFAULT_PORTS
    return said[0] if believed else request.scheme


def client_address(peer: str, hops: Iterable[str], trusted: Iterable[Network]) -> str:
    """Return the right-most address that is not a trusted proxy: the client could forge what is left of it."""
    address = peer
    for hop in reversed([*hops]):
        parsed = _hop(hop)
        if not _is_trusted(address, trusted) or parsed is None:
            break
        address = parsed
    return address


def _listed(request: web.Request, header: str) -> list[str]:
    """Return the last items of a comma-separated header."""
    parts = ",".join(request.headers.getall(header, ()))[-_HOPS * _HOP_LIMIT :].split(",")
    return [part.strip() for part in parts[-_HOPS:]]


def _hop(said: str) -> str | None:
    """Return the address of a hop, without its port, zone and quotation marks; None for anything else."""
    match = _HOP.fullmatch(said.strip(' \t"'))
    parsed = _parsed(match["boxed"] or match["short"] or match["bare"]) if match else None
    return None if parsed is None else str(parsed)


def _is_trusted(address: str | None, trusted: Iterable[Network]) -> bool:
    parsed = _parsed(address or "")
    return parsed is not None and any(parsed in network for network in trusted)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed  # an IPv6 socket sees IPv4 peers as ::ffff:192.0.2.1


def is_misdirected(request: web.Request) -> bool:
    """Tell whether a server with a public URL is asked under another name."""
    public = request.app[keys.settings].origin
    if not public:
        return False
    named = _host_of(request.scheme, request.host)
    return named is None or named != _host_of(*_split(public))


def is_at_home(request: web.Request) -> bool:
    """Tell whether the browser runs on this computer: then it treats plain HTTP as a secure context."""
    found = _host_of("http", request.host)  # not request.url: that cannot be made of every Host header
    return found is not None and found[0] in _AT_HOME


def is_ours(request: web.Request, *, handshake: bool = False) -> bool:
    """Tell whether a page of this site made the request.

    Browsers name it in Origin; those that omit that for a form name it in Sec-Fetch-Site or Referer.
    """
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched not in (None, "same-origin", "none"):  # same-site is a stranger too: another port, a sister host
        return False
    if "Origin" in request.headers:
        return _is_own(request, request.headers["Origin"])
    if handshake:  # every browser sends it here
        return False
    return fetched is not None or _is_own(request, "/".join(request.headers.get("Referer", "").split("/")[:3]))


def _is_own(request: web.Request, origin: str) -> bool:
    if public := request.app[keys.settings].origin:
        return origin == public
    return is_same_origin(origin, request.host, secure=request.secure)


def is_same_origin(origin: str, host: str, *, secure: bool) -> bool:
    """Tell whether an Origin header names the host (and port) of a Host header.

    A plain connection may have been an HTTPS one until some proxy, so only ``secure`` fixes the scheme.
    """
    scheme, authority = _split(origin)
    if scheme not in DEFAULT_PORTS or (secure and scheme != "https"):
        return False
    named = _host_of(scheme, authority)
    return named is not None and named == _host_of(scheme, host)


def _split(origin: str) -> tuple[str, str]:
    scheme, _, authority = origin.partition("://")
    return scheme, authority


def _host_of(scheme: str, authority: str) -> tuple[str, int] | None:
    """Return the normalised host and port; None for what no browser writes."""
    match = _AUTHORITY.fullmatch(authority)
    return (match[1].lower(), int(match[2] or DEFAULT_PORTS[scheme])) if match else None
