"""Two models beside each other: their figures, their labels, and where only one is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from critterdb.formatting import display_name_sql
from critterdb.web.errors import PageNotFoundError

from .models import DescribedModel, ListedModel, load_curves, load_model_row, load_models
from .photos import PHOTOS, Photo, as_photo

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

DIFFERENCES = 12
# Rows that are looked through for differences, so that the page's time has an end.
SEARCHED = 150

# A figure, what it is called, and whether less of it is better.
FIGURES = (
    ("error_rate", "Error rate", True),
    ("balanced_error_rate", "Balanced error rate (each label weighted equally)", True),
    ("top3_error_rate", "Right label not among the top three", True),
    ("answered", "Answered", False),
    ("wrong_among_answered", "Wrong among its answers", True),
    ("ece", "Calibration error (how far its confidence is off)", True),
)

AVERAGES = ("balanced_error_rate", "ece")
NORMAL_95 = 1.96  # standard errors around the middle that hold 95% of a normal distribution

# Photos that one model got wrong and the other, asked about the same photo, right.
_ONLY_WRONG = f"""
SELECT photo.*, wrong.predicted, wrong.actual, wrong.score
FROM (
    SELECT mistakes.photo_id, mistakes.predicted, mistakes.actual, mistakes.score
    FROM (SELECT * FROM mistakes WHERE model_id = :wrong ORDER BY score DESC LIMIT {SEARCHED})
        AS mistakes
    JOIN predictions AS other
        ON other.photo_id = mistakes.photo_id AND +other.model_id = :right
        AND other.source = 'evaluation' AND other.label_taxon_id = other.top_taxon_id
    ORDER BY mistakes.score DESC LIMIT :count
) AS wrong
JOIN ({PHOTOS}) AS photo ON photo.photo_id = wrong.photo_id
ORDER BY wrong.score DESC
"""

_LABELS_OF_BOTH = f"""
SELECT taxa.id AS taxon_id, {display_name_sql()} AS name,
    max(model_labels.photos_train) AS photos,
    max(recall) FILTER (WHERE model_id = :a) AS a,
    max(photos_test) FILTER (WHERE model_id = :a) AS a_tests,
    max(photos_test) FILTER (WHERE model_id = :b) AS b_tests,
    max(recall) FILTER (WHERE model_id = :b) AS b
FROM model_labels JOIN taxa ON taxa.id = model_labels.taxon_id
WHERE model_id IN (:a, :b) GROUP BY taxa.id ORDER BY photos DESC, 2 LIMIT 60
"""


class ComparedModel(TypedDict):
    """A model beside another one, with its figures (shares from 0 to 1)."""

    id: str
    game: str
    hashtag: str | None
    question: str | None
    backbone: str
    created_at: str
    bytes: int
    photos: int
    temperature: float | None
    threshold: float | None
    novelty_threshold: float | None
    seconds: float | None
    in_use: int
    tests: int | None
    error_rate: float | None
    balanced_error_rate: float | None
    ece: float | None
    top3_error_rate: float | None
    answered: float | None
    wrong_among_answered: float | None


class ComparedFigure(TypedDict):
    """A figure of both models, and which of them does better by more than chance would.

    `a_of` and `b_of` are the numbers of photos that they are shares of, `is_average` says that it
    is an average over these and not a count of them.
    """

    name: str
    title: str
    is_average: bool
    a: float | None
    a_of: int
    b: float | None
    b_of: int
    better: Literal["a", "b"] | None


class ComparedLabel(TypedDict):
    """The recall of a label by both models; null for a model that does not have it."""

    taxon_id: int
    name: str
    photos: int
    a: float | None
    a_tests: int | None
    b: float | None
    b_tests: int | None


class Comparison(TypedDict):
    """Two models beside each other; its photos are yet to be checked for what may be shown."""

    a: ComparedModel
    b: ComparedModel | None
    others: list[str]
    figures: list[ComparedFigure]
    labels: list[ComparedLabel]
    only_a_wrong: list[Photo]
    only_b_wrong: list[Photo]


def load_comparison(db: SiteDatabase, a: str, b: str) -> Comparison:
    """Return two models' figures and labels, and the photos on which only one of them is wrong.

    Without `a` it is the newest model, without `b` another one of its game. Raises
    PageNotFoundError if there is no such model, or none at all.
    """
    listed = load_models(db)
    a = a or (listed[0]["id"] if listed else "")
    if not a:
        raise PageNotFoundError("There is no model here yet. Train one with: critterdb train")
    first = _compared(db, load_model_row(db, a))
    of_game = [model for model in listed if model["game"] == first["game"] and model["id"] != a]
    b = b or _to_compare_with(of_game)
    second = _compared(db, load_model_row(db, b)) if b else None
    keys = {"a": a, "b": b}
    labels = list(db.query(_LABELS_OF_BOTH, keys)) if b else []
    return {
        "a": first,
        "b": second,
        "others": [model["id"] for model in of_game],
        "figures": _figures(first, second),
        "labels": cast("list[ComparedLabel]", labels),
        "only_a_wrong": _only_wrong(db, a, b) if b else [],
        "only_b_wrong": _only_wrong(db, b, a) if b else [],
    }


def _compared(db: SiteDatabase, model: DescribedModel) -> ComparedModel:
    curves = load_curves(db, model["id"])
    figures = {
        name: curves[name][0][1] if name in curves else None
        for name in ("top3_error_rate", "answered", "wrong_among_answered")
    }
    facts = {name: value for name, value in model.items() if name not in ("card", "recipe")}
    return cast("ComparedModel", facts | figures)


def _to_compare_with(of_game: list[ListedModel]) -> str:
    """The model in use, else the newest other one of the game; empty if there is none."""
    return max(of_game, key=lambda model: model["in_use"])["id"] if of_game else ""


def _figures(first: ComparedModel, second: ComparedModel | None) -> list[ComparedFigure]:
    figures: list[ComparedFigure] = []
    for name, title, is_less_better in FIGURES:
        a = cast("float | None", first.get(name))
        b = cast("float | None", second.get(name)) if second else None
        a_of, b_of = _basis(name, first), _basis(name, second)
        better: Literal["a", "b"] | None = None
        # A difference of one photo in 341 is chance.
        if a is not None and b is not None and name != "ece" and _differ(a, a_of, b, b_of):
            better = "a" if (a < b) == is_less_better else "b"
        figures.append(
            {
                "name": name,
                "title": title,
                "is_average": name in AVERAGES,
                "a": a,
                "a_of": a_of,
                "b": b,
                "b_of": b_of,
                "better": better,
            }
        )
    return figures


def _basis(name: str, model: ComparedModel | None) -> int:
    """How many photos a figure of a model is a share of."""
    tests = (model and model["tests"]) or 0
    if name == "wrong_among_answered" and model:
        return round(tests * (model["answered"] or 0))
    return tests


def _differ(a: float, a_of: int, b: float, b_of: int) -> bool:
    """Whether two shares differ more than chance lets them in 19 of 20 cases (a z test)."""
    if not a_of or not b_of:
        return False
    error = math.sqrt(a * (1 - a) / a_of + b * (1 - b) / b_of)
    return abs(a - b) > NORMAL_95 * error


def _only_wrong(db: SiteDatabase, wrong: str, right: str) -> list[Photo]:
    keys = {"wrong": wrong, "right": right, "count": DIFFERENCES}
    return [as_photo(row) for row in db.query(_ONLY_WRONG, keys)]
