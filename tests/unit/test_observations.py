"""Odd observations of the API, and the whole rows that they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from critterdb.games import Game, ensure_game
from critterdb.inaturalist.observations import save_observations
from critterdb.inaturalist.responses import read_observations, read_taxa
from critterdb.inaturalist.taxa import save_taxa
from tests.support.inaturalist import TAXA, Json, observation, photo

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

ROW = {
    "id": 2,
    "uuid": "uuid-2",
    "taxon_id": 42007,
    "observer_id": 9,
    "observed_on": "2026-10-01",
    "updated_at": "2026-10-02T10:00:00Z",
    "quality_grade": "research",
    "captive": 0,
    "place_guess": "Yellowstone",
    "latitude": 44.5,
    "longitude": -110.25,
    "positional_accuracy": 12.0,
    "obscured": 0,
    "license_code": "cc-by",
    "url": "https://www.inaturalist.org/observations/2",
    "withdrawn_at": None,
}
PHOTO_ROW = {
    "id": 20,
    "observation_id": 2,
    "position": 0,
    "url": "https://static.inaturalist.org/photos/20/square.jpg?1",
    "license_code": "cc-by-nc",
    "attribution": "(c) someone, some rights reserved (CC BY-NC)",
    "width": None,
    "height": None,
    "bytes": None,
    "sha256": None,
    "path": None,
    "fetched_at": None,
    "error": None,
    "withdrawn_at": None,
    "attempts": 0,
}


@pytest.fixture
def game(db: SiteDatabase) -> Game:
    save_taxa(db, read_taxa(TAXA))
    return ensure_game(db, "cougarornot")


def save(db: SiteDatabase, game: Game, item: Json) -> tuple[list[Json], list[Json], dict[str, int]]:
    skipped = save_observations(db, game.slug, read_observations([item]))
    photos = list(db["photos"].rows_where(order_by="id"))
    return list(db["observations"].rows), photos, dict(skipped)


SOUND = {"id": 7, "file_url": "https://static.inaturalist.org/sounds/7.mp3", "license_code": "cc0"}
ALL_RIGHTS = "photos with licence all rights reserved"


@pytest.mark.parametrize(
    ("changes", "row", "photos", "skipped"),
    [
        ({}, {}, [{}], {}),
        ({"license_code": None}, {"license_code": None}, [{}], {}),
        ({"license_code": "CC-BY"}, {}, [{}], {}),
        ({"photos": [photo(20, None)]}, {}, [], {ALL_RIGHTS: 1}),
        (
            {"photos": [photo(20), photo(21, None), photo(22, "cc-by-nd"), photo(23, "cc0")]},
            {},
            [
                {},
                {
                    "id": 23,
                    "position": 3,
                    "license_code": "cc0",
                    "url": "https://static.inaturalist.org/photos/23/square.jpg?1",
                },
            ],
            {ALL_RIGHTS: 1, "photos with licence cc-by-nd": 1},
        ),
        ({"taxon": None}, {"taxon_id": None}, [{}], {"observations without a taxon": 1}),
        ({"user": None}, {"observer_id": None}, [{}], {}),
        ({"photos": [], "sounds": [SOUND]}, {}, [], {}),
        ({"photos": None}, {}, [], {}),
        ({"photos": [{"id": 20, "license_code": "cc0"}]}, {}, [], {"photos without a URL": 1}),
        (
            {"obscured": True, "public_positional_accuracy": None, "positional_accuracy": 3},
            {"obscured": 1, "positional_accuracy": None},
            [{}],
            {},
        ),
        ({"location": None}, {"latitude": None, "longitude": None}, [{}], {}),
        ({"location": "somewhere"}, {"latitude": None, "longitude": None}, [{}], {}),
        ({"location": [44.5, -110.25]}, {}, [{}], {}),
        ({"updated_at": "2026-10-02T12:00:00+02:00"}, {}, [{}], {}),
        ({"updated_at": "yesterday"}, {"updated_at": None}, [{}], {}),
        ({"observed_on": None}, {"observed_on": None}, [{}], {}),
        ({"uri": None}, {}, [{}], {}),
        ({"captive": None, "place_guess": None}, {"captive": None, "place_guess": None}, [{}], {}),
    ],
)
def test_the_whole_rows(
    db: SiteDatabase,
    game: Game,
    changes: dict[str, Any],
    row: dict[str, Any],
    photos: list[dict[str, Any]],
    skipped: dict[str, int],
) -> None:
    saved = save(db, game, observation(2, **changes))
    assert saved == ([ROW | row], [PHOTO_ROW | photo for photo in photos], skipped)


def test_saving_twice_changes_nothing(db: SiteDatabase, game: Game) -> None:
    item = observation(2)
    first = save(db, game, item)
    members = list(db["game_observations"].rows)
    assert save(db, game, item) == first
    assert list(db["game_observations"].rows) == members


def test_what_came_with_an_earlier_download_stays(db: SiteDatabase, game: Game) -> None:
    save(db, game, observation(2))
    file = {"path": "photos/ab/ab.jpg", "sha256": "ab", "width": 5, "height": 4, "bytes": 9}
    db["photos"].update(20, file)
    _, [row], _ = save(db, game, observation(2, place_guess="Elsewhere"))
    assert row == PHOTO_ROW | file
