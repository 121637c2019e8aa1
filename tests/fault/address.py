"""Where people find a server when something stands in between: a relay, or a proxy with a name and a certificate."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fault.server import Server


class Address:
    """The address of a server in the eyes of a page."""

    def __init__(self, server: Server, url: str, certificate: Path | None = None) -> None:
        self.url = url
        self.database = server.database
        self._server = server
        self._certificate = certificate

    @property
    def log(self) -> str:
        """Return what the server said."""
        return self._server.log

    def connector(self, source: str = "127.0.0.1") -> aiohttp.TCPConnector:
        """Return what connects a browser at some address of this computer; it trusts one certificate only."""
        trust = ssl.create_default_context(cafile=self._certificate) if self._certificate else True
        return aiohttp.TCPConnector(resolver=_Here(), ssl=trust, local_addr=(source, 0))


class _Here(AbstractResolver):
    """Know every name as this computer."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        known = {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [ResolveResult(**known)]

    async def close(self) -> None:
        """Nothing is open."""
