"""Training photos like the picture that was sent: for the JSON, and as evidence on the page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from critterdb.dataset.sketch_store import CANDIDATES
from critterdb.errors import ModelError, RejectedInputError
from critterdb.model.inference import embed_image
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.own_machine import may_see_local_photos
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.queries.similar_photos import ready
from critterdb.web.queries.training_photos import TrainingSearch, rank_training_photos

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from datasette.database import Database

    from critterdb.dataset.sketch_store import Sketches
    from critterdb.model.loader import Model
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.queries.training_photos import Likeness

    from .call import Call, Picture

# What a similar photo tells comes from these.
TABLES = ("photos", "observations", "taxa", "embeddings", "splits")
# Where photos of other games or without a licence are nearer, so many are looked through.
MAX_CANDIDATES = 2000
# Sketches of 200,000 photos are made within a minute; a program may ask again.
PATIENCE_S = 5.0


async def may_see_similar(call: Call, database: Database) -> bool:
    """Whether the visitor may see the tables that similar photos come from."""
    for table in TABLES:
        if not await may_view(call.datasette, call.request.actor, database.name, table):
            return False
    return True


async def embed(call: Call, model: Model, picture: Picture) -> np.ndarray:
    """Return the embedding D of the picture. Raises RejectedInputError."""

    async def look() -> np.ndarray:
        limit = call.state.settings.max_pixels
        return await call.state.workers.run(
            lambda: embed_image(model, picture.data, max_pixels=limit)
        )

    try:
        return await call.state.coalesce(("embed", picture.sha256, model.id), look)
    except ModelError as error:
        raise RejectedInputError("no_model", error.public) from error


async def find_likenesses(
    call: Call,
    database: Database,
    model: Model,
    vector: np.ndarray,
    is_enough: Callable[[list[Likeness]], bool],
) -> list[Likeness]:
    """Return training photos near an embedding, the nearest first; more until `is_enough`.

    Raises RejectedInputError (busy) while a large site's photos are still being read.
    """
    local = may_see_local_photos(call.datasette, call.request.scope)
    search = TrainingSearch(model.game, model.backbone, vector, local)
    try:
        async with asyncio.timeout(PATIENCE_S):
            sketches = await _sketches(call, database, model.backbone)
        likenesses: list[Likeness] = []
        # Among 100,000 photos, 200 find 89% of the nearest ten. 2,000 take ten times as long.
        for most in (CANDIDATES, MAX_CANDIDATES):
            candidates = sketches.candidates(vector, most)
            likenesses = await read(database, _ranked(search, candidates))
            if is_enough(likenesses) or len(sketches) <= most:
                break
    except (SlowReadError, TimeoutError) as error:
        raise RejectedInputError(
            "busy", "The site's photos are still being indexed. Try again in a moment"
        ) from error
    return likenesses


def _ranked(
    search: TrainingSearch, candidates: list[str]
) -> Callable[[SiteDatabase], list[Likeness]]:
    return lambda db: rank_training_photos(db, search, candidates)


async def _sketches(call: Call, database: Database, backbone: str) -> Sketches:
    while True:
        sketches = await ready(database, call.state.sketches, backbone)
        if sketches is not None:
            return sketches
