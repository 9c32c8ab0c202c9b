"""Where a stranger may have us fetch from: a table stricter than ssrfguard's, and openings in it.

An opening of a network and a port is for tests and private networks; nothing else widens the table.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from ssrfguard import DEFAULT_DENIED, AddressTable, Block, Policy, Reach, Verdict

from critterdb.errors import CritterError

# Where web servers listen; another port is more likely something internal.
PORTS = frozenset({80, 443})

# Interface identifiers ::0:5efe:a.b.c.d and ::200:5efe:a.b.c.d carry an IPv4 address (RFC 5214).
_ISATAP = (0x00005EFE, 0x02005EFE)
# Public by its number, but Azure answers there to each virtual machine with its secrets.
# docs/decisions.md#some-public-addresses-are-refused-as-well
_AZURE_WIRE_SERVER = "168.63.129.16/32"


class StrictTable(AddressTable):
    """ssrfguard's table, and beyond it nothing but ordinary unicast addresses.

    Anycast services (AS112, AMT, TURN …) that the registries call reachable hold no photos; IPv6
    outside 2000::/3 is not a public host; an ISATAP address is a way to spell an IPv4 one.
    """

    def classify(self, address: Any) -> Verdict:
        parsed = ip_address(address) if isinstance(address, str) else address
        if isinstance(parsed, IPv6Address) and (int(parsed) >> 32) & 0xFFFFFFFF in _ISATAP:
            return Verdict(address=parsed, blocked=True, block=self.match(parsed))
        return super().classify(parsed)


def _block(network: str, name: str, reach: Reach) -> Block:
    return Block(network=ip_network(network), name=name, rfc="", reach=reach)


STRICT_TABLE = StrictTable(
    (
        *(
            replace(block, reach=Reach.DENIED) if block.reach is Reach.PERMITTED else block
            for block in DEFAULT_DENIED.blocks
        ),
        _block(_AZURE_WIRE_SERVER, "cloud metadata (Azure)", Reach.DENIED),
        _block("::/0", "not global unicast", Reach.DENIED),
        _block("2000::/3", "global unicast", Reach.PERMITTED),
    )
)
# For ports beside 80 and 443: there only what was opened by hand may be fetched from.
CLOSED_TABLE = AddressTable(
    (_block("0.0.0.0/0", "closed", Reach.DENIED), _block("::/0", "closed", Reach.DENIED))
)


@dataclass(frozen=True)
class Opening:
    """A network and a port that may be fetched from although the table refuses them."""

    network: IPv4Network | IPv6Network
    port: int


def openings_from_environment() -> tuple[Opening, ...]:
    """CRITTERDB_FETCH_ALLOW, such as `127.0.0.2/32:18080,[fd00::/8]:8080`.

    Raises CritterError where it cannot be read.
    """
    text = os.environ.get("CRITTERDB_FETCH_ALLOW", "")
    return tuple(_opening(part.strip()) for part in text.split(",") if part.strip())


def _opening(text: str) -> Opening:
    match = re.fullmatch(r"\[?([0-9A-Fa-f:.]+(?:/\d+)?)\]?:(\d{1,5})", text)
    try:
        if not match:
            raise ValueError("it is not NETWORK:PORT")
        return Opening(ip_network(match[1]), int(match[2]))
    except ValueError as error:
        raise CritterError(
            f"CRITTERDB_FETCH_ALLOW holds {text!r}: {error}. Write it like 127.0.0.2/32:18080"
        ) from error


def policy_for(port: int, openings: tuple[Opening, ...]) -> Policy:
    """The table for a port: the usual one for 80 and 443, elsewhere nothing but openings."""
    networks = tuple(opening.network for opening in openings if opening.port == port)
    return Policy(
        denied_networks=STRICT_TABLE if port in PORTS else CLOSED_TABLE,
        allowed_networks=networks,
        allowed_ports=PORTS | ({port} if networks else set()),
    )
