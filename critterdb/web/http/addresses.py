"""IP addresses as sockets and headers spell them."""

from __future__ import annotations

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed_address(text: str) -> IPAddress | None:
    """Return the address, or None if `text` is not one. An IPv4 address in IPv6 form is IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
