"""Whoever may not see a table sees none of it on the pages either."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.web.routes import VIEWS, load_view
from tests.support.datasette_site import (
    add_photo,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    rows,
    shared_datasette,
)
from tests.support.models import COUGAR, DOMESTIC_CAT
from tests.support.pages import MISTAKE, MODEL_ID, add_candidate, make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = f"/-/critters/models/{MODEL_ID}"
PAGES = [
    "/-/critters",
    "/-/critters/history",
    "/-/critters/history.atom",
    "/-/critters/posts/x:101",
    "/-/critters/calendar",
    "/-/critters/games/cougarornot",
    "/-/critters/calendar.atom",
    "/-/critters/calendar.ics",
    "/-/critters/play",
    "/-/critters/play/cougarornot",
    f"/-/critters/play/cougarornot/{MISTAKE}",
    f"/-/critters/play/cougarornot/{MISTAKE}/answer?words=cougar",
    "/-/critters/models",
    "/-/critters/compare",
    "/-/critters/species",
    "/-/critters/species?q=cougar",
    f"/-/critters/species/{COUGAR}",
    f"/-/critters/photos/{MISTAKE}",
    MODEL,
    f"{MODEL}/confusion?actual={COUGAR}&predicted={DOMESTIC_CAT}",
    "/-/critters/review",
    "/-/critters/review?source=evaluation",
    "/-/critters/answers",
    "/-/critters/leaderboard",
]
SPY = """
from datasette import hookimpl
READ = set()

@hookimpl
def prepare_connection(conn):
    def note(action, table, column, database, source):
        if action == 20 and table:  # SQLITE_READ
            READ.add(table)
        return 0
    conn.set_authorizer(note)
"""
# Read only to leave out what their rows name; nothing of them is shown.
LEAVES_OUT = {"opt_outs"}
# An index of words holds what its table does, and sketches what `embeddings` does.
COPIES = re.compile(r".*_fts(_.*)?|sketches")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("pages") / "mysite")
    add_candidate(folder, "x:104")
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE observations SET quality_grade = 'research'")
    return folder


@pytest.fixture(scope="module")
def read(folder: Path) -> Iterator[set[str]]:
    """The tables that Datasette's connections have read."""
    from datasette.plugins import pm

    (folder / "plugins" / "spy.py").write_text(SPY)
    shared_datasette(folder)
    yield pm.get_plugin("spy.py").READ
    pm.unregister(pm.get_plugin("spy.py"))


def declared(path: str) -> set[str]:
    names = [name for pattern, name in VIEWS.items() if re.match(pattern, path.partition("?")[0])]
    return set(load_view(names[0]).tables)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_reads_no_table_that_it_does_not_ask_leave_for(
    folder: Path, read: set[str], path: str
) -> None:
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    as_root = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    tables = await datasette.get_database("critters").table_names()
    read.clear()
    response = await datasette.client.get(path, cookies=as_root)
    assert response.status_code == 200
    tables_read = {table for table in read if table in tables and not COPIES.fullmatch(table)}
    assert tables_read, "nothing was spied"
    assert tables_read - LEAVES_OUT <= declared(path)


async def test_who_reviewed_stays_with_those_who_may_see_it(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    change_metadata(
        folder, {"databases": {"critters": {"tables": {"reviews": {"allow": {"id": "root"}}}}}}
    )
    datasette: Any = open_datasette(folder)
    path = f"/-/critters/photos/{MISTAKE}"
    assert (await datasette.client.get(path)).status_code == 403
    as_root = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    assert (await datasette.client.get(path, cookies=as_root)).status_code == 200


async def test_a_photo_that_not_all_may_see_stays_out_of_shared_caches(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite")
    path = f"/-/critterdb/photos/{add_photo(folder, 1, jpeg())}"
    change_metadata(folder, {"allow": {"id": "ann"}})
    datasette: Any = open_datasette(folder)
    assert (await datasette.client.get(path)).status_code == 403
    as_ann = {"ds_actor": datasette.sign({"a": {"id": "ann"}}, "actor")}
    response = await datasette.client.get(path, cookies=as_ann)
    assert response.status_code == 200
    assert response.headers["cache-control"].startswith("private, ")


PROXY = """
from datasette import hookimpl

@hookimpl
def actor_from_request(request):
    name = request.headers.get("x-forwarded-user")
    return {"id": name} if name else None
"""


async def test_another_site_cannot_use_a_visitor_that_a_proxy_signed_in(tmp_path: Path) -> None:
    from datasette.plugins import pm

    folder = make_furnished_site(tmp_path / "mysite", review={"id": "ann"})
    (folder / "plugins" / "proxy.py").write_text(PROXY)
    datasette: Any = open_datasette(folder)
    await datasette.invoke_startup()
    try:
        for headers, status in (
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"origin": "https://evil.example"}, 403),
            ({"sec-fetch-site": "same-origin"}, 303),
            ({}, 303),
        ):
            response = await datasette.client.post(
                "/-/critters/review",
                data={"prediction_id": "1", "verdict": "right"},
                headers={"x-forwarded-user": "ann", **headers},
            )
            assert response.status_code == status, headers
    finally:
        pm.unregister(pm.get_plugin("proxy.py"))
    assert len(rows(folder, "SELECT * FROM reviews")) == 2
