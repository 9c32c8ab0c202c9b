"""benchmarks/first_hour.py in its small edition: drawn photos, a tiny model, no training.

The commands of the tutorial, and what a newcomer sees at each step, are those of the benchmark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.first_hour import Shortcuts, follow
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.photo_store import place_photo
from tests.support.browser import open_browser, skip_without_browser
from tests.support.models import LABELS, make_tiny_model, picture
from tests.support.pages import POSTS, add_candidate, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.any_line]

skip_without_browser()

PHOTOS_PER_LABEL = 4
DEAD_SERVER = "http://127.0.0.1:9"


def make_demo(folder: Path) -> None:
    """A site as the demo leaves it: its posts' pictures are kept, and their server is gone."""
    make_furnished_site(folder, pictures=DEAD_SERVER)
    for number, (_, colour, _) in enumerate(POSTS):
        data = picture(colour, seed=50 + number)
        assert place_photo(folder, data, "jpg", "pictures")
    add_candidate(folder, "x:104")


def train(site: Path, game: str) -> None:
    """Give a game the tiny model, and its labels the taxa that this model names."""
    db = open_database(site / DATABASE_NAME)
    make_tiny_model(db, game, hashtag="cougarOrNot" if game == "cougarornot" else "")
    with db.atomic():
        for taxon_id, _, common_name, *_ in LABELS:
            db.execute(
                "UPDATE observations SET taxon_id = ? "
                "WHERE taxon_id IN (SELECT id FROM taxa WHERE id < 0 AND name = ?)",
                [taxon_id, common_name],
            )
    db.close()


def test_a_newcomer_s_first_hour(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for (_, _, common_name, *_), colour in zip(LABELS, ("red", "green", "blue"), strict=True):
        (photos / common_name).mkdir(parents=True)
        for seed in range(PHOTOS_PER_LABEL):
            (photos / common_name / f"{seed}.jpg").write_bytes(picture(colour, seed=seed))
    with open_browser() as browser:
        steps = follow(photos, tmp_path / "hour", browser, Shortcuts(make_demo, train))
    seen = {step.name: step.seen for step in steps}
    assert "“Bobcat, over 99%”, labelled Bobcat" in seen["classify the one that was held back"]
    assert "“Bobcat”" in seen["one's own photos and an answer, in the browser"]
    assert f"all {3 * PHOTOS_PER_LABEL - 1} photo files" in seen["back up and restore"]
