"""Find the model that a request asks for, and load it without holding a reading thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import CritterError, RejectedInputError
from critterdb.model.registry import StoredModel, find_model, load_stored, model_in_memory
from critterdb.storage.stored_json import as_counts, read_object
from critterdb.web.datasette.reading import SlowReadError, read

if TYPE_CHECKING:
    from datasette.database import Database

    from critterdb.model.loader import Model
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.state import PluginState

# One photo takes longer on one processor, and several take less of it in all: a fifth less.
THREADS_PER_PHOTO = 1

_ABOUT = """
SELECT question, hashtag,
    (SELECT sum(photos_test) FROM model_labels WHERE model_id = :model) AS tests
FROM games WHERE slug = :game
"""


@dataclass(frozen=True)
class ChosenModel:
    """The model in use or the one that was named, with its game's question.

    `tests` is the number of its test photos. `loaded` is None while its file is not in memory.
    """

    stored: StoredModel
    question: str | None
    hashtag: str | None
    tests: int | None
    loaded: Model | None

    @property
    def licenses(self) -> dict[str, int]:
        """How many photos of each licence it was made with."""
        if self.loaded:
            return dict(self.loaded.metadata.get("licenses") or {})
        return as_counts(read_object(self.stored.row["card"]).get("photos_by_license"))

    @property
    def knows_places(self) -> bool:
        """Whether it can take into account where and when a photo was taken."""
        if self.loaded:
            return self.loaded.place_prior is not None
        return read_object(self.stored.row["card"]).get("place_weight") is not None


async def find_chosen(database: Database, state: PluginState, model_id: str | None) -> ChosenModel:
    """Find the model in use, or the one named, in one trip to a reading thread.

    Raises RejectedInputError (model_unknown, no_model, busy).
    """
    try:
        return await read(database, lambda db: choose_model(db, state, model_id))
    except SlowReadError as error:
        raise RejectedInputError("busy", f"{error}. Try again in a moment") from error


def choose_model(db: SiteDatabase, state: PluginState, model_id: str | None) -> ChosenModel:
    """Find the model in use, or the one named. Raises RejectedInputError (model_unknown,
    no_model).
    """
    if model_id and not db["models"].count_where("id = ?", [model_id]):
        raise RejectedInputError(
            "model_unknown",
            f"There is no model called {model_id}. Leave “model” out to use the current one",
        )
    game = state.settings.game
    # Where the site lies on its machine is not for strangers, hence `public`.
    try:
        stored = find_model(db, game, model_id=model_id or (None if game else _newest_model(db)))
    except CritterError as error:
        raise RejectedInputError("no_model", error.public) from error
    about = next(db.query(_ABOUT, {"game": stored.row["game"], "model": stored.row["id"]}), {})
    return ChosenModel(
        stored,
        about.get("question"),
        about.get("hashtag"),
        about.get("tests"),
        model_in_memory(stored),
    )


async def load_chosen(state: PluginState, chosen: ChosenModel) -> Model:
    """Return the model, loaded by a worker if it is not in memory: reading and checking its file
    takes 0.1 s and more. Raises RejectedInputError (no_model, busy).
    """
    if chosen.loaded:
        return chosen.loaded

    # In the bounded queue of workers: anybody may name any model, and beyond 300 MB of them each
    # change loads one again. Datasette has three reading threads for all its pages.
    async def load() -> Model:
        return await state.workers.run(
            lambda: load_stored(chosen.stored, threads=THREADS_PER_PHOTO)
        )

    try:
        return await state.coalesce(("load", chosen.stored.path), load)
    except CritterError as error:
        if isinstance(error, RejectedInputError):
            raise
        raise RejectedInputError("no_model", error.public) from error


def _newest_model(db: SiteDatabase) -> str | None:
    """The newest model that a game uses: it answers if neither settings nor question name one."""
    for row in db.query(
        "SELECT models.id FROM games JOIN models ON models.id = games.model_id "
        "ORDER BY models.created_at DESC LIMIT 1"
    ):
        return str(row["id"])
    return None
