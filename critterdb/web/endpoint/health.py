"""`/-/critterdb/health`: whether the site works, with details for those who may see them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypedDict

from critterdb._version import __version__
from critterdb.errors import RejectedInputError
from critterdb.imaging.sandbox import shared_decoders
from critterdb.model.inference import work
from critterdb.storage.database import has_wal_bug, sqlite3
from critterdb.web.datasette.permissions import HEALTH, may
from critterdb.web.http.responses import other_method, respond_json
from critterdb.web.state import PluginState, is_recording, plugin_state, site_database

from .answer import NO_SITE
from .models import find_chosen, load_chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request, Response

    from critterdb._types import Json

METHODS = "GET, HEAD"


class ModelInUse(TypedDict):
    """The model as the health page names it."""

    id: str
    game: str
    backbone: str
    sha256: str


class WriteTimes(TypedDict):
    """How long writes took, in milliseconds; None while there were none."""

    times: int
    median_ms: float | None
    p99_ms: float | None
    slowest_ms: float | None


async def health(request: Request, datasette: Datasette) -> Response:
    """JSON: `ok` for everybody, with status 200 or 503; the rest for critterdb-health only."""
    if refused := other_method(request, datasette, METHODS):
        return refused
    state, database = plugin_state(datasette), site_database(datasette)
    problem: str | None = None
    model: ModelInUse | None = None
    try:
        if database is None:
            raise RejectedInputError("no_model", NO_SITE)
        model = await _model_in_use(database, state)
    except (RejectedInputError, sqlite3.Error) as error:
        problem = str(error)
    payload: Json = {"ok": problem is None}
    if await may(datasette, request.actor, HEALTH):
        payload |= {"problem": problem, "model": model, **details(state, database)}
    return respond_json(request, datasette, payload, status=503 if problem else 200)


async def _model_in_use(database: Database, state: PluginState) -> ModelInUse | None:
    """The model, once loaded and checked; None for a site that has none yet: that is healthy.

    Raises RejectedInputError if the one in use is missing or not to be trusted.
    """
    used = await database.execute(
        "SELECT 1 FROM games WHERE model_id IS NOT NULL AND slug = coalesce(?, slug)",
        [state.settings.game],
    )
    # A fresh site is healthy: a container must not be restarted because nobody has trained yet.
    if not used.rows:
        return None
    model = await load_chosen(state, await find_chosen(database, state, None))
    return {"id": model.id, "game": model.game, "backbone": model.backbone, "sha256": model.sha256}


def details(state: PluginState, database: Database | None) -> Json:
    """Return what critterdb-health may see: versions, the queue, errors by code since the start."""
    version = sqlite3.sqlite_version
    return {
        "critterdb": __version__,
        "database": database.name if database else None,
        "recording": is_recording(state, database),
        "sqlite": {"version": version, "wal_reset_bug": has_wal_bug(version)},
        "queue": {
            "workers": state.workers.workers,
            "taken": state.workers.taken,
            "places": state.workers.places,
            "upload_bytes": state.uploads.held,
        },
        "work": {
            "photos": work.photos,
            "decoding_cpu_s": round(shared_decoders().spent_s, 3),
            "model_cpu_s": round(work.model_s, 3),
        },
        "writes": writes(state.write_seconds),
        "errors": {
            code: {"times": times, "last_at": last_at}
            for code, (times, last_at) in sorted(state.errors.items())
        },
        "up_seconds": round(time.monotonic() - state.opened_at),
    }


def writes(seconds: Iterable[float]) -> WriteTimes:
    """Return how long the last answers waited for their rows, in milliseconds."""
    ordered = sorted(seconds)

    def quantile_ms(share: float) -> float | None:
        if not ordered:
            return None
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {
        "times": len(ordered),
        "median_ms": quantile_ms(0.5),
        "p99_ms": quantile_ms(0.99),
        "slowest_ms": quantile_ms(1.0),
    }
