"""Observations as the iNaturalist API returns them, made up for tests."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

Json = dict[str, Any]

LIFE = {"id": 48460, "name": "Life", "rank": "stateofmatter", "rank_level": 100}
CATS = {"id": 41944, "name": "Felidae", "rank": "family", "rank_level": 30}
COUGAR = {"id": 42007, "name": "Puma concolor", "rank": "species", "rank_level": 10}
BOBCAT = {"id": 41976, "name": "Lynx rufus", "rank": "species", "rank_level": 10}


def taxon(base: Json, *parents: Json, common: str | None = None) -> Json:
    return {
        **base,
        "ancestor_ids": [parent["id"] for parent in parents] + [base["id"]],
        "parent_id": parents[-1]["id"] if parents else None,
        "preferred_common_name": common,
        "is_active": True,
    }


TAXA = [
    taxon(LIFE),
    taxon(CATS, LIFE, common="Felids"),
    taxon(COUGAR, LIFE, CATS, common="Cougar"),
    taxon(BOBCAT, LIFE, CATS, common="Bobcat"),
]


def jpeg(seed: int, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    colour = (seed * 37 % 256, seed * 91 % 256, seed // 256 % 256)
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue() + seed.to_bytes(4, "big")


def observation(number: int, **changes: object) -> Json:
    """An observation as the API gives it, private point included."""
    return {
        "id": number,
        "uuid": f"uuid-{number}",
        "quality_grade": "research",
        "observed_on": "2026-10-01",
        "updated_at": "2026-10-02T10:00:00Z",
        "captive": False,
        "obscured": False,
        "location": "44.5,-110.25",
        "private_location": "44.123456,-110.654321",
        "private_place_guess": "behind the barn",
        "place_guess": "Yellowstone",
        "license_code": "cc-by",
        "uri": f"https://www.inaturalist.org/observations/{number}",
        "public_positional_accuracy": 12,
        "taxon": TAXA[2 + number % 2],
        "user": {"id": 7 + number % 3, "login": f"user{number % 3}", "name": None},
        "photos": [photo(number * 10)],
        **changes,
    }


def photo(number: int, license_code: str | None = "cc-by-nc") -> Json:
    return {
        "id": number,
        "license_code": license_code,
        "url": f"https://static.inaturalist.org/photos/{number}/square.jpg?1",
        "attribution": "(c) someone, some rights reserved (CC BY-NC)",
    }
