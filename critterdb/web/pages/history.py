"""`/-/critters/history`: every post that the bot saw, with what it said and what it was.

As a page, as JSON and as an Atom feed, all with the same filters; and a page for each post.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.formatting import confidence, display_name_sql, where_posted
from critterdb.model.stored_evidence import read_stored_area, read_stored_evidence
from critterdb.storage.stored_json import read_scores
from critterdb.web import urls
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.responses import respond
from critterdb.web.queries.posts import STORY_TABLES, Story, load_stories, pictures_of
from critterdb.web.queries.reasons import load_reasons
from critterdb.web.queries.taxa import ScoreBar, names_in, score_bars

from .atom import Feed, atom_feed
from .base import Page, Visit, page
from .evidence import show_evidence, show_second_look
from .layout import site_title

if TYPE_CHECKING:
    from datasette.utils.asgi import Response

    from critterdb.model.evidence import EvidencePayload
    from critterdb.storage.database import SiteDatabase

    from .evidence import EvidenceView, SecondLookView

ATOM_TYPE = "application/atom+xml; charset=utf-8"
POSTS_PER_PAGE = 24
# A filter that few posts pass would read a million: a page looks so far and offers to go on.
LOOKED_THROUGH = 1000
OUTCOMES = {
    "right": "right",
    "wrong": "wrong",
    "unanswered": "no answer",
    "open": "not known yet",
}
STATUSES = ("sent", "draft", "planned", "sending", "unknown", "refused", "skipped")

# What `outcome` of a story says, for the database to filter by.
_OUTCOME_SQL = {
    "right": "(SELECT right FROM stories WHERE post_id = posts.id) = 1",
    "wrong": "(SELECT right FROM stories WHERE post_id = posts.id) = 0",
    "unanswered": "(replies.prediction_id IS NULL OR predictions.abstained)",
    "open": "predictions.abstained = 0 "
    "AND (SELECT right FROM stories WHERE post_id = posts.id) IS NULL",
}

_OF_POSTS = {
    "game": "posts.game = :game",
    "platform": "posts.platform = :platform",
    # Not the posts that are gone: the filter would say whose they were.
    "author": "posts.author = :author AND EXISTS "
    "(SELECT 1 FROM shown_posts WHERE shown_posts.post_id = posts.id)",
    "since": "posts.posted_at >= :since",
    "until": "posts.posted_at < :until || 'z'",
}
_OF_REPLIES = {
    "status": "replies.status = :status",
    "answer": "+predictions.taxon_id IN "
    "(SELECT id FROM taxa WHERE common_name = :answer OR name = :answer)",
}

_POSTS = """
SELECT posts.id, posts.posted_at, posts.rowid
FROM posts
JOIN replies ON replies.post_id = posts.id
LEFT JOIN predictions ON predictions.id = replies.prediction_id
WHERE {where}
ORDER BY posts.posted_at DESC, posts.id DESC
LIMIT {limit}
"""

# A filter that few posts pass must not read all of them: a page looks through LOOKED_THROUGH posts.
_LOWEST = """
SELECT id, posted_at, rowid FROM posts
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


@dataclass(frozen=True)
class Chapter:
    """Stories that filters ask for; `following` is where the next page begins, if there is one."""

    posts: list[Story]
    following: str | None
    games: list[str]


class PostPrediction(TypedDict):
    """What a model said of one picture of a post, or, without `image_sha256`, of all together.

    `why` has sentences if the answer is not a label; `crop` is where a second look decided, as
    shares of the picture, whose `image_size` is width and height in pixels.
    """

    prediction_id: int
    model_id: str
    image_sha256: str | None
    score: float
    abstained: int
    reason: str | None
    novelty: float | None
    created_at: str
    answer: str | None
    why: list[str]
    evidence: EvidencePayload | None
    crop: list[float] | None
    image_size: tuple[int, int] | None
    bars: list[ScoreBar]


class PostData(TypedDict):
    """The data of a post's page."""

    post: Story
    predictions: list[PostPrediction]


@page(*STORY_TABLES)
async def history(visit: Visit) -> Page | Response:
    """The posts that the filters ask for, newest first."""
    filters = read_filters(visit)
    local = visit.sees_local_photos
    chapter = await visit.read(lambda db: load_history(db, filters, local_photos=local))
    query, following = filters.as_query(), chapter.following
    if visit.format == ".atom":
        return await _feed(visit, chapter.posts, urls.with_query(urls.HISTORY, **query))
    next_path = visit.path(urls.with_query(urls.HISTORY, **query, before=following))
    return Page(
        "critterdb_history.html",
        title="What the bot said",
        description="Every post that the bot saw: its photo, what the bot said, how sure it was, "
        "and what it really was.",
        data={
            "filters": query,
            "posts": chapter.posts,
            "games": chapter.games,
            "next": next_path if following else None,
        },
        extras={
            "outcomes": OUTCOMES,
            "statuses": STATUSES,
            "feed_path": visit.path(urls.with_query(f"{urls.HISTORY}.atom", **query)),
        },
        pictures_from=pictures_of(chapter.posts),
    )


def read_filters(visit: Visit) -> Filters:
    """Return the filters of a query string. Raises PageNotFoundError for unknown values."""
    filters = Filters(**{name: visit.argument(name) for name in vars(Filters())})
    if filters.outcome and filters.outcome not in OUTCOMES:
        raise PageNotFoundError(f"“outcome” should be one of {', '.join(OUTCOMES)}")
    if filters.status and filters.status not in STATUSES:
        raise PageNotFoundError(f"“status” should be one of {', '.join(STATUSES)}")
    return filters


def load_history(db: SiteDatabase, filters: Filters, *, local_photos: bool) -> Chapter:
    """Return the stories that filters ask for, and where the next page begins."""
    values: dict[str, str] = filters.as_query()
    where = [condition for name, condition in _OF_POSTS.items() if name in values]
    if filters.before:
        where.append("(posts.posted_at, posts.id) < (:before_at, :before_id)")
        values["before_at"], _, last_id = filters.before.partition("~")
        values["before_id"] = _id_of(db, last_id) if last_id.startswith("#") else last_id
    sql = _LOWEST.format(where=" AND ".join(where or ["1"]), looked=LOOKED_THROUGH)
    lowest = next(db.query(sql, values), None)
    if lowest:
        where.append("(posts.posted_at, posts.id) >= (:lowest_at, :lowest_id)")
        values |= {"lowest_at": lowest["posted_at"], "lowest_id": lowest["id"]}
    where += [condition for name, condition in _OF_REPLIES.items() if name in values]
    if filters.outcome:
        where.append(_OUTCOME_SQL[filters.outcome])
    sql = _POSTS.format(where=" AND ".join(where or ["1"]), limit=POSTS_PER_PAGE + 1)
    rows = list(db.query(sql, values))
    last = rows[POSTS_PER_PAGE - 1] if len(rows) > POSTS_PER_PAGE else lowest
    return Chapter(
        posts=load_stories(
            db, [row["id"] for row in rows[:POSTS_PER_PAGE]], local_photos=local_photos
        ),
        # Not its id: the last post of a page may be gone, and its id would say whose it was.
        following=f"{last['posted_at']}~#{last['rowid']}" if last else None,
        games=[row["slug"] for row in db.query("SELECT slug FROM games ORDER BY slug")],
    )


def _id_of(db: SiteDatabase, mark: str) -> str:
    """The id of the post at which a page ended, by the mark `#rowid`; empty if there is none."""
    rows = db.execute("SELECT id FROM posts WHERE rowid = ?", [mark.removeprefix("#")])
    return next((str(row[0]) for row in rows), "")


async def _feed(visit: Visit, stories: list[Story], path: str) -> Response:
    feed = Feed(
        title=f"What the bot said: {await site_title(visit.datasette)}",
        page=visit.absolute(path),
        address=visit.absolute(path.replace(urls.HISTORY, f"{urls.HISTORY}.atom", 1)),
    )
    body = atom_feed(feed, stories, lambda post_id: visit.absolute(urls.post_page(post_id)))
    common = {**data_headers(), **cors_headers(visit.datasette)}
    return respond(visit.request, body, ATOM_TYPE, {**common, "Cache-Control": "no-cache"})


@page(*STORY_TABLES, "images")
async def post(visit: Visit) -> Page:
    """One post, with what was said of each of its pictures."""
    post_id = visit.named("post_id")
    local = visit.sees_local_photos
    data = await visit.read(lambda db: load_post(db, post_id, local_photos=local))
    story = data["post"]
    sure = f", {confidence(story['score'])} sure" if story["answer"] and story["score"] else ""
    by = f" by @{story['author']}" if story["author"] else ""
    truth = f". It was: {story['truth_in_words']}." if story["truth_in_words"] else "."
    return Page(
        "critterdb_post.html",
        title=f"{story['said']}{sure}",
        description=f"What the bot said about a post{by} {where_posted(story['platform'])}{truth}",
        data=data,
        extras={
            "views": {p["prediction_id"]: _evidence_view(p) for p in data["predictions"]},
            "second_looks": {p["prediction_id"]: _second_look(p) for p in data["predictions"]},
            "pictures": {p["image_sha256"]: p for p in story["pictures"] if p["image_sha256"]},
        },
        pictures_from=pictures_of([story]),
    )


def _evidence_view(prediction: PostPrediction) -> EvidenceView | None:
    """The maps of a prediction's evidence; the two likeliest labels are among its bars."""
    if prediction["evidence"] is None or prediction["image_size"] is None:
        return None
    names = {bar["taxon_id"]: bar["name"] for bar in prediction["bars"]}
    return show_evidence(prediction["evidence"], names, prediction["image_size"])


def _second_look(prediction: PostPrediction) -> SecondLookView | None:
    if prediction["crop"] is None or prediction["image_size"] is None:
        return None
    return show_second_look(prediction["crop"], prediction["image_size"])


_PREDICTIONS = f"""
SELECT predictions.id AS prediction_id, model_id, image_sha256, taxon_id, score, abstained, reason,
    novelty, scores, thresholds, created_at, evidence, crop, images.width, images.height,
    {display_name_sql()} AS answer
FROM predictions
LEFT JOIN images ON images.sha256 = predictions.image_sha256
LEFT JOIN taxa ON taxa.id = predictions.taxon_id
WHERE post_id = ? ORDER BY predictions.id
"""


def load_post(db: SiteDatabase, post_id: str, *, local_photos: bool) -> PostData:
    """Return a post's story and every prediction about it. Raises PageNotFoundError."""
    stories = load_stories(db, [post_id], local_photos=local_photos)
    if not stories:
        raise PageNotFoundError(f"There is no post {post_id}")
    rows = list(db.query(_PREDICTIONS, [post_id]))
    reasons = load_reasons(db, rows)
    scores = [read_scores(row.pop("scores")) for row in rows]
    for row in rows:
        del row["thresholds"], row["taxon_id"]
        size = row.pop("width"), row.pop("height")
        row["image_size"] = size if all(size) else None
        is_shown = row["image_size"] and not stories[0]["is_gone"]
        row["evidence"] = read_stored_evidence(row["evidence"]) if is_shown else None
        row["crop"] = read_stored_area(row["crop"]) if is_shown else None
    names = names_in(db, scores)
    all_bars = [score_bars(its_scores, names) for its_scores in scores]
    predictions = [
        cast("PostPrediction", {**row, "why": why, "bars": bars})
        for row, why, bars in zip(rows, reasons, all_bars, strict=True)
    ]
    return {"post": stories[0], "predictions": predictions}
