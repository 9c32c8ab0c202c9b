"""Find the model in use, and keep loaded models in memory."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import ModelError
from critterdb.formatting import did_you_mean
from critterdb.games import get_game

from .loader import Model, _file_of, _untrusted, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase

# Twenty of the default models (13.7 MB each). Anybody may name any model of the site in a request,
# so what is kept in memory must have an end.
MAX_LOADED_BYTES = 300_000_000  # of files, of which ONNX Runtime makes about twice that
# A check reads and hashes the whole file, and anybody may ask for it again.
REFUSAL_SECONDS = 60

Version = tuple[str, int, int]
"""The SHA-256 that the database has of a file, the file's mtime in ns, and its bytes."""


@dataclass(frozen=True)
class StoredModel:
    """A model as the database lists it: what loading and checking its file needs."""

    row: Row
    path: Path
    taxon_ids: tuple[int, ...]

    @property
    def id(self) -> str:
        return str(self.row["id"])


@dataclass(frozen=True)
class Refusal:
    """A check that failed, of this file and of these rows; remembered until `until` (monotonic)."""

    stored: StoredModel
    version: Version
    until: float
    error: ModelError


# In the order of their last use: the first is the first to go.
_loaded: dict[Path, tuple[Version, Model]] = {}
_refused: dict[Path, Refusal] = {}
_loading = threading.Lock()


def model_row(db: SiteDatabase, model_id: str) -> Row:
    """Return a model's row. Raises ModelError that lists the known ones if it is unknown."""
    for row in db.query("SELECT * FROM models WHERE id = ?", [model_id]):
        return row
    known = [row["id"] for row in db.query("SELECT id FROM models ORDER BY created_at")]
    raise ModelError(
        f"There is no model {model_id}.{did_you_mean(model_id, known)} "
        f"Known ones: {', '.join(known) or 'none yet'}"
    )


def choose_model_id(db: SiteDatabase, name: str | None = None, game: str | None = None) -> str:
    """Return the id of the model that a person means.

    `name` is an id or the beginning of one. Without it, it is the model in use by `game`, or by the
    only game that has one. Raises ModelError and GameError if that is none or several.
    """
    if game is not None:
        game = get_game(db, game).slug
    if name is None:
        return _model_in_use(db, game)
    ids = [row["id"] for row in db.query("SELECT id FROM models ORDER BY created_at, id")]
    beginning = [model_id for model_id in ids if model_id.startswith(name)]
    if name not in ids and len(beginning) > 1:
        raise ModelError(
            f"Several models begin with {name}: {', '.join(beginning)}. Give more of the id"
        )
    row = model_row(db, name if name in ids or not beginning else beginning[0])
    if game is not None and row["game"] != game:
        raise ModelError(
            f"{row['id']} is a model of {row['game']}, not of {game}. Leave out one of the two"
        )
    return str(row["id"])


def use_model(db: SiteDatabase, model_id: str) -> str:
    """Let its game use this model; return the game. Raises ModelError if the file is bad."""
    stored = _stored(db, model_row(db, model_id))
    _load(stored)
    db["games"].update(stored.row["game"], {"model_id": model_id})
    return str(stored.row["game"])


def current_model(
    db: SiteDatabase,
    game: str | None = None,
    *,
    model_id: str | None = None,
    threads: int | None = None,
) -> Model:
    """Return the model in use by `game` (or by the only game that has one), or the one with
    `model_id`.

    Kept in memory, with the `threads` of its first loading, until its file changes. Raises
    ModelError if there is none, or if its file is not to be trusted.
    """
    return load_stored(find_model(db, game, model_id=model_id), threads=threads)


def find_model(
    db: SiteDatabase, game: str | None = None, *, model_id: str | None = None
) -> StoredModel:
    """Find what current_model() loads, without reading its file. Raises ModelError likewise."""
    return _stored(db, model_row(db, model_id or _model_in_use(db, game)))


def model_in_memory(stored: StoredModel) -> Model | None:
    """Return a model that is loaded, if its file is still the same. Never waits."""
    known = _loaded.get(stored.path)
    if known is None or known[0] != _version(stored):
        return None
    if _loading.acquire(blocking=False):
        try:
            if stored.path in _loaded:
                _loaded[stored.path] = _loaded.pop(stored.path)
        finally:
            _loading.release()
    return known[1]


def load_stored(stored: StoredModel, *, threads: int | None = None) -> Model:
    """Return the model, from memory or from its file. Raises ModelError if it is not to be trusted.

    A refusal is remembered for a minute, or until the file changes.
    """
    with _loading:
        version = _version(stored)
        known = _loaded.pop(stored.path, None)
        if known is None or known[0] != version:
            _raise_remembered(stored, version)
            try:
                known = version, _load(stored, threads)
            except ModelError as error:
                # A bad file is hashed once a minute and not once a request: 13 MB of reading each
                # time would be a cheap way to keep a disk busy.
                until = time.monotonic() + REFUSAL_SECONDS
                _refused[stored.path] = Refusal(stored, version, until, error)
                raise
        _loaded[stored.path] = known
        # Anybody may ask for any model; those that were asked for last stay.
        while len(_loaded) > 1 and sum(v[2] for v, _ in _loaded.values()) > MAX_LOADED_BYTES:
            del _loaded[next(iter(_loaded))]
        return known[1]


def _raise_remembered(stored: StoredModel, version: Version) -> None:
    refusal = _refused.pop(stored.path, None)
    if refusal is None or (refusal.stored, refusal.version) != (stored, version):
        return
    if time.monotonic() < refusal.until:
        _refused[stored.path] = refusal
        raise ModelError(str(refusal.error), public=refusal.error.public)


def _stored(db: SiteDatabase, row: Row) -> StoredModel:
    labels = db.query("SELECT taxon_id FROM model_labels WHERE model_id = ?", [row["id"]])
    taxon_ids = sorted(label["taxon_id"] for label in labels)
    return StoredModel(row, _file_of(db, row), tuple(taxon_ids))


def _load(stored: StoredModel, threads: int | None = None) -> Model:
    """Load and check the file of a `models` row. Raises ModelError if the rows differ from it."""
    row, path = stored.row, stored.path
    model = load_model(path, sha256=row["sha256"], size=row["bytes"], threads=threads)
    if model.id != row["id"]:
        raise _untrusted(path, f"it holds the model {model.id}, not {row['id']}")
    if sorted(label["taxon_id"] for label in model.labels) != list(stored.taxon_ids):
        raise _untrusted(path, "its labels are not those that the database lists for it")
    return model


def _version(stored: StoredModel) -> Version:
    """What tells that a file may have changed since it was read."""
    try:
        status = stored.path.stat()
    except OSError:
        return stored.row["sha256"], 0, 0
    return stored.row["sha256"], status.st_mtime_ns, status.st_size


def _model_in_use(db: SiteDatabase, game: str | None) -> str:
    rows = list(
        db.query(
            """
            SELECT slug, model_id FROM games
            WHERE model_id IS NOT NULL AND slug = coalesce(?, slug)
            ORDER BY slug
            """,
            [game],
        )
    )
    if not rows:
        whose = f"{game} has" if game else "There is"
        raise ModelError(f"{whose} no model yet. Train one with: critterdb train {game or 'GAME'}")
    if len(rows) > 1:
        slugs = ", ".join(row["slug"] for row in rows)
        ids = ", ".join(row["model_id"] for row in rows)
        raise ModelError(
            f"Several games have a model. Name one with --game ({slugs}) or --model ({ids})"
        )
    return str(rows[0]["model_id"])
