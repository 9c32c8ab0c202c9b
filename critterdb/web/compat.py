"""Both lines of Datasette, 0.65 and 1.0, told apart by what they can do and never by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database

T = TypeVar("T")

QUERY_SOURCE = "critterdb"


async def may_view(
    datasette: Datasette, actor: dict[str, Any] | None, database: str | None = None, table: str = ""
) -> bool:
    """Whether `actor` may see this instance, or a table of it, by Datasette's own permissions."""
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


async def register_queries(datasette: Datasette, database: str) -> None:
    """Hand the canned queries of metadata.json to a Datasette that does not take them from there.

    0.65 reads them itself. 1.0 wants them in datasette.yaml, whose own ones go first; so
    metadata.json can stay the one source for both.
    """
    if not hasattr(datasette, "add_query"):
        return
    metadata = getattr(datasette, "_metadata_local", None) or {}
    queries = metadata.get("databases", {}).get(database, {}).get("queries", {})
    for name, query in queries.items():
        if isinstance(query, str):
            query = {"sql": query}
        existing = await datasette.get_query(database, name)
        if existing and existing.source != QUERY_SOURCE:
            continue
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

    1.0 has begun one when the function is called; 0.65 has not, and would never commit.
    """

    def in_transaction(conn: Any) -> T:
        if conn.in_transaction:
            return function(conn)
        conn.execute("BEGIN IMMEDIATE")
        try:
            result = function(conn)
            conn.commit()
        except BaseException:
            conn.rollback()
            raise
        return result

    result: T = await database.execute_write_fn(in_transaction)
    return result
