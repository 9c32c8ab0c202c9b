"""The picture that may go with a reply: where in the post's photo the evidence is.

It shows the photo itself only if that is one of the site's with a licence that permits changed
copies. Anybody else's photo stays where its author put it: the cells are drawn on a blank grid.
docs/decisions.md#the-bot-never-copies-a-photo-of-a-post
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from critterdb.errors import RejectedInputError, SiteError
from critterdb.formatting import display_name_sql
from critterdb.licences import DEFAULT_LICENSES, MAY_PHOTO_BE_SHOWN
from critterdb.model.evidence_words import describe_evidence, difference_of
from critterdb.model.stored_evidence import read_stored_evidence
from critterdb.platforms.base import ReplyPicture
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import stored_file

if TYPE_CHECKING:
    from PIL import Image

    from critterdb.model.evidence import EvidencePayload

VARIABLE = "CRITTERDB_BOT_PICTURES"

log = logging.getLogger(__name__)

_EVIDENCE = """
SELECT predictions.evidence, predictions.image_sha256, images.width, images.height
FROM replies
JOIN predictions AS said ON said.id = replies.prediction_id
JOIN predictions ON predictions.post_id = replies.post_id
    AND predictions.top_taxon_id = said.top_taxon_id
JOIN images ON images.sha256 = predictions.image_sha256
WHERE replies.post_id = ? AND said.abstained = 0 AND predictions.reason IS NOT 'not_a_critter'
    AND predictions.evidence IS NOT NULL
ORDER BY predictions.score DESC, predictions.id LIMIT 1
"""

_LICENSED = f"""
SELECT photos.path, photos.attribution FROM photos
JOIN observations ON observations.id = photos.observation_id
WHERE photos.sha256 = ? AND {MAY_PHOTO_BE_SHOWN}
    AND photos.license_code IN ({", ".join(f"'{code}'" for code in DEFAULT_LICENSES)})
LIMIT 1
"""


class _Base(NamedTuple):
    """What the cells are drawn on; `credit` is whose photo it is, None for a blank grid."""

    image: Image.Image
    credit: str | None


def is_attaching_pictures() -> bool:
    """Return whether CRITTERDB_BOT_PICTURES turns pictures on."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def reply_picture(db: SiteDatabase, post_id: str) -> ReplyPicture | None:
    """Return the picture for a reply, or None if its answer has no evidence to show."""
    from critterdb.imaging.overlay import as_jpeg, as_png, draw_cells, side_by_side

    row = next(db.query(_EVIDENCE, [post_id]), None)
    evidence = read_stored_evidence(row["evidence"]) if row else None
    if row is None or evidence is None or not row["width"] or not row["height"]:
        return None
    base = _base(db, row["image_sha256"], (row["width"], row["height"]), evidence)
    maps = (evidence["top"]["cells"], difference_of(evidence))
    picture = side_by_side([draw_cells(base.image, cells, evidence["area"]) for cells in maps])
    alt = _alt_text(db, evidence, base.credit)
    if base.credit:
        return ReplyPicture(as_jpeg(picture), "image/jpeg", alt, *picture.size)
    return ReplyPicture(as_png(picture), "image/png", alt, *picture.size)


def _base(db: SiteDatabase, sha256: str, size: tuple[int, int], evidence: EvidencePayload) -> _Base:
    from critterdb.imaging.overlay import blank_picture, decoded

    for row in db.query(_LICENSED, [sha256]):
        try:
            data = stored_file(site_folder(db), "photos", row["path"]).read_bytes()
            return _Base(decoded(data), str(row["attribution"]))
        except (SiteError, OSError, RejectedInputError):
            log.debug("a licensed photo could not be read", exc_info=True)
    return _Base(blank_picture(*size, evidence["grid"], evidence["area"]), None)


def _alt_text(db: SiteDatabase, evidence: EvidencePayload, credit: str | None) -> str:
    ids = [evidence["top"]["taxon_id"], evidence["runner_up"]["taxon_id"]]
    sql = f"SELECT id, {display_name_sql()} AS name FROM taxa WHERE id IN (?, ?)"
    names = {row["id"]: row["name"] for row in db.query(sql, ids)}
    words, grid = describe_evidence(evidence, names), evidence["grid"]
    what = "over the photo" if credit else "without the photo"
    ends = f" Photo: {credit}." if credit else ""
    return (
        f"Two maps of {grid} by {grid} cells, drawn {what}. Left, what speaks for the answer: "
        f"{words['top']} Right, what decides it: {words['difference']}{ends}"
    )
