"""What the plugin adds to Datasette's own pages: photos, credits, queries, headers."""

from __future__ import annotations

import json
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from critterdb.storage.database import open_database
from tests.support.datasette_site import (
    MODEL_ID,
    TAXON,
    add_model,
    add_photo,
    add_post,
    change_metadata,
    describe_columns,
    jpeg,
    make_site,
    open_datasette,
    shared_datasette,
)

METADATA = json.loads((Path(__file__).parents[2] / "metadata.json").read_text("utf-8"))
QUERIES = list(METADATA["databases"]["critters"]["queries"])


class Tags(HTMLParser):
    """The start tags of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str, class_: str | None = None) -> list[dict[str, str | None]]:
        return [a for t, a in self.found if t == tag and class_ in (None, a.get("class"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_site(tmp_path / "mysite")


@pytest.fixture(scope="module")
def one_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a photo, which stays as it is."""
    folder = make_site(tmp_path_factory.mktemp("one") / "mysite")
    add_photo(folder, 1, jpeg())
    return folder


async def page(datasette: Any, path: str) -> tuple[str, Tags]:
    response = await datasette.client.get(path, follow_redirects=True)
    assert response.status_code == 200, response.text
    return response.text, Tags(response.text)


async def test_two_datasettes_in_one_process_register_the_plugin_once(folder: Path) -> None:
    for _ in range(2):
        datasette = open_datasette(folder)
        _, tags = await page(datasette, "/")
        links = [a["href"] for a in tags.all("a") if "/-/classify" in (a.get("href") or "")]
        assert links == ["/-/classify"]
        plugins = (await datasette.client.get("/-/plugins.json")).json()
        plugins = plugins if isinstance(plugins, list) else plugins["plugins"]
        assert [p["name"] for p in plugins].count("critterdb_plugin.py") == 1


@pytest.mark.parametrize("table", ["photos", "photo_credits"])
async def test_a_licensed_photo_is_shown_with_its_credit(folder: Path, table: str) -> None:
    sha256 = add_photo(folder, 1, jpeg())
    datasette = open_datasette(folder, settings={"base_url": "/wild/"})
    text, tags = await page(datasette, f"/critters/{table}")
    (image,) = tags.all("img", "critter-thumb")
    assert image["src"] == f"/wild/-/critterdb/photos/{sha256}"
    assert image["alt"]
    assert image["loading"] == "lazy"
    assert image["referrerpolicy"] == "no-referrer"
    assert "(c) Ann &lt;b&gt;Onymous&lt;/b&gt;, some rights reserved (CC BY)</small>" in text
    assert "<b>Onymous" not in text
    (style,) = (a["href"] or "" for a in tags.all("link") if "cells.css" in (a["href"] or ""))
    assert style.startswith("/wild/-/")
    # Datasette's own client puts base_url before a path.
    for path in (image["src"] or "", style):
        response = await datasette.client.get(path.removeprefix("/wild"))
        assert response.status_code == 200


async def test_a_photo_without_a_licence_is_named_and_not_shown(folder: Path) -> None:
    add_photo(folder, 1, jpeg(), license_code=None, attribution=None)
    text, tags = await page(open_datasette(folder), "/critters/photos")
    assert not tags.all("img", "critter-thumb")
    assert "not published: no public licence" in text


async def test_a_picture_of_a_post_is_shown_from_where_it_lies(folder: Path) -> None:
    add_post(folder, "x:1", "https://pictures.example/a.jpg?name=small&x=1")
    add_post(folder, "x:2", "javascript:alert(1)")
    datasette = open_datasette(folder)
    for path in ("/critters/bot_history", "/critters/post_images", "/critters/bot_history_round"):
        _, tags = await page(datasette, path)
        (image,) = tags.all("img", "critter-thumb")
        assert image["src"] == "https://pictures.example/a.jpg?name=small&x=1"
        assert image["referrerpolicy"] == "no-referrer"
        assert not [a for a in tags.all("a") if (a.get("href") or "").startswith("javascript")]
    _, tags = await page(datasette, "/critters/bot_history")
    assert "https://x.example/post/1" in [a.get("href") for a in tags.all("a")]


async def test_predictions_show_what_they_are_of(folder: Path) -> None:
    add_photo(folder, 1, jpeg())
    add_post(folder, "x:1", "https://pictures.example/a.jpg")
    model_id = add_model(folder)
    db = open_database(folder / "critters.db")
    db["images"].insert({"sha256": "f" * 64, "first_seen_at": "2026-11-25T00:00:00Z"})
    db["post_images"].update(("x:1", 0), {"image_sha256": "f" * 64})
    for of in ({"photo_id": 1}, {"post_id": "x:1", "image_sha256": "f" * 64}):
        db["predictions"].insert(
            {
                **of,
                "model_id": model_id,
                "source": "bot" if "post_id" in of else "evaluation",
                "abstained": 1,
                "reason": "unsure",
                "scores": "{}",
                "thresholds": "{}",
                "created_at": "2026-11-25T00:00:00Z",
            }
        )
    _, tags = await page(open_datasette(folder), "/critters/predictions")
    posted, own = tags.all("img", "critter-thumb")
    assert str(own["src"]).startswith("/-/critterdb/photos/")
    assert posted["src"] == "https://pictures.example/a.jpg"
    db["photos"].update(1, {"license_code": None})
    db.close()
    _, tags = await page(open_datasette(folder), "/critters/predictions?source=evaluation")
    assert not tags.all("img", "critter-thumb")
    assert "/critters/photos/1" in [link.get("href") for link in tags.all("a")]


async def test_cells_and_rows_lead_on_to_our_pages(folder: Path) -> None:
    add_photo(folder, 1, jpeg())
    add_post(folder, "x:1", "https://pictures.example/a.jpg")
    add_model(folder)
    datasette = open_datasette(folder, settings={"base_url": "/wild/"})
    for path, link in (
        ("photos", "photos/1"),
        ("photos/1", "photos/1"),
        ("photo_credits", "photos/1"),
        ("taxa", f"species/{TAXON}"),
        (f"taxa/{TAXON}", f"species/{TAXON}"),
        ("posts/x~3A1", "posts/x:1"),
        ("bot_history", "posts/x:1"),
        (f"models/{MODEL_ID}", f"models/{MODEL_ID}"),
    ):
        _, tags = await page(datasette, f"/critters/{path}")
        assert f"/wild/-/critters/{link}" in [a.get("href") for a in tags.all("a")], path


async def test_scores_are_read_by_name(folder: Path) -> None:
    model_id = add_model(folder)
    db = open_database(folder / "critters.db")
    db["predictions"].insert(
        {
            "model_id": model_id,
            "source": "cli",
            "abstained": 0,
            "scores": json.dumps({"41976": 0.02, str(TAXON): 0.97, "404": 0.004, "118552": 0.006}),
            "thresholds": "{}",
            "created_at": "2026-11-01T00:00:00Z",
        }
    )
    db.close()
    for path in ("/critters/predictions", "/critters/predictions/1"):
        text, _ = await page(open_datasette(folder), path)
        assert "Cougar 97%, Bobcat 2%, Domestic Cat under 1% …" in text
        assert "404 under 1%" in text


@pytest.mark.parametrize(
    ("table", "words", "ids"),
    [
        ("taxa", "puma", [TAXON]),
        ("taxa", "bobcat", []),
        ("observations", "cougar", [1]),
        ("observations", "ann", [1]),
        ("observations", "nowhere", []),
    ],
)
async def test_tables_can_be_searched(
    one_photo: Path, table: str, words: str, ids: list[int]
) -> None:
    client = shared_datasette(one_photo).client
    response = await client.get(f"/critters/{table}.json?_search={words}&_shape=array")
    assert [row["id"] for row in response.json()] == ids


@pytest.mark.parametrize("name", QUERIES)
async def test_each_canned_query_is_served(one_photo: Path, name: str) -> None:
    datasette = shared_datasette(one_photo)
    response = await datasette.client.get(f"/critters/{name}.json?_shape=array&model_id=")
    assert response.status_code == 200, response.text
    text, _ = await page(datasette, f"/critters/{name}?model_id=")
    assert METADATA["databases"]["critters"]["queries"][name]["title"] in unescape(text)


async def test_descriptions_reach_the_pages(folder: Path) -> None:
    text, _ = await page(open_datasette(describe_columns(folder)), "/critters/bot_history")
    assert "The bot&#39;s history" in text or "The bot's history" in text
    assert "What it really was, as the host said" in text


async def test_a_photo_file_is_served_by_its_hash(folder: Path) -> None:
    sha256 = add_photo(folder, 1, jpeg())
    client = open_datasette(folder).client
    path = f"/-/critterdb/photos/{sha256}"
    response = await client.get(path)
    assert response.content == jpeg()
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in response.headers["cache-control"]
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    etag = response.headers["etag"]
    for kept in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        assert (await client.get(path, headers={"if-none-match": kept})).status_code == 304
    for other in ('"x"', sha256, "W/", etag[:-2]):
        assert (await client.get(path, headers={"if-none-match": other})).status_code == 200
    refused = await client.put(path)
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]


@pytest.mark.parametrize(
    "row",
    [
        {"withdrawn_at": "2026-01-01T00:00:00Z"},
        {"license_code": None},
        {"attribution": None},
        {"path": "../outside.jpg"},
        {"path": "metadata.json.jpg"},
    ],
    ids=["withdrawn", "no licence", "no attribution", "outside the site", "outside photos/"],
)
async def test_no_other_file_is_served(folder: Path, row: dict[str, Any]) -> None:
    sha256 = add_photo(folder, 1, jpeg(), **row)
    response = await open_datasette(folder).client.get(f"/-/critterdb/photos/{sha256}")
    assert response.status_code == 404


async def test_a_file_that_is_not_a_picture_is_not_served(folder: Path) -> None:
    sha256 = add_photo(folder, 1, b"<html><script>alert(1)</script>")
    response = await open_datasette(folder).client.get(f"/-/critterdb/photos/{sha256}")
    assert response.status_code == 404


@pytest.mark.parametrize("name", ["0" * 64, "../metadata.json", "~2e~2e~2fcritters.db", "A" * 64])
async def test_a_name_that_is_not_a_known_hash_returns_nothing(one_photo: Path, name: str) -> None:
    response = await shared_datasette(one_photo).client.get(f"/-/critterdb/photos/{name}")
    assert response.status_code == 404


async def test_local_photos_are_served_where_the_site_wants_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = add_photo(folder, 1, jpeg(), license_code=None, attribution=None)
    monkeypatch.setenv("CRITTERDB_LOCAL_PHOTOS", "1")
    datasette = open_datasette(folder)
    response = await datasette.client.get(f"/-/critterdb/photos/{sha256}")
    assert response.content == jpeg()
    assert response.headers["cache-control"].startswith("private")
    _, tags = await page(datasette, "/critters/photos")
    assert tags.all("img", "critter-thumb")


async def test_a_closed_site_keeps_its_photos_and_endpoint_closed(folder: Path) -> None:
    sha256 = add_photo(folder, 1, jpeg())
    change_metadata(folder, {"allow": {"id": "root"}})
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    for path, opened in ((f"/-/critterdb/photos/{sha256}", 200), ("/-/classify.json", 400)):
        assert (await datasette.client.get(path)).status_code == 403
        assert (await datasette.client.get(path, cookies=cookies)).status_code == opened


async def test_the_writing_connection_checks_foreign_keys(folder: Path) -> None:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    pragmas = await datasette.get_database("critters").execute_write_fn(
        lambda conn: [
            conn.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("foreign_keys", "busy_timeout")
        ]
    )
    assert pragmas == [1, 15_000]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_bites": 1}, "max_bites"),
        ({"rate": "fast"}, "rate"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 10_000_001}, "at most 10000000"),
        ({"record": "yes"}, "record"),
        ({"trusted_proxies": ["10.0.0.0/99"]}, "trusted_proxies"),
        ({"allow_hosts": "example.org"}, "allow_hosts"),
        ({"allow": "root"}, "allow"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_named_at_the_start(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    from datasette.utils import StartupError

    datasette = open_datasette(make_site(tmp_path / "odd", **settings))
    with pytest.raises(StartupError, match=named):
        await datasette.invoke_startup()


async def test_the_site_is_found_under_another_name(folder: Path) -> None:
    sha256 = add_photo(folder, 1, jpeg())
    (folder / "critters.db").rename(folder / "field notes.db")
    response = await open_datasette(folder).client.get(f"/-/critterdb/photos/{sha256}")
    assert response.status_code == 200


async def test_a_datasette_without_a_site_still_works(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "empty")
    (folder / "critters.db").unlink()
    client = open_datasette(folder, memory=True).client
    assert (await client.get("/")).status_code == 200
    response = await client.get("/-/classify.json?url=https://example.org/a.jpg")
    assert (response.status_code, response.json()["code"]) == (503, "no_model")
