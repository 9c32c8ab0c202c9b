"""An image's bytes → a classification, its row, and the JSON that the world sees.

Written with plain SQL on a connection, because Datasette's writer hands out just that.
"""

from __future__ import annotations

from typing import Any

from .answering import Classification
from .decoders import shared_decoders
from .errors import Refusal
from .images import MAX_IMAGE_PIXELS, ImageInfo
from .models import Model
from .schema import SiteDatabase, utc_now


def classify_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[Classification, ImageInfo]:
    """What is in a stranger's image, decoded by a process that may die of it. Blocks.

    Raises Refusal where the bytes are not accepted.
    """
    pixels, info = shared_decoders().view(data, model.view, max_pixels=max_pixels)
    return model.classify_pixels(pixels), info


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


def answer_payload(
    model: Model,
    classification: Classification,
    info: ImageInfo,
    prediction_id: int | None,
    took_ms: float,
) -> dict[str, Any]:
    """The JSON object of one answer."""
    return {
        "ok": True,
        "answer": classification.answer,
        "abstained": classification.abstained,
        "reason": classification.reason,
        "predictions": classification.predictions,
        "novelty": classification.novelty,
        "model": {"id": model.id, "game": model.game, "backbone": model.backbone},
        "image": {"sha256": info.sha256, "width": info.width, "height": info.height},
        "prediction_id": prediction_id,
        "took_ms": round(took_ms, 1),
    }


def refusal_payload(refusal: Refusal) -> dict[str, Any]:
    """The JSON object of a refusal."""
    return {
        "ok": False,
        "error": str(refusal),
        "code": refusal.code,
        "status": refusal.status,
    }
