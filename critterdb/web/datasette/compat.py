"""Both lines of Datasette, 0.65 and 1.0, distinguished by what they can do, not by number."""

from __future__ import annotations

import asyncio
import math
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from critterdb._types import Json
from critterdb.storage.database import sqlite3

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasette.app import Datasette
    from datasette.database import Database

T = TypeVar("T")

Actor = Json
"""Who sends a request, as a plugin of Datasette describes them: most have an `id`."""

QUERY_SOURCE = "critterdb"
# A lock that lasts for twice 15 s is not a matter of waiting: the answer is sent without its row.
WRITE_ATTEMPTS = 2  # each waits for the busy timeout
# 0.65 copies the site's whole metadata for each question: 2 ms, ten times a page, where the rest of
# the page takes 10 ms. Strangers share the answers, so there are no more of them than tables.
VERDICT_SECONDS = 1.0

# While a site is baked, nothing changes and one visitor asks for every page.
_settled: WeakSet[Datasette] = WeakSet()
_verdicts: WeakKeyDictionary[Datasette, dict[tuple[str | None, str], tuple[bool, float]]] = (
    WeakKeyDictionary()
)


def print_plain_tracebacks() -> None:
    """Keep Datasette from printing every variable in a traceback, which it does with rich.

    Any wrong address makes it print one: 0.75 s of the processor, in which nobody else is answered,
    and the request's cookies and Authorization header in the log.
    """
    module: Any = import_module("datasette.handle_exception")
    module.rich = None


def settle_verdicts(datasette: Datasette) -> None:
    """Ask only once what visitors who are not signed in may see: no rule of theirs will change."""
    _settled.add(datasette)


def keep_templates(datasette: Datasette) -> None:
    """Do not look whether templates changed: each page would look at the files of six."""
    old = hasattr(datasette, "jinja_env")
    environment = datasette.jinja_env if old else datasette.get_jinja_environment()
    environment.auto_reload = False


async def may_view(
    datasette: Datasette, actor: Actor | None, database: str | None = None, table: str = ""
) -> bool:
    """Whether `actor` may see this instance, or a table of it, by Datasette's own permissions.

    What visitors who are not signed in may see holds for VERDICT_SECONDS.
    """
    if actor is not None:
        return await _may_view(datasette, actor, database, table)
    verdicts = _verdicts.setdefault(datasette, {})
    now = time.monotonic()
    verdict, until = verdicts.get((database, table), (False, 0.0))
    if now >= until:
        verdict = await _may_view(datasette, None, database, table)
        lasts = math.inf if datasette in _settled else VERDICT_SECONDS
        verdicts[database, table] = verdict, now + lasts
    return verdict


async def _may_view(
    datasette: Datasette, actor: Actor | None, database: str | None, table: str
) -> bool:
    if hasattr(datasette, "allowed"):
        from datasette.resources import TableResource

        if database is None:
            return bool(await datasette.allowed(action="view-instance", actor=actor))
        resource = TableResource(database=database, table=table)
        return bool(await datasette.allowed(action="view-table", resource=resource, actor=actor))
    from datasette import Forbidden

    wanted: list[Any] = ["view-instance"]
    if database is not None:
        wanted = [("view-table", (database, table)), ("view-database", database), *wanted]
    try:
        await datasette.ensure_permissions(actor, wanted)
    except Forbidden:
        return False
    return True


def actions(descriptions: dict[str, str]) -> list[Any]:
    """Return our permissions as 1.0 registers them; none on 0.65, which asks for them by name."""
    try:
        from datasette.permissions import Action
    except ImportError:
        return []
    return [
        Action(name=name, description=description, also_requires="view-instance")
        for name, description in descriptions.items()
    ]


def written_permission(datasette: Datasette, action: str) -> Any:
    """Return what `permissions:` in metadata.json says of an action; None if nothing.

    0.65 ignores that block, and 1.0 knows it only in datasette.yaml, which it reads itself.
    """
    # Honoured on both lines: one file should say who may do what.
    return (_metadata(datasette).get("permissions") or {}).get(action)


def denies_by_default(datasette: Datasette) -> bool:
    """Whether it was started with --default-deny, which is 1.0's."""
    return bool(getattr(datasette, "default_deny", False))


async def instance_metadata(datasette: Datasette) -> Json:
    """Return what metadata.json, or whatever took its place, says of the whole."""
    if hasattr(datasette, "get_instance_metadata"):
        return dict(await datasette.get_instance_metadata())
    return _metadata(datasette)


def described_columns(datasette: Datasette, database: str) -> dict[str, list[str]]:
    """Return the columns of each table in the order in which metadata.json describes them."""
    tables = _metadata(datasette).get("databases", {}).get(database, {}).get("tables", {})
    return {name: list(table.get("columns") or ()) for name, table in tables.items()}


def _metadata(datasette: Datasette) -> Json:
    if hasattr(datasette, "metadata"):
        return datasette.metadata() or {}
    return getattr(datasette, "_metadata_local", None) or {}


def permission_rule(verdict: bool | None, reason: str) -> Any:
    """Return what 1.0's hook permission_resources_sql takes; a denial overrides any grant."""
    from datasette.permissions import PermissionSQL

    if verdict is None:
        return None
    return PermissionSQL.allow(reason) if verdict else PermissionSQL.deny(reason)


async def permitted(datasette: Datasette, actor: Actor | None, action: str, default: bool) -> bool:
    """Whether `actor` may see the instance and has this permission.

    1.0 gets the default from permission_rule, 0.65 from here.
    """
    if hasattr(datasette, "allowed"):
        return bool(await datasette.allowed(action=action, actor=actor))
    return await may_view(datasette, actor) and bool(
        await datasette.permission_allowed(actor, action, default=default)
    )


async def register_queries(datasette: Datasette, database: str) -> None:
    """Hand the canned queries of metadata.json to a Datasette that does not take them from there.

    0.65 reads them itself. 1.0 wants them in datasette.yaml, whose own ones go first; so
    metadata.json can stay the one source for both.
    """
    # One file should name the queries, so metadata.json goes to 1.0 as well.
    if not hasattr(datasette, "add_query"):
        return
    queries = _metadata(datasette).get("databases", {}).get(database, {}).get("queries", {})
    await asyncio.gather(
        *(_register_query(datasette, database, name, query) for name, query in queries.items())
    )


async def _register_query(datasette: Any, database: str, name: str, query: Any) -> None:
    if isinstance(query, str):
        query = {"sql": query}
    existing = await datasette.get_query(database, name)
    # A query that the site's owner wrote into datasette.yaml goes before ours.
    if existing and existing.source != QUERY_SOURCE:
        return
    await datasette.add_query(
        database,
        name,
        query["sql"],
        title=query.get("title"),
        description=query.get("description"),
        hide_sql=bool(query.get("hide_sql")),
        parameters=query.get("params"),
        is_trusted=True,
        source=QUERY_SOURCE,
    )


async def write(database: Database, function: Callable[[Any], T]) -> T:
    """Run `function(conn)` on Datasette's writer, in a transaction that begins IMMEDIATE.

    1.0 has begun one when the function is called; 0.65 has not, and would never commit. If another
    process holds the database for longer than the busy timeout, Datasette's other writes get their
    turn, and then it is tried again. Raises sqlite3's errors.
    """

    def in_transaction(conn: Any) -> T:
        if conn.in_transaction:
            return function(conn)
        # A deferred transaction fails at once where another process wrote since it began to read.
        conn.execute("BEGIN IMMEDIATE")
        try:
            result = function(conn)
            conn.commit()
        except BaseException:
            conn.rollback()
            raise
        return result

    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            result: T = await database.execute_write_fn(in_transaction)
            return result
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == WRITE_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
