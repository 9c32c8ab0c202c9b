"""The drawn reserve: the same everywhere, varied, and told as iNaturalist would tell it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.dataset.folder_import import group_near_duplicates
from critterdb.demo.reserve import SPECIES, Reserve, draw_reserve
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.games import ensure_game
from critterdb.imaging.decode import decode_image
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.sync import sync_game

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reserve() -> Reserve:
    return draw_reserve(photos_per_species=12, to_play=8)


def digests(reserve: Reserve) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for data in reserve.photos.values()]


def test_the_same_seed_draws_the_same() -> None:
    first, again = (draw_reserve(photos_per_species=1, to_play=4) for _ in range(2))
    assert digests(again) == digests(first)
    assert [photo.data for photo in again.to_play] == [photo.data for photo in first.to_play]
    assert again.observations == first.observations
    other = draw_reserve(seed=7, photos_per_species=1, to_play=1)
    assert not set(digests(other)) & set(digests(first))


def test_no_two_photos_look_alike(reserve: Reserve) -> None:
    looks = []
    for data in reserve.photos.values():
        image = decode_image(data)
        assert image.size == (400, 300)
        grey = np.asarray(image.convert("L").resize((17, 16)), np.int16)
        looks.append((grey[:, 1:] > grey[:, :-1]).ravel())
    assert len(set(digests(reserve))) == len(looks) == 60
    groups = group_near_duplicates(np.array(looks), near_bits=16)
    assert len(set(groups)) == len(groups)


def test_every_species_has_several_observers(reserve: Reserve) -> None:
    observers = defaultdict(set)
    for observation in reserve.observations:
        observers[observation["taxon"]["preferred_common_name"]].add(observation["user"]["id"])
    assert set(observers) == set(SPECIES) == reserve.species
    assert min(len(names) for names in observers.values()) >= 4


def test_pictures_to_play_with_are_cats_and_memes(reserve: Reserve) -> None:
    shown = [picture.taxon_id for picture in reserve.to_play]
    assert shown.count(None) == 2
    assert set(shown) - {None} <= {taxon_id for taxon_id, _, _ in SPECIES.values()}


def test_it_syncs_like_the_real_thing(
    db: SiteDatabase, reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "6000")
    with StandInINaturalist(reserve.observations, reserve.taxa, reserve.photos) as server:
        report = sync_game(
            db, ensure_game(db, "cougarornot"), api=INaturalist(db, base_url=server.url)
        )
    licensed = [p for o in reserve.observations for p in o["photos"] if p["license_code"]]
    assert 0 < len(licensed) < len(reserve.photos)
    assert report.photos == db["photos"].count == len(licensed)
    assert report.observations == len(reserve.observations)
    lynxes = db.query("SELECT count(*) AS n FROM taxa WHERE parent_id = 41975 AND rank = 'species'")
    assert next(iter(lynxes))["n"] == 2
