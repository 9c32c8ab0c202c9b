"""How the bot does: right, wrong and unanswered posts over time, beside the commonest guess.

Only the newest settled posts are counted, so that a page takes as long in the tenth year as in the
first; the view `scoreboard` counts them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from critterdb.dataset.taxonomy import Truth, is_right

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from critterdb.storage.database import SiteDatabase

# A page must take as long in a game's tenth year as in its first; the query `scoreboard` counts
# all.
# docs/decisions.md#scores-look-at-the-newest-500-settled-posts
NEWEST_POSTS = 500
MAX_PERIODS = 26

_SETTLED = """
SELECT
    posts.id, posts.game, posts.posted_at, stories.model_id, stories.abstained,
    stories.right, stories.prediction_id,
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
JOIN stories ON stories.post_id = posts.id
LEFT JOIN taxa AS truth ON truth.id = answers.taxon_id
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
ORDER BY posts.posted_at
"""

_COMMONEST = """
SELECT taxon_id FROM model_labels WHERE model_id = ? ORDER BY photos_train DESC, taxon_id LIMIT 1
"""


@dataclass(frozen=True)
class SettledPost:
    """A post whose animal is known, and whether bot and commonest guess were right about it."""

    posted_at: str
    is_answered: bool
    is_right: bool
    is_baseline_right: bool


class Totals(TypedDict):
    """Settled posts, counted by what the bot made of them."""

    posts: int
    right: int
    wrong: int
    abstained: int
    baseline_right: int


class Period(Totals):
    """The totals of a day, week (named by its Monday), month or year."""

    period: str


class Score(Totals):
    """The totals of a game's newest settled posts, and the same by period of time."""

    newest_only: bool
    over_time: list[Period]


def load_score(db: SiteDatabase, game: str) -> Score:
    """Return the score of a game."""
    commonest: dict[str, int | None] = {}
    posts = []
    for row in db.query(_SETTLED, {"game": game, "newest": NEWEST_POSTS}):
        model_id = row["model_id"]
        if model_id not in commonest:
            label = db.execute(_COMMONEST, [model_id]).fetchone()
            commonest[model_id] = label[0] if label else None
        posts.append(
            SettledPost(
                posted_at=row["posted_at"],
                # Of an animal without a taxon nobody knows whether an answer was right.
                is_answered=not row["abstained"] and row["right"] is not None,
                is_right=bool(row["right"]),
                is_baseline_right=bool(is_right(commonest[model_id], _truth(row))),
            )
        )
    return {
        **_totals(posts),
        "newest_only": len(posts) == NEWEST_POSTS,
        "over_time": by_period(posts),
    }


def _truth(row: Mapping[str, Any]) -> Truth | None:
    is_other = row["truth"] is None
    taxon_id = row["target"] if is_other else row["truth"]
    ancestor_ids = row["target_ancestor_ids"] if is_other else row["ancestor_ids"]
    return None if taxon_id is None else _cached_truth(taxon_id, ancestor_ids, is_other)


# The newest 500 posts of a game are about a few dozen taxa.
@lru_cache(maxsize=4096)
def _cached_truth(taxon_id: int, ancestor_ids: str | None, is_other: bool) -> Truth:
    return Truth.of(taxon_id, ancestor_ids, is_other=is_other)


def by_period(posts: Iterable[SettledPost]) -> list[Period]:
    """Return the totals by day, week, month or year: the shortest that gives few enough periods."""
    posts = list(posts)
    for period in (_day, _week, _month, _year):
        groups: dict[str, list[SettledPost]] = {}
        for post in posts:
            groups.setdefault(period(post.posted_at), []).append(post)
        if len(groups) <= MAX_PERIODS:
            break
    return [{"period": name, **_totals(group)} for name, group in groups.items()]


def _totals(posts: Sequence[SettledPost]) -> Totals:
    answered = [post for post in posts if post.is_answered]
    return {
        "posts": len(posts),
        "right": sum(post.is_right for post in answered),
        "wrong": sum(not post.is_right for post in answered),
        "abstained": len(posts) - len(answered),
        "baseline_right": sum(post.is_baseline_right for post in posts),
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
