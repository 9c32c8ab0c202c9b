"""`/-/critterdb/health`: whether the site can do its work, and for those who may know, how."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from critterdb import __version__
from critterdb.errors import RejectedInputError
from critterdb.imaging.sandbox import shared_decoders
from critterdb.model.inference import work
from critterdb.storage.database import has_wal_bug, sqlite3
from critterdb.web.datasette.permissions import HEALTH, may
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.negotiation import other_method
from critterdb.web.state import PluginState, is_recording, plugin_state, site_database

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request, Response

METHODS = "GET, HEAD"


async def health(request: Request, datasette: Datasette) -> Response:
    """JSON: `ok` for everybody, with status 200 or 503; the rest for who may critterdb-health."""
    from datasette.utils.asgi import Response

    if refused := other_method(request, datasette, METHODS):
        return refused
    desk = plugin_state(datasette)
    database = site_database(datasette)
    problem = None
    model: dict[str, Any] | None = None
    if database is None:
        problem = "This Datasette serves no database of critterdb"
    else:
        try:
            model = await _model_in_use(database, desk)
        except (RejectedInputError, sqlite3.Error) as error:
            problem = str(error)
    found: dict[str, Any] = {"ok": problem is None}
    if await may(datasette, request.actor, HEALTH):
        found |= {"problem": problem, "model": model, **details(desk, database)}
    headers = {**data_headers(), **cors_headers(datasette), "Cache-Control": "no-store"}
    return Response(
        "" if request.method == "HEAD" else json.dumps(found, ensure_ascii=False),
        status=200 if found["ok"] else 503,
        headers=headers,
        content_type="application/json; charset=utf-8",
    )


async def _model_in_use(database: Database, desk: PluginState) -> dict[str, Any] | None:
    """The model, once loaded and checked; None for a site that has none yet, which is no problem.

    Raises RejectedInputError where the one in use is missing or not to be trusted.
    """
    from .models import load_model

    used = await database.execute(
        "SELECT 1 FROM games WHERE model_id IS NOT NULL AND slug = coalesce(?, slug)",
        [desk.settings.game],
    )
    if not used.rows:
        return None
    model = await load_model(database, desk, None)
    return {"id": model.id, "game": model.game, "backbone": model.backbone, "sha256": model.sha256}


def details(desk: PluginState, database: Database | None) -> dict[str, Any]:
    """What is under the bonnet: versions, the queue, errors by code since the start."""
    version = sqlite3.sqlite_version
    return {
        "critterdb": __version__,
        "database": database.name if database else None,
        "recording": is_recording(desk, database),
        "sqlite": {"version": version, "wal_reset_bug": has_wal_bug(version)},
        "queue": {
            "workers": desk.workers.workers,
            "taken": desk.workers.taken,
            "places": desk.workers.places,
            "upload_bytes": desk.uploads.held,
        },
        "work": {
            "photos": work.photos,
            "decoding_cpu_s": round(shared_decoders().spent_s, 3),
            "model_cpu_s": round(work.model_s, 3),
        },
        "writes": writes(desk.write_seconds),
        "errors": {
            code: {"times": times, "last_at": last_at}
            for code, (times, last_at) in sorted(desk.errors.items())
        },
        "up_seconds": round(time.monotonic() - desk.opened_at),
    }


def writes(seconds: Iterable[float]) -> dict[str, Any]:
    """How long the last answers waited for their rows, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {"times": 0, "median_ms": None, "p99_ms": None, "slowest_ms": None}
    places = {"median_ms": 0.5, "p99_ms": 0.99, "slowest_ms": 1.0}
    last = len(ordered) - 1
    return {"times": len(ordered)} | {
        name: round(1000 * ordered[min(last, int(share * len(ordered)))], 1)
        for name, share in places.items()
    }
