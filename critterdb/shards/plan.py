"""Cut the photos of a game that have no vector yet into shards.

A shard is an ordered list of photos, and its name is a digest of the recipe and the list: the same
command plans the same shards, whoever was killed in between.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from critterdb.storage.database import SiteDatabase

# Some 20 s of work on two cores, which is what a killed worker loses; a file of 11 MB.
PHOTOS_PER_SHARD = 4096
# Lists of all photos in Python break at 2 to 5 million.
ROWS_PER_READ = 10_000


class ShardPhoto(NamedTuple):
    """A photo to work on; `path` is relative to the site."""

    photo_id: int
    sha256: str
    path: str


@dataclass(frozen=True)
class Shard:
    """Photos that are worked on together by one recipe.

    `rate` in bytes a second is leased to whoever fetches them; it is no part of the name.
    """

    recipe: str
    photos: tuple[ShardPhoto, ...]
    rate: float | None = None

    @cached_property
    def name(self) -> str:
        digest = hashlib.sha256(self.recipe.encode())
        for photo in self.photos:
            digest.update(f"\n{photo.sha256}".encode())
        return digest.hexdigest()

    def halves(self) -> tuple[Shard, Shard]:
        """Return two shards with this one's photos."""
        middle = len(self.photos) // 2
        return (
            Shard(self.recipe, self.photos[:middle], self.rate and self.rate / 2),
            Shard(self.recipe, self.photos[middle:], self.rate and self.rate / 2),
        )


_MISSING = """
FROM photos
JOIN game_observations USING (observation_id)
WHERE game_observations.game = :game
    AND game_observations.left_at IS NULL
    AND photos.path IS NOT NULL
    AND photos.sha256 IS NOT NULL
    AND photos.withdrawn_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM embeddings
        WHERE embeddings.sha256 = photos.sha256 AND embeddings.backbone = :recipe
    )
    AND NOT EXISTS (SELECT 1 FROM temp.in_shards WHERE in_shards.sha256 = photos.sha256)
"""


@dataclass(frozen=True)
class Plan:
    """What is missing of a game: `note_done` first, with the photos that shards hold already.

    The list is never in memory as a whole.
    """

    db: SiteDatabase
    game: str
    recipe: str
    photos_per_shard: int = PHOTOS_PER_SHARD

    def note_done(self, batches: Iterable[list[str]]) -> None:
        """Leave out the photos with these hashes."""
        conn = self.db.conn
        conn.execute("DROP TABLE IF EXISTS temp.in_shards")
        # On the disk, where ten million take 700 MB, and sorted by what is looked for.
        conn.execute("CREATE TEMP TABLE in_shards (sha256 TEXT PRIMARY KEY) WITHOUT ROWID")
        conn.execute("BEGIN")
        for hashes in batches:
            conn.executemany(
                "INSERT OR IGNORE INTO temp.in_shards VALUES (?)", [(name,) for name in hashes]
            )
        conn.execute("COMMIT")

    def count(self) -> int:
        """Return how many photos are missing."""
        sql = f"SELECT count(DISTINCT photos.sha256) {_MISSING}"
        return int(self.db.execute(sql, self._parameters).fetchone()[0])

    def shards(self) -> Iterator[Shard]:
        """Yield the shards in the order of their photos."""
        photos: list[ShardPhoto] = []
        for photo in self._missing():
            photos.append(photo)
            if len(photos) == self.photos_per_shard:
                yield Shard(self.recipe, tuple(photos))
                photos = []
        if photos:
            yield Shard(self.recipe, tuple(photos))

    @property
    def _parameters(self) -> dict[str, str]:
        return {"game": self.game, "recipe": self.recipe}

    def _missing(self) -> Iterator[ShardPhoto]:
        # What is finished meanwhile does not change the list: it is in a table of its own.
        # Embeddings are kept by file: one that several photos share is embedded once.
        self.db.conn.execute("DROP TABLE IF EXISTS temp.missing_photos")
        self.db.execute(
            f"""
            CREATE TEMP TABLE missing_photos AS
            SELECT min(photos.id) AS photo_id, photos.sha256, photos.path {_MISSING}
            GROUP BY photos.sha256 ORDER BY photo_id
            """,
            self._parameters,
        )
        last = 0
        while rows := self.db.execute(
            "SELECT rowid, photo_id, sha256, path FROM temp.missing_photos "
            "WHERE rowid > ? ORDER BY rowid LIMIT ?",
            [last, ROWS_PER_READ],
        ).fetchall():
            last = rows[-1][0]
            yield from (ShardPhoto(*row[1:]) for row in rows)
