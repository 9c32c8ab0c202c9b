"""One request to the endpoint, and the picture that it asks about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request

    from critterdb.web.state import PluginState


@dataclass(frozen=True)
class Call:
    """One request to the endpoint; `started` is by time.perf_counter()."""

    request: Request
    datasette: Datasette
    state: PluginState
    as_page: bool
    started: float


@dataclass(frozen=True)
class Picture:
    """The bytes to look at, and the address that they came from, if any."""

    data: bytes
    url: str | None
    sha256: str
