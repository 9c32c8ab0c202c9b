"""Find the model that a request asks for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from critterdb.errors import CritterError, RejectedInputError
from critterdb.model.loader import Model
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.web.state import PluginState

if TYPE_CHECKING:
    from datasette.database import Database

# One photo takes longer on one processor, and several take less of it in all: a fifth less.
THREADS_PER_PHOTO = 1


async def load_model(database: Database, desk: PluginState, model_id: str | None) -> Model:
    """The model in use, or the one named. Raises RejectedInputError (model_unknown, no_model)."""
    model: Model = await database.execute_fn(lambda conn: _choose_model(conn, desk, model_id))
    return model


def _choose_model(conn: Any, desk: PluginState, model_id: str | None) -> Model:
    db = SiteDatabase(conn)
    if model_id and not db["models"].count_where("id = ?", [model_id]):
        raise RejectedInputError(
            "model_unknown",
            f"There is no model called {model_id}. Leave “model” out to ask the one in use",
        )
    try:
        game = desk.settings.game
        chosen = model_id or (None if game else _newest_model(db))
        return current_model(db, game, model_id=chosen, threads=THREADS_PER_PHOTO)
    except CritterError as error:
        # Where the site lies on its machine is nobody's business.
        folder = f"{site_folder(db)}{os.sep}"
        raise RejectedInputError("no_model", str(error).replace(folder, "")) from error


def _newest_model(db: SiteDatabase) -> str | None:
    """What answers where neither settings nor question say: the newest model that a game uses."""
    for row in db.query(
        "SELECT models.id FROM games JOIN models ON models.id = games.model_id "
        "ORDER BY models.created_at DESC LIMIT 1"
    ):
        return str(row["id"])
    return None
