"""The WebSocket handshake, RFC 6455, and taking the connection over from aiohttp."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, cast

from aiohttp import HttpVersion11, hdrs, web

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_KEY_BYTES = 16
_VERSION = "13"


class Upgrade(web.StreamResponse):
    """The response to a handshake, the last thing that aiohttp sends on the connection.

    It names no extension and no subprotocol, which declines those that the client offers (section 4.2.2).
    """

    def __init__(self, request: web.Request) -> None:
        """Accept a handshake. Raise HTTPBadRequest if the request is not one."""
        accept = {"Upgrade": "websocket", "Connection": "upgrade", "Sec-WebSocket-Accept": _answer(request)}
        super().__init__(status=101, headers=accept)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the connection belongs to the WebSocket now."""


def is_handshake(request: web.Request) -> bool:
    """Tell whether a request asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _answer(request: web.Request) -> str:
    """Return the value of Sec-WebSocket-Accept (section 4.2.2). Raise HTTPBadRequest."""
    keys = request.headers.getall("Sec-WebSocket-Key", [])
    valid = (
        request.method == hdrs.METH_GET
        and request.version == HttpVersion11
        and is_handshake(request)  # or it skipped the checks made for handshakes
        and "upgrade" in _listed(request, "Connection")
        and request.headers.getall("Sec-WebSocket-Version", []) == [_VERSION]
        and len(keys) == 1
        and _is_key(keys[0])
    )
    if not valid:
        raise web.HTTPBadRequest(headers={"Sec-WebSocket-Version": _VERSION})
    return base64.b64encode(hashlib.sha1(keys[0].encode() + _GUID).digest()).decode()  # noqa: S324 - as the RFC has it


def _listed(request: web.Request, header: str) -> list[str]:
    return [each.strip().lower() for each in ",".join(request.headers.getall(header, [])).split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def taken_over(request: web.Request, protocol: Any) -> bytes:
    """Take a connection over from aiohttp for a protocol of ours. Return the bytes that have arrived on it already."""
    connection, early = request.protocol, _Early()
    transport = connection.transport
    assert transport is not None, "a request that was just answered has a transport"
    connection.set_parser(cast(Any, early))  # which is given the early bytes
    transport.set_protocol(protocol)
    connection.transport = None  # or aiohttp would close it
    connection.connection_lost(None)
    return early.data


class _Early:
    """Stands in for a parser of aiohttp during the takeover, to collect the bytes that came early."""

    data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data = data
        return False, b""

    def feed_eof(self) -> None:
        """Do nothing: the connection continues without aiohttp."""
