"""Where the evidence in a photo of the site is: computed when somebody asks, and not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from critterdb.errors import CritterError, RejectedInputError
from critterdb.storage.stored_files import open_stored
from critterdb.web.datasette.reading import read
from critterdb.web.state import folder_of

if TYPE_CHECKING:
    from datasette.database import Database

    from critterdb.model.evidence import EvidencePayload
    from critterdb.web.state import PluginState

THREADS_PER_PHOTO = 1  # as for the endpoint


class PhotoEvidence(TypedDict):
    """The evidence in a photo, where a second look decided, and the photo's upright sides."""

    evidence: EvidencePayload
    crop: list[float] | None
    size: tuple[int, int]


async def find_evidence(
    state: PluginState, database: Database, model_id: str, path: str
) -> PhotoEvidence | None:
    """Return the evidence for what a model says of a photo file of the site.

    None if the model has none, or if its file or the photo's cannot be used. Raises
    RejectedInputError (busy) if too many pictures are waiting.
    """
    try:
        from critterdb.model.inference import classify_image
        from critterdb.model.registry import find_model, load_stored
    except ImportError:
        return None  # a browser's tab has no numpy

    def look() -> PhotoEvidence | None:
        model = load_stored(stored, threads=THREADS_PER_PHOTO)
        with open_stored(folder_of(database), "photos", path) as file:
            data = file.read()
        classification, image = classify_image(
            model, data, max_pixels=state.settings.max_pixels, evidence=True
        )
        if classification.evidence is None:
            return None
        size = image.width, image.height
        crop = classification.crop.rounded() if classification.crop else None
        return {"evidence": classification.evidence.as_dict(), "crop": crop, "size": size}

    async def run() -> PhotoEvidence | None:
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
