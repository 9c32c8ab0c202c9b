"""`/-/critters`: the games, what the bot said last, how it does, and a box to ask it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.web import urls
from critterdb.web.charts.bars import score_over_time
from critterdb.web.files.static import static_path
from critterdb.web.queries.photos import PHOTOS, Photo, as_photo, shown
from critterdb.web.queries.posts import STORY_TABLES, load_stories, pictures_of
from critterdb.web.queries.scores import load_score

from .base import Page, Visit, page

LATEST_POSTS = 6
MAX_GAMES = 12
WALL_PHOTOS, OF_ONE_KIND = 8, 2
NEWEST_PHOTOS = 48

_GAMES = """
SELECT
    games.slug, games.hashtag, games.question, games.target_taxon_id,
    coalesce(target.common_name, target.name) AS target,
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
WHERE posts.deleted_at IS NULL ORDER BY posts.posted_at DESC, posts.id DESC LIMIT ?
"""


# The limit stands inside: SQLite would prepare for all photos, to show the newest few.
_NEWEST_PHOTOS = f"""
{PHOTOS}
WHERE photos.id IN (
    SELECT id FROM photos
    WHERE path IS NOT NULL AND withdrawn_at IS NULL AND attribution IS NOT NULL
        AND +license_code IS NOT NULL
    ORDER BY id DESC LIMIT ?
) AND observations.withdrawn_at IS NULL
ORDER BY photos.id DESC
"""


@page(*STORY_TABLES, "models", "model_labels", "prediction_counts", "photos", "observations")
async def home(visit: Visit) -> Page:
    """The page on which somebody lands who heard of the bot."""
    data = await visit.read(load_home)
    photos = [shown(visit, photo) for photo in data["photos"]]
    game = data["games"][0] if data["games"] else None
    settings = visit.desk.settings
    return Page(
        "critterdb_home.html",
        title=(game and game["question"]) or "Which critter is it?",
        description="A bot that guesses which animal is in the photo, says how sure it is, "
        "and keeps every answer for all to see.",
        data={**data, "photos": photos},
        view={
            "game": game,
            "score_chart": score_over_time(game["score"]["over_time"]) if game else None,
            "critter_js": visit.path(static_path("classify.js")),
            "classify_path": visit.path(urls.CLASSIFY),
            "max_bytes": settings.max_bytes,
            "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        },
        preview=next((urls.photo_file(p["sha256"]) for p in photos if p["image"]), None),
        pictures_from=pictures_of(data["posts"]),
    )


def load_home(db: SiteDatabase) -> dict[str, Any]:
    games = list(db.query(_GAMES, [MAX_GAMES]))
    for game in games:
        game["score"] = load_score(db, game["slug"])
    latest = [row["id"] for row in db.query(_LATEST, [LATEST_POSTS])]
    predictions = db.query("SELECT coalesce(sum(predictions), 0) AS n FROM prediction_counts")
    newest = db.query(_NEWEST_PHOTOS, [NEWEST_PHOTOS])
    return {
        "games": games,
        "posts": load_stories(db, latest),
        "photos": _mixed([as_photo(row) for row in newest]),
        "predictions": next(iter(predictions))["n"],
    }


def _mixed(photos: list[Photo]) -> list[Photo]:
    """A handful of photos, of many kinds where there are many."""
    seen: Counter[int | None] = Counter()
    ranked = []
    for photo in photos:
        seen[photo["taxon_id"]] += 1
        ranked.append((seen[photo["taxon_id"]] > OF_ONE_KIND, photo))
    return [photo for _, photo in sorted(ranked, key=lambda pair: pair[0])][:WALL_PHOTOS]
