"""`/-/critters`: the games, what the bot said last, how it does, and a box to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.formatting import display_name_sql
from critterdb.imaging.heif import reads_heic
from critterdb.web import urls
from critterdb.web.charts.bars import score_over_time
from critterdb.web.files.static import static_path
from critterdb.web.queries.models import load_choices, site_knows_places
from critterdb.web.queries.photos import Photo, newest_photos, preview_of, shown
from critterdb.web.queries.posts import STORY_TABLES, Story, load_stories, pictures_of
from critterdb.web.queries.scores import Score, load_score

from .base import Page, Visit, page

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

LATEST_POSTS = 6
MAX_GAMES = 12
WALL_PHOTOS, OF_ONE_KIND = 8, 2
NEWEST_PHOTOS = 48

_GAMES = f"""
SELECT
    games.slug, games.hashtag, games.question, games.target_taxon_id,
    {display_name_sql("target")} AS target,
    models.id AS model_id, models.created_at AS model_created_at,
    models.photos AS model_photos, models.error_rate,
    (SELECT count(*) FROM model_labels WHERE model_id = models.id) AS labels,
    (SELECT sum(photos_test) FROM model_labels WHERE model_id = models.id) AS tests
FROM games
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
LEFT JOIN models ON models.id = games.model_id
ORDER BY models.created_at DESC, games.slug
LIMIT ?
"""

_LATEST = """
SELECT posts.id FROM posts JOIN replies ON replies.post_id = posts.id
WHERE EXISTS (SELECT 1 FROM shown_posts WHERE shown_posts.post_id = posts.id)
ORDER BY posts.posted_at DESC, posts.id DESC LIMIT ?
"""


_NEWEST_TAXA = """
SELECT DISTINCT taxon_id FROM (
    SELECT observations.taxon_id FROM photos
    JOIN observations ON observations.id = photos.observation_id
    WHERE photos.path <> '' ORDER BY photos.id DESC LIMIT ?
) WHERE taxon_id IS NOT NULL
"""

_LABELS = """
SELECT taxon_id FROM model_labels WHERE model_id = ? ORDER BY photos_train DESC, taxon_id LIMIT ?
"""


class GameRow(TypedDict):
    """A game with the model that plays it."""

    slug: str
    hashtag: str | None
    question: str | None
    target_taxon_id: int | None
    target: str | None
    model_id: str | None
    model_created_at: str | None
    model_photos: int | None
    error_rate: float | None
    labels: int
    tests: int | None


class GameCard(GameRow):
    """A game with its model and its score."""

    score: Score


class HomeData(TypedDict):
    """What the front page reads; its photos are yet to be checked for what may be shown."""

    games: list[GameCard]
    posts: list[Story]
    photos: list[Photo]
    predictions: int


@page(*STORY_TABLES, "models", "model_labels", "prediction_counts", "photos", "observations")
async def home(visit: Visit) -> Page:
    """The page for somebody who has heard of the bot."""
    local = visit.sees_local_photos
    playing = visit.state.settings.game
    data, choices, asks_place = await visit.read(
        lambda db: (
            load_home(db, local_photos=local),
            load_choices(db, playing, None),
            site_knows_places(db),
        )
    )
    photos = [shown(visit, photo) for photo in data["photos"]]
    game = data["games"][0] if data["games"] else None
    settings = visit.state.settings
    return Page(
        "critterdb_home.html",
        title=(game and game["question"]) or "Which critter is it?",
        description="A bot that guesses which animal is in the photo, says how sure it is, "
        "and publishes every answer.",
        data={**data, "photos": photos},
        extras={
            "game": game,
            "score_chart": score_over_time(game["score"]["over_time"]) if game else None,
            "critter_js": visit.path(static_path("classify.js")),
            "incoming_js": visit.path(static_path("incoming.js")),
            "classify_path": visit.path(urls.CLASSIFY),
            "choices": choices,
            "asks_place": asks_place,
            "max_bytes": settings.max_bytes,
            "reads_heic": reads_heic(),
            "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        },
        preview=preview_of(photos),
        pictures_from=pictures_of(data["posts"]),
    )


def load_home(db: SiteDatabase, *, local_photos: bool) -> HomeData:
    """Return the games with their scores, the latest posts and a few photos."""
    games = cast("list[GameRow]", list(db.query(_GAMES, [MAX_GAMES])))
    latest = [row["id"] for row in db.query(_LATEST, [LATEST_POSTS])]
    predictions = db.execute("SELECT coalesce(sum(predictions), 0) FROM prediction_counts")
    return {
        "games": [{**game, "score": load_score(db, game["slug"])} for game in games],
        "posts": load_stories(db, latest, local_photos=local_photos),
        "photos": _wall(db, games[0] if games else None, local_photos=local_photos),
        "predictions": int(predictions.fetchone()[0]),
    }


def _wall(db: SiteDatabase, game: GameRow | None, *, local_photos: bool) -> list[Photo]:
    """A handful of photos: of what the game asks for, and of what its model may take for that."""
    model_id = game["model_id"] if game else None
    labels = [row[0] for row in db.execute(_LABELS, [model_id, WALL_PHOTOS])]
    if not labels:
        labels = [row[0] for row in db.execute(_NEWEST_TAXA, [NEWEST_PHOTOS])]
    target = [game["target_taxon_id"]] if game and game["target_taxon_id"] else []
    photos: dict[int, Photo] = {}
    for count, taxa in ((OF_ONE_KIND, target), (1, labels), (OF_ONE_KIND, labels)):
        for taxon_id in taxa:
            newest = newest_photos(db, taxon_id, count, local_photos=local_photos)
            photos |= {photo["photo_id"]: photo for photo in newest}
            if len(photos) >= WALL_PHOTOS:
                return list(photos.values())[:WALL_PHOTOS]
    return list(photos.values())
