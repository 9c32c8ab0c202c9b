"""What every page has in common: who may see it, its JSON, its headers, its layout.

A page is a function that takes a Visit and returns a Page: the data, which is also its JSON, and
what only the template needs. Data come from one function on one connection, so that a page is one
trip to a reading thread.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.web.datasette.compat import may_view
from critterdb.web.errors import CODES, PageNotFoundError
from critterdb.web.http.headers import cors_headers, data_headers, page_headers
from critterdb.web.http.negotiation import whole_number
from critterdb.web.state import PluginState, plugin_state, site_database

from .layout import absolute_url, layout_context

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request, Response

T = TypeVar("T")

# The slowest page of a large site reads for tens of milliseconds; a cold disk takes longer.
PAGE_TIME_LIMIT_MS = 3000
TITLES = {"forbidden": "This is not open to you", "busy": "This site is busy"}


def busy(words: str) -> PageNotFoundError:
    """Make the refusal of a request that this site has no time for now; the same may work later."""
    return PageNotFoundError(words, status=503, code="busy")


@dataclass(frozen=True)
class Visit:
    """One request for one of our pages."""

    request: Request
    datasette: Datasette
    database: Database
    desk: PluginState

    async def read(self, function: Callable[[SiteDatabase], T]) -> T:
        """Return `function(db)` on a reading connection. Raises PageNotFoundError if it takes too
        long.
        """
        from datasette.utils import sqlite_timelimit

        def read_in_time(conn: Any) -> T:
            with sqlite_timelimit(conn, PAGE_TIME_LIMIT_MS):
                return function(SiteDatabase(conn))

        try:
            found: T = await self.database.execute_fn(read_in_time)
        except sqlite3.OperationalError as error:
            if error.args == ("interrupted",):
                raise busy(
                    "This page took too long to read from the database. Try again later"
                ) from error
            raise
        return found

    def named(self, name: str) -> str:
        """A part of the path that an address was made with."""
        return unquote(self.request.url_vars[name])

    def path(self, address: str) -> str:
        return str(self.datasette.urls.path(address))

    def absolute(self, address: str) -> str:
        return absolute_url(self.request, self.datasette, self.path(address))

    def argument(self, name: str) -> str:
        return str(self.request.args.get(name) or "").strip()

    def number(self, name: str) -> int | None:
        """A whole number among the query's parameters. Raises PageNotFoundError where it is
        none.
        """
        value = self.argument(name)
        if not value:
            return None
        try:
            return whole_number(value)
        except ValueError:
            raise PageNotFoundError(f"“{name}” should be a number, not {value}") from None


@dataclass
class Page:
    """What a page shows. `preview` is the address of a picture for links that people share."""

    template: str
    title: str
    description: str
    data: dict[str, Any]
    view: dict[str, Any] = field(default_factory=dict)
    preview: str | None = None
    pictures_from: tuple[str, ...] = ()
    status: int = 200


PageFunction = Callable[[Visit], Awaitable["Page | Response"]]
PageView = Callable[..., Awaitable["Response"]]


def page(
    *tables: str, methods: tuple[str, ...] = ("GET", "HEAD")
) -> Callable[[PageFunction], PageView]:
    """Make a Datasette view of a page that shows rows of these tables."""

    def decorate(function: PageFunction) -> PageView:
        # Datasette gives a view what the names of its parameters ask for.
        async def view(request: Request, datasette: Datasette) -> Response:
            return await _serve(request, datasette, function, tables, methods)

        view.__name__, view.__doc__ = function.__name__, function.__doc__
        view.tables = tables  # type: ignore[attr-defined]
        return view

    return decorate


async def _serve(
    request: Request,
    datasette: Datasette,
    function: PageFunction,
    tables: tuple[str, ...],
    methods: tuple[str, ...],
) -> Response:
    from datasette.utils.asgi import Response

    if request.method not in methods:
        allow = ", ".join(methods)
        words = f"Use one of {allow} here, not {request.method}."
        return Response(words, status=405, headers={**data_headers(), "Allow": allow})
    database = site_database(datasette)
    if database is None:
        problem = _problem("This Datasette serves no database of critterdb", 503)
        return await _respond(request, datasette, problem)
    for table in tables:
        if not await may_view(datasette, request.actor, database.name, table):
            problem = _problem("This page is not open to you. Sign in, then try again", 403)
            return await _respond(request, datasette, problem)
    try:
        shown = await function(Visit(request, datasette, database, plugin_state(datasette)))
    except PageNotFoundError as error:
        shown = _problem(str(error), error.status, error.code)
    return await _respond(request, datasette, shown) if isinstance(shown, Page) else shown


def _problem(words: str, status: int, code: str | None = None) -> Page:
    code = code or CODES[status]
    data = {"ok": False, "error": words, "code": code, "status": status}
    title = TITLES.get(code, "There is nothing here")
    return Page("critterdb_problem.html", title, words, data, {"words": words}, status=status)


async def _respond(request: Request, datasette: Datasette, shown: Page) -> Response:
    from datasette.utils.asgi import Response

    if request.url_vars.get("format") == ".json":
        headers = {**data_headers(), **cors_headers(datasette)}
        body = json.dumps(
            shown.data if "ok" in shown.data else {"ok": True, **shown.data}, ensure_ascii=False
        )
        kind = "application/json; charset=utf-8"
    else:
        headers = page_headers(*shown.pictures_from)
        context = {
            **await layout_context(request, datasette),
            **shown.data,
            **shown.view,
            "page_title": shown.title,
            "page_description": shown.description,
            "page_preview": shown.preview
            and absolute_url(request, datasette, datasette.urls.path(shown.preview)),
            "page_json": json_address(request),
            "database_name": plugin_state(datasette).database_name,
        }
        body = await datasette.render_template(shown.template, context, request=request)
        kind = "text/html; charset=utf-8"
    headers["Cache-Control"] = "no-cache" if shown.status == 200 else "no-store"
    return Response(
        "" if request.method == "HEAD" else body,
        status=shown.status,
        headers=headers,
        content_type=kind,
    )


def json_address(request: Request) -> str:
    """The same page as JSON."""
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{request.path.removesuffix('.json')}.json{query}"
