"""Every other address below critterdb's own: a problem page that says where to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.web.datasette.compat import may_view
from critterdb.web.errors import PageNotFoundError

from .base import Page, Visit, page

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response


async def nowhere(request: Request, datasette: Datasette) -> Response:
    """404 with the layout of the site, for whoever may see the site at all."""
    from datasette.utils.asgi import Forbidden

    if not await may_view(datasette, request.actor):
        raise Forbidden("You may not see this site")
    return await _nothing_here(request, datasette)


@page()
async def _nothing_here(_visit: Visit) -> Page:
    raise PageNotFoundError("There is no page at this address. Start from the site's home page")
