"""Client addresses."""

from __future__ import annotations

import ipaddress


def address_key(address: str | None) -> str:
    """Return the key under which limits count an address. An IPv6 client owns the 2**64 addresses of its network."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
