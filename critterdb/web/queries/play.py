"""Photos for people to guess: which may be played with, and which one is the photo of a day."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from critterdb.dataset.taxonomy import Truth
from critterdb.formatting import taxon_name
from critterdb.licences import photo_shown_sql
from critterdb.web.errors import PageNotFoundError

from .photos import PHOTOS, Photo, as_photo
from .reasons import load_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Json
    from critterdb.model.labels import Label
    from critterdb.storage.database import SiteDatabase

# Those with the lowest hashes, so that a new photo displaces one of them at most, and seldom.
MAX_PLAYABLE = 200
# Of a site with a million photos, so many are looked at, the lowest hashes again.
MAX_DRAWN = 20_000
# With fewer test photos a week would have the same photo twice: then training photos play too.
MIN_HELD_OUT = 10

Part = Literal["train", "valid", "test"]

_GAMES = """
SELECT games.slug, games.hashtag, games.question, games.model_id
FROM games JOIN models ON models.id = games.model_id
ORDER BY models.created_at DESC, games.slug
"""

# In the order of the hashes, and no further than needed: to look at 2,000 photos first took 540 ms.
# The photo of a round that is not revealed yet would give the round away.
_PLAYABLE = """
SELECT photos.id AS photo_id, photos.sha256, splits.part, taxa.id AS taxon_id, taxa.ancestor_ids
FROM photos
CROSS JOIN observations ON observations.id = photos.observation_id
CROSS JOIN taxa ON taxa.id = observations.taxon_id
CROSS JOIN game_observations AS seen
    ON seen.game = :game AND seen.observation_id = observations.id AND seen.left_at IS NULL
LEFT JOIN splits ON splits.game = :game AND splits.observation_id = observations.id
WHERE photos.sha256 > '' AND photos.sha256 < coalesce((
        SELECT sha256 FROM photos WHERE sha256 > '' ORDER BY sha256 LIMIT 1 OFFSET :drawn
    ), 'g')
    AND {shown}
    AND (observations.quality_grade = 'research' OR observations.observer_id < 0)
    AND photos.id NOT IN (
        SELECT photo_id FROM rounds
        WHERE photo_id IS NOT NULL AND state IN ('planned', 'open', 'closed')
    )
    AND {part}
ORDER BY photos.sha256 LIMIT :most
"""

_SAID = """
SELECT model_id, taxon_id, score, abstained, reason, novelty, scores, thresholds
FROM predictions WHERE photo_id = ? AND model_id = ? ORDER BY id DESC LIMIT 1
"""


class PlayedGame(TypedDict):
    """A game that can be played here: its row, and the model that plays."""

    slug: str
    hashtag: str | None
    question: str | None
    model_id: str


class Choice(TypedDict):
    """An animal that may be guessed."""

    taxon_id: int
    name: str
    scientific_name: str


@dataclass(frozen=True)
class Playable:
    """A photo to guess, what it shows, and whether the model learned from it."""

    photo_id: int
    sha256: str
    truth: Truth
    part: Part | None


@dataclass(frozen=True)
class Table:
    """What is on the table in a game: photos in the order of their hashes, and the choices."""

    game: PlayedGame
    photos: list[Playable]
    choices: list[Choice]

    @property
    def is_held_out(self) -> bool:
        """Whether the model has learned from none of the photos."""
        return all(photo.part == "test" for photo in self.photos)

    def of_the_day(self, day: str) -> Playable | None:
        """Return the photo of a day such as 2026-11-28: the same for everybody."""
        game = self.game["slug"]
        return max(
            self.photos,
            key=lambda photo: (day_rank(day, game, photo.sha256), photo.sha256),
            default=None,
        )

    def find(self, photo_id: int) -> Playable:
        """Return a photo. Raises PageNotFoundError if it cannot be played with."""
        for photo in self.photos:
            if photo.photo_id == photo_id:
                return photo
        raise PageNotFoundError("This photo is not among those to guess. Choose another one")

    def after(self, photo: Playable) -> Playable:
        """Return the photo after this one; after the last one comes the first."""
        number = self.photos.index(photo) + 1
        return self.photos[number % len(self.photos)]


def day_rank(day: str, game: str, sha256: str) -> int:
    """Return the rank (32 bits) of a photo on a day; the highest is the photo of the day.

    Each day has another order of all photos, so that a new photo changes the past only where it is
    first itself. play.js computes the same: FNV-1a of the day and the game, MurmurHash3's last
    step.
    """
    # Browsers have SHA-256 on secure origins only, and a static site may be served without one.
    # docs/decisions.md#the-photo-of-the-day-is-the-one-with-the-highest-hash
    key = 0x811C9DC5
    for byte in f"{day}/{game}".encode():
        key = (key ^ byte) * 0x01000193 & 0xFFFFFFFF
    rank = key ^ int(sha256[:8], 16)
    rank = (rank ^ rank >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    rank = (rank ^ rank >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return rank ^ rank >> 16


def load_games(db: SiteDatabase) -> list[PlayedGame]:
    """Return the games that have a model, the newest model first."""
    return cast("list[PlayedGame]", list(db.query(_GAMES)))


def load_table(db: SiteDatabase, game: str | None, *, local_photos: bool) -> Table | None:
    """Return the photos and choices of a game.

    Without a name it is the first game, the newest model first, that has a photo to guess; if none
    has, the first. None if no game has a model yet. Raises PageNotFoundError if the game that is
    named has none.
    """
    games = load_games(db)
    if game is not None and game not in {row["slug"] for row in games}:
        raise PageNotFoundError(f"There is no game {game} with a model here")
    first = None
    for chosen in games:
        if game in (None, chosen["slug"]):
            table = _table_of(db, chosen, local_photos=local_photos)
            if table.photos:
                return table
            first = first or table
    return first


def _table_of(db: SiteDatabase, game: PlayedGame, *, local_photos: bool) -> Table:
    slug, model_id = game["slug"], game["model_id"]
    labels = load_labels(db, [model_id]).get(model_id, [])
    photos = _playable(db, slug, labels, "part = 'test'", local_photos=local_photos)
    if len(photos) < MIN_HELD_OUT:
        photos = _playable(db, slug, labels, "1", local_photos=local_photos)
    return Table(game, photos, _choices(labels))


def load_photos(db: SiteDatabase, photo_ids: Sequence[int]) -> dict[int, Photo]:
    """Return photos by their ids, yet to be checked for what may be shown."""
    rows = db.query(
        f"{PHOTOS} WHERE photos.id IN (SELECT value FROM json_each(?))", [json.dumps(photo_ids)]
    )
    return {row["photo_id"]: as_photo(row) for row in rows}


def load_said(db: SiteDatabase, photo_id: int, model_id: str) -> Json | None:
    """Return what a model said of a photo, if that was recorded."""
    return next(iter(db.query(_SAID, [photo_id, model_id])), None)


def find_choice(choices: Sequence[Choice], words: str) -> Choice | None:
    """Return the animal that somebody typed: by either name, or by words of one name alone."""
    typed = fold_name(words)
    if not typed:
        return None
    names = [(choice, fold_name(choice["name"])) for choice in choices]
    names += [(choice, fold_name(choice["scientific_name"])) for choice in choices]
    for form in (typed, typed.removesuffix("s")):
        for choice, name in names:
            if form == name:
                return choice
        near = {
            choice["taxon_id"]: choice for choice, name in names if _has_words(name, form.split())
        }
        if len(near) == 1:
            return next(iter(near.values()))
    return None


def fold_name(text: str) -> str:
    """Return a name without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall("[a-z0-9]+", plain))


def _has_words(name: str, words: Sequence[str]) -> bool:
    return bool(words) and set(words) <= set(name.split())


def _playable(
    db: SiteDatabase, game: str, labels: Sequence[Label], part: str, *, local_photos: bool
) -> list[Playable]:
    sql = _PLAYABLE.format(shown=photo_shown_sql(local_photos=local_photos), part=part)
    values = {"game": game, "drawn": MAX_DRAWN, "most": MAX_PLAYABLE}
    known = {label["taxon_id"] for label in labels}
    photos: dict[str, Playable] = {}
    for row in db.query(sql, values):
        truth = Truth.of(row["taxon_id"], row["ancestor_ids"])
        if truth.lineage & known:
            playable = Playable(row["photo_id"], row["sha256"], truth, row["part"])
            photos.setdefault(row["sha256"], playable)
    return list(photos.values())


def _choices(labels: Sequence[Label]) -> list[Choice]:
    choices: list[Choice] = [
        {
            "taxon_id": label["taxon_id"],
            "name": taxon_name(label),
            "scientific_name": label["name"],
        }
        for label in labels
    ]
    return sorted(choices, key=lambda choice: choice["name"].casefold())
