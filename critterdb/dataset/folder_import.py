"""Import labelled photos of a folder or a zip, FOLDER/LABEL/*.jpg, as a game of its own.

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
from critterdb.games import PRESETS, Game, check_slug, save_game
from critterdb.imaging.decode import NO_HEIC, ImageInfo, image_format, read_image
from critterdb.imaging.metadata import has_gps
from critterdb.imaging.sandbox import as_kept
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import is_placed, place_photo, tidy_photos
from critterdb.storage.timestamps import utc_now

from .labelled_files import LabelledFiles, LeftOut, open_labelled_files
from .similarity import group_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from critterdb._types import Progress

    from .photo_files import PhotoFile

HASH_SIDE = 16  # a hash of 16×16 bits: coarse enough for a resaved photo, fine enough for a fleet
# docs/decisions.md#imported-near-duplicates-are-found-by-a-difference-hash
NEAR_BITS = 60  # of 256: 24 pairs of ten_cats (22 are known), and none of two species
# Decoding releases Python's lock, so threads do.
WORKERS = 4
TWO_LABELS = "under two labels"
HEIC_LEFT_OUT = "HEIC, which needs the extra heic: pip install 'critterdb[heic]'"


@dataclass
class ImportReport:
    """What an import did: new photos, those of them with GPS, labels, what was left out and why.

    `labels` are those of the source; `game_labels` those that the game has now, by name. `parts`
    are the folders such as train and test that were merged. `left_out` names what `skipped` counts.
    """

    photos: int = 0
    labels: int = 0
    with_gps: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)
    parts: tuple[str, ...] = ()
    game_labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Credit:
    """The licence of all photos of a folder, and who gets the credit."""

    license_code: str | None = None
    attribution: str | None = None

    def __post_init__(self) -> None:
        if bool(self.license_code) != bool(self.attribution):
            raise SourceError(
                "A licence needs its attribution: give both --license and --attribution"
            )


@dataclass(frozen=True)
class LabelledImage:
    """A photo that the site has a copy of: its label, facts and perceptual hash (bool, 256)."""

    label: str
    name: str  # of its file, as a report calls it
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
    """Take every photo of a folder or a zip as one of the game's; a second import adds nothing.

    Raises SourceError if it has no labelled photos, if a zip is not one to open, or if a licence
    comes without an attribution, and GameError if a new game's slug is not a short name.
    """
    credit = Credit(license_code, attribution)
    if is_new_game(db, game_slug):
        check_slug(game_slug)
    with open_labelled_files(folder) as found:
        return import_files(db, found, game_slug, credit, progress)


def is_new_game(db: SiteDatabase, slug: str) -> bool:
    """Whether the site has no game with this slug."""
    return not db["games"].count_where("slug = ?", [slug.lower()])


def import_files(
    db: SiteDatabase,
    found: LabelledFiles,
    game_slug: str,
    credit: Credit,
    progress: Progress | None = None,
) -> ImportReport:
    """Take labelled files as photos of a game, all of them in one transaction."""
    game_slug = game_slug.lower()
    # What an import left that was killed before its transaction.
    tidy_photos(db)
    images, left_out = _read_images(site_folder(db), found.files, progress)
    images, twice = _one_label_each(images)
    with db.atomic():
        # Another import or removal may have come in between.
        new, known = _split_known(images, _known_photos(db, game_slug))
        _check_placed(db, new)
        if is_new_game(db, game_slug):
            check_slug(game_slug)
            preset = PRESETS.get(game_slug)
            save_game(db, preset or Game(game_slug, question="What is it?"))
        _save_images(db, game_slug, new, credit)
    left_out = [*found.left_out, *left_out, *twice, *known]
    return ImportReport(
        len(new),
        len({label for label, _ in found.files}),
        sum(image.has_gps for image in new),
        Counter(file.reason for file in left_out),
        left_out,
        found.parts,
        _game_labels(db, game_slug),
    )


def _check_placed(db: SiteDatabase, images: Sequence[LabelledImage]) -> None:
    site = site_folder(db)
    if not all(is_placed(site, image.path) for image in images):
        raise SourceError(
            "Another command removed photos of this import while it ran. Run the import again"
        )


def _read_images(
    site: Path, files: Sequence[tuple[str, PhotoFile]], progress: Progress | None
) -> tuple[list[LabelledImage], list[LeftOut]]:
    """Decode and store every file, and keep each label's first copy of equal bytes."""
    images: list[LabelledImage] = []
    left_out: list[LeftOut] = []
    seen: set[tuple[str, str]] = set()
    read = functools.partial(_read_image, site)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done, image in enumerate(pool.map(read, files), start=1):
            if isinstance(image, LeftOut):
                left_out.append(image)
            elif (image.label.casefold(), image.info.sha256) in seen:
                left_out.append(LeftOut(image.name, "the same file twice"))
            else:
                seen.add((image.label.casefold(), image.info.sha256))
                images.append(image)
            if progress:
                progress(done, len(files))
    return images, left_out


def _read_image(site: Path, labelled: tuple[str, PhotoFile]) -> LabelledImage | LeftOut:
    """A file as an image, or the reason to leave it out."""
    label, file = labelled
    try:
        data = as_kept(file.read())
        image, info = read_image(data, shorter_side=64)
    except RejectedInputError as refusal:
        is_heic = str(refusal) == NO_HEIC
        return LeftOut(file.name, HEIC_LEFT_OUT if is_heic else f"not readable ({refusal.code})")
    except OSError as error:
        return LeftOut(file.name, f"not readable ({error.strerror})")
    grey = np.asarray(image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE)), dtype=np.int16)
    _, placed = place_photo(site, data, image_format(data))
    look = (grey[:, 1:] > grey[:, :-1]).ravel()
    return LabelledImage(label, file.name, placed, info, look, has_gps(data))


def _one_label_each(
    images: Sequence[LabelledImage],
) -> tuple[list[LabelledImage], list[LeftOut]]:
    """Leave out photos that have two labels: one of them is wrong, and nobody knows which."""
    labels: dict[str, set[str]] = {}
    for image in images:
        labels.setdefault(image.info.sha256, set()).add(image.label.casefold())
    kept = [image for image in images if len(labels[image.info.sha256]) == 1]
    twice = [image for image in images if len(labels[image.info.sha256]) > 1]
    return kept, [LeftOut(image.name, TWO_LABELS) for image in twice]


def _split_known(
    images: Sequence[LabelledImage], known: Mapping[str, set[str]]
) -> tuple[list[LabelledImage], list[LeftOut]]:
    """The images that a game does not have yet, and the others: imported twice adds nothing."""
    new: list[LabelledImage] = []
    left_out: list[LeftOut] = []
    for image in images:
        labels = known.get(image.info.sha256)
        if labels is None:
            new.append(image)
        else:
            reason = "already there" if image.label.casefold() in labels else TWO_LABELS
            left_out.append(LeftOut(image.name, reason))
    return new, left_out


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


def _known_photos(db: SiteDatabase, game_slug: str) -> dict[str, set[str]]:
    """The labels of a game's imported photos, by their hash."""
    known: dict[str, set[str]] = {}
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
    for row in rows:
        known.setdefault(row["sha256"], set()).add(row["name"].casefold())
    return known


def _game_labels(db: SiteDatabase, game_slug: str) -> list[str]:
    rows = db.execute(
        """
        SELECT DISTINCT taxa.name
        FROM game_observations
        JOIN observations ON observations.id = game_observations.observation_id
        JOIN taxa ON taxa.id = observations.taxon_id
        WHERE game_observations.game = ?
        ORDER BY taxa.name
        """,
        [game_slug],
    )
    return [str(row[0]) for row in rows]


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
