"""What every page has in common: who may see it, its JSON, its headers, its layout.

A page is a function that takes a Visit and returns a Page: the data, which is also its JSON, and
what only the template needs. Data come from one function on one connection, so that a page is one
trip to a reading thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.own_machine import may_see_local_photos
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.errors import CODES, PageNotFoundError
from critterdb.web.http.headers import page_headers
from critterdb.web.http.negotiation import whole_number
from critterdb.web.http.responses import HTML, other_method, respond, respond_json
from critterdb.web.state import PluginState, plugin_state, site_database

from .layout import absolute_url, layout_context

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request, Response

T = TypeVar("T")

# Datasette opens any database; only critterdb's own commands migrate one.
OLD_DATABASE = (
    "This site's database was made by an older critterdb. Update it with: critterdb status"
)
TITLES = {
    "forbidden": "Access denied",
    "busy": "This site is busy",
    "parameter_invalid": "Nothing was saved",
}


def busy(words: str) -> PageNotFoundError:
    """Make the refusal of a request that this site has no time for now; the same may work later."""
    return PageNotFoundError(words, status=503, code="busy")


@dataclass(frozen=True)
class Visit:
    """One request for one of our pages."""

    request: Request
    datasette: Datasette
    database: Database
    state: PluginState

    async def read(self, function: Callable[[SiteDatabase], T]) -> T:
        """Return `function(db)` on a reading connection. Raises PageNotFoundError if it takes too
        long.
        """
        try:
            # One function for a whole page: queries by themselves would each wait for a thread.
            return await read(self.database, function)
        except SlowReadError as error:
            raise busy("The database took too long to load this page. Try again later") from error
        except sqlite3.OperationalError as error:
            if str(error).startswith("no such"):
                raise PageNotFoundError(OLD_DATABASE, status=503) from error
            raise

    @cached_property
    def sees_local_photos(self) -> bool:
        """Whether photos without a licence are shown to this visitor, who is then their owner."""
        return may_see_local_photos(self.datasette, self.request.scope)

    @property
    def format(self) -> str | None:
        """The suffix that the visitor asked for: `.json`, `.atom`, or None for the page."""
        suffix: str | None = self.request.url_vars.get("format")
        return suffix

    def named(self, name: str) -> str:
        """Return a part of the path that a URL was made with."""
        return unquote(self.request.url_vars[name])

    def path(self, address: str) -> str:
        """Return the path below Datasette's base_url."""
        return str(self.datasette.urls.path(address))

    def absolute(self, address: str) -> str:
        """Return the URL with scheme and host, as feeds need it."""
        return absolute_url(self.request, self.datasette, self.path(address))

    def argument(self, name: str) -> str:
        """Return a parameter of the query string, or an empty text."""
        return str(self.request.args.get(name) or "").strip()

    def number(self, name: str) -> int | None:
        """Return a whole number of the query string. Raises PageNotFoundError if it is not one."""
        value = self.argument(name)
        if not value:
            return None
        try:
            return whole_number(value)
        except ValueError:
            raise PageNotFoundError(f"“{name}” should be a number, not {value}") from None


@dataclass
class Page:
    """What a page shows: `data` is its JSON too, `extras` are for the template only.

    `preview` is the path of a picture for links that people share; `pictures_from` are addresses
    of pictures elsewhere, which the page's security policy lets in.
    """

    template: str
    title: str
    description: str
    data: Mapping[str, object]
    extras: Mapping[str, object] = field(default_factory=dict)
    preview: str | None = None
    pictures_from: tuple[str, ...] = ()
    status: int = 200


_taken: ContextVar[list[dict[str, object]] | None] = ContextVar("critterdb_taken", default=None)

PageFunction = Callable[[Visit], Awaitable["Page | Response"]]
PageView = Callable[..., Awaitable["Response"]]


def page(
    *tables: str, methods: tuple[str, ...] = ("GET", "HEAD")
) -> Callable[[PageFunction], PageView]:
    """Make a Datasette view of a page that shows rows of these tables."""

    def decorate(function: PageFunction) -> PageView:
        # Datasette gives a view what the names of its parameters ask for.
        async def view(request: Request, datasette: Datasette) -> Response:
            if response := other_method(request, datasette, ", ".join(methods)):
                return response
            answer = await _answer(request, datasette, function, tables)
            return await _render(request, datasette, answer) if isinstance(answer, Page) else answer

        view.__name__, view.__doc__ = function.__name__, function.__doc__
        view.tables = tables  # type: ignore[attr-defined]
        return view

    return decorate


@contextmanager
def taking_data() -> Iterator[list[dict[str, object]]]:
    """Collect the JSON of every page that is rendered inside this block."""
    taken: list[dict[str, object]] = []
    token = _taken.set(taken)
    try:
        yield taken
    finally:
        _taken.reset(token)


async def _answer(
    request: Request, datasette: Datasette, function: PageFunction, tables: tuple[str, ...]
) -> Page | Response:
    """The page, or the problem page that says why there is none."""
    database = site_database(datasette)
    if database is None:
        return _problem("This Datasette does not serve a critterdb database", 503)
    for table in tables:
        if not await may_view(datasette, request.actor, database.name, table):
            return _problem("You may not see this page. Sign in and try again", 403)
    try:
        return await function(Visit(request, datasette, database, plugin_state(datasette)))
    except PageNotFoundError as error:
        return _problem(str(error), error.status, error.code)


def _problem(words: str, status: int, code: str | None = None) -> Page:
    code = code or CODES[status]
    data = {"ok": False, "error": words, "code": code, "status": status}
    title = TITLES.get(code, "Not found")
    return Page("critterdb_problem.html", title, words, data, {"words": words}, status=status)


async def _render(request: Request, datasette: Datasette, shown_page: Page) -> Response:
    status = shown_page.status
    headers = {"Cache-Control": "no-cache" if status == 200 else "no-store"}
    payload = {"ok": True, **shown_page.data}
    if (taken := _taken.get()) is not None:
        taken.append(payload)
    if request.url_vars.get("format") == ".json":
        return respond_json(request, datasette, payload, status=status, headers=headers)
    context = await _template_context(request, datasette, shown_page)
    body = await datasette.render_template(shown_page.template, context, request=request)
    headers |= page_headers(*shown_page.pictures_from)
    return respond(request, body, HTML, headers, status=status)


async def _template_context(
    request: Request, datasette: Datasette, shown_page: Page
) -> dict[str, object]:
    preview = shown_page.preview
    return {
        **await layout_context(request, datasette),
        **shown_page.data,
        **shown_page.extras,
        "page_title": shown_page.title,
        "page_description": shown_page.description,
        "page_preview": preview and absolute_url(request, datasette, datasette.urls.path(preview)),
        "page_json": json_address(request.full_path),
        "database_name": plugin_state(datasette).database_name,
    }


def json_address(address: str) -> str:
    """Return the address of the JSON of a page; both are paths, perhaps with a query string."""
    path, mark, query = address.partition("?")
    return f"{path.removesuffix('.json')}.json{mark}{query}"
