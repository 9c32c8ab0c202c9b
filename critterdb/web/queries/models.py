"""Models as the pages show them: their card, figures, curves, labels and confusions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, cast

from critterdb.formatting import display_name_sql
from critterdb.storage.stored_json import as_counts, read_object
from critterdb.web.errors import PageNotFoundError

from .photos import PHOTOS, Photo, as_photo
from .reviews import SourceCount, load_counts

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

MISTAKES = 12
CONFUSION_PHOTOS = 48
# The newest; each has a row in the table `models` for who wants all.
LISTED = 100

_MISTAKES = f"""
SELECT photo.*, mistakes.prediction_id, mistakes.predicted, mistakes.actual, mistakes.score,
    mistakes.abstained, mistakes.predicted_taxon_id
FROM (SELECT * FROM mistakes WHERE model_id = ? ORDER BY score DESC LIMIT ?) AS mistakes
JOIN ({PHOTOS}) AS photo ON photo.photo_id = mistakes.photo_id
ORDER BY mistakes.score DESC
"""

_CONFUSION_PHOTOS = f"""
SELECT photo.*, confused.prediction_id, confused.score, confused.abstained
FROM (
    SELECT id AS prediction_id, photo_id, score, abstained FROM predictions
    WHERE label_taxon_id = :actual AND top_taxon_id = :predicted AND model_id = :model
    ORDER BY score DESC LIMIT :photos
) AS confused
JOIN ({PHOTOS}) AS photo ON photo.photo_id = confused.photo_id
ORDER BY confused.score DESC
"""

_LABELS = f"""
SELECT model_labels.taxon_id, {display_name_sql()} AS name,
    taxa.name AS scientific_name, photos_train, photos_test, precision, recall, f1
FROM model_labels JOIN taxa ON taxa.id = model_labels.taxon_id
WHERE model_id = ? ORDER BY photos_train DESC, 2
"""

_CONFUSIONS = """
SELECT actual_taxon_id, predicted_taxon_id, photos FROM confusions
WHERE model_id = ? ORDER BY photos DESC
"""

_MODEL = """
SELECT models.id, models.game, games.hashtag, games.question, backbone, created_at, bytes,
    photos, error_rate, balanced_error_rate, ece, temperature, threshold,
    novelty_threshold, seconds, recipe, card, games.model_id IS models.id AS in_use,
    (SELECT sum(photos_test) FROM model_labels WHERE model_id = models.id) AS tests
FROM models JOIN games ON games.slug = models.game WHERE models.id = ?
"""

_KNOWS_PLACES = """
SELECT EXISTS (
    SELECT 1 FROM games JOIN models ON models.id = games.model_id
    WHERE json_valid(models.card) AND json_extract(models.card, '$.place_weight') IS NOT NULL
)
"""

_MODELS = """
SELECT models.id, models.game, games.hashtag, models.backbone, models.created_at, models.photos,
    models.error_rate, models.balanced_error_rate, models.ece, models.seconds, models.bytes,
    games.model_id IS models.id AS in_use,
    (SELECT count(*) FROM model_labels WHERE model_id = models.id) AS labels,
    (SELECT sum(photos_test) FROM model_labels WHERE model_id = models.id) AS tests
FROM models JOIN games ON games.slug = models.game
ORDER BY models.created_at DESC, models.id DESC LIMIT ?
"""


# An import makes up an observer, with an id below 0, for each group of photos that look alike.
# Observations below 0 are also those of the monthly tables, whose observers are real. CROSS JOIN
# begins with made-up observers, of whom most sites have none, and not with a million members.
_HAS_MADE_UP_OBSERVERS = """
SELECT 1 FROM observations
CROSS JOIN game_observations ON game_observations.observation_id = observations.id AND game = ?
WHERE observations.observer_id < 0 LIMIT 1
"""


_CHOICES = """
SELECT models.id, games.slug, games.hashtag, games.question, games.model_id IS models.id AS in_use
FROM models JOIN games ON games.slug = models.game
WHERE games.model_id = models.id OR models.id = :model
ORDER BY games.slug IS :game DESC, models.created_at DESC
"""


class ModelChoice(TypedDict):
    """A model that one may ask, and what its game asks."""

    model_id: str
    game: str
    title: str


class LabelRow(TypedDict):
    """One of the taxa that a model tells apart, with its figures on test photos (0 to 1)."""

    taxon_id: int
    name: str
    scientific_name: str
    photos_train: int
    photos_test: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confusion(TypedDict):
    """How many test photos of one taxon were called another, or by their own name."""

    actual_taxon_id: int
    predicted_taxon_id: int
    photos: int


@dataclass(frozen=True)
class ConfusedPair:
    """A cell of the confusion matrix: what the animal was, and what the model called it (ids)."""

    actual: int
    predicted: int


class ReliabilityPoint(TypedDict):
    """Test photos of about one confidence, and the share of them that the model got right."""

    confidence: float
    right: float
    photos: int


class RiskPoint(TypedDict):
    """The share of wrong answers if only this share of photos, the surest, is answered."""

    answered: float
    wrong: float


class EpochPoint(TypedDict):
    """How the model did on validation photos after an epoch."""

    epoch: float
    loss: float | None
    error_rate: float | None


class _ModelFacts(TypedDict):
    """`tests` is the number of test photos that the figures are shares of."""

    id: str
    game: str
    hashtag: str | None
    backbone: str
    created_at: str
    photos: int
    error_rate: float | None
    balanced_error_rate: float | None
    ece: float | None
    seconds: float | None
    bytes: int
    in_use: int
    tests: int | None


class ModelRow(_ModelFacts):
    """A model, its game, and whether it is the one in use."""

    question: str | None
    temperature: float | None
    threshold: float | None
    novelty_threshold: float | None


class DescribedModel(ModelRow):
    """A model with its card and recipe, as training wrote them."""

    card: dict[str, object]
    recipe: dict[str, object]


class ListedModel(_ModelFacts):
    """A model in the list of models, with how many labels it has."""

    labels: int


class ReportRow(TypedDict):
    """A figure of the report: what was measured, the share, and of how many photos."""

    measured: str
    value: float | None
    photos: int | None


Curve = list[tuple[float, float, int | None]]
"""Points (x, value, photos) of a figure or a curve, along x. A figure has the one point at 0."""


class ModelData(TypedDict):
    """The data of a model's page; its photos are yet to be checked for what may be shown.

    `knows_observers` says whether it is known who took the photos: then none of the test photos is
    by somebody whose photos the model learned from.
    """

    model: DescribedModel
    knows_observers: bool
    labels: list[LabelRow]
    confusions: list[Confusion]
    reliability: list[ReliabilityPoint]
    risk_coverage: list[RiskPoint]
    figures: dict[str, float]
    training: list[EpochPoint]
    report: list[ReportRow]
    licences: dict[str, int]
    mistakes: list[Photo]
    predictions: list[SourceCount]


class ConfusionPhotos(TypedDict):
    """The test photos behind one cell of the confusion matrix, the surest first."""

    model_id: str
    game: str
    hashtag: str | None
    created_at: str
    actual: str
    predicted: str
    actual_taxon_id: int
    predicted_taxon_id: int
    count: int
    photos: list[Photo]


def load_models(db: SiteDatabase) -> list[ListedModel]:
    """Return the newest models, the newest first."""
    return cast("list[ListedModel]", list(db.query(_MODELS, [LISTED])))


def load_choices(db: SiteDatabase, game: str | None, model_id: str | None) -> list[ModelChoice]:
    """Return the models that one may ask: that of `game` first, which answers by default.

    A model that is named is among them, in use or not.
    """
    rows = list(db.query(_CHOICES, {"game": game, "model": model_id}))
    return [
        {
            "model_id": row["id"],
            "game": row["slug"],
            "title": ("#" + row["hashtag"] if row["hashtag"] else row["slug"])
            + (f": {row['question']}" if row["question"] else "")
            + ("" if row["in_use"] else " (not in use)"),
        }
        for row in rows
    ]


def site_knows_places(db: SiteDatabase) -> bool:
    """Say whether a model in use takes into account where and when a photo was taken."""
    return bool(db.execute(_KNOWS_PLACES).fetchone()[0])


def load_model_row(db: SiteDatabase, model_id: str) -> DescribedModel:
    """Return a model with its card and recipe. Raises PageNotFoundError."""
    row = next(db.query(_MODEL, [model_id]), None)
    if row is None:
        raise PageNotFoundError(f"There is no model {model_id} here. See the list of models")
    card, recipe = read_object(row["card"]), read_object(row["recipe"])
    return cast("DescribedModel", {**row, "card": card, "recipe": recipe})


def load_model_data(db: SiteDatabase, model_id: str) -> ModelData:
    """Return everything about a model. Raises PageNotFoundError if there is none of this id."""
    model = load_model_row(db, model_id)
    curves = load_curves(db, model_id)
    licences = as_counts(model["card"].get("photos_by_license"))
    return {
        "model": model,
        "knows_observers": not db.execute(_HAS_MADE_UP_OBSERVERS, [model["game"]]).fetchone(),
        "labels": load_labels(db, model_id),
        "confusions": cast("list[Confusion]", list(db.query(_CONFUSIONS, [model_id]))),
        "reliability": [
            {"confidence": x, "right": value, "photos": photos or 0}
            for x, value, photos in curves.get("reliability", [])
        ],
        "risk_coverage": [
            {"answered": x, "wrong": value} for x, value, _ in curves.get("risk_coverage", [])
        ],
        "figures": {
            name: points[0][1] for name, points in curves.items() if [p[0] for p in points] == [0]
        },
        "training": _training(curves),
        "report": _report(curves),
        "licences": licences,
        "mistakes": [as_photo(row) for row in db.query(_MISTAKES, [model_id, MISTAKES])],
        "predictions": load_counts(db, model_id),
    }


def load_labels(db: SiteDatabase, model_id: str) -> list[LabelRow]:
    """Return a model's labels, those with the most photos to learn from first."""
    return cast("list[LabelRow]", list(db.query(_LABELS, [model_id])))


def load_curves(db: SiteDatabase, model_id: str) -> dict[str, Curve]:
    """Return a model's figures and curves by name."""
    curves: dict[str, Curve] = {}
    rows: list[Any] = db.execute(
        "SELECT name, x, value, photos FROM model_metrics WHERE model_id = ? ORDER BY name, x",
        [model_id],
    ).fetchall()
    for name, *point in rows:
        curves.setdefault(name, []).append((point[0], point[1], point[2]))
    return curves


# The rows of the report by their names in `model_metrics`; {x} is the point's place, as a share.
_REPORT = {
    "small_answered": "Animal fills {x:.0%} of the side: answered",
    "small_wrong_among_answered": "Animal fills {x:.0%} of the side: wrong among its answers",
    "small_error_rate": "Animal fills {x:.0%} of the side: most likely label wrong",
    "near_refused": "Animals that only look like its labels: refused",
    "set_coverage": "Sets meant to hold the right label for {x:.1%}: they do",
    "together_error_rate": "Photos of one observation, {x:.0f} at a time: wrong",
}


def _report(curves: dict[str, Curve]) -> list[ReportRow]:
    return [
        {"measured": text.format(x=x), "value": value, "photos": photos}
        for name, text in _REPORT.items()
        for x, value, photos in reversed(curves.get(name, []))
    ]


def _training(curves: dict[str, Curve]) -> list[EpochPoint]:
    losses = {x: value for x, value, _ in curves.get("valid_loss", [])}
    errors = {x: value for x, value, _ in curves.get("valid_error_rate", [])}
    return [
        {"epoch": x, "loss": losses.get(x), "error_rate": errors.get(x)}
        for x in sorted(losses | errors)
    ]


def load_confusion_photos(db: SiteDatabase, model_id: str, pair: ConfusedPair) -> ConfusionPhotos:
    """Return the photos of one taxon that a model called another, or by their own name.

    Raises PageNotFoundError if there is no such model or it has no such labels.
    """
    model = load_model_row(db, model_id)
    names = {label["taxon_id"]: label["name"] for label in load_labels(db, model_id)}
    actual, predicted = pair.actual, pair.predicted
    if actual not in names or predicted not in names:
        raise PageNotFoundError("The model does not have these labels. Click a cell in its matrix")
    keys = {"model": model_id, "actual": actual, "predicted": predicted}
    count = db.execute(
        "SELECT photos FROM confusions WHERE model_id = :model "
        "AND actual_taxon_id = :actual AND predicted_taxon_id = :predicted",
        keys,
    ).fetchone()
    photos = db.query(_CONFUSION_PHOTOS, {**keys, "photos": CONFUSION_PHOTOS})
    return {
        "model_id": model_id,
        "game": model["game"],
        "hashtag": model["hashtag"],
        "created_at": model["created_at"],
        "actual": names[actual],
        "predicted": names[predicted],
        "actual_taxon_id": actual,
        "predicted_taxon_id": predicted,
        "count": count[0] if count else 0,
        "photos": [as_photo(row) for row in photos],
    }
