"""Addresses and forms that no page of ours would make: a polite refusal, and never a failure."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    change_metadata,
    make_site,
    open_datasette,
    rows,
    shared_datasette,
)
from tests.support.models import COUGAR
from tests.support.pages import add_candidate, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

HUGE = "9" * 30
REVIEW, ANSWERS = "/-/critters/review", "/-/critters/answers"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("pages") / "mysite")
    add_candidate(folder, "x:104")
    return folder


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/-/critters/species/{COUGAR}?before={HUGE}", 404),
        (f"/-/critters/species/{COUGAR}?before=-{HUGE}", 404),
        ("/-/critters/species?q=%00", 200),
        ("/-/critters/species?q=cou%00gar", 200),
        ("/-/critters/species?q=%22", 200),
        ("/-/critters/species?q=%22)%20OR%20NEAR(%22", 200),
        ("/-/critters/history?author=%00&before=%FF~", 200),
        ("/-/critters/posts/%00", 404),
        ("/-/critters/posts/%FF", 404),
        ("/-/critters/models/%00", 404),
        ("/-/critters/compare?a=%00", 404),
    ],
)
async def test_an_odd_address(folder: Path, path: str, status: int) -> None:
    assert (await shared_datasette(folder).client.get(path)).status_code == status


NOWHERE = [
    "/-/critters/species/abc",
    "/-/critters/photos/99999999999999999",
    "/-/critters/a/b/c/d",
    "/-/critters/models/a/b",
    "/-/critterdb/a/b",
]


@pytest.mark.parametrize("path", NOWHERE)
async def test_an_address_where_nothing_is_gets_our_problem_page(folder: Path, path: str) -> None:
    """Datasette answers some of these with 500 if rich is installed, and logs 20 KB for each."""
    client = shared_datasette(folder).client
    response = await client.get(path)
    assert response.status_code == 404
    assert "There is no page at this address" in response.text
    refused = await client.get(f"{path}.json")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_site(tmp_path_factory.mktemp("closed") / "mysite")
    change_metadata(folder, {"title": "A secret", "allow": {"id": "ann"}})
    return folder


@pytest.mark.parametrize("path", NOWHERE)
async def test_a_closed_site_says_nothing_where_nothing_is(closed: Path, path: str) -> None:
    response = await shared_datasette(closed).client.get(path)
    assert response.status_code == 403
    assert "There is no page" not in response.text


@pytest.mark.parametrize("host", ["[::1", "[zz]", "x:99999999", "<b>"])
@pytest.mark.parametrize("path", ["/-/critters", "/-/critters/history.atom", "/-/classify"])
async def test_a_host_that_is_none(folder: Path, path: str, host: str) -> None:
    headers = {"host": host, "accept": "text/html"}
    response = await shared_datasette(folder).client.get(path, headers=headers)
    assert response.status_code == 200
    assert "<b>" not in response.text


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose links to posts are scripts."""
    folder = make_furnished_site(tmp_path_factory.mktemp("scripted") / "mysite")
    add_candidate(folder, "x:104")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db.execute("UPDATE posts SET url = 'javascript:alert(1)'")
        db.execute("UPDATE replies SET reply_url = 'javascript:alert(1)'")
        db.execute("UPDATE answers SET source_url = 'javascript:alert(1)'")
    return folder


@pytest.mark.parametrize(
    "path", ["", "/history", "/history.json", "/history.atom", "/posts/x:101", "/answers"]
)
async def test_no_page_links_to_a_script(scripted: Path, path: str) -> None:
    datasette = shared_datasette(scripted)
    as_root = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    response = await datasette.client.get(f"/-/critters{path}", cookies=as_root)
    assert response.status_code == 200
    assert "javascript:" not in response.text


async def test_a_feed_holds_nothing_that_xml_forbids(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db.execute("UPDATE posts SET author = char(0, 1, 11, 27, 65534) || 'eve' || char(128521)")
        db.execute("UPDATE posts SET url = 'https://x.example/' || char(8)")
    response = await open_datasette(folder).client.get("/-/critters/history.atom")
    words = "".join(ElementTree.fromstring(response.text).itertext())
    assert "A post by @eve😉 on" in words


@pytest.mark.parametrize("page", [REVIEW, ANSWERS])
@pytest.mark.parametrize(
    "body",
    [
        f"verdict=right&KEY={HUGE}",
        f"verdict=is:{HUGE}&KEY=1",
        "verdict=named&KEY=1",
        "verdict=named&taxon=%22&KEY=1",
        "verdict=named&taxon=%00&KEY=1",
        "verdict=nothing&KEY=%00",
        "&".join(f"a{n}=1" for n in range(100)),
        "verdict=right&KEY=1&source=" + "x" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
async def test_an_odd_form(folder: Path, page: str, body: str | bytes) -> None:
    datasette = shared_datasette(folder)
    key = "prediction_id" if page == REVIEW else "candidate_id"
    response = await datasette.client.post(
        page,
        content=body if isinstance(body, bytes) else body.replace("KEY", key),
        headers={"content-type": "application/x-www-form-urlencoded"},
        cookies={"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")},
    )
    assert response.status_code == 404
    assert rows(folder, "SELECT * FROM reviews") == []
    assert rows(folder, "SELECT * FROM answer_candidates WHERE settled_at IS NOT NULL") == []


@pytest.fixture(scope="module")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 taxa, each word of which begins with a."""
    folder = make_furnished_site(tmp_path_factory.mktemp("large") / "mysite")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["taxa"].insert_all(
            {
                "id": 900_000 + number,
                "name": f"Aa{number} a{number}a",
                "common_name": "An Absurdly Agile Animal Among All Ancient Aardvarks",
                "rank": "species",
                "ancestor_ids": "[]",
            }
            for number in range(500)
        )
    return folder


@pytest.mark.parametrize("word", ["a ", "aa", 'a" '])
async def test_a_search_for_many_words_takes_only_the_first(large_site: Path, word: str) -> None:
    client = shared_datasette(large_site).client
    words = (word * 10_000)[:20_000]
    await client.get("/-/critters/species?q=a")  # opens the connection
    started = time.monotonic()
    response = await client.get("/-/critters/species", params={"q": words})
    assert time.monotonic() - started < 2  # 0.05 s on an idle machine
    assert response.status_code == 200
    assert "uses only the first 8 words and 100 characters" in response.text


async def test_a_search_for_a_few_words_is_not_cut(large_site: Path) -> None:
    client = shared_datasette(large_site).client
    page = await client.get("/-/critters/species?q=an+absurdly+agile+animal+among+all+ancient+aard")
    assert "uses only the first" not in page.text
    assert "Ancient Aardvarks" in page.text


@pytest.mark.parametrize("suffix", ["", ".json"])
async def test_a_page_that_reads_for_too_long_is_a_503(
    folder: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("critterdb.web.datasette.reading.READ_LIMIT_MS", 0)
    client = shared_datasette(folder).client
    response = await client.get(f"/-/critters/history{suffix}")
    assert response.status_code == 503
    assert "took too long" in response.text
    if suffix:
        assert response.json()["code"] == "busy"
    monkeypatch.undo()
    assert (await client.get(f"/-/critters/history{suffix}")).status_code == 200


@pytest.mark.parametrize("path", ["/critters/taxa?_sort=nothing", "/critters/taxa.json?_sort=no"])
async def test_a_wrong_address_puts_no_cookie_into_the_log(
    folder: Path, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With rich installed, Datasette printed all variables, for most of a second."""
    client = shared_datasette(folder).client
    headers = {"Cookie": "ds_actor=secret-of-ann", "Authorization": "Bearer secret-of-bob"}
    response = await client.get(path, headers=headers)
    assert response.status_code in (400, 500)  # 1.0, and 0.65
    printed = "".join(capfd.readouterr())
    assert "secret-of" not in printed
    assert len(printed) < 2_000
