"""Photos as the pages show them: the file if it may be shown, the credit unless it is withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from critterdb.formatting import display_name
from critterdb.licences import PhotoRights, may_be_shown, photo_shown_sql
from critterdb.web.urls import photo_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.pages.base import Visit

# The tables that say what a photo shows and what models made of it.
PHOTO_TABLES = ("photos", "observations", "taxa", "predictions")

# What `as_photo` needs; add WHERE, ORDER BY and LIMIT.
PHOTOS = """
SELECT
    photos.id AS photo_id, photos.sha256, photos.path, photos.license_code, photos.attribution,
    photos.width, photos.height, photos.observation_id, photos.withdrawn_at,
    observations.taxon_id, observations.url AS observation_url, observations.observed_on,
    observations.place_guess, observations.obscured,
    observations.withdrawn_at AS observation_withdrawn_at,
    taxa.name, taxa.common_name
FROM photos
JOIN observations ON observations.id = photos.observation_id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
"""


# A page of a class of animals would otherwise list thousands.
MAX_TAXA_BELOW = 60

_BELOW = """
WITH RECURSIVE below (id) AS (
    SELECT ? UNION SELECT taxa.id FROM taxa JOIN below ON taxa.parent_id = below.id
)
SELECT id FROM below LIMIT ?
"""


class _PhotoFacts(TypedDict):
    photo_id: int
    sha256: str | None
    license_code: str | None
    attribution: str | None
    width: int | None
    height: int | None
    observation_id: int
    taxon_id: int | None
    observation_url: str | None
    observed_on: str | None
    place_guess: str | None
    obscured: int | None
    name: str | None
    common_name: str | None
    what: str
    # What a model said of it, on pages about models.
    prediction_id: NotRequired[int]
    score: NotRequired[float]
    abstained: NotRequired[int]
    actual: NotRequired[str]
    predicted: NotRequired[str]
    # From the photo of the page, between 0 and 2.
    distance: NotRequired[float]


class Photo(_PhotoFacts):
    """A row of PHOTOS, with what the photo shows in words."""

    path: str | None
    withdrawn_at: str | None
    observation_withdrawn_at: str | None


class ShownPhoto(_PhotoFacts):
    """A photo as JSON and templates have it; `image` is null if its file may not be shown here."""

    image: str | None
    private: bool


def as_photo(row: Row) -> Photo:
    """Return a row of PHOTOS, and whatever else was selected, as a photo."""
    what = display_name(row["common_name"], row["name"] or "something unidentified")
    photo: Photo = {**row, "what": what}  # type: ignore[typeddict-item]
    return photo


def shown(visit: Visit, photo: Photo) -> ShownPhoto:
    """Return the photo with `image`, the path of its file, if that may be shown here.

    A withdrawn photo keeps its number and taxon, and loses what would name its observer.
    """
    is_withdrawn = bool(photo["withdrawn_at"] or photo["observation_withdrawn_at"])
    is_here = bool(photo["path"] and photo["sha256"]) and not is_withdrawn
    # The credit is always shown, the file only where its licence or the site lets it.
    rights = PhotoRights(photo["license_code"], photo["attribution"], is_here)
    may = may_be_shown(rights, local_photos=visit.sees_local_photos)
    image = visit.path(photo_file(photo["sha256"])) if may and photo["sha256"] else None
    hidden = {"path", "withdrawn_at", "observation_withdrawn_at"}
    kept = {key: value for key, value in photo.items() if key not in hidden}
    if not may:
        kept["sha256"] = None
    if is_withdrawn:
        kept |= dict.fromkeys(("attribution", "observation_url", "place_guess", "observed_on"))
    result: ShownPhoto = {**kept, "image": image, "private": is_here and not may}  # type: ignore[typeddict-item]
    return result


def preview_of(photos: Iterable[ShownPhoto]) -> str | None:
    """Return the path of the first photo that may be shown, for links that people share."""
    return next((photo_file(p["sha256"]) for p in photos if p["image"] and p["sha256"]), None)


def taxa_below(db: SiteDatabase, taxon_id: int) -> list[int]:
    """Return the taxon itself and those below it, of which a page reads the first few."""
    return [row[0] for row in db.execute(_BELOW, [taxon_id, MAX_TAXA_BELOW])]


def newest_photos(
    db: SiteDatabase, taxon_id: int, count: int, *, local_photos: bool
) -> list[Photo]:
    """Return the newest photos of a taxon and those below it that may be shown.

    With `local_photos` those without a licence too.
    """
    sql = (
        f"{PHOTOS} WHERE observations.taxon_id = ? "
        f"AND {photo_shown_sql(local_photos=local_photos)} "
        "ORDER BY observations.id DESC LIMIT ?"
    )
    photos: list[Photo] = []
    for taxon in taxa_below(db, taxon_id):
        photos += [as_photo(row) for row in db.query(sql, [taxon, count - len(photos)])]
        if len(photos) == count:
            break
    return photos
