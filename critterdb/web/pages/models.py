"""`/-/critters/models` and `/-/critters/compare`: all models, and two of them beside each other."""

from __future__ import annotations

from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.web.charts.bars import comparison_bars
from critterdb.web.errors import PageNotFoundError
from critterdb.web.queries.photos import PHOTO_TABLES, PHOTOS, as_photo, shown

from .base import Page, Visit, page
from .model import load_metrics, load_model_row

LISTED = 100
DIFFERENCES = 12
SEARCHED = 150

# A figure, what it is called, and whether less of it is better.
FIGURES = (
    ("error_rate", "Wrong first guesses", True),
    ("balanced_error_rate", "… each label counting the same", True),
    ("top3_error_rate", "Truth not among the first three", True),
    ("answered", "Gives an answer to", False),
    ("wrong_among_answered", "Wrong answers among those", True),
    ("ece", "Its percentages are off by", True),
)

_MODELS = """
SELECT models.id, models.game, games.hashtag, models.backbone, models.created_at, models.photos,
    models.error_rate, models.balanced_error_rate, models.ece, models.seconds, models.bytes,
    games.model_id IS models.id AS in_use,
    (SELECT count(*) FROM model_labels WHERE model_id = models.id) AS labels
FROM models JOIN games ON games.slug = models.game
ORDER BY models.created_at DESC, models.id DESC LIMIT ?
"""

# Photos that one model got wrong and the other, asked about the same photo, right.
_ONLY_WRONG = f"""
SELECT found.*, wrong.predicted, wrong.actual, wrong.score
FROM (
    SELECT mistakes.photo_id, mistakes.predicted, mistakes.actual, mistakes.score
    FROM (SELECT * FROM mistakes WHERE model_id = :wrong ORDER BY score DESC LIMIT {SEARCHED})
        AS mistakes
    JOIN predictions AS other
        ON other.photo_id = mistakes.photo_id AND +other.model_id = :right
        AND other.source = 'evaluation' AND other.label_taxon_id = other.top_taxon_id
    ORDER BY mistakes.score DESC LIMIT :count
) AS wrong
JOIN ({PHOTOS}) AS found ON found.photo_id = wrong.photo_id
ORDER BY wrong.score DESC
"""


@page("models", "games", "model_labels")
async def models(visit: Visit) -> Page:
    """Every model, newest first; two can be chosen to be compared."""
    data = await visit.read(lambda db: {"models": list(db.query(_MODELS, [LISTED]))})
    return Page(
        "critterdb_models.html",
        title="Models",
        description="Every model that was trained here, with how well it did on photos that it "
        "had never seen.",
        data=data,
    )


@page("models", "games", "model_labels", "model_metrics", *PHOTO_TABLES)
async def compare(visit: Visit) -> Page:
    """Two models of a game beside each other; without a second one, the one in use or the next."""
    a, b = visit.argument("a"), visit.argument("b")
    data = await visit.read(lambda db: load_comparison(db, a, b))
    for side in ("only_a_wrong", "only_b_wrong"):
        data[side] = [shown(visit, photo) for photo in data[side]]
    return Page(
        "critterdb_compare.html",
        title="Two models compared",
        description=f"{data['a']['id']} beside {data['b']['id']}."
        if data["b"]
        else "There is nothing yet to compare it with.",
        data=data,
        view={"chart": comparison_bars(data["labels"]) if data["labels"] else None},
    )


def load_comparison(db: SiteDatabase, a: str, b: str) -> dict[str, Any]:
    """Two models' figures and labels, and the photos on which only one of them is wrong."""
    others = list(db.query(_MODELS, [LISTED]))
    if not a and others:
        a = others[0]["id"]
    if not a:
        raise PageNotFoundError("There is no model here yet. Train one with: critterdb train")
    first = load_model_row(db, a)
    of_game = [model for model in others if model["game"] == first["game"] and model["id"] != a]
    if not b and of_game:
        b = max(of_game, key=lambda model: model["in_use"])["id"]
    second = load_model_row(db, b) if b else None
    sides = [first, second] if second else [first]
    for side in sides:
        side.pop("card"), side.pop("recipe")
        metrics = load_metrics(db, side["id"])
        for name in ("top3_error_rate", "answered", "wrong_among_answered"):
            side[name] = metrics[name][0][1] if name in metrics else None
    found: dict[str, Any] = {
        "a": first,
        "b": second,
        "others": [model["id"] for model in of_game],
        "figures": [
            {
                "name": name,
                "title": title,
                "a": first[name],
                "b": second[name] if second else None,
                "better": _better(first[name], second[name], less) if second else None,
            }
            for name, title, less in FIGURES
        ],
        "labels": [],
        "only_a_wrong": [],
        "only_b_wrong": [],
    }
    if second:
        found["labels"] = _labels(db, a, b)
        for part, wrong, right in (("only_a_wrong", a, b), ("only_b_wrong", b, a)):
            keys = {"wrong": wrong, "right": right, "count": DIFFERENCES}
            found[part] = [as_photo(row) for row in db.query(_ONLY_WRONG, keys)]
    return found


def _better(a: float | None, b: float | None, less: bool) -> str | None:
    if a is None or b is None or a == b:
        return None
    return "a" if (a < b) == less else "b"


def _labels(db: SiteDatabase, a: str, b: str) -> list[dict[str, Any]]:
    """Recall by label of both, the commonest labels first; null where a model has no such label."""
    rows = db.query(
        """
        SELECT taxa.id AS taxon_id, coalesce(taxa.common_name, taxa.name) AS name,
            max(model_labels.photos_train) AS photos,
            max(recall) FILTER (WHERE model_id = :a) AS a,
            max(recall) FILTER (WHERE model_id = :b) AS b
        FROM model_labels JOIN taxa ON taxa.id = model_labels.taxon_id
        WHERE model_id IN (:a, :b) GROUP BY taxa.id ORDER BY photos DESC, name LIMIT 60
        """,
        {"a": a, "b": b},
    )
    return list(rows)
