"""Photo files of the site, served by what they hold: `/-/critterdb/photos/<sha256>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, SiteError
from critterdb.imaging.decode import image_format
from critterdb.licences import IS_PHOTO_HERE, IS_PHOTO_LICENSED, PhotoRights, may_be_shown
from critterdb.storage.stored_files import open_stored
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.responses import is_unchanged, other_method, respond, respond_text
from critterdb.web.state import folder_of, plugin_state, site_database

if TYPE_CHECKING:
    from pathlib import Path

    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

    from critterdb.storage.database import SiteDatabase

# A file never changes under its hash, but a licence can be withdrawn: then it should be gone from
# other people's caches within a day.
CACHE_SECONDS = 86_400

METHODS = "GET, HEAD"
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}

MISSING = "There is no such photo here."
CLOSED = "You may not see the photos of this site."

# Of several rows with the same file the one with a licence counts.
FIND_PHOTO = f"""
SELECT photos.path, photos.license_code, photos.attribution
FROM photos
JOIN observations ON observations.id = photos.observation_id
WHERE photos.sha256 = ? AND {IS_PHOTO_HERE}
ORDER BY ({IS_PHOTO_LICENSED}) IS TRUE DESC
LIMIT 1
"""


@dataclass(frozen=True)
class PhotoFile:
    """A photo's bytes, with the media type that they prove."""

    sha256: str
    data: bytes
    media_type: str
    is_licensed: bool


async def photo(request: Request, datasette: Datasette) -> Response:
    """One photo file, if its row allows: licensed and not withdrawn, or local and wanted so."""
    if refused := other_method(request, datasette, METHODS):
        return refused
    database = site_database(datasette)
    if database is None:
        return respond_text(request, datasette, MISSING, status=404)
    if not await may_view(datasette, request.actor, database.name, "photos"):
        return respond_text(request, datasette, CLOSED, status=403)
    settings, folder = plugin_state(datasette).settings, folder_of(database)
    sha256 = request.url_vars["sha256"]
    try:
        file = await read(
            database, lambda db: find_photo(db, folder, sha256, local=settings.local_photos)
        )
    except SlowReadError as error:
        return respond_text(request, datasette, f"{error}. Try again later.", status=503)
    if file is None:
        return respond_text(request, datasette, MISSING, status=404)
    # Shared caches keep only what anonymous visitors may see.
    for_all = file.is_licensed and await may_view(datasette, None, database.name, "photos")
    return _respond_with(request, datasette, file, for_all=for_all)


def _respond_with(
    request: Request, datasette: Datasette, file: PhotoFile, *, for_all: bool
) -> Response:
    audience = "public" if for_all else "private"
    headers = {
        **data_headers(),
        **cors_headers(datasette),
        "Cache-Control": f"{audience}, max-age={CACHE_SECONDS}, immutable",
        "ETag": f'"{file.sha256}"',
    }
    if is_unchanged(request, headers["ETag"]):
        return respond(request, b"", file.media_type, headers, status=304)
    headers["Content-Length"] = str(len(file.data))
    return respond(request, file.data, file.media_type, headers)


def find_photo(db: SiteDatabase, folder: Path, sha256: str, *, local: bool) -> PhotoFile | None:
    """Return a photo that may be shown, `local` ones without a licence included; or None."""
    row = db.execute(FIND_PHOTO, [sha256]).fetchone()
    if row is None:
        return None
    rights = PhotoRights(row[1], row[2])
    if not may_be_shown(rights, local_photos=local):
        return None
    data = read_photo(folder, row[0])
    kind = media_type(data) if data else None
    return PhotoFile(sha256, data, kind, rights.is_licensed) if data and kind else None


def read_photo(folder: Path, path: str) -> bytes | None:
    """The bytes of a row's file; None where there is no such photo in the site's folder."""
    try:
        with open_stored(folder, "photos", path) as file:
            return file.read()
    except (OSError, SiteError):
        return None


def media_type(data: bytes) -> str | None:
    """Return the media type that the first bytes prove; None if it is not a picture."""
    try:
        return MEDIA_TYPES.get(image_format(data))
    except RejectedInputError:
        return None
