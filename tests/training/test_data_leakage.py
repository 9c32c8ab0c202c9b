"""No observer, observation or picture stands on both sides of a split: measured on real vectors."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from critterdb.dataset.embeddings import load_embeddings
from critterdb.dataset.examples import NEAR_DUPLICATE, load_examples
from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.similarity import find_duplicates, near_pairs, separate_parts
from critterdb.dataset.splits import split_observations
from critterdb.demo.drawing import draw_critter
from critterdb.games import get_game
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.training.backbones import load_backbone
from critterdb.training.embed import embed_photos

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

KINDS = ("Cougar", "Bobcat", "Domestic Cat")
PHOTOS, COPIES = 30, 5  # of each kind


def photo(kind: str, seed: int) -> bytes:
    file = io.BytesIO()
    picture = draw_critter(kind, np.random.default_rng([KINDS.index(kind), seed]))
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def mirrored(data: bytes) -> bytes:
    """The picture turned about, cut a little and saved again: another file, another hash."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        turned = ImageOps.mirror(image).crop((4, 3, width - 5, height - 4))
        file = io.BytesIO()
        turned.save(file, "JPEG", quality=80)
    return file.getvalue()


class Split:
    """A game with mirrored copies by other observers, split and embedded."""

    def __init__(self, folder: Path) -> None:
        for kind in KINDS:
            (folder / "cats" / kind).mkdir(parents=True)
            for seed in range(PHOTOS):
                data = photo(kind, seed)
                (folder / "cats" / kind / f"{seed:03}.jpg").write_bytes(data)
                if seed < COPIES:
                    (folder / "cats" / kind / f"copy{seed:03}.jpg").write_bytes(mirrored(data))
        self.db: SiteDatabase = open_database(folder / "critters.db", create=True)
        import_folder(self.db, folder / "cats", "cats")
        game = get_game(self.db, "cats")
        split_observations(self.db, "cats")
        backbone = load_backbone(folder=folder)
        embed_photos(self.db, backbone, "cats")
        self.recipe = backbone.recipe
        examples = load_examples(self.db, game)
        self.examples, self.vectors = load_embeddings(self.db, examples, backbone.recipe)
        self.kept, _ = separate_parts(self.examples, self.vectors)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return Split(tmp_path_factory.mktemp("leaks"))


def test_copies_are_found_and_nothing_else(split: Split) -> None:
    pairs = {
        tuple(sorted(split.examples.photo_ids[[first_row, second_row]].tolist()))
        for first_row, second_row, _ in near_pairs(split.vectors)
    }
    # Photos are numbered downwards as they come: each kind's copies follow its photos.
    expected = set()
    for kind_index in range(len(KINDS)):
        first = -1 - kind_index * (PHOTOS + COPIES)
        expected |= {(first - PHOTOS - n, first - n) for n in range(COPIES)}
    assert len(pairs & expected) >= 0.8 * len(expected)
    assert len(pairs - expected) <= 1


def test_duplicates_are_listed_in_groups(split: Split) -> None:
    groups = find_duplicates(split.db, split.recipe)
    assert len(groups) >= 0.8 * COPIES * len(KINDS)
    assert all(group[0].distance == 0 < group[1].distance < 0.1 for group in groups)
    assert {photo.name for group in groups for photo in group} <= set(KINDS)


def test_no_picture_stands_on_both_sides(split: Split) -> None:
    parts = split.examples.parts
    straddling = [
        pair[:2] for pair in near_pairs(split.vectors) if len(set(parts[[*pair[:2]]])) > 1
    ]
    assert straddling, "the copies should have tempted the split"
    kept = set(split.kept.photo_ids.tolist())
    ids = split.examples.photo_ids.tolist()
    assert not [pair for pair in straddling if {ids[row] for row in pair} <= kept]
    assert split.kept.left_out[NEAR_DUPLICATE] == len(split.examples) - len(split.kept)
    assert set(ids) - kept <= {ids[later] for later, _ in straddling}


@pytest.mark.parametrize("name", ["observer_ids", "observation_ids", "sha256s"])
def test_nothing_else_stands_on_both_sides(split: Split, name: str) -> None:
    sides = {
        part: set(getattr(split.kept, name)[split.kept.of_part(part)].tolist())
        for part in ("train", "valid", "test")
    }
    assert all(sides.values())
    assert sum(map(len, sides.values())) == len(set.union(*sides.values()))
