"""Photo files of the site, served by what they hold: `/-/critterdb/photos/<sha256>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, SiteError
from critterdb.imaging.formats import image_format
from critterdb.licences import IS_PHOTO_HERE, IS_PHOTO_LICENSED, PhotoRights, may_be_shown
from critterdb.storage.photo_store import kept_picture
from critterdb.storage.stored_files import Kind, open_stored
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.own_machine import may_see_local_photos
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.responses import is_unchanged, other_method, respond, respond_text
from critterdb.web.queries.posts import kept_address
from critterdb.web.state import folder_of, site_database

if TYPE_CHECKING:
    from pathlib import Path

    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

    from critterdb.storage.database import SiteDatabase

# A file never changes under its hash, but a licence can be withdrawn: then it should be gone from
# other people's caches within a day.
CACHE_SECONDS = 86_400

METHODS = "GET, HEAD"
OWN_PAGES_ONLY = {"Cross-Origin-Resource-Policy": "same-origin"}
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

FIND_PICTURE = """
SELECT posts.platform, post_images.image_sha256
FROM post_images
JOIN posts ON posts.id = post_images.post_id
JOIN shown_posts ON shown_posts.post_id = post_images.post_id
WHERE post_images.image_sha256 = ? AND shown_posts.shows_photos
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
    folder, sha256 = folder_of(database), request.url_vars["sha256"]
    try:
        file = await read(database, lambda db: find_photo(db, folder, sha256, local=False))
        if file is None and may_see_local_photos(datasette, request.scope):
            file = await read(database, lambda db: find_photo(db, folder, sha256, local=True))
    except SlowReadError as error:
        return respond_text(request, datasette, f"{error}. Try again later.", status=503)
    if file is None:
        return respond_text(request, datasette, MISSING, status=404)
    # Shared caches keep only what anonymous visitors may see.
    for_all = file.is_licensed and await may_view(datasette, None, database.name, "photos")
    return _respond_with(request, datasette, file, for_all=for_all)


async def picture(request: Request, datasette: Datasette) -> Response:
    """A picture of a post that the site keeps, while the post may show it."""
    if refused := other_method(request, datasette, METHODS):
        return refused
    database = site_database(datasette)
    if database is None:
        return respond_text(request, datasette, MISSING, status=404)
    for table in ("posts", "post_images"):
        if not await may_view(datasette, request.actor, database.name, table):
            return respond_text(request, datasette, CLOSED, status=403)
    folder, local = folder_of(database), may_see_local_photos(datasette, request.scope)
    sha256 = request.url_vars["sha256"]
    try:
        rows = await read(database, lambda db: list(db.query(FIND_PICTURE, [sha256])))
    except SlowReadError as error:
        return respond_text(request, datasette, f"{error}. Try again later.", status=503)
    if not any(kept_address(folder, row, local_photos=local) for row in rows):
        return respond_text(request, datasette, MISSING, status=404)
    data = read_stored(folder, "pictures", kept_picture(folder, sha256))
    kind = media_type(data) if data else None
    if not data or not kind:
        return respond_text(request, datasette, MISSING, status=404)
    # Its post may be gone tomorrow, so that nobody else's cache keeps it.
    return _respond_with(request, datasette, PhotoFile(sha256, data, kind, False), for_all=False)


def _respond_with(
    request: Request, datasette: Datasette, file: PhotoFile, *, for_all: bool
) -> Response:
    audience = "public" if for_all else "private"
    headers = {
        **data_headers(),
        # A photo for its owner only is not for other sites' pages, not even as a picture.
        **(cors_headers(datasette) if file.is_licensed else OWN_PAGES_ONLY),
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
    return read_stored(folder, "photos", path)


def read_stored(folder: Path, kind: Kind, path: str | None) -> bytes | None:
    """The bytes of a file of the site; None where there is no such one."""
    try:
        with open_stored(folder, kind, path) as file:
            return file.read()
    except (OSError, SiteError):
        return None


def media_type(data: bytes) -> str | None:
    """Return the media type that the first bytes prove; None if it is not a picture."""
    try:
        return MEDIA_TYPES.get(image_format(data))
    except RejectedInputError:
        return None
