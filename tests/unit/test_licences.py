"""May a photo be shown: one rule, in Python and in SQL."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from critterdb.licences import (
    IS_PHOTO_HERE,
    IS_PHOTO_LICENSED,
    MAY_PHOTO_BE_SHOWN,
    PhotoRights,
    may_be_shown,
)

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

LICENSES = (None, "", "cc-by")
CREDITS = (None, "", "(c) Ann")
TIMES = (None, "2026-11-10T00:00:00Z")
PATHS = (None, "", "photos/aa/file.jpg")


@pytest.mark.parametrize(
    ("rights", "local_photos", "expected"),
    [
        (PhotoRights("cc-by", "(c) Ann"), False, True),
        (PhotoRights("cc-by", None), False, False),
        (PhotoRights(None, "(c) Ann"), False, False),
        (PhotoRights(None, None), True, True),
        (PhotoRights("cc-by", "(c) Ann", is_here=False), True, False),
    ],
)
def test_a_photo_needs_licence_and_credit_unless_the_site_asks_for_it(
    rights: PhotoRights, local_photos: bool, expected: bool
) -> None:
    assert may_be_shown(rights, local_photos=local_photos) is expected


def test_function_queries_and_the_view_of_credits_agree_on_all_photos(db: SiteDatabase) -> None:
    photos = dict(enumerate(product(LICENSES, CREDITS, TIMES, TIMES, PATHS), 1))
    for number, (license_code, credit, withdrawn, observation_withdrawn, path) in photos.items():
        db["observations"].insert({"id": number, "withdrawn_at": observation_withdrawn})
        db["photos"].insert(
            {
                "id": number,
                "observation_id": number,
                "license_code": license_code,
                "attribution": credit,
                "withdrawn_at": withdrawn,
                "path": path,
            }
        )
    by_function = {
        number
        for number, (license_code, credit, withdrawn, gone, path) in photos.items()
        if may_be_shown(
            PhotoRights(license_code, credit, bool(path) and not withdrawn and not gone),
            local_photos=False,
        )
    }
    joined = (
        "SELECT photos.id FROM photos JOIN observations ON observations.id = photos.observation_id"
    )
    for sql in (
        f"{joined} WHERE {MAY_PHOTO_BE_SHOWN}",
        f"{joined} WHERE {IS_PHOTO_HERE} AND {IS_PHOTO_LICENSED}",
        "SELECT photo_id FROM photo_credits",
    ):
        assert {row[0] for row in db.execute(sql).fetchall()} == by_function
    assert len(by_function) == 1
