"""A small reserve drawn by the program, in the format of iNaturalist's API.

Its people and pictures are made up and the same on every machine. Its species have their real
names; of their ids only the game's own (the family and the cougar) are sure to be iNaturalist's.
"""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from critterdb.system import cores

if TYPE_CHECKING:
    from critterdb._types import Json

# Always the same pictures: the tutorial shows what its reader will see.
SEED = 20_180_622
PHOTOS_PER_SPECIES = 48
OBSERVERS = 48
PHOTOS_PER_OBSERVATION = 2  # at most
FIRST_DAY = date(2026, 1, 1)
JPEG_QUALITY = 84  # of 100
FIRST_ID = 1000

LIFE, ANIMALS, CATS, LYNXES = 48460, 1, 41944, 41975
HIGHER_TAXA = (
    (LIFE, "Life", "Life", "stateofmatter", 100, ()),
    (ANIMALS, "Animalia", "Animals", "kingdom", 70, (LIFE,)),
    (CATS, "Felidae", "Felids", "family", 30, (LIFE, ANIMALS)),
    (LYNXES, "Lynx", "Bobcats and Lynxes", "genus", 20, (LIFE, ANIMALS, CATS)),
)
SPECIES = {
    "Cougar": (42007, "Puma concolor", (LIFE, ANIMALS, CATS)),
    "Bobcat": (41976, "Lynx rufus", (LIFE, ANIMALS, CATS, LYNXES)),
    "Canada Lynx": (41977, "Lynx canadensis", (LIFE, ANIMALS, CATS, LYNXES)),
    "Domestic Cat": (118552, "Felis catus", (LIFE, ANIMALS, CATS)),
    "Ocelot": (41997, "Leopardus pardalis", (LIFE, ANIMALS, CATS)),
}
# As on iNaturalist, some photos carry no licence that lets anybody use them.
LICENSES = ("cc-by-nc", "cc-by-nc", "cc-by", "cc0", "cc-by-sa", "cc-by-nc-sa", None)
FIRST_NAMES = (
    *("ash", "birch", "cedar", "fern", "hazel", "heather", "ivy", "juniper"),
    *("laurel", "linden", "maple", "moss", "olive", "rowan", "sage", "willow"),
)
MEME = "a meme"


@dataclass(frozen=True)
class DrawnPhoto:
    """A JPEG, what it shows, and that taxon; null if it is not a critter."""

    name: str
    taxon_id: int | None
    data: bytes


@dataclass(frozen=True)
class Reserve:
    """Observations and taxa as the API's objects, photo bytes by id, and pictures to play with."""

    observations: list[Json]
    taxa: list[Json]
    photos: dict[int, bytes]
    to_play: list[DrawnPhoto]

    @property
    def species(self) -> set[str]:
        return {observation["taxon"]["preferred_common_name"] for observation in self.observations}

    @property
    def observers(self) -> int:
        return len({observation["user"]["id"] for observation in self.observations})


def draw_reserve(
    *, seed: int = SEED, photos_per_species: int = PHOTOS_PER_SPECIES, to_play: int = 12
) -> Reserve:
    """Draw a reserve: photos of each species, and pictures for the game.

    The same seed gives the same bytes; every third picture for the game is a meme's turn at most.
    """
    kinds = [name for name in SPECIES for _ in range(photos_per_species)]
    played = [MEME if number % 4 == 3 else list(SPECIES)[number % 5] for number in range(to_play)]
    jobs = [(kind, [seed, number]) for number, kind in enumerate([*kinds, *played])]
    with ProcessPoolExecutor(cores()) as pool:
        drawn = list(pool.map(_draw, jobs, chunksize=8))
    photos = {number + 1: data for number, data in enumerate(drawn[: len(kinds)])}
    pictures = [
        DrawnPhoto(kind, SPECIES[kind][0] if kind in SPECIES else None, data)
        for kind, data in zip(played, drawn[len(kinds) :], strict=True)
    ]
    return Reserve(_observations(kinds, seed), _taxa(), photos, pictures)


def _draw(job: tuple[str, list[int]]) -> bytes:
    from .drawing import draw_critter, draw_meme

    kind, seeds = job
    rng = np.random.default_rng(seeds)
    image = draw_meme(rng) if kind == MEME else draw_critter(kind, rng)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _observations(kinds: list[str], seed: int) -> list[Json]:
    """Observations with one or two photos, numbered as they came in."""
    rng = np.random.default_rng([seed, len(kinds)])
    taxa = {taxon["preferred_common_name"]: taxon for taxon in _taxa()}
    kinds_seen: list[tuple[str, list[int]]] = []
    number = 0
    while number < len(kinds):
        kind = kinds[number]
        wanted = int(rng.integers(1, PHOTOS_PER_OBSERVATION + 1))
        photo_ids = [n + 1 for n in range(number, number + wanted) if kinds[n : n + 1] == [kind]]
        number += len(photo_ids)
        kinds_seen.append((kind, photo_ids))
    return [
        _observation(FIRST_ID + arrival, taxa[kinds_seen[index][0]], kinds_seen[index][1], rng)
        for arrival, index in enumerate(rng.permutation(len(kinds_seen)).tolist())
    ]


def _observation(number: int, taxon: Json, photo_ids: list[int], rng: np.random.Generator) -> Json:
    observer = int(rng.integers(0, OBSERVERS))
    login = f"{FIRST_NAMES[observer % len(FIRST_NAMES)]}_{observer // len(FIRST_NAMES) + 1}"
    license_code = LICENSES[int(rng.integers(0, len(LICENSES)))]
    day = FIRST_DAY + timedelta(days=int(rng.integers(0, 300)))
    latitude, longitude = rng.uniform((37.2, -119.8), (37.9, -119.2)).round(4)
    return {
        "id": number,
        "uri": f"https://reserve.invalid/observations/{number}",
        "uuid": str(uuid.UUID(bytes=rng.bytes(16), version=4)),
        "quality_grade": "research",
        "observed_on": day.isoformat(),
        "created_at": f"{day}T18:00:00+00:00",
        "updated_at": f"{day + timedelta(days=2)}T09:30:00+00:00",
        "captive": False,
        "obscured": False,
        "location": f"{latitude},{longitude}",
        "place_guess": "The Drawn Reserve",
        "public_positional_accuracy": int(rng.integers(5, 60)),
        "license_code": license_code,
        "taxon": taxon,
        "user": {"id": 100 + observer, "login": login, "name": None},
        "photos": [
            {
                "id": photo_id,
                "license_code": license_code,
                "attribution": _attribution(login, license_code),
                "url": "",
                "original_dimensions": {"width": 400, "height": 300},
            }
            for photo_id in photo_ids
        ],
    }


def _attribution(login: str, license_code: str | None) -> str:
    if license_code is None:
        return f"(c) {login}, all rights reserved"
    if license_code == "cc0":
        return f"{login}, no rights reserved (CC0)"
    return f"(c) {login}, some rights reserved ({license_code.upper().replace('-', ' ', 1)})"


def _taxa() -> list[Json]:
    species = [
        (taxon_id, name, common_name, "species", 10, ancestors)
        for common_name, (taxon_id, name, ancestors) in SPECIES.items()
    ]
    return [
        {
            "id": taxon_id,
            "name": name,
            "preferred_common_name": common_name,
            "rank": rank,
            "rank_level": level,
            "ancestor_ids": [*ancestors, taxon_id],
            "parent_id": ancestors[-1] if ancestors else None,
            "is_active": True,
        }
        for taxon_id, name, common_name, rank, level, ancestors in (*HIGHER_TAXA, *species)
    ]
