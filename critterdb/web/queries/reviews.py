"""What people say of predictions, and of messages that may hold an answer: rows in, rows out.

A review is a row of its own beside the prediction, which it never changes. Of several the newest
counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, cast

from critterdb.dataset.taxonomy import Truth, is_right
from critterdb.formatting import display_name_sql
from critterdb.storage.database import site_folder
from critterdb.storage.stored_json import read_scores
from critterdb.storage.timestamps import utc_now

from .photos import PHOTOS, Photo, ShownPhoto, as_photo
from .posts import Story, kept_address, load_stories, web_address
from .taxa import ScoreBar, Scores, likeliest, names_in, score_bars

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.storage.database import SiteDatabase

SOURCES = {
    "bot": "the bot",
    "endpoint": "“Classify a photo”",
    "cli": "the command line",
    "evaluation": "test photos",
}
LOOKED_THROUGH = 2000  # predictions: many have no picture that could be shown
CHOICES = 10  # one for each digit key

_IN_QUEUE = "source = :source AND id < :before AND (:model = '' OR model_id = :model)"

_LOWEST = f"""
SELECT id FROM predictions WHERE {_IN_QUEUE} ORDER BY id DESC LIMIT 1 OFFSET {LOOKED_THROUGH}
"""

_WAITING = f"""
SELECT id FROM predictions
WHERE {_IN_QUEUE} AND id > :lowest
    AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.prediction_id = predictions.id)
    AND (
        photo_id IS NOT NULL
        OR EXISTS (
            SELECT 1 FROM post_images
            JOIN shown_posts ON shown_posts.post_id = post_images.post_id
            WHERE post_images.post_id = predictions.post_id AND shown_posts.shows_photos
                AND (predictions.image_sha256 IS NULL
                    OR post_images.image_sha256 = predictions.image_sha256)
        )
        OR (
            post_id IS NULL AND EXISTS (
                SELECT 1 FROM images
                WHERE images.sha256 = predictions.image_sha256 AND images.url LIKE 'http%'
            )
        )
    )
ORDER BY id DESC LIMIT 1
"""

_PREDICTION = f"""
SELECT predictions.id AS prediction_id, predictions.model_id, predictions.source, predictions.score,
    predictions.abstained, predictions.reason, predictions.novelty, predictions.scores,
    predictions.created_at, predictions.photo_id, predictions.image_sha256, predictions.post_id,
    predictions.taxon_id, {display_name_sql()} AS answer
FROM predictions LEFT JOIN taxa ON taxa.id = predictions.taxon_id
WHERE predictions.id = ?
"""

_PICTURES_OF_POST = """
SELECT post_images.url, posts.platform, post_images.image_sha256 FROM post_images
JOIN posts ON posts.id = post_images.post_id
JOIN shown_posts ON shown_posts.post_id = post_images.post_id
WHERE post_images.post_id = :post_id AND shown_posts.shows_photos
    AND (:image_sha256 IS NULL OR post_images.image_sha256 = :image_sha256)
ORDER BY post_images.position
"""

_REVIEWS = f"""
SELECT verdict, actor, created_at, {display_name_sql()} AS truth
FROM reviews LEFT JOIN taxa ON taxa.id = reviews.taxon_id
WHERE prediction_id = ? ORDER BY reviews.id
"""

_CHOICES = f"""
WITH asked AS (
    SELECT games.target_taxon_id, games.model_id
    FROM posts JOIN games ON games.slug = posts.game WHERE posts.id = ?
),
choices AS (
    SELECT target_taxon_id AS taxon_id, 1 AS is_target, 0 AS photos FROM asked
    UNION ALL
    SELECT model_labels.taxon_id, 0, model_labels.photos_train
    FROM asked JOIN model_labels ON model_labels.model_id = asked.model_id
    WHERE model_labels.taxon_id IS NOT asked.target_taxon_id
)
SELECT taxa.id AS taxon_id, {display_name_sql()} AS name
FROM choices JOIN taxa ON taxa.id = choices.taxon_id
ORDER BY choices.is_target DESC, choices.photos DESC, taxa.id LIMIT ?
"""


_SUGGESTION = f"""
SELECT suggested_by, suggested_verdict, suggested_taxon_id,
    coalesce(
        {display_name_sql()},
        iif(suggested_verdict = 'other', 'Not the animal in question', 'Inconclusive')
    ) AS name
FROM answer_candidates LEFT JOIN taxa ON taxa.id = suggested_taxon_id
WHERE answer_candidates.id = ? AND (suggested_taxon_id IS NOT NULL
    OR suggested_verdict IN ('other', 'inconclusive'))
"""

_EARLIER = f"""
SELECT coalesce({display_name_sql()}, verdict) AS answer, method, superseded_at
FROM superseded_answers LEFT JOIN taxa ON taxa.id = superseded_answers.taxon_id
WHERE post_id = ? ORDER BY superseded_answers.id
"""


class Choice(TypedDict):
    """A taxon that a person can say it was, with one key."""

    taxon_id: int
    name: str


class ReviewRow(TypedDict):
    """What a person said of a prediction; `truth` is a name, null if the person gave none."""

    verdict: str
    actor: str | None
    created_at: str
    truth: str | None


class ReviewedPrediction(TypedDict):
    """A prediction with its picture, its likeliest labels and earlier reviews.

    `photo` is one of the site's; `pictures` are addresses of others, which lie where they were
    posted. `pictures_may_change` if a visitor gave the address: whatever lies there now is not
    loaded before the reviewer asks for it.
    """

    prediction_id: int
    model_id: str
    source: str
    score: float
    abstained: int
    reason: str | None
    novelty: float | None
    created_at: str
    photo_id: int | None
    image_sha256: str | None
    post_id: str | None
    taxon_id: int | None
    answer: str | None
    bars: list[ScoreBar]
    choices: list[Choice]
    photo: Photo | ShownPhoto | None
    pictures: list[str]
    pictures_may_change: bool
    reviews: list[ReviewRow]


class SourceCount(TypedDict):
    """Predictions that were asked for from one source, and how many of them were reviewed."""

    source: str
    predictions: int
    reviewed: int


class ReviewQueue(TypedDict):
    """The prediction to review next, and how far the work has come.

    `further_before` is a prediction's id from which to look further back, if none of the newest has
    a picture to show.
    """

    prediction: ReviewedPrediction | None
    further_before: int | None
    counts: list[SourceCount]
    verdicts: dict[str, int]


class CandidateRow(TypedDict):
    """A message of a host that may hold an answer, and why it waits for a person."""

    id: int
    post_id: str
    source_url: str
    guess: str | None
    found_at: str
    reason: str | None


class SuggestionRow(TypedDict):
    """What the configured language model takes a message for; `button` is the button's value."""

    button: str
    name: str
    by: str


class EarlierAnswer(TypedDict):
    """An answer of the post that was corrected, taken back or replaced."""

    answer: str
    method: str
    superseded_at: str


class CandidateQueue(TypedDict):
    """The message to decide about next, with its post and the taxa to choose from."""

    candidate: CandidateRow | None
    waiting: int
    post: Story | None
    choices: list[Choice]
    suggestion: SuggestionRow | None
    earlier: list[EarlierAnswer]


def load_queue(
    db: SiteDatabase, source: str, model: str, before: int | None, *, local_photos: bool
) -> ReviewQueue:
    """Return the newest prediction that waits for a review, and how many were reviewed."""
    keys = {"source": source, "model": model, "before": 2**62 if before is None else before}
    lowest_row = db.execute(_LOWEST, keys).fetchone()
    keys["lowest"] = lowest_row[0] if lowest_row else 0
    waiting = db.execute(_WAITING, keys).fetchone()
    prediction = load_prediction(db, waiting[0], local_photos=local_photos) if waiting else None
    return {
        "prediction": prediction,
        "further_before": lowest_row[0] + 1 if lowest_row and not prediction else None,
        "counts": load_counts(db),
        "verdicts": {
            row["verdict"]: row["reviews"]
            for row in db.query("SELECT verdict, count(*) AS reviews FROM reviews GROUP BY verdict")
        },
    }


def load_counts(db: SiteDatabase, model_id: str | None = None) -> list[SourceCount]:
    """Return predictions and reviewed ones by source, of one model or of all."""
    rows = db.query(
        "SELECT source, sum(predictions) AS predictions, sum(reviewed) AS reviewed "
        "FROM prediction_counts WHERE :model IS NULL OR model_id = :model "
        "GROUP BY source ORDER BY source",
        {"model": model_id},
    )
    return cast("list[SourceCount]", list(rows))


def load_prediction(
    db: SiteDatabase, prediction_id: int, *, local_photos: bool
) -> ReviewedPrediction | None:
    """Return a prediction to review, or None if there is none with this number."""
    row = next(db.query(_PREDICTION, [prediction_id]), None)
    if row is None:
        return None
    scores = read_scores(row.pop("scores"))
    names = names_in(db, [scores])
    pictures = _pictures(db, row, local_photos=local_photos)
    prediction: ReviewedPrediction = {  # type: ignore[typeddict-item]
        **row,
        "bars": score_bars(scores, names),
        "choices": _likeliest_choices(scores, names),
        "photo": _photo(db, row["photo_id"]),
        "pictures": pictures,
        "pictures_may_change": bool(pictures) and row["post_id"] is None,
        "reviews": list(db.query(_REVIEWS, [prediction_id])),
    }
    return prediction


def _likeliest_choices(scores: Scores, names: Mapping[int, str]) -> list[Choice]:
    return [
        {"taxon_id": taxon_id, "name": names.get(taxon_id, str(taxon_id))}
        for taxon_id, _ in likeliest(scores, CHOICES)
    ]


def _photo(db: SiteDatabase, photo_id: int | None) -> Photo | None:
    row = next(db.query(f"{PHOTOS} WHERE photos.id = ?", [photo_id]), None)
    return as_photo(row) if row else None


def _pictures(db: SiteDatabase, prediction: Mapping[str, Any], *, local_photos: bool) -> list[str]:
    """The addresses of the pictures that a prediction is about, if it is not about a photo.

    Those that the site keeps have a path.
    """
    if prediction["photo_id"] is not None:
        return []
    if not prediction["post_id"]:
        rows = db.query("SELECT url FROM images WHERE sha256 = ?", [prediction["image_sha256"]])
        return [url for row in rows if (url := web_address(row["url"]))]
    site = site_folder(db)
    addresses = (
        kept_address(site, row, local_photos=local_photos) or web_address(row["url"])
        for row in db.query(_PICTURES_OF_POST, dict(prediction))
    )
    return [address for address in addresses if address]


def save_review(
    db: SiteDatabase, prediction_id: int, verdict: str, taxon_id: int | None, actor: str | None
) -> int:
    """Write a review; with a taxon the verdict follows from it. Call it in a transaction.

    `verdict` is right, wrong, or is (it was `taxon_id`). Returns the review's number. Raises
    LookupError if there is no such prediction or taxon.
    """
    prediction = db.execute(
        "SELECT taxon_id FROM predictions WHERE id = ?", [prediction_id]
    ).fetchone()
    if prediction is None:
        raise LookupError(f"There is no prediction {prediction_id}")
    answer = prediction[0]
    if verdict == "is" and taxon_id is not None:
        taxon = db.execute("SELECT ancestor_ids FROM taxa WHERE id = ?", [taxon_id]).fetchone()
        if taxon is None:
            raise LookupError(f"There is no taxon {taxon_id}")
        verdict = "right" if is_right(answer, Truth.of(taxon_id, taxon[0])) else "wrong"
    elif verdict == "right":
        # Of an abstention too: then a person could not tell either.
        taxon_id = answer
    else:
        verdict, taxon_id = "wrong", None
    row = {
        "prediction_id": prediction_id,
        "verdict": verdict,
        "taxon_id": taxon_id,
        "actor": actor,
        "created_at": utc_now(),
    }
    return int(db["reviews"].insert(row).last_pk or 0)


def load_candidate(db: SiteDatabase, after: int, *, local_photos: bool) -> CandidateQueue:
    """Return the oldest message that may hold an answer and waits for a person, with its post."""
    row = next(
        db.query(
            "SELECT id, post_id, source_url, guess, found_at, reason FROM answer_candidates "
            "WHERE settled_at IS NULL AND id > ? ORDER BY id LIMIT 1",
            [after],
        ),
        None,
    )
    waiting = db["answer_candidates"].count_where("settled_at IS NULL")
    if row is None:
        return {
            "candidate": None,
            "waiting": waiting,
            "post": None,
            "choices": [],
            "suggestion": None,
            "earlier": [],
        }
    stories = load_stories(db, [row["post_id"]], local_photos=local_photos)
    return {
        "candidate": cast("CandidateRow", row),
        "waiting": waiting,
        "post": stories[0] if stories else None,
        # The game's target first, then what its model knows.
        "choices": cast("list[Choice]", list(db.query(_CHOICES, [row["post_id"], CHOICES]))),
        "suggestion": _suggestion(db, row["id"]),
        "earlier": cast("list[EarlierAnswer]", list(db.query(_EARLIER, [row["post_id"]]))),
    }


def _suggestion(db: SiteDatabase, candidate_id: int) -> SuggestionRow | None:
    for row in db.query(_SUGGESTION, [candidate_id]):
        taxon_id = row["suggested_taxon_id"]
        button = f"is:{taxon_id}" if taxon_id else row["suggested_verdict"]
        return {"button": button, "name": row["name"], "by": row["suggested_by"]}
    return None
