"""What the bot made of posts: picture, answer, reply and truth, as the pages tell it.

What others wrote stays where they wrote it: a story names a post and links to it, and shows its
pictures from where they lie.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from critterdb.storage.database import SiteDatabase

Story = dict[str, Any]

# What a story tells is in these: whoever may not see one of them sees no stories.
STORY_TABLES = ("posts", "post_images", "replies", "predictions", "answers", "games", "taxa")

_STORIES = """
SELECT
    bot_history.*,
    posts.deleted_at,
    posts.summoned,
    games.question,
    games.hashtag,
    answers.verdict,
    answers.source_url AS truth_url,
    answers.found_at,
    answers.taxon_id AS truth_taxon_id,
    predictions.taxon_id AS answer_taxon_id,
    predictions.reason AS doubt,
    predictions.scores,
    EXISTS (
        SELECT 1 FROM opt_outs
        WHERE opt_outs.platform = posts.platform
            AND lower(opt_outs.author) = lower(posts.author)
    ) AS opted_out
FROM bot_history
JOIN posts ON posts.id = bot_history.post_id
JOIN games ON games.slug = bot_history.game
LEFT JOIN answers ON answers.post_id = bot_history.post_id
LEFT JOIN predictions ON predictions.id = bot_history.prediction_id
WHERE bot_history.post_id IN (SELECT value FROM json_each(?))
"""

_PICTURES = """
SELECT post_id, url, image_sha256, error FROM post_images
WHERE post_id IN (SELECT value FROM json_each(?)) ORDER BY post_id, position
"""

_TARGETS = """
SELECT slug, lower(coalesce(taxa.common_name, taxa.name)) AS target
FROM games JOIN taxa ON taxa.id = games.target_taxon_id
"""


def load_stories(db: SiteDatabase, post_ids: Sequence[str]) -> list[Story]:
    """The stories of these posts, in this order; posts without a reply row are left out."""
    ids = json.dumps(list(post_ids))
    targets = {row["slug"]: row["target"] for row in db.query(_TARGETS)}
    pictures: dict[str, list[dict[str, Any]]] = {}
    for row in db.query(_PICTURES, [ids]):
        pictures.setdefault(row.pop("post_id"), []).append(row)
    found = {}
    for row in db.query(_STORIES, [ids]):
        gone = bool(row["deleted_at"] or row["opted_out"])
        scores = json.loads(row.pop("scores") or "{}")
        row["pictures"] = [] if gone else pictures.get(row["post_id"], [])
        for name in ("post_url", "reply_url", "truth_url"):
            row[name] = web_address(row[name])
        row["outcome"] = outcome(row)
        row["said"] = said(row)
        row["truth_in_words"] = truth_in_words(row, targets.get(row["game"]))
        row["scores"] = {int(taxon): score for taxon, score in scores.items()}
        found[row["post_id"]] = row
    return [found[post_id] for post_id in post_ids if post_id in found]


def web_address(address: str | None) -> str | None:
    """An address that a page may link to: some servers' words for one run as a script."""
    return address if address and address.startswith(("https://", "http://")) else None


def outcome(story: Story) -> str:
    """`right`, `wrong`, `unanswered` (the model would not say) or `open` (nobody knows yet)."""
    if not story["prediction_id"] or story["abstained"]:
        return "unanswered"
    if story["right"] is None:
        return "open"
    return "right" if story["right"] else "wrong"


def said(story: Story) -> str:
    """The model's answer in a few words."""
    if not story["prediction_id"]:
        return "Nothing: there was no photo to look at"
    if story["doubt"] == "not_a_critter":
        return "That is no critter that I know"
    if story["abstained"]:
        return "I am not sure"
    return str(story["answer"])


def truth_in_words(story: Story, target: str | None) -> str | None:
    """What it really was; None where that is not known."""
    if story["verdict"] is None:
        return None
    if story["verdict"] == "inconclusive":
        return "nobody can tell"
    if story["truth_taxon_id"] is None and story["verdict"] == "other":
        return f"not a {target}" if target else "something else"
    return str(story["truth"])


def pictures_of(stories: Sequence[Story]) -> tuple[str, ...]:
    """The addresses of all their pictures, for the page's policy to name."""
    return tuple(picture["url"] for story in stories for picture in story["pictures"])
