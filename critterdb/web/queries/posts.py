"""What the bot made of posts: picture, answer, reply and truth, as the pages tell it.

What others wrote stays where they wrote it: a story names a post and links to it, and shows its
pictures from where they lie. Nobody who deleted a post or opted out is named or shown.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from critterdb.formatting import display_name_sql
from critterdb.platforms.base import REPLAYED
from critterdb.storage.database import site_folder
from critterdb.storage.photo_store import kept_picture
from critterdb.storage.stored_json import read_scores
from critterdb.web.urls import picture_file

from .taxa import Scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase

    from .taxa import Scores

# What a story tells is in these: people who may not see one of them see no stories.
STORY_TABLES = ("posts", "post_images", "replies", "predictions", "answers", "games", "taxa")

Outcome = Literal["right", "wrong", "unanswered", "open"]
"""`unanswered`: the model would not say. `open`: nobody knows yet."""


class Picture(TypedDict):
    """A picture of a post, where it lies; `error` says why it could not be read.

    `kept` is the path of a copy in the site, which goes before `url`.
    """

    url: str
    kept: str | None
    image_sha256: str | None
    error: str | None


class Story(TypedDict):
    """A post that the bot saw, what it said, and what it really was.

    With `is_gone` the post was deleted or its author opted out (which of the two is not told):
    id, author, pictures and every address that leads to them are null.
    """

    post_id: str | None
    platform: str
    game: str
    hashtag: str | None
    question: str | None
    author: str | None
    post_url: str | None
    posted_at: str
    summoned: int
    is_gone: bool
    image: str | None
    image_sha256: str | None
    pictures: list[Picture]
    prediction_id: int | None
    model_id: str | None
    answer: str | None
    answer_taxon_id: int | None
    score: float | None
    scores: Scores
    abstained: int | None
    doubt: str | None
    said: str
    reply: str | None
    reply_url: str | None
    status: str
    reason: str | None
    planned_at: str
    sent_at: str | None
    truth: str | None
    truth_taxon_id: int | None
    truth_in_words: str | None
    truth_url: str | None
    verdict: str | None
    found_at: str | None
    right: int | None
    outcome: Outcome


# Whether a host who opted out gave the answer: their posts have no rows here, so the address has to
# tell whose it is. `publish/rules.sql` decides in the same way.
_TOLD_BY_SOMEBODY_GONE = """
EXISTS (
    SELECT 1 FROM (
        SELECT platform, author_id, lower(ltrim(author, '@')) AS handle FROM opt_outs
    ) AS gone
    JOIN (SELECT lower(answers.source_url) || '/' AS address) ON
        instr(address, '/' || handle || '/')
        OR instr(address, '/@' || handle || '/')
        OR instr(address, '/' || substr(handle, 1, instr(handle || '@', '@') - 1) || '/')
        OR instr(address, '/@' || substr(handle, 1, instr(handle || '@', '@') - 1) || '/')
        OR instr(address, '/' || lower(author_id) || '/')
    WHERE gone.platform = posts.platform
)
"""

_STORIES = f"""
SELECT
    stories.*,
    posts.summoned,
    games.question,
    games.hashtag,
    answers.verdict,
    CASE WHEN NOT {_TOLD_BY_SOMEBODY_GONE} THEN answers.source_url END AS truth_url,
    answers.found_at,
    answers.taxon_id AS truth_taxon_id,
    predictions.taxon_id AS answer_taxon_id,
    predictions.reason AS doubt,
    predictions.scores
FROM stories
JOIN posts ON posts.id = stories.post_id
JOIN games ON games.slug = stories.game
LEFT JOIN answers ON answers.post_id = stories.post_id
LEFT JOIN predictions ON predictions.id = stories.prediction_id
WHERE stories.post_id IN (SELECT value FROM json_each(?))
"""

_PICTURES = """
SELECT post_images.post_id, posts.platform, post_images.url, post_images.image_sha256,
    post_images.error
FROM post_images
JOIN posts ON posts.id = post_images.post_id
JOIN shown_posts ON shown_posts.post_id = post_images.post_id
WHERE shown_posts.shows_photos AND post_images.post_id IN (SELECT value FROM json_each(?))
ORDER BY post_images.post_id, post_images.position
"""

_TARGETS = f"""
SELECT slug, lower({display_name_sql()}) AS target
FROM games JOIN taxa ON taxa.id = games.target_taxon_id
"""


def load_stories(
    db: SiteDatabase, post_ids: Sequence[str], *, local_photos: bool = False
) -> list[Story]:
    """Return the stories of these posts, in this order; posts without a reply row are left out.

    `local_photos` says whether the visitor may see the pictures of replayed files.
    """
    site = site_folder(db)
    ids = json.dumps(list(post_ids))
    targets = {row["slug"]: row["target"] for row in db.query(_TARGETS)}
    pictures: dict[str, list[Picture]] = {}
    for row in db.query(_PICTURES, [ids]):
        picture: Picture = {
            "url": row["url"],
            "kept": kept_address(site, row, local_photos=local_photos),
            "image_sha256": row["image_sha256"],
            "error": row["error"],
        }
        pictures.setdefault(row["post_id"], []).append(picture)
    stories = {
        row["post_id"]: _as_story(row, pictures.get(row["post_id"], []), targets.get(row["game"]))
        for row in db.query(_STORIES, [ids])
    }
    return [stories[post_id] for post_id in post_ids if post_id in stories]


def kept_address(site: Path, picture: Mapping[str, Any], *, local_photos: bool) -> str | None:
    """Return the path of the site's copy of a picture {platform, image_sha256}, if it has one.

    What a replayed file shows was never published, so it is for the same eyes as local photos.
    """
    sha256 = picture["image_sha256"]
    if not sha256 or (picture["platform"] == REPLAYED and not local_photos):
        return None
    return picture_file(sha256) if kept_picture(site, sha256) else None


def _as_story(row: Row, pictures: list[Picture], target: str | None) -> Story:
    is_gone = bool(row["is_gone"])
    # The host who told the truth may be the author, so the address of the truth would name them.
    truth_url = None if is_gone else web_address(row["truth_url"])
    story = {
        **row,
        "is_gone": is_gone,
        # On Bluesky it names the account, and elsewhere it leads there.
        "post_id": None if is_gone else row["post_id"],
        "pictures": pictures,
        "post_url": web_address(row["post_url"]),
        "reply_url": web_address(row["reply_url"]),
        "truth_url": truth_url,
        "scores": read_scores(row["scores"]),
        "said": said(row["prediction_id"], row["doubt"], row["answer"]),
        "truth_in_words": truth_in_words(
            row["verdict"], row["truth_taxon_id"], row["truth"], target
        ),
        "outcome": outcome(row["prediction_id"], row["abstained"], row["right"]),
    }
    return cast("Story", story)


def web_address(address: str | None) -> str | None:
    """Return an address that a page may link to, or None: some servers give a script's."""
    return address if address and address.startswith(("https://", "http://")) else None


def outcome(prediction_id: int | None, abstained: int | None, right: int | None) -> Outcome:
    """Return what became of the model's answer."""
    if not prediction_id or abstained:
        return "unanswered"
    if right is None:
        return "open"
    return "right" if right else "wrong"


def said(prediction_id: int | None, doubt: str | None, answer: str | None) -> str:
    """Return the model's answer in a few words."""
    if not prediction_id:
        return "Nothing: there was no photo to look at"
    if doubt == "not_a_critter":
        return "That is not a critter that I know"
    return answer or "I am not sure"


def truth_in_words(
    verdict: str | None, taxon_id: int | None, truth: str | None, target: str | None
) -> str | None:
    """Return what it really was, or None if that is not known."""
    if verdict is None:
        return None
    if verdict == "inconclusive":
        return "nobody can tell"
    if taxon_id is None and verdict == "other":
        return f"not a {target}" if target else "something else"
    return truth


def pictures_of(stories: Sequence[Story]) -> tuple[str, ...]:
    """Return the addresses of all their pictures, for the page's policy to name."""
    return tuple(
        picture["url"] for story in stories for picture in story["pictures"] if not picture["kept"]
    )


def is_picture_shown(db: SiteDatabase, url: str, post_id: str | None) -> bool:
    """Return whether a picture may be shown: that of one post, or of every post that has its URL.

    A URL without a post belongs to somebody unknown to this site.
    """
    # The owner of a photo, who may have opted out, is often not who asked about it.
    # docs/decisions.md#a-photo-has-an-owner
    which = "post_images.url = ?" if post_id is None else "post_images.post_id = ?"
    hidden = db.execute(
        f"""
        SELECT 1 FROM post_images
        LEFT JOIN shown_posts ON shown_posts.post_id = post_images.post_id
        WHERE {which} AND coalesce(shown_posts.shows_photos, 0) = 0 LIMIT 1
        """,
        [url if post_id is None else post_id],
    )
    return hidden.fetchone() is None
