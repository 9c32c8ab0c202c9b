"""The pages of a site: what they say, as HTML and as JSON, and to whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support_models import BOBCAT, COUGAR, DOMESTIC_CAT
from support_pages import MISTAKE, MODEL_ID, make_furnished_site
from support_web import change_metadata, make_site, open_datasette

MODEL = f"/-/critters/models/{MODEL_ID}"
CELL = f"{MODEL}/confusion?actual={COUGAR}&predicted={DOMESTIC_CAT}"
PAGES = ["/-/critters", MODEL, CELL]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("pages") / "mysite")


async def html(folder: Path, path: str, status: int = 200, **arguments: Any) -> str:
    response = await open_datasette(folder, **arguments).client.get(path)
    assert response.status_code == status, response.text
    return str(response.text)


async def data(folder: Path, path: str, status: int = 200) -> Any:
    name, _, query = path.partition("?")
    response = await open_datasette(folder).client.get(f"{name}.json?{query}")
    assert response.status_code == status, response.text
    return response.json()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_its_manners(folder: Path, path: str) -> None:
    response = await open_datasette(folder, settings={"base_url": "/wild/"}).client.get(path)
    assert response.status_code == 200, response.text
    text = response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=|\son\w+=|javascript:", text)
    for own in re.findall(r'(?:href|src|action)="(/[^"]*)"', text):
        assert own.startswith("/wild/"), own
    for name in ("description", "og:title", "og:description"):
        assert re.search(rf'(?:name|property)="{name}" content="[^"]+"', text), name
    assert "<b>Onymous" not in text
    assert len(re.findall("<h1", text)) == 1
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_json_too(folder: Path, path: str) -> None:
    response = await open_datasette(folder).client.get(path)
    (link,) = re.findall(r'href="([^"]+)">This page as JSON', response.text)
    found = await open_datasette(folder).client.get(link.replace("&amp;", "&"))
    assert found.json()["ok"] is True
    assert found.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("path", PAGES)
async def test_a_closed_site_keeps_its_pages_closed(
    folder: Path, path: str, tmp_path: Path
) -> None:
    import shutil

    closed = Path(shutil.copytree(folder, tmp_path / "closed"))
    change_metadata(closed, {"allow": {"id": "root"}})
    assert "not open to you" in await html(closed, path, 403)
    datasette = open_datasette(closed)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    assert (await datasette.client.get(path, cookies=cookies)).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_only_reads(folder: Path, path: str) -> None:
    response = await open_datasette(folder).client.post(path)
    assert response.status_code in (403, 405)


async def test_the_front_page_tells_the_latest_posts_and_the_score(folder: Path) -> None:
    found = await data(folder, "/-/critters")
    assert [(post["post_id"], post["outcome"], post["said"]) for post in found["posts"]] == [
        ("x:104", "open", "Domestic Cat"),
        ("x:103", "unanswered", "That is no critter that I know"),
        ("x:102", "wrong", "Bobcat"),
        ("x:101", "right", "Cougar"),
    ]
    assert [post["truth_in_words"] for post in found["posts"]] == [
        None,
        "nobody can tell",
        "Domestic Cat",
        "Cougar",
    ]
    score = found["games"][0]["score"]
    keys = ("posts", "right", "wrong", "abstained", "baseline_right")
    assert {key: score[key] for key in keys} == {
        "posts": 2,
        "right": 1,
        "wrong": 1,
        "abstained": 0,
        # The commonest label of the tiny model is the cat.
        "baseline_right": 1,
    }
    assert [period["period"] for period in score["over_time"]] == ["2026-11-01", "2026-11-02"]
    assert found["predictions"] == 10
    text = await html(folder, "/-/critters")
    assert "The words of reply 3 &lt;i&gt;" in text
    assert 'src="https://pictures.example/104.jpg"' in text


async def test_pictures_of_posts_are_named_in_the_policy_and_shown_from_where_they_lie(
    folder: Path,
) -> None:
    response = await open_datasette(folder).client.get("/-/critters")
    assert (
        "img-src 'self' blob: https://pictures.example;"
        in (response.headers["content-security-policy"])
    )


async def test_a_deleted_post_shows_neither_picture_nor_link(folder: Path, tmp_path: Path) -> None:
    import shutil

    from critterdb.schema import open_database

    copy = Path(shutil.copytree(folder, tmp_path / "deleted"))
    db = open_database(copy / "critters.db")
    db["posts"].update("x:104", {"deleted_at": "2026-11-10T00:00:00Z"})
    db.close()
    found = await data(copy, "/-/critters")
    assert "x:104" not in [post["post_id"] for post in found["posts"]]


async def test_the_model_s_page_has_its_numbers(folder: Path) -> None:
    found = await data(folder, MODEL)
    cells = {
        (c["actual_taxon_id"], c["predicted_taxon_id"]): c["photos"] for c in found["confusions"]
    }
    assert cells == {
        (COUGAR, COUGAR): 2,
        (COUGAR, DOMESTIC_CAT): 1,
        (BOBCAT, BOBCAT): 2,
        (DOMESTIC_CAT, DOMESTIC_CAT): 1,
    }
    assert found["model"]["in_use"] == 1
    assert [photo["photo_id"] for photo in found["mistakes"]] == [MISTAKE]
    assert found["reliability"]
    assert found["risk_coverage"]
    assert {each["source"]: each["predictions"] for each in found["predictions"]} == {
        "evaluation": 6,
        "bot": 4,
    }
    text = await html(folder, MODEL)
    assert f'href="{CELL.replace("&", "&amp;")}"' in text
    assert 'aria-label="Cougar taken for Domestic Cat: 1 photos"' in text


@pytest.mark.parametrize("part", ["labels", "confusions", "reliability", "licences", "mistakes"])
async def test_each_part_of_a_model_s_page_is_json(folder: Path, part: str) -> None:
    found = await data(folder, f"{MODEL}?part={part}")
    assert set(found) == {"ok", part}


async def test_a_cell_leads_to_its_photos(folder: Path) -> None:
    found = await data(folder, CELL)
    assert [photo["photo_id"] for photo in found["photos"]] == [MISTAKE]
    assert found["count"] == 1
    text = await html(folder, CELL)
    assert "Cougar, taken for Domestic Cat" in text
    assert f'href="/-/critters/photos/{MISTAKE}"' in text


async def test_a_photo_without_licence_is_named_and_not_shown(folder: Path) -> None:
    cell = f"{MODEL}/confusion?actual={BOBCAT}&predicted={BOBCAT}"
    found = await data(folder, cell)
    shown = {photo["photo_id"]: photo["image"] for photo in found["photos"]}
    assert shown[5] is None
    assert shown[4]
    assert "kept private: no licence" in await html(folder, cell)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/-/critters/models/nobody", "There is no model nobody here"),
        (f"{MODEL}/confusion", "Name the cell"),
        (f"{MODEL}/confusion?actual=x&predicted=1", "should be a number"),
        (f"{MODEL}/confusion?actual=1&predicted=2", "does not know these labels"),
        (f"{MODEL}?part=everything", "no part"),
    ],
)
async def test_what_is_not_there_is_a_friendly_404(folder: Path, path: str, words: str) -> None:
    assert words in await html(folder, path, 404)
    found = await data(folder, path, 404)
    assert found["code"] == "not_found"


async def test_an_empty_site_has_a_front_page(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "empty")
    assert "There is no game here yet" in await html(folder, "/-/critters")


async def test_a_datasette_without_a_site_says_so(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "none")
    (folder / "critters.db").unlink()
    assert "serves no database" in await html(folder, "/-/critters", 503, memory=True)
