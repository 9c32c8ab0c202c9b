"""What there is to learn from: photos, their vectors, and what they show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import load_embeddings
from critterdb.dataset.examples import UNREADABLE, Examples
from critterdb.dataset.photo_files import UNREADABLE_ERRORS, stored_photos
from critterdb.dataset.similarity import find_sketches, separate_parts
from critterdb.dataset.splits import measured_photos
from critterdb.dataset.vectors import take
from critterdb.errors import TrainingError
from critterdb.storage.database import SiteDatabase, site_folder

from .candidates import LabelledVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.dataset.vectors import Vectors

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class TrainingData:
    """Photos, their vectors N×D, and `truth` N: indexes into `taxon_ids`, the labels.

    A truth of -1 is a label that no training photo has. `unmeasured` counts validation and test
    photos that are not here, because a sample of those measures.
    """

    examples: Examples
    vectors: Vectors
    truth: np.ndarray
    taxon_ids: Sequence[int]
    unmeasured: dict[str, int] = field(default_factory=dict)

    def mask(self, part: str) -> np.ndarray:
        """Say which photos belong to a part and are of a label: bool N."""
        return self.examples.of_part(part) & (self.truth >= 0)

    def of(self, part: str) -> LabelledVectors:
        """Return vectors and label indexes of a part."""
        mask = self.mask(part)
        return LabelledVectors(take(self.vectors, mask), self.truth[mask])

    def where(self, is_kept: np.ndarray) -> TrainingData:
        """Return only the photos of a mask; the others are counted as unreadable."""
        return replace(
            self,
            examples=self.examples.where(is_kept, UNREADABLE),
            vectors=take(self.vectors, is_kept),
            truth=self.truth[is_kept],
        )

    @property
    def splits(self) -> dict[str, int]:
        """Photos in each part."""
        return {part: int(self.mask(part).sum()) + self.unmeasured.get(part, 0) for part in PARTS}

    def measurable(self) -> TrainingData:
        """Return the data with as many validation and test photos as can be measured at once.

        The hash of a photo's file decides, so that a later model is tested on the same ones.
        """
        kept = np.ones(len(self.truth), bool)
        for part in ("valid", "test"):
            photos = np.flatnonzero(self.mask(part))
            chosen = measured_photos(self.examples.sha256s[photos], len(self.taxon_ids))
            kept[photos] = False
            kept[photos[chosen]] = True
        if kept.all():
            return self
        # What is not measured is not left out: it is of no use to anybody only now.
        examples = replace(self.examples.where(kept, ""), left_out=self.examples.left_out)
        data = replace(self.where(kept), examples=examples)
        unmeasured = {part: self.splits[part] - data.splits[part] for part in PARTS}
        return replace(data, unmeasured=unmeasured)


def prepare_data(db: SiteDatabase, examples: Examples, recipe: str) -> TrainingData:
    """Join examples with their vectors of a backbone's recipe, without near-duplicates.

    Raises TrainingError if a part has no photos.
    """
    examples, vectors = load_embeddings(db, examples, recipe)
    sketched = find_sketches(db, examples.sha256s.tolist(), recipe)
    # Bursts and resaved copies in two parts would make the model look better than it is.
    examples, vectors = separate_parts(examples, vectors, sketched)
    taxon_ids = sorted(set(examples.taxon_ids[examples.of_part("train")].tolist()))
    label_index = {taxon_id: index for index, taxon_id in enumerate(taxon_ids)}
    truth = np.array([label_index.get(taxon_id, -1) for taxon_id in examples.taxon_ids.tolist()])
    data = TrainingData(examples, vectors, truth, taxon_ids)
    if len(taxon_ids) < 2 or not all(data.splits.values()):
        counts = ", ".join(f"{part} {photos}" for part, photos in data.splits.items())
        raise TrainingError(
            f"There are too few observers to train and test on different ones ({counts} "
            "photos). Add photos by other people, then train again"
        )
    return data


def readable_data(db: SiteDatabase, data: TrainingData, shorter_side: int) -> TrainingData:
    """Return the photos whose files can be read now: vectors of earlier runs outlive files."""
    is_readable = np.zeros(len(data.examples), bool)
    for number, photo in enumerate(stored_photos(site_folder(db), data.examples.paths)):
        try:
            photo.decode(shorter_side)
        except UNREADABLE_ERRORS:
            continue
        is_readable[number] = True
    return data.where(is_readable)
