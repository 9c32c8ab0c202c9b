"""How the bot does: right, wrong and unanswered posts over time, beside the commonest guess.

Only the newest settled posts are counted, so that a page takes as long in the tenth year as in the
first; the view `scoreboard` counts them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from critterdb.storage.database import SiteDatabase

NEWEST_POSTS = 500
MAX_PERIODS = 26

_SETTLED = """
SELECT
    posts.id, posts.game, posts.posted_at, bot_history.model_id, bot_history.abstained,
    bot_history.right, bot_history.prediction_id,
    coalesce(
        answers.taxon_id, CASE answers.verdict WHEN 'target' THEN games.target_taxon_id END
    ) AS truth,
    coalesce(
        truth.ancestor_ids, CASE answers.verdict WHEN 'target' THEN target.ancestor_ids END
    ) AS ancestor_ids,
    games.target_taxon_id AS target, target.ancestor_ids AS target_ancestor_ids
FROM (
    SELECT posts.id, posts.game, posts.posted_at
    FROM posts
    WHERE posts.game = :game
        AND (SELECT verdict FROM answers WHERE post_id = posts.id) <> 'inconclusive'
        AND (SELECT prediction_id FROM replies WHERE post_id = posts.id) IS NOT NULL
    ORDER BY posts.posted_at DESC
    LIMIT :newest
) AS posts
JOIN answers ON answers.post_id = posts.id
JOIN games ON games.slug = posts.game
JOIN bot_history ON bot_history.post_id = posts.id
LEFT JOIN taxa AS truth ON truth.id = answers.taxon_id
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
ORDER BY posts.posted_at
"""

_COMMONEST = """
SELECT taxon_id FROM model_labels WHERE model_id = ? ORDER BY photos_train DESC, taxon_id LIMIT 1
"""

Settled = dict[str, Any]


def load_score(db: SiteDatabase, game: str) -> dict[str, Any]:
    """Totals of a game's newest settled posts, and the same by period of time."""
    posts = list(db.query(_SETTLED, {"game": game, "newest": NEWEST_POSTS}))
    commonest: dict[str, int | None] = {}
    for post in posts:
        model_id = post["model_id"]
        if model_id not in commonest:
            commonest[model_id] = next(
                (row["taxon_id"] for row in db.query(_COMMONEST, [model_id])), None
            )
        post["baseline_right"] = is_right(commonest[model_id], post)
    return {
        **_totals(posts),
        "newest_only": len(posts) == NEWEST_POSTS,
        "over_time": by_period(posts),
    }


def is_right(taxon_id: int | None, post: Mapping[str, Any]) -> bool:
    """Whether a taxon would be the right answer: the truth, or an ancestor of it."""
    if taxon_id is None:
        return False
    if post["truth"] is None:
        return taxon_id not in (post["target"], *_lineage(post["target_ancestor_ids"]))
    return taxon_id in (post["truth"], *_lineage(post["ancestor_ids"]))


@lru_cache(maxsize=4096)
def _lineage(ancestor_ids: str | None) -> tuple[int, ...]:
    return tuple(json.loads(ancestor_ids or "[]"))


def by_period(posts: Iterable[Settled]) -> list[dict[str, Any]]:
    """The posts by day, week, month or year: the shortest of which there are not too many."""
    posts = list(posts)
    for period in (_day, _week, _month, _year):
        groups: dict[str, list[Settled]] = {}
        for post in posts:
            groups.setdefault(period(post["posted_at"]), []).append(post)
        if len(groups) <= MAX_PERIODS:
            break
    return [{"period": name, **_totals(group)} for name, group in groups.items()]


def _totals(posts: list[Settled]) -> dict[str, int]:
    answered = [post for post in posts if not post["abstained"]]
    return {
        "posts": len(posts),
        "right": sum(bool(post["right"]) for post in answered),
        "wrong": sum(not post["right"] for post in answered),
        "abstained": len(posts) - len(answered),
        "baseline_right": sum(post["baseline_right"] for post in posts),
    }


def _day(time: str) -> str:
    return time[:10]


def _week(time: str) -> str:
    day = date.fromisoformat(time[:10])
    return (day - timedelta(days=day.weekday())).isoformat()


def _month(time: str) -> str:
    return time[:7]


def _year(time: str) -> str:
    return time[:4]
