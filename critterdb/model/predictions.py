"""Write classifications to the database, and find them again.

Written with plain SQL on a connection, because Datasette's writer hands out just that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from critterdb.imaging.decode import ImageInfo
from critterdb.imaging.preprocessing import Area
from critterdb.storage.stored_json import read_json, read_object, read_scores
from critterdb.storage.timestamps import utc_now

from .decision import Classification, as_answer, scored

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

    from .labels import Reason, Taxon
    from .loader import Model

Source = Literal["bot", "cli", "endpoint", "evaluation"]
"""Who asked for a prediction."""


def save_image(conn: Any, info: ImageInfo, url: str | None = None) -> None:
    """Write an image's row, unless it is there."""
    conn.execute(
        # The first address that an image came from stays.
        "INSERT OR IGNORE INTO images (sha256, url, width, height, bytes, first_seen_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [info.sha256, url, info.width, info.height, info.bytes, utc_now()],
    )


def save_prediction(
    conn: Any,
    model: Model,
    classification: Classification,
    *,
    source: Source,
    image_sha256: str | None = None,
    post_id: str | None = None,
) -> int:
    """Write a prediction's row and return its id; call it in a transaction."""
    row = {
        "model_id": model.id,
        "source": source,
        "image_sha256": image_sha256,
        "post_id": post_id,
        **classification.as_row(),
        "created_at": utc_now(),
    }
    # A post's picture lies elsewhere, so that nobody could compute it again for the post's page.
    if source == "bot" and classification.evidence:
        row["evidence"] = json.dumps(classification.evidence.as_dict())
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    cursor = conn.execute(
        f"INSERT INTO predictions ({columns}) VALUES ({marks})", list(row.values())
    )
    return int(cursor.lastrowid)


def find_prediction(conn: Any, sha256: str, model_id: str, source: Source) -> int | None:
    """Return the id of the row for the same image, model and source, or None."""
    row = conn.execute(
        "SELECT min(id) FROM predictions "
        "WHERE image_sha256 = ? AND model_id = ? AND source = ? AND post_id IS NULL",
        [sha256, model_id, source],
    ).fetchone()
    return int(row[0]) if row[0] is not None else None


class StoredPrediction(NamedTuple):
    """A row of _FIND_ANSWER; `scores` and `thresholds` are JSON objects."""

    id: int
    taxon_id: int | None
    score: float
    reason: Reason | None
    novelty: float
    scores: str
    thresholds: str
    looks: int | None
    crop: str | None
    width: int
    height: int
    bytes: int


_FIND_ANSWER = """
SELECT predictions.id, predictions.taxon_id, score, reason, novelty, scores, thresholds,
    looks, crop, images.width, images.height, images.bytes
FROM predictions JOIN images ON images.sha256 = predictions.image_sha256
WHERE image_sha256 = ? AND model_id = ? ORDER BY source <> 'endpoint', predictions.id
"""


def find_answer(
    conn: Any, model: Model, sha256: str
) -> tuple[Classification, ImageInfo, int] | None:
    """Return what the database holds of this image by this model, whoever asked, or None.

    Nothing is decoded and nothing computed. Rows made under other thresholds do not count.
    """
    row = conn.execute(_FIND_ANSWER, [sha256, model.id]).fetchone()
    if row is None:
        return None
    stored = StoredPrediction(*row)
    scores = read_scores(stored.scores)
    labels = {label["taxon_id"]: label for label in model.labels}
    # A model keeps its id when it is copied; other labels or thresholds decide otherwise.
    if scores.keys() != labels.keys() or read_object(stored.thresholds) != model.thresholds:
        return None
    answer = None
    if stored.taxon_id is not None:
        ancestors = [taxon for label in model.labels for taxon in label.get("ancestors", [])]
        taxa: dict[int, Taxon] = {taxon["taxon_id"]: taxon for taxon in (*ancestors, *model.labels)}
        if stored.taxon_id not in taxa:
            return None
        answer = as_answer(taxa[stored.taxon_id], stored.score)
    classification = Classification(
        answer,
        stored.reason,
        [scored(labels[taxon_id], score) for taxon_id, score in scores.items()],
        stored.novelty,
        model.thresholds.copy(),
        np.array([scores[taxon_id] for taxon_id in labels]),
        looks=stored.looks or 1,
        crop=_read_area(stored.crop),
    )
    info = ImageInfo(sha256, stored.width, stored.height, stored.bytes)
    return classification, info, stored.id


def _read_area(stored: str | None) -> Area | None:
    shares = read_json(stored)
    if not isinstance(shares, list) or len(shares) != len(Area._fields):
        return None
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
        return None
    return Area(*map(float, shares))


def record(
    conn: Any,
    model: Model,
    classification: Classification,
    info: ImageInfo,
    *,
    source: Source,
    url: str | None = None,
) -> int:
    """Write image and prediction, or find the earlier row; in the caller's transaction."""
    # A picture that many ask about is one row: the table grows with pictures and not with visits.
    earlier = find_prediction(conn, info.sha256, model.id, source)
    if earlier is not None:
        return earlier
    save_image(conn, info, url)
    return save_prediction(conn, model, classification, source=source, image_sha256=info.sha256)


def save_classification(
    db: SiteDatabase,
    model: Model,
    classification: Classification,
    info: ImageInfo,
    *,
    source: Source,
    url: str | None = None,
) -> int:
    """Do as record(), in a transaction of its own."""
    with db.atomic():
        return record(db.conn, model, classification, info, source=source, url=url)
