"""Where the evidence in a photo of the site is: computed when somebody asks, and not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from critterdb.errors import CritterError, RejectedInputError
from critterdb.storage.stored_files import open_stored
from critterdb.web.datasette.reading import read
from critterdb.web.state import folder_of

if TYPE_CHECKING:
    from datasette.database import Database

    from critterdb.model.decision import ClassificationColumns
    from critterdb.model.evidence import EvidencePayload
    from critterdb.web.state import PluginState

THREADS_PER_PHOTO = 1  # as for the endpoint


class PhotoEvidence(TypedDict):
    """The evidence in a photo, where a second look decided, and the photo's upright sides."""

    evidence: EvidencePayload
    crop: list[float] | None
    size: tuple[int, int]


class PhotoLook(TypedDict):
    """What a model says of a photo, as the columns of a prediction, with what PhotoEvidence has.

    `evidence` is None if the model has none.
    """

    said: ClassificationColumns
    evidence: EvidencePayload | None
    crop: list[float] | None
    size: tuple[int, int]


async def find_evidence(
    state: PluginState, database: Database, model_id: str, path: str
) -> PhotoEvidence | None:
    """Return the evidence for what a model says of a photo file of the site.

    None if the model has none, and if find_look finds nothing. Raises as find_look does.
    """
    look = await find_look(state, database, model_id, path)
    if look is None or look["evidence"] is None:
        return None
    return {"evidence": look["evidence"], "crop": look["crop"], "size": look["size"]}


async def find_look(
    state: PluginState, database: Database, model_id: str, path: str
) -> PhotoLook | None:
    """Return what a model says of a photo file of the site, and where it finds the evidence.

    None if the model's file or the photo's cannot be used. Raises RejectedInputError (busy) if too
    many pictures are waiting.
    """
    try:
        from critterdb.model.inference import classify_image
        from critterdb.model.registry import find_model, load_stored
    except ImportError:
        return None  # a browser's tab has no numpy

    def look() -> PhotoLook:
        model = load_stored(stored, threads=THREADS_PER_PHOTO)
        with open_stored(folder_of(database), "photos", path) as file:
            data = file.read()
        classification, image = classify_image(
            model, data, max_pixels=state.settings.max_pixels, evidence=True
        )
        evidence, crop = classification.evidence, classification.crop
        return {
            "said": classification.as_row(),
            "evidence": evidence.as_dict() if evidence else None,
            "crop": crop.rounded() if crop else None,
            "size": (image.width, image.height),
        }

    async def run() -> PhotoLook:
        return await state.workers.run(look)

    try:
        stored = await read(database, lambda db: find_model(db, model_id=model_id))
        return await state.coalesce(("evidence", path, model_id), run)
    except RejectedInputError as error:
        if error.code == "busy":
            raise
        return None
    except (CritterError, OSError):
        return None
