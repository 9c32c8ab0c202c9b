"""`/-/critters`: the games, what the bot said last, how it does, and a box to ask it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.formatting import display_name_sql
from critterdb.imaging.heif import reads_heic
from critterdb.licences import IS_PHOTO_LICENSED, MAY_PHOTO_BE_SHOWN
from critterdb.web import urls
from critterdb.web.charts.bars import score_over_time
from critterdb.web.files.static import static_path
from critterdb.web.queries.photos import PHOTOS, Photo, as_photo, preview_of, shown
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
    (SELECT count(*) FROM model_labels WHERE model_id = models.id) AS labels
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


# The limit is inside: otherwise SQLite joins all photos before it sorts out the newest few.
_NEWEST_PHOTOS = f"""
{PHOTOS}
WHERE photos.id IN (
    SELECT id FROM photos
    WHERE photos.path <> '' AND photos.withdrawn_at IS NULL AND {IS_PHOTO_LICENSED}
    ORDER BY id DESC LIMIT ?
) AND {MAY_PHOTO_BE_SHOWN}
ORDER BY photos.id DESC
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
    data = await visit.read(load_home)
    photos = [shown(visit, photo) for photo in data["photos"]]
    game = data["games"][0] if data["games"] else None
    settings = visit.state.settings
    return Page(
        "critterdb_home.html",
        title=(game and game["question"]) or "Which critter is it?",
        description="A bot that guesses which animal is in the photo, says how sure it is, "
        "and keeps every answer for all to see.",
        data={**data, "photos": photos},
        extras={
            "game": game,
            "score_chart": score_over_time(game["score"]["over_time"]) if game else None,
            "critter_js": visit.path(static_path("classify.js")),
            "classify_path": visit.path(urls.CLASSIFY),
            "max_bytes": settings.max_bytes,
            "reads_heic": reads_heic(),
            "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        },
        preview=preview_of(photos),
        pictures_from=pictures_of(data["posts"]),
    )


def load_home(db: SiteDatabase) -> HomeData:
    """Return the games with their scores, the latest posts and a few photos."""
    games = cast("list[GameRow]", list(db.query(_GAMES, [MAX_GAMES])))
    latest = [row["id"] for row in db.query(_LATEST, [LATEST_POSTS])]
    predictions = db.execute("SELECT coalesce(sum(predictions), 0) FROM prediction_counts")
    newest = db.query(_NEWEST_PHOTOS, [NEWEST_PHOTOS])
    return {
        "games": [{**game, "score": load_score(db, game["slug"])} for game in games],
        "posts": load_stories(db, latest),
        "photos": _mixed([as_photo(row) for row in newest]),
        "predictions": int(predictions.fetchone()[0]),
    }


def _mixed(photos: list[Photo]) -> list[Photo]:
    """A handful of photos, of many kinds if there are many."""
    counts: Counter[int | None] = Counter()
    ranked = []
    for photo in photos:
        counts[photo["taxon_id"]] += 1
        ranked.append((counts[photo["taxon_id"]] > OF_ONE_KIND, photo))
    return [photo for _, photo in sorted(ranked, key=lambda pair: pair[0])][:WALL_PHOTOS]
