"""The settings under `plugins.critterdb` in metadata.json (or datasette.yaml)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import SiteError

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000
LOCAL_PHOTOS_VARIABLE = "CRITTERDB_LOCAL_PHOTOS"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Settings:
    """`rate` is requests a minute for each client address, 0 for no limit; sizes as named."""

    game: str | None = None
    allow: dict[str, Any] | bool | None = None
    record: bool = True
    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    rate: int = 0
    trusted_proxies: tuple[Network, ...] = ()
    allow_hosts: frozenset[str] = frozenset()
    local_photos: bool = False
    review: dict[str, Any] | bool | None = None
    map_tiles: str | None = None
    map_credit: str | None = None


def load_settings(config: Mapping[str, Any] | None) -> Settings:
    """Settings from a plugin's configuration; the environment can only open local photos.

    Raises SiteError, naming the setting, where one is unknown or cannot be understood.
    """
    given = {key: value for key, value in (config or {}).items() if value is not None}
    unknown = sorted(set(given) - {field.name for field in fields(Settings)})
    if unknown:
        known = ", ".join(field.name for field in fields(Settings))
        raise SiteError(
            f"plugins.critterdb has no setting {', '.join(unknown)}. There are: {known}"
        )
    for name in ("max_bytes", "max_pixels", "rate"):
        if name in given and (type(given[name]) is not int or given[name] < (name != "rate")):
            raise _unusable(name, given[name], "a whole number")
    if given.get("max_bytes", 0) > MAX_BYTES:
        raise _unusable("max_bytes", given["max_bytes"], f"at most {MAX_BYTES}")
    for name in ("record", "local_photos"):
        if name in given and not isinstance(given[name], bool):
            raise _unusable(name, given[name], "true or false")
    for name in ("trusted_proxies", "allow_hosts"):
        if not isinstance(given.get(name, []), list):
            raise _unusable(name, given[name], "a list")
    for name in ("allow", "review"):
        if not isinstance(given.get(name, {}), dict | bool):
            raise _unusable(name, given[name], 'an allow block such as {"id": "*"}')
    tiles = given.get("map_tiles", "https://{z}/{x}/{y}")
    if not isinstance(tiles, str) or not tiles.startswith(("https://", "http://")):
        raise _unusable("map_tiles", tiles, "an address with {z}, {x} and {y} in it")
    if not all(part in tiles for part in ("{z}", "{x}", "{y}")):
        raise _unusable("map_tiles", tiles, "an address with {z}, {x} and {y} in it")
    try:
        proxies = tuple(ipaddress.ip_network(name) for name in given.get("trusted_proxies", []))
    except ValueError as error:
        raise _unusable("trusted_proxies", error, "networks such as 10.0.0.0/8") from error
    if os.environ.get(LOCAL_PHOTOS_VARIABLE) == "1":
        given["local_photos"] = True
    hosts = frozenset(str(name).lower().rstrip(".") for name in given.get("allow_hosts", []))
    return Settings(**{**given, "trusted_proxies": proxies, "allow_hosts": hosts})


def _unusable(name: str, value: object, wanted: str) -> SiteError:
    return SiteError(f"plugins.critterdb.{name} should be {wanted}, not {value!r}")
