"""Find the model in use, and keep loaded models in memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from critterdb.errors import ModelError
from critterdb.storage.database import SiteDatabase

from .loader import Model, _file_of, _untrusted, load_model

MAX_LOADED_BYTES = 300_000_000  # of files, of which ONNX Runtime makes about twice that
_loaded: dict[Path, tuple[tuple[str, int, int], Model]] = {}
_loading = threading.Lock()


def model_row(db: SiteDatabase, model_id: str) -> dict[str, Any]:
    """A model's row. Raises ModelError that lists the known ones where it is unknown."""
    for row in db.query("SELECT * FROM models WHERE id = ?", [model_id]):
        return row
    known = ", ".join(row["id"] for row in db.query("SELECT id FROM models ORDER BY created_at"))
    raise ModelError(f"There is no model {model_id}. Known ones: {known or 'none yet'}")


def use_model(db: SiteDatabase, model_id: str) -> str:
    """Let its game use this model; return the game. Raises ModelError where the file is bad."""
    row = model_row(db, model_id)
    _load_by_row(db, row)
    db["games"].update(row["game"], {"model_id": model_id})
    return str(row["game"])


def _load_by_row(db: SiteDatabase, row: dict[str, Any], threads: int | None = None) -> Model:
    """Load the file of a `models` row. Raises ModelError where the rows tell of another."""
    path = _file_of(db, row)
    model = load_model(path, sha256=row["sha256"], size=row["bytes"], threads=threads)
    if model.id != row["id"]:
        raise _untrusted(path, f"it holds the model {model.id}, not {row['id']}")
    labels = db.query("SELECT taxon_id FROM model_labels WHERE model_id = ?", [row["id"]])
    if sorted(label["taxon_id"] for label in labels) != sorted(
        label["taxon_id"] for label in model.labels
    ):
        raise _untrusted(path, "its labels are not those that the database lists for it")
    return model


def current_model(
    db: SiteDatabase,
    game: str | None = None,
    *,
    model_id: str | None = None,
    threads: int | None = None,
) -> Model:
    """The model in use by `game` (or by the only game that has one), or the one with `model_id`.

    Kept in memory, with the `threads` of its first loading, until its file changes. Raises
    ModelError where there is none, or where its file is not to be trusted.
    """
    row = model_row(db, model_id or _model_in_use(db, game))
    path = _file_of(db, row)
    with _loading:
        version = _version(path, row["sha256"])
        known = _loaded.pop(path, None)
        if known is None or known[0] != version:
            known = (version, _load_by_row(db, row, threads))
        _loaded[path] = known
        # Anybody may ask for any model; those that were asked for last stay.
        while len(_loaded) > 1 and sum(each[2] for each, _ in _loaded.values()) > MAX_LOADED_BYTES:
            del _loaded[next(iter(_loaded))]
        return known[1]


def _version(path: Path, sha256: str) -> tuple[str, int, int]:
    """What tells that a file may have changed since it was read."""
    try:
        found = path.stat()
    except OSError:
        return sha256, 0, 0
    return sha256, found.st_mtime_ns, found.st_size


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
        raise ModelError(f"There is no model yet. Train one with: critterdb train {game or 'GAME'}")
    if len(rows) > 1:
        ids = ", ".join(row["model_id"] for row in rows)
        raise ModelError(f"Several games have a model. Name one with --model: {ids}")
    return str(rows[0]["model_id"])
