"""Photos as the pages show them: the file where it may be shown, the credit always."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from critterdb.web.urls import photo_file

if TYPE_CHECKING:
    from critterdb.web.pages.base import Visit

Photo = dict[str, Any]

# What is told of photos and of what models say of them.
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


def as_photo(row: dict[str, Any]) -> Photo:
    """A row of PHOTOS, with what the photo shows in words."""
    return {**row, "what": row["common_name"] or row["name"] or "something unidentified"}


def shown(visit: Visit, photo: Photo) -> Photo:
    """The photo with `image`, the address of its file: null where it may not be shown here.

    A photo without licence and credit stays private, unless the site asks for it.
    """
    licensed = bool(photo["license_code"] and photo["attribution"])
    here = bool(photo["path"] and photo["sha256"]) and not (
        photo["withdrawn_at"] or photo["observation_withdrawn_at"]
    )
    may = here and (licensed or visit.desk.settings.local_photos)
    image = visit.path(photo_file(photo["sha256"])) if may else None
    hidden = {"path", "withdrawn_at", "observation_withdrawn_at"}
    kept = {key: value for key, value in photo.items() if key not in hidden}
    if not may:
        kept["sha256"] = None
    return {**kept, "image": image, "private": here and not may}
