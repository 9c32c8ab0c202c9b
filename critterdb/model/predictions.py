"""An image's bytes → a classification, its row, and the JSON that the world sees.

Written with plain SQL on a connection, because Datasette's writer hands out just that.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from critterdb.imaging.decode import ImageInfo
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now

from .decision import Classification, scored
from .loader import Model


def save_image(conn: Any, info: ImageInfo, url: str | None = None) -> None:
    """Write an image's row, unless it is there."""
    conn.execute(
        "INSERT OR IGNORE INTO images (sha256, url, width, height, bytes, first_seen_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [info.sha256, url, info.width, info.height, info.bytes, utc_now()],
    )


def save_prediction(
    conn: Any,
    model: Model,
    classification: Classification,
    *,
    source: str,
    image_sha256: str | None = None,
    photo_id: int | None = None,
    post_id: str | None = None,
) -> int:
    """Write a prediction's row and return its id; call it in a transaction."""
    row = {
        "model_id": model.id,
        "source": source,
        "photo_id": photo_id,
        "image_sha256": image_sha256,
        "post_id": post_id,
        **classification.as_row(),
        "created_at": utc_now(),
    }
    columns = ", ".join(row)
    places = ", ".join("?" * len(row))
    cursor = conn.execute(
        f"INSERT INTO predictions ({columns}) VALUES ({places})", list(row.values())
    )
    return int(cursor.lastrowid)


def find_prediction(conn: Any, sha256: str, model_id: str, source: str) -> int | None:
    """The id of the row that says the same already: same image, model and source."""
    row = conn.execute(
        "SELECT min(id) FROM predictions "
        "WHERE image_sha256 = ? AND model_id = ? AND source = ? AND post_id IS NULL",
        [sha256, model_id, source],
    ).fetchone()
    return int(row[0]) if row[0] is not None else None


def find_answer(
    conn: Any, model: Model, sha256: str
) -> tuple[Classification, ImageInfo, int] | None:
    """What the database holds of this image by this model, whoever asked; None where it must look.

    Nothing is decoded and nothing computed. Rows made under other thresholds do not count.
    """
    row = conn.execute(
        "SELECT predictions.id, predictions.taxon_id, score, reason, novelty, scores, thresholds, "
        "images.width, images.height, images.bytes "
        "FROM predictions JOIN images ON images.sha256 = predictions.image_sha256 "
        "WHERE image_sha256 = ? AND model_id = ? ORDER BY source <> 'endpoint', predictions.id",
        [sha256, model.id],
    ).fetchone()
    if row is None:
        return None
    number, taxon_id, score, reason, novelty, scores, thresholds, width, height, size = row
    shares = {int(key): share for key, share in json.loads(scores).items()}
    labels = {label["taxon_id"]: label for label in model.labels}
    taxa = {one["taxon_id"]: one for label in model.labels for one in label.get("ancestors", [])}
    taxon = labels.get(taxon_id) or taxa.get(taxon_id)
    if shares.keys() != labels.keys() or json.loads(thresholds) != model.thresholds:
        return None
    if taxon_id is not None and taxon is None:
        return None
    classification = Classification(
        scored(taxon, score) | {"rank": taxon["rank"]} if taxon else None,
        reason,
        [scored(labels[one], share) for one, share in shares.items()],
        novelty,
        dict(model.thresholds),
        np.array([shares[one] for one in labels]),
    )
    return classification, ImageInfo(sha256, width, height, size), int(number)


def record(
    conn: Any,
    model: Model,
    classification: Classification,
    info: ImageInfo,
    *,
    source: str,
    url: str | None = None,
) -> int:
    """Write image and prediction, or find the earlier row; in the caller's transaction."""
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
    source: str,
    url: str | None = None,
) -> int:
    """As record(), in a transaction of its own."""
    with db.atomic():
        return record(db.conn, model, classification, info, source=source, url=url)
