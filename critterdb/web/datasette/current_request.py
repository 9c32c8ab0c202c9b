"""The request that is being answered, for hooks to which Datasette does not hand it.

0.65 asks for the cells of a table without naming the request. A context variable says so, on both
lines, and remembers the permissions that were asked for: a table asks the same for each cell.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .compat import Actor, may_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from datasette.app import Datasette

    from critterdb.web.http.asgi import App, Receive, Scope, Send


@dataclass
class CurrentRequest:
    """One request: its ASGI scope, and whether its sender may view a table of a database.

    `is_owners` says whether its sender may see photos without a licence; None if nobody asked yet.
    """

    scope: Scope
    is_owners: bool | None = None
    viewable: dict[tuple[str, str], bool] = field(default_factory=dict)


NOBODY: Mapping[str, Any] = {"type": "http", "headers": []}
_current: ContextVar[CurrentRequest | None] = ContextVar("critterdb_request", default=None)


def remember_request(app: App) -> App:
    """Return `app`, with each HTTP request known to what it calls."""

    async def remembered(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        token = _current.set(CurrentRequest(scope))
        try:
            await app(scope, receive, send)
        finally:
            _current.reset(token)

    return remembered


def current_request() -> CurrentRequest:
    """Return the current request; outside one, that of nobody in particular."""
    return _current.get() or CurrentRequest(NOBODY)


async def actor_of(datasette: Datasette, scope: Scope) -> Actor | None:
    """Return who sends a request, as Datasette's plugins tell; None for nobody."""
    from datasette.plugins import pm
    from datasette.utils import await_me_maybe
    from datasette.utils.asgi import Request

    request = Request(scope, None)
    for answer in pm.hook.actor_from_request(datasette=datasette, request=request):
        actor: Actor | None = await await_me_maybe(answer)
        if actor:
            return actor
    return scope.get("actor")


async def may_sender_view(datasette: Datasette, database: str, tables: Iterable[str]) -> bool:
    """Whether the sender of the current request may view all of these tables.

    Outside a request, what anybody may view.
    """
    current = current_request()
    for table in tables:
        # 1.0 asks its internal database each time, and a page has a hundred such cells.
        if (database, table) not in current.viewable:
            actor = await actor_of(datasette, current.scope)
            current.viewable[database, table] = await may_view(datasette, actor, database, table)
        if not current.viewable[database, table]:
            return False
    return True
