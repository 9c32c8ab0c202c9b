"""Photo files of the site, served by what they hold: `/-/critterdb/photos/<sha256>`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.errors import RejectedInputError, SiteError
from critterdb.imaging.decode import image_format
from critterdb.storage.stored_files import open_stored
from critterdb.web.datasette.compat import may_view
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.negotiation import other_method
from critterdb.web.state import folder_of, plugin_state, site_database

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

# A file never changes under its hash, but a licence can be withdrawn: then it should be gone from
# other people's caches within a day.
CACHE_SECONDS = 86_400

METHODS = "GET, HEAD"
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}

FIND_PHOTO = """
SELECT photos.path, photos.license_code IS NOT NULL AND photos.attribution IS NOT NULL AS licensed
FROM photos
JOIN observations ON observations.id = photos.observation_id
WHERE photos.sha256 = ?
    AND photos.path IS NOT NULL
    AND photos.withdrawn_at IS NULL
    AND observations.withdrawn_at IS NULL
ORDER BY licensed DESC
LIMIT 1
"""


async def photo(request: Request, datasette: Datasette) -> Response:
    """One photo file, where its row allows: licensed and not withdrawn, or local and wanted so."""
    from datasette.utils.asgi import Response

    if refused := other_method(request, datasette, METHODS):
        return refused
    headers = {**data_headers(), **cors_headers(datasette)}
    sha256 = request.url_vars["sha256"]
    missing = Response("There is no such photo here.", status=404, headers=headers)
    database = site_database(datasette)
    if database is None:
        return missing
    if not await may_view(datasette, request.actor, database.name, "photos"):
        return Response("You may not see the photos of this site.", status=403, headers=headers)
    local_photos = plugin_state(datasette).settings.local_photos
    folder = folder_of(database)

    def find(conn: Any) -> tuple[bytes | None, bool]:
        row = conn.execute(FIND_PHOTO, [sha256]).fetchone()
        if row is None or not (row[1] or local_photos):
            return None, False
        return read_photo(folder, row[0]), bool(row[1])

    data, licensed = await database.execute_fn(find)
    kind = media_type(data) if data else None
    if not data or not kind:
        return missing
    for_all = licensed and await may_view(datasette, None, database.name, "photos")
    audience = "public" if for_all else "private"
    headers["Cache-Control"] = f"{audience}, max-age={CACHE_SECONDS}, immutable"
    headers["ETag"] = f'"{sha256}"'
    if _is_kept(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(b"", status=304, headers=headers, content_type=kind)
    headers["Content-Length"] = str(len(data))
    body = data if request.method == "GET" else b""
    return Response(body, headers=headers, content_type=kind)


def _is_kept(if_none_match: str, etag: str) -> bool:
    """Whether who asks has the file already: one of several tags, weak after a proxy, or any."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def read_photo(folder: Path, path: str) -> bytes | None:
    """The bytes of a row's file; None where there is no such photo in the site's folder."""
    try:
        with open_stored(folder, "photos", path) as file:
            return file.read()
    except (OSError, SiteError):
        return None


def media_type(data: bytes) -> str | None:
    """The media type that the first bytes prove; None for what is no picture."""
    try:
        return MEDIA_TYPES[image_format(data)]
    except RejectedInputError:
        return None
