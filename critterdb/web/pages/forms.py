"""Forms of our own pages: read the fields, one of which may be a picture, write, and go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from critterdb.errors import RejectedInputError, too_large
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.web.datasette import compat
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.body import NOT_AS_HERE, Body, ClientDisconnectedError
from critterdb.web.http.forms import FORM_OVERHEAD_BYTES, parse_form, parse_multipart
from critterdb.web.http.headers import data_headers
from critterdb.web.http.negotiation import whole_number

from .base import busy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasette.utils.asgi import Response

    from .base import Visit

T = TypeVar("T")

MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Fields:
    """The fields of a form; `image` is empty if no picture was chosen."""

    values: Mapping[str, bytes]

    @property
    def image(self) -> bytes:
        return self.values.get("image", b"")

    def text(self, name: str) -> str:
        return self.values.get(name, b"").decode("utf-8", "replace").strip()

    def number(self, name: str) -> int:
        """Return a whole number. Raises PageNotFoundError if it is not one."""
        try:
            return whole_number(self.text(name))
        except ValueError:
            raise PageNotFoundError(NOT_AS_HERE) from None


async def read_fields(visit: Visit) -> Fields:
    """Read a form with a picture or without. Raises PageNotFoundError if it cannot be read."""
    request, most = visit.request, visit.state.settings.max_bytes
    content_type = request.headers.get("content-type", "")
    is_multipart = content_type.lower().startswith(MULTIPART)
    cap = FORM_OVERHEAD_BYTES + (most if is_multipart else 0)
    body = Body(request.receive, request.headers, visit.state.uploads)
    try:
        data = await body.read(cap)
        if data is None:
            raise too_large(f"{most / 1e6:g} MB")
        if is_multipart:
            return Fields(parse_multipart(data, content_type))
        return Fields(parse_form(bytes(data)))
    except RejectedInputError as error:
        raise PageNotFoundError(str(error), status=error.status, code=error.code) from error
    except (ClientDisconnectedError, TimeoutError) as error:
        raise PageNotFoundError(NOT_AS_HERE) from error
    finally:
        body.close()


async def write(visit: Visit, save: Callable[[SiteDatabase], T]) -> T:
    """Return `save(db)` in a writing transaction. Raises PageNotFoundError if that has to wait."""

    def save_on(conn: Any) -> T:
        return save(SiteDatabase(conn))

    try:
        return await compat.write(visit.database, save_on)
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise busy(
            "Another program is writing to this site's database, so nothing was saved. "
            "Go back and try again in a minute"
        ) from error


def redirect(visit: Visit, address: str) -> Response:
    """Lead on to a page after a form was saved."""
    from datasette.utils.asgi import Response

    headers = {**data_headers(), "Location": visit.path(address)}
    return Response("", status=303, headers=headers)
