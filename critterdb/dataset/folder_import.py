"""Import a folder of labelled photos, FOLDER/LABEL/*.jpg, as a game of its own.

Nothing here has an id of iNaturalist's, so taxa, observers, observations and photos get negative
ones. Photos that look nearly alike become one observation of one observer, so that a split by
observer never has one of them on each side.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from critterdb.errors import RejectedInputError, SourceError
from critterdb.games import Game, check_slug, save_game
from critterdb.imaging.decode import ImageInfo, image_format, read_image, read_image_file
from critterdb.imaging.metadata import has_gps
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import place_photo
from critterdb.storage.timestamps import utc_now

from .photo_files import NONE_FOLDER, list_photos
from .similarity import group_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from critterdb._types import Progress

HASH_SIDE = 16  # a hash of 16×16 bits: coarse enough for a resaved photo, fine enough for a fleet
# docs/decisions.md#imported-near-duplicates-are-found-by-a-difference-hash
NEAR_BITS = 60  # of 256: 24 pairs of ten_cats (22 are known), and none of two species
# Decoding releases Python's lock, so threads do.
WORKERS = 4


@dataclass
class ImportReport:
    """What an import did: new photos, those of them with GPS, labels, what was left out and why."""

    photos: int = 0
    labels: int = 0
    with_gps: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Credit:
    """The licence of all photos of a folder, and who gets the credit."""

    license_code: str | None
    attribution: str | None


@dataclass(frozen=True)
class LabelledImage:
    """A photo that the site has a copy of: its label, facts and perceptual hash (bool, 256)."""

    label: str
    path: str  # relative to the site
    info: ImageInfo
    look: np.ndarray
    has_gps: bool


def import_folder(
    db: SiteDatabase,
    folder: Path,
    game_slug: str,
    *,
    license_code: str | None = None,
    attribution: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Take every photo below `folder` as one of the game's; a second import adds nothing.

    Raises SourceError where the folder is not laid out as FOLDER/LABEL/*.jpg, or where a licence
    comes without an attribution, and GameError where a new game's slug is not a short name.
    """
    if bool(license_code) != bool(attribution):
        raise SourceError("A licence needs its attribution: give both --license and --attribution")
    game_slug = game_slug.lower()
    is_new = not db["games"].count_where("slug = ?", [game_slug])
    if is_new:
        check_slug(game_slug)
    files = list(_photo_files(folder))
    if not files:
        raise SourceError(
            f"{folder} has no labelled photos. Lay them out as FOLDER/LABEL/*.jpg "
            "(jpg, jpeg, png, webp or gif), one folder per label"
        )
    images, skipped = _read_images(site_folder(db), files, progress)
    known = _known_photos(db, game_slug)
    # Imported twice, a folder adds nothing.
    new = [i for i in images if (i.label.casefold(), i.info.sha256) not in known]
    with db.atomic():
        if is_new:
            save_game(db, Game(game_slug, question="What is it?"))
        _save_images(db, game_slug, new, Credit(license_code, attribution))
    if len(images) > len(new):
        skipped["already there"] = len(images) - len(new)
    with_gps = sum(image.has_gps for image in new)
    return ImportReport(len(new), len({label for label, _ in files}), with_gps, skipped)


def _photo_files(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder. Lay photos out as FOLDER/LABEL/*.jpg")
    for label_folder in sorted(folder.iterdir()):
        if not label_folder.is_dir() or label_folder.name.startswith((".", NONE_FOLDER)):
            continue
        for path in list_photos(label_folder):
            # A name that is not UTF-8 has halves of surrogate pairs, which no column can hold.
            name = label_folder.name.encode("utf-8", "replace").decode()
            yield name.replace("_", " "), path


def _read_images(
    site: Path, files: Sequence[tuple[str, Path]], progress: Progress | None
) -> tuple[list[LabelledImage], Counter[str]]:
    """Decode and store every file, and keep each label's first copy of equal bytes.

    What is skipped is counted by reason.
    """
    images: list[LabelledImage] = []
    skipped = Counter[str]()
    seen: set[tuple[str, str]] = set()
    read = functools.partial(_read_image, site)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done, image in enumerate(pool.map(read, files), start=1):
            if isinstance(image, str):
                skipped[image] += 1
            elif (image.label, image.info.sha256) in seen:
                skipped["the same file twice"] += 1
            else:
                seen.add((image.label, image.info.sha256))
                images.append(image)
            if progress:
                progress(done, len(files))
    return images, skipped


def _read_image(site: Path, labelled: tuple[str, Path]) -> LabelledImage | str:
    """A file as an image, or the reason to skip it."""
    label, path = labelled
    try:
        data = read_image_file(path)
        image, info = read_image(data, shorter_side=64)
    except RejectedInputError as refusal:
        return f"not readable ({refusal.code})"
    except OSError as error:
        return f"not readable ({error.strerror})"
    grey = np.asarray(image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE)), dtype=np.int16)
    _, placed = place_photo(site, data, image_format(data))
    return LabelledImage(label, placed, info, (grey[:, 1:] > grey[:, :-1]).ravel(), has_gps(data))


def group_near_duplicates(looks: np.ndarray, near_bits: int = NEAR_BITS) -> list[int]:
    """Return for each hash (bool, N×256) the index of the first of its near-duplicates.

    Difference hashing: neighbouring photos of a burst or resaved copies differ in few bits.
    """
    return group_pairs(len(looks), _near_hashes(looks, near_bits))


def _near_hashes(looks: np.ndarray, near_bits: int) -> Iterator[tuple[int, int]]:
    signs = looks.astype(np.float32) * 2 - 1
    for start in range(0, len(looks), 512):
        distances = (looks.shape[1] - signs[start : start + 512] @ signs.T) / 2
        for row, other in np.argwhere(distances <= near_bits):
            yield start + int(row), int(other)


def _known_photos(db: SiteDatabase, game_slug: str) -> set[tuple[str, str]]:
    rows = db.query(
        """
        SELECT taxa.name, photos.sha256
        FROM game_observations
        JOIN observations ON observations.id = game_observations.observation_id
        JOIN taxa ON taxa.id = observations.taxon_id
        JOIN photos ON photos.observation_id = observations.id
        WHERE game_observations.game = ? AND photos.id < 0
        """,
        [game_slug],
    )
    return {(row["name"].casefold(), row["sha256"]) for row in rows}


def _save_images(
    db: SiteDatabase, game: str, images: Sequence[LabelledImage], credit: Credit
) -> None:
    now = utc_now()
    groups = group_near_duplicates(np.array([image.look for image in images]))
    observers = _save_observers(db, groups)
    taxa = _save_labels(db, sorted({image.label for image in images}))
    photo_id, observation_id = _lowest(db, "photos"), _lowest(db, "observations")
    observations: dict[tuple[int, str], int] = {}
    for image, group in zip(images, groups, strict=True):
        key = (group, image.label)
        if key not in observations:
            observation_id -= 1
            observations[key] = observation_id
            db["observations"].insert(
                {
                    "id": observation_id,
                    "taxon_id": taxa[image.label],
                    "observer_id": observers[group],
                    "license_code": credit.license_code,
                }
            )
            db["game_observations"].insert(
                {"game": game, "observation_id": observation_id, "seen_at": now}
            )
        photo_id -= 1
        db["photos"].insert(
            {
                "id": photo_id,
                "observation_id": observations[key],
                "license_code": credit.license_code,
                "attribution": credit.attribution,
                "width": image.info.width,
                "height": image.info.height,
                "bytes": image.info.bytes,
                "sha256": image.info.sha256,
                "path": image.path,
                "fetched_at": now,
            }
        )


def _save_observers(db: SiteDatabase, groups: Sequence[int]) -> dict[int, int]:
    """A new observer for each group of near-duplicates: its id by the group."""
    lowest = _lowest(db, "observers")
    observers = {group: lowest - n for n, group in enumerate(dict.fromkeys(groups), start=1)}
    db["observers"].insert_all({"id": id, "login": f"import{id}"} for id in observers.values())
    return observers


def _save_labels(db: SiteDatabase, labels: list[str]) -> dict[str, int]:
    """Taxon ids of imported labels, existing ones found again by name."""
    taxa = {}
    for label in labels:
        rows = list(db["taxa"].rows_where("id < 0 AND lower(name) = lower(?)", [label]))
        if rows:
            taxa[label] = rows[0]["id"]
            continue
        taxon_id = _lowest(db, "taxa") - 1
        taxa[label] = taxon_id
        db["taxa"].insert(
            {
                "id": taxon_id,
                "name": label,
                "common_name": label,
                "rank": "species",
                "rank_level": 10,
                "ancestor_ids": json.dumps([taxon_id]),
            }
        )
    return taxa


def _lowest(db: SiteDatabase, table: str) -> int:
    return int(db.conn.execute(f"SELECT min(coalesce(min(id), 0), 0) FROM {table}").fetchone()[0])
