"""A site in Python: its games, models and photos, and SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from critterdb.errors import SiteError
from critterdb.licences import IS_PHOTO_HERE, IS_PHOTO_LICENSED
from critterdb.model.summaries import ModelSummary, list_models
from critterdb.site.folder import open_writable
from critterdb.storage.database import sqlite3

from .database import database_file, open_reading
from .model import Model, choose_model

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase

_PHOTOS = f"""
SELECT photos.id AS photo_id, photos.observation_id, observations.taxon_id, taxa.name,
    taxa.common_name, observations.observed_on, observations.latitude, observations.longitude,
    observations.obscured, observers.login AS observer, photos.license_code, photos.attribution,
    photos.url, photos.sha256, photos.path AS file
FROM photos
JOIN observations ON observations.id = photos.observation_id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
LEFT JOIN observers ON observers.id = observations.observer_id
WHERE {IS_PHOTO_HERE}
"""
_OF_GAME = """
AND photos.observation_id IN (
    SELECT observation_id FROM game_observations WHERE game = :game AND left_at IS NULL
)
"""
_OF_TAXON = """
AND (observations.taxon_id = :taxon_id OR EXISTS (
    SELECT 1 FROM json_each(taxa.ancestor_ids) WHERE value = :taxon_id
))
"""


class Site:
    """A site that is open: use it in a `with` block, or call `close()`.

    `folder` holds the database, `photos/` and `models/`. `db` is the sqlite-utils database, for
    whatever has no method here. One thread may use it.
    """

    def __init__(self, db: SiteDatabase, file: Path, *, is_writable: bool) -> None:
        self.db = db
        self.folder = file.resolve().parent
        self._file = file
        self._is_writable = is_writable

    @property
    def games(self) -> list[Row]:
        """The games, by name: rows of the table `games`."""
        return self.query("SELECT * FROM games ORDER BY slug")

    @property
    def models(self) -> list[ModelSummary]:
        """The models with their figures, as `critterdb models --json`. Shares are from 0 to 1."""
        return list_models(self.db)

    def photos(
        self, game: str | None = None, *, taxon_id: int | None = None, licensed: bool = False
    ) -> list[Row]:
        """Return the photos whose files are here, by id: what each shows, where, and whose it is.

        `taxon_id` includes the taxa below it. `licensed` leaves out photos that may not be
        published. In a row, `file` is the photo's Path; `latitude` and `longitude` are degrees, of
        a random point nearby if `obscured` is 1.
        """
        sql = _PHOTOS + (_OF_GAME if game else "") + (_OF_TAXON if taxon_id is not None else "")
        # Not by default: a site of one's own photos would be empty in a notebook.
        # docs/decisions.md#python-returns-photos-without-a-licence
        if licensed:
            sql += f"AND {IS_PHOTO_LICENSED}"
        rows = self.query(f"{sql} ORDER BY photos.id", {"game": game, "taxon_id": taxon_id})
        return [{**row, "file": self.folder / row["file"]} for row in rows]

    def query(self, sql: str, parameters: Sequence[Any] | Row = ()) -> list[Row]:
        """Return the rows of an SQL query, with `parameters` for its `?` or `:name`.

        docs/schema.md describes the tables. Raises SiteError if SQLite refuses the query.
        """
        try:
            return cast("list[Row]", list(self.db.query(sql, parameters)))
        except (sqlite3.Error, ValueError) as error:
            raise SiteError(f"The query failed: {error}. Correct it and try again") from error

    def load_model(self, game: str | None = None, *, model_id: str | None = None) -> Model:
        """Load the model in use by `game` (by the only one that has one), or any by its id.

        If the site is writable, answers are recorded as `critterdb classify` records them. Raises
        ModelError as critterdb.load_model() does.
        """
        loaded = choose_model(self.db, game, model_id)
        return Model(loaded, database=self._file, recording=self.db if self._is_writable else None)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Site {self.folder}>"


def open_site(path: str | os.PathLike[str] = ".", *, write: bool = False) -> Site:
    """Open a site: its folder, or its critters.db. It is read-only unless `write` is true.

    A writable site is updated to the newest schema. Raises SiteError if there is no site, if it
    was made by another version that must be upgraded first, or if `write` is asked of a published
    copy.
    """
    file = database_file(path)
    db = open_writable(file) if write else open_reading(file)
    return Site(db, file, is_writable=write)
