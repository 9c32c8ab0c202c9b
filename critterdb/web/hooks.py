"""Datasette plugin hooks, and nothing else.

`plugins/critterdb_plugin.py` of a site registers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from . import state, urls
from .datasette import (
    access_log,
    body_limit,
    compat,
    current_request,
    front_page,
    host_check,
    memory_limits,
    page_templates,
    permissions,
    table_cells,
)
from .files import static
from .pages.layout import site_title
from .routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .http.asgi import App, Scope

    Function = TypeVar("Function", bound=Callable[..., Any])

    def hookimpl(function: Function) -> Function:
        """Datasette's marker, which has no types of its own."""
else:
    from datasette import hookimpl


@hookimpl
def startup(datasette: Any) -> Any:
    async def inner() -> None:
        compat.print_plain_tracebacks()
        access_log.keep_places_out()
        site = await state.open_state(datasette)
        if site.database_name:
            await compat.register_queries(datasette, site.database_name)

    return inner


@hookimpl
def prepare_connection(conn: Any) -> None:
    state.prepare_connection(conn)


@hookimpl
def handle_exception(datasette: Any, request: Any, exception: BaseException) -> Any:
    return memory_limits.refuse(datasette, request, exception)


@hookimpl
def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    from jinja2 import ChoiceLoader, PackageLoader

    env.loader = ChoiceLoader([env.loader, PackageLoader("critterdb.web")])
    page_templates.add_templates(datasette, env)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return ROUTES


@hookimpl
def register_actions(datasette: Any) -> list[Any]:
    return compat.actions(permissions.ACTIONS)


@hookimpl
def permission_resources_sql(datasette: Any, actor: Any, action: str) -> Any:
    return permissions.rule(datasette, actor, action)


@hookimpl
def menu_links(datasette: Any, actor: Any) -> Any:
    async def inner() -> list[dict[str, str]]:
        links = [{"href": datasette.urls.path(urls.HOME), "label": await site_title(datasette)}]
        if await permissions.may(datasette, actor, permissions.CLASSIFY):
            href = datasette.urls.path(urls.CLASSIFY)
            links.append({"href": href, "label": "Classify a photo"})
        return links

    return inner


@hookimpl
def extra_css_urls() -> list[str]:
    return [static.static_path("cells.css")]


@hookimpl
def render_cell(
    row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any
) -> Any:
    return table_cells.our_cell(datasette, database, table, column, row, value)


@hookimpl
def skip_csrf(datasette: Any, scope: Scope) -> bool:
    # The views check as Datasette 1.0 does (http/csrf.py): the token check of 0.65 answers a form
    # with a file and a cookie with a 500.
    return _reads_its_own_body(datasette, scope)


@hookimpl
def asgi_wrapper(datasette: Any) -> Any:
    def wrap(app: App) -> App:
        app = current_request.remember_request(app)
        if body_limit.OWN_LIMIT not in datasette.settings_dict():
            app = body_limit.limit_bodies(
                datasette, app, lambda scope: _reads_its_own_body(datasette, scope)
            )
        app = front_page.lead_to_front_page(datasette, app)
        return host_check.check_host(datasette, app)

    return wrap


def _reads_its_own_body(datasette: Any, scope: Scope) -> bool:
    path = "/" + scope["path"].removeprefix(datasette.setting("base_url")).lstrip("/")
    return path in ("/-/classify", "/-/classify.json", urls.REVIEW, urls.ANSWERS, urls.HOST)
