"""The settings under `plugins.critterdb` in metadata.json (or datasette.yaml)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from critterdb._types import Json
from critterdb.errors import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, SiteError

# Two rows a picture, about 2 kB with its scores: 20 MB a day at most.
RECORDED_PER_DAY = 10_000
LOCAL_PHOTOS_VARIABLE = "CRITTERDB_LOCAL_PHOTOS"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AllowBlock = Json | bool
"""An allow block as Datasette's actor_matches_allow takes it."""


@dataclass(frozen=True)
class Settings:
    """`rate` is requests a minute for each client address, 0 for no limit; sizes as named."""

    game: str | None = None
    allow: AllowBlock | None = None
    record: bool = True
    record_per_day: int = RECORDED_PER_DAY
    max_bytes: int = MAX_IMAGE_BYTES
    max_pixels: int = MAX_IMAGE_PIXELS
    # Off by default: behind a proxy that is not named all visitors would be one.
    rate: int = 0
    trusted_proxies: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    allow_hosts: frozenset[str] = frozenset()
    # A photo without a licence is not for everybody. None leaves it to datasette/own_machine.py.
    local_photos: bool | None = None
    front_page: bool = True
    # A review is signed and changes what the site says about itself, so signing in is not enough.
    review: AllowBlock | None = None
    # A host decides what the bot posts on the host's own account.
    host_rounds: AllowBlock | None = None
    map_tiles: str | None = None
    map_credit: str | None = None


def load_settings(config: Mapping[str, Any] | None) -> Settings:
    """Return the settings of a plugin's configuration; the environment can only open local photos.

    Raises SiteError, naming the setting, if one is unknown or cannot be understood.
    """
    configured = {key: value for key, value in (config or {}).items() if value is not None}
    names = [field.name for field in fields(Settings)]
    unknown = sorted(set(configured) - set(names))
    if unknown:
        raise SiteError(
            f"plugins.critterdb has no setting {', '.join(unknown)}. Known ones: {', '.join(names)}"
        )
    values = {
        name: _READERS[name](value) if name in _READERS else value
        for name, value in ((name, _checked(name, value)) for name, value in configured.items())
    }
    if os.environ.get(LOCAL_PHOTOS_VARIABLE) == "1":
        values["local_photos"] = True
    return Settings(**values)


def _checked(name: str, value: Any) -> Any:
    for wanted, is_valid in _CHECKS.get(name, ()):
        if not is_valid(value):
            raise SiteError(f"plugins.critterdb.{name} should be {wanted}, not {value!r}")
    return value


def _is_whole(least: int) -> Callable[[Any], bool]:
    # True is an int in Python, but not a number here.
    return lambda value: type(value) is int and value >= least


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_allow_block(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _are_networks(value: list[Any]) -> bool:
    try:
        _networks(value)
    except ValueError:
        return False
    return True


def _is_tile_address(value: Any) -> bool:
    return (
        isinstance(value, str)
        and value.startswith(("https://", "http://"))
        and all(part in value for part in ("{z}", "{x}", "{y}"))
    )


def _networks(names: list[Any]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(name) for name in names)


def _host_names(names: list[Any]) -> frozenset[str]:
    return frozenset(str(name).lower().rstrip(".") for name in names)


Check = tuple[str, Callable[[Any], bool]]
_ALLOW: Check = ('an allow block such as {"id": "*"}', _is_allow_block)

# What a value should be, in the words of the error, and whether it is; in the order of asking.
_CHECKS: Mapping[str, tuple[Check, ...]] = {
    "allow": (_ALLOW,),
    "review": (_ALLOW,),
    "host_rounds": (_ALLOW,),
    "record": (("true or false", _is_bool),),
    "local_photos": (("true or false", _is_bool),),
    "front_page": (("true or false", _is_bool),),
    "rate": (("a whole number", _is_whole(0)),),
    "record_per_day": (("a whole number", _is_whole(0)),),
    "max_pixels": (("a whole number", _is_whole(1)),),
    "max_bytes": (
        ("a whole number", _is_whole(1)),
        # The sandbox takes no larger file, so a larger one could never be decoded.
        (f"at most {MAX_IMAGE_BYTES}", lambda value: value <= MAX_IMAGE_BYTES),
    ),
    "trusted_proxies": (
        ("a list", _is_list),
        ("networks such as 10.0.0.0/8", _are_networks),
    ),
    "hosts": (("a list", _is_list),),
    "allow_hosts": (("a list", _is_list),),
    "map_tiles": (("an address with {z}, {x} and {y} in it", _is_tile_address),),
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "trusted_proxies": _networks,
    "hosts": _host_names,
    "allow_hosts": _host_names,
}
