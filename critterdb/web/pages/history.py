"""`/-/critters/history`: every post that the bot saw, with what it said and what it was.

As a page, as JSON and as an Atom feed, all with the same filters; and a page for each post.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from critterdb.storage.database import SiteDatabase
from critterdb.web import urls
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.queries.posts import STORY_TABLES, load_stories, pictures_of
from critterdb.web.queries.taxa import score_bars, taxon_names

from .atom import atom_feed
from .base import Page, Visit, page
from .layout import site_title

if TYPE_CHECKING:
    from datasette.utils.asgi import Response

POSTS_PER_PAGE = 24
LOOKED_THROUGH = 1000
OUTCOMES = {
    "right": "right",
    "wrong": "wrong",
    "unanswered": "gave no answer",
    "open": "not told yet",
}
STATUSES = ("sent", "draft", "planned", "sending", "unknown", "refused", "skipped")

# What `outcome` of a story says, for the database to filter by.
_OUTCOME_SQL = {
    "right": "(SELECT right FROM bot_history WHERE post_id = posts.id) = 1",
    "wrong": "(SELECT right FROM bot_history WHERE post_id = posts.id) = 0",
    "unanswered": "(replies.prediction_id IS NULL OR predictions.abstained)",
    "open": "predictions.abstained = 0 "
    "AND (SELECT right FROM bot_history WHERE post_id = posts.id) IS NULL",
}

_OF_POSTS = {
    "game": "posts.game = :game",
    "platform": "posts.platform = :platform",
    "author": "posts.author = :author",
    "since": "posts.posted_at >= :since",
    "until": "posts.posted_at < :until || 'z'",
}
_OF_REPLIES = {
    "status": "replies.status = :status",
    "answer": "+predictions.taxon_id IN "
    "(SELECT id FROM taxa WHERE common_name = :answer OR name = :answer)",
}

_FOUND = """
SELECT posts.id, posts.posted_at
FROM posts
JOIN replies ON replies.post_id = posts.id
LEFT JOIN predictions ON predictions.id = replies.prediction_id
WHERE {where}
ORDER BY posts.posted_at DESC, posts.id DESC
LIMIT {limit}
"""

# A filter that few posts pass must not read all of them: so many are looked through at a time.
_LOWEST = """
SELECT id, posted_at FROM posts
WHERE {where} ORDER BY posted_at DESC, id DESC LIMIT 1 OFFSET {looked}
"""


@dataclass(frozen=True)
class Filters:
    """Which posts are asked for; empty words ask for all."""

    game: str = ""
    outcome: str = ""
    status: str = ""
    platform: str = ""
    author: str = ""
    answer: str = ""
    since: str = ""
    until: str = ""
    before: str = ""

    def as_query(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value and name != "before"}


@page(*STORY_TABLES)
async def history(visit: Visit) -> Page | Response:
    """The posts that the filters ask for, newest first."""
    filters = read_filters(visit)
    data = await visit.read(lambda db: load_history(db, filters))
    following = data.pop("following")
    path = urls.with_query(urls.HISTORY, **filters.as_query())
    data["next"] = (
        visit.path(urls.with_query(urls.HISTORY, **filters.as_query(), before=following))
        if following
        else None
    )
    if visit.request.url_vars.get("format") == ".atom":
        return await _feed(visit, data["posts"], path)
    return Page(
        "critterdb_history.html",
        title="What it said",
        description="Every post that the bot saw: its photo, what the bot said, how sure it was, "
        "and what it really was.",
        data={"filters": filters.as_query(), **data},
        view={
            "outcomes": OUTCOMES,
            "statuses": STATUSES,
            "feed_path": visit.path(urls.with_query(f"{urls.HISTORY}.atom", **filters.as_query())),
        },
        pictures_from=pictures_of(data["posts"]),
    )


def read_filters(visit: Visit) -> Filters:
    """The filters of a query string. Raises PageNotFoundError where one makes no sense."""
    filters = Filters(**{name: visit.argument(name) for name in vars(Filters())})
    if filters.outcome and filters.outcome not in OUTCOMES:
        raise PageNotFoundError(f"“outcome” should be one of {', '.join(OUTCOMES)}")
    if filters.status and filters.status not in STATUSES:
        raise PageNotFoundError(f"“status” should be one of {', '.join(STATUSES)}")
    return filters


def load_history(db: SiteDatabase, filters: Filters) -> dict[str, Any]:
    """The stories that filters ask for, and where the next page begins."""
    values: dict[str, Any] = dict(filters.as_query())
    where = [condition for name, condition in _OF_POSTS.items() if name in values]
    if filters.before:
        where.append("(posts.posted_at, posts.id) < (:before_at, :before_id)")
        values["before_at"], _, values["before_id"] = filters.before.partition("~")
    sql = _LOWEST.format(where=" AND ".join(where or ["1"]), looked=LOOKED_THROUGH)
    lowest = next(db.query(sql, values), None)
    if lowest:
        where.append("(posts.posted_at, posts.id) >= (:lowest_at, :lowest_id)")
        values |= {"lowest_at": lowest["posted_at"], "lowest_id": lowest["id"]}
    where += [condition for name, condition in _OF_REPLIES.items() if name in values]
    if filters.outcome:
        where.append(_OUTCOME_SQL[filters.outcome])
    sql = _FOUND.format(where=" AND ".join(where or ["1"]), limit=POSTS_PER_PAGE + 1)
    found = list(db.query(sql, values))
    last = found[POSTS_PER_PAGE - 1] if len(found) > POSTS_PER_PAGE else lowest
    return {
        "posts": load_stories(db, [row["id"] for row in found[:POSTS_PER_PAGE]]),
        "following": f"{last['posted_at']}~{last['id']}" if last else None,
        "games": [row["slug"] for row in db.query("SELECT slug FROM games ORDER BY slug")],
    }


async def _feed(visit: Visit, posts: list[dict[str, Any]], path: str) -> Response:
    from datasette.utils.asgi import Response

    title = await site_title(visit.datasette)
    body = atom_feed(
        posts,
        title=f"What it said: {title}",
        page=visit.absolute(path),
        feed=visit.absolute(path.replace(urls.HISTORY, f"{urls.HISTORY}.atom", 1)),
        story=lambda post_id: visit.absolute(urls.post_page(post_id)),
    )
    headers = {**data_headers(), **cors_headers(visit.datasette), "Cache-Control": "no-cache"}
    return Response(
        "" if visit.request.method == "HEAD" else body,
        headers=headers,
        content_type="application/atom+xml; charset=utf-8",
    )


@page(*STORY_TABLES)
async def post(visit: Visit) -> Page:
    """One post, with what was said of each of its pictures."""
    post_id = visit.named("post_id")
    data = await visit.read(lambda db: load_post(db, post_id))
    story = data["post"]
    return Page(
        "critterdb_post.html",
        title=f"{story['said']}" + (f", {story['score']:.0%} sure" if story["answer"] else ""),
        description=f"What the bot made of a post by @{story['author']} on {story['platform']}"
        + (f". It was: {story['truth_in_words']}." if story["truth_in_words"] else "."),
        data=data,
        pictures_from=pictures_of([story]),
    )


_PREDICTIONS = """
SELECT predictions.id AS prediction_id, model_id, image_sha256, score, abstained, reason, novelty,
    scores, created_at, coalesce(taxa.common_name, taxa.name) AS answer
FROM predictions LEFT JOIN taxa ON taxa.id = predictions.taxon_id
WHERE post_id = ? ORDER BY predictions.id
"""


def load_post(db: SiteDatabase, post_id: str) -> dict[str, Any]:
    """A post's story and every prediction about it. Raises PageNotFoundError."""
    stories = load_stories(db, [post_id])
    if not stories:
        raise PageNotFoundError(f"The bot knows no post {post_id}")
    predictions = list(db.query(_PREDICTIONS, [post_id]))
    scores = [json.loads(prediction.pop("scores")) for prediction in predictions]
    names = taxon_names(db, {int(taxon) for each in scores for taxon in each})
    for prediction, each in zip(predictions, scores, strict=True):
        prediction["bars"] = score_bars(each, names)
    return {"post": stories[0], "predictions": predictions}
