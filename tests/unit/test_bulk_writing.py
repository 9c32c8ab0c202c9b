"""Loading very many rows: without indexes, triggers and Python's collector, which come back."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from critterdb.inaturalist.photo_selection import known_photos
from critterdb.storage.bulk_writing import bulk_writing

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

BY_OBSERVATION = "photos_observation_id"


def indexes(db: SiteDatabase) -> set[str]:
    sql = "SELECT name FROM sqlite_master WHERE tbl_name = 'photos' AND sql IS NOT NULL"
    return {row[0] for row in db.execute(f"{sql} AND type IN ('index', 'trigger')")}


@pytest.mark.parametrize("keep", [None, BY_OBSERVATION])
def test_what_was_taken_off_a_table_is_put_back(db: SiteDatabase, keep: str | None) -> None:
    before = indexes(db)
    with db.atomic(), bulk_writing(db, "photos", 100, keep=keep):
        assert indexes(db) == ({keep} if keep else set())
        assert not gc.isenabled()
    assert indexes(db) == before
    assert gc.isenabled()


def test_an_error_leaves_the_table_as_it_was(db: SiteDatabase) -> None:
    before = indexes(db)
    with pytest.raises(ZeroDivisionError), db.atomic(), bulk_writing(db, "photos", 100):
        raise ZeroDivisionError
    assert indexes(db) == before
    assert gc.isenabled()


def test_photos_are_known_by_their_number_or_their_observation(db: SiteDatabase) -> None:
    db["observations"].insert_all([{"id": 1}, {"id": 2}])
    photos = [(10, 1), (11, 1), (20, 2)]
    db["photos"].insert_all({"id": id, "observation_id": seen} for id, seen in photos)

    def known(photo_ids: list[int], observation_ids: set[int]) -> list[tuple[int, int]]:
        return sorted(photo[:2] for photo in known_photos(db, photo_ids, observation_ids))

    assert known([10, 20, 99], {1}) == photos
    assert known([20], set()) == [(20, 2)]
    assert known([], {1}) == [(10, 1), (11, 1)]
    assert known([], set()) == []


def test_photos_of_no_observation_are_not_searched_for(db: SiteDatabase) -> None:
    statements: list[str] = []
    with db.tracer(lambda sql, _: statements.append(sql)):
        known_photos(db, [1], set())
    assert not [sql for sql in statements if "observation_id IN" in sql]
