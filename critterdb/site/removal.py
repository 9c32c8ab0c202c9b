"""Remove a model or a game from a site: what goes, what stays, and what must not go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import GameError, ModelError, SiteError
from critterdb.formatting import count_of
from critterdb.games import PRESETS, get_game
from critterdb.inaturalist.client import cursor_prefix
from critterdb.model.registry import choose_model_id, model_row
from critterdb.storage.cursors import Cursors
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import remove_unnamed_files
from critterdb.storage.stored_files import stored_file

if TYPE_CHECKING:
    from collections.abc import Sequence

# Everything that a model's own rows are, in an order that no reference is left behind.
_OF_A_MODEL = (
    "DELETE FROM reviews WHERE prediction_id IN (SELECT id FROM predictions WHERE model_id = ?)",
    "DELETE FROM predictions WHERE model_id = ?",
    "DELETE FROM prediction_counts WHERE model_id = ?",
    "DELETE FROM score_counts WHERE model_id = ?",
    "DELETE FROM confusions WHERE model_id = ?",
    "DELETE FROM model_metrics WHERE model_id = ?",
    "DELETE FROM model_labels WHERE model_id = ?",
    "UPDATE games SET model_id = NULL WHERE model_id = ?",
    "DELETE FROM models WHERE id = ?",
)
# Observations that nobody else needs: in no other game, none of their photos shown by another
# observation, and none in an answer that stays.
_ONLY_HERE = """
SELECT observation_id FROM game_observations AS ours
WHERE game = :game
    AND NOT EXISTS (
        SELECT 1 FROM game_observations AS theirs
        WHERE theirs.observation_id = ours.observation_id AND theirs.game <> :game
    )
    AND NOT EXISTS (
        SELECT 1 FROM photos JOIN shared_photos ON shared_photos.photo_id = photos.id
        WHERE photos.observation_id = ours.observation_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM photos JOIN predictions ON predictions.photo_id = photos.id
        JOIN models ON models.id = predictions.model_id
        WHERE photos.observation_id = ours.observation_id AND models.game <> :game
    )
"""
_OF_A_GAME = (
    # Only those that were never posted: plan_game_removal refuses the others.
    "DELETE FROM own_posts WHERE game = :game",
    "DELETE FROM rounds WHERE game = :game",
    "UPDATE rounds SET photo_id = NULL WHERE photo_id IN "
    "(SELECT id FROM photos WHERE observation_id IN (SELECT id FROM going))",
    "DELETE FROM splits WHERE game = :game",
    "DELETE FROM game_observations WHERE game = :game",
    "DELETE FROM syncs WHERE game = :game",
    "DELETE FROM games WHERE slug = :game",
    "DELETE FROM shared_photos WHERE observation_id IN (SELECT id FROM going)",
    "DELETE FROM photos WHERE observation_id IN (SELECT id FROM going)",
    "DELETE FROM observations WHERE id IN (SELECT id FROM going)",
)
# Of the bot's own posts: it is on the platform, or may be.
_STANDS = "(post_id IS NOT NULL OR status IN ('sending', 'unknown'))"
_UNUSED = (
    "DELETE FROM embeddings WHERE sha256 NOT IN (SELECT sha256 FROM photos WHERE sha256 NOT NULL)",
    "DELETE FROM observers WHERE id NOT IN "
    "(SELECT observer_id FROM observations WHERE observer_id NOT NULL)",
)


@dataclass(frozen=True)
class ModelRemoval:
    """A model that may be removed, and what goes with it."""

    id: str
    game: str
    path: str
    bytes: int
    is_used: bool
    answers: int
    reviews: int


@dataclass(frozen=True)
class GameRemoval:
    """A game that may be removed, what goes with it, and how many observations others keep."""

    slug: str
    models: list[ModelRemoval]
    observations: int
    photos: int
    photo_bytes: int
    kept: int

    @property
    def is_empty(self) -> bool:
        return not (self.models or self.observations or self.kept)


def plan_model_removal(db: SiteDatabase, name: str) -> ModelRemoval:
    """Find what goes with a model. Raises ModelError if it is unknown or must stay."""
    row = model_row(db, choose_model_id(db, name))
    removal = _model_removal(db, row["id"])
    replies = _count(
        db,
        "SELECT count(*) FROM (SELECT post_id FROM predictions WHERE model_id = :model "
        "AND post_id NOT NULL UNION SELECT replies.post_id FROM replies "
        "JOIN predictions ON predictions.id = prediction_id WHERE model_id = :model)",
        model=row["id"],
    )
    others = _count(
        db, "SELECT count(*) FROM models WHERE game = ? AND id <> ?", row["game"], row["id"]
    )
    if removal.is_used and others:
        raise ModelError(
            f"{removal.game} uses {removal.id}. Choose another one first: critterdb models use ID"
        )
    if replies:
        raise ModelError(
            f"{removal.id} answered {count_of(replies, 'post')} in the bot's history, which the "
            "site keeps, so it cannot be removed. To use another model: critterdb models use ID"
        )
    return removal


def remove_model(db: SiteDatabase, removal: ModelRemoval) -> None:
    """Remove a model's rows, and then its file."""
    with db.atomic():
        _delete_model(db, removal.id)
    _unlink_models(db, [removal.path])


def plan_game_removal(db: SiteDatabase, slug: str) -> GameRemoval:
    """Find what goes with a game. Raises GameError if it is unknown or must stay."""
    if slug.lower() in PRESETS and not db["games"].count_where("slug = ?", [slug.lower()]):
        raise GameError(
            f"{slug} is a preset that this site does not use, so there is nothing to remove"
        )
    game = get_game(db, slug).slug
    posts = db["posts"].count_where("game = ?", [game])
    posts += db["own_posts"].count_where(f"game = ? AND {_STANDS}", [game])
    if posts:
        raise GameError(
            f"{game} has {count_of(posts, 'post')} in the bot's history, which the site keeps, "
            "so it cannot be removed. To stop playing it, stop its bot"
        )
    model_ids = [
        row["id"] for row in db["models"].rows_where("game = ?", [game], order_by="created_at")
    ]
    photos, photo_bytes = db.execute(
        f"SELECT count(path), coalesce(sum(bytes), 0) FROM photos "
        f"WHERE observation_id IN ({_ONLY_HERE})",
        {"game": game},
    ).fetchone()
    observations = _count(db, f"SELECT count(*) FROM ({_ONLY_HERE})", game=game)
    return GameRemoval(
        game,
        [_model_removal(db, model_id) for model_id in model_ids],
        observations,
        photos,
        photo_bytes,
        db["game_observations"].count_where("game = ?", [game]) - observations,
    )


def remove_game(db: SiteDatabase, removal: GameRemoval) -> None:
    """Remove a game's rows in one transaction, and then its photo and model files."""
    arguments = {"game": removal.slug}
    with db.atomic():
        db.execute("CREATE TEMP TABLE going (id INTEGER PRIMARY KEY)")
        db.execute(f"INSERT INTO going {_ONLY_HERE}", arguments)
        paths = [
            row["path"]
            for row in db.query(
                "SELECT path FROM photos WHERE path NOT NULL AND "
                "observation_id IN (SELECT id FROM going)"
            )
        ]
        for model in removal.models:
            _delete_model(db, model.id)
        for sql in _OF_A_GAME:
            db.execute(sql, arguments if ":game" in sql else {})
        for sql in _UNUSED:
            db.execute(sql)
        Cursors(db, cursor_prefix(removal.slug)).forget_all()
        db.execute("DROP TABLE going")
    # Killed before this, a later sync removes the photos that no row names.
    remove_unnamed_files(db, paths)
    _unlink_models(db, [model.path for model in removal.models])


def _model_removal(db: SiteDatabase, model_id: str) -> ModelRemoval:
    row = db["models"].get(model_id)
    return ModelRemoval(
        model_id,
        row["game"],
        row["path"],
        row["bytes"],
        bool(db["games"].count_where("model_id = ?", [model_id])),
        db["predictions"].count_where("model_id = ? AND source <> 'evaluation'", [model_id]),
        _count(
            db,
            "SELECT count(*) FROM reviews JOIN predictions ON predictions.id = prediction_id "
            "WHERE model_id = ?",
            model_id,
        ),
    )


def _delete_model(db: SiteDatabase, model_id: str) -> None:
    for sql in _OF_A_MODEL:
        db.execute(sql, [model_id])


def _unlink_models(db: SiteDatabase, paths: Sequence[str]) -> None:
    for path in paths:
        with suppress(SiteError):  # a path that is not one of ours stays
            stored_file(site_folder(db), "models", path).unlink(missing_ok=True)


def _count(db: SiteDatabase, sql: str, *arguments: str, **named: str) -> int:
    (number,) = db.execute(sql, named or list(arguments)).fetchone()
    return int(number)
