"""The pages of a site: what they say, as HTML and as JSON, and who sees it."""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from critterdb.dataset.sketch_store import Sketches
from critterdb.storage.database import open_database, sqlite3
from critterdb.web.queries.similar_photos import ready
from critterdb.web.state import plugin_state
from tests.support.datasette_site import (
    change_metadata,
    make_site,
    open_datasette,
    shared_datasette,
)
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT
from tests.support.pages import MISTAKE, MODEL_ID, POSTS, make_furnished_site

pytestmark = pytest.mark.slow

MODEL = f"/-/critters/models/{MODEL_ID}"
CELL = f"{MODEL}/confusion?actual={COUGAR}&predicted={DOMESTIC_CAT}"
PAGES = [
    "/-/critters",
    "/-/critters/history",
    "/-/critters/posts/x:101",
    "/-/critters/calendar",
    "/-/critters/games/cougarornot",
    "/-/critters/play",
    "/-/critters/models",
    "/-/critters/compare",
    "/-/critters/species",
    f"/-/critters/species/{COUGAR}",
    f"/-/critters/photos/{MISTAKE}",
    MODEL,
    CELL,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("pages") / "mysite")


async def html(folder: Path, path: str, status: int = 200, **arguments: Any) -> str:
    response = await shared_datasette(folder, **arguments).client.get(path)
    assert response.status_code == status, response.text
    return str(response.text)


async def data(folder: Path, path: str, status: int = 200) -> Any:
    name, _, query = path.partition("?")
    response = await shared_datasette(folder).client.get(f"{name}.json?{query}")
    assert response.status_code == status, response.text
    return response.json()


@pytest.mark.parametrize("path", PAGES)
async def test_pages_send_security_headers(folder: Path, path: str) -> None:
    datasette = shared_datasette(folder, settings={"base_url": "/wild/"})
    response = await datasette.client.get(path)
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


async def test_photos_that_are_read_through_for_long_hold_up_no_other_page(folder: Path) -> None:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    sketches = plugin_state(datasette).sketches.setdefault("colours@32", Sketches("colours@32"))
    with sketches._lock:  # as a large database has it for a minute
        for _ in range(6):
            shown = await datasette.client.get(f"/-/critters/photos/{MISTAKE}")
            assert "still being indexed" in shown.text
        async with asyncio.timeout(10):
            assert (await datasette.client.get("/critters/taxa.json")).status_code == 200
    content = await datasette.client.get(f"/-/critters/photos/{MISTAKE}.json")
    assert content.json()["similar"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_json_too(folder: Path, path: str) -> None:
    client = shared_datasette(folder).client
    response = await client.get(path)
    (link,) = re.findall(r'href="([^"]+)">This page as JSON', response.text)
    content = await client.get(link.replace("&amp;", "&"))
    assert content.json()["ok"] is True
    assert content.headers["content-type"].startswith("application/json")


@pytest.fixture(scope="module")
def closed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that only its owner may see."""
    closed = Path(shutil.copytree(folder, tmp_path_factory.mktemp("closed") / "mysite"))
    change_metadata(closed, {"allow": {"id": "root"}})
    return closed


@pytest.mark.parametrize("path", PAGES)
async def test_a_closed_site_keeps_its_pages_closed(closed: Path, path: str) -> None:
    assert "not see this page" in await html(closed, path, 403)
    datasette = shared_datasette(closed)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    assert (await datasette.client.get(path, cookies=cookies)).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_only_reads(folder: Path, path: str) -> None:
    response = await shared_datasette(folder).client.post(path)
    assert response.status_code in (403, 405)


async def test_the_front_page_tells_the_latest_posts_and_the_score(folder: Path) -> None:
    content = await data(folder, "/-/critters")
    assert [(post["post_id"], post["outcome"], post["said"]) for post in content["posts"]] == [
        ("x:104", "open", "Domestic Cat"),
        ("x:103", "unanswered", "That is not a critter that I know"),
        ("x:102", "wrong", "Bobcat"),
        ("x:101", "right", "Cougar"),
    ]
    assert [post["truth_in_words"] for post in content["posts"]] == [
        None,
        "nobody can tell",
        "Domestic Cat",
        "Cougar",
    ]
    score = content["games"][0]["score"]
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
    assert content["predictions"] == 10
    text = await html(folder, "/-/critters")
    assert "The words of reply 3 &lt;i&gt;" in text
    assert 'src="https://pictures.example/104.jpg"' in text


async def test_pictures_of_posts_are_named_in_the_policy_and_shown_from_where_they_lie(
    folder: Path,
) -> None:
    response = await shared_datasette(folder).client.get("/-/critters")
    assert (
        "img-src 'self' blob: https://pictures.example;"
        in (response.headers["content-security-policy"])
    )


GONE = {
    "deleted": "UPDATE posts SET deleted_at = '2026-11-10T00:00:00Z' WHERE id IN ({posts})",
    "opted out": "INSERT INTO opt_outs (platform, author, at) VALUES ('x', 'host', '')",
    "opted out in other letters": "INSERT INTO opt_outs (platform, author, at) "
    "VALUES ('x', 'HOST', '')",
    "opted out under an older handle": "UPDATE posts SET author_id = 'account-1'; "
    "INSERT INTO opt_outs (platform, author, at, author_id) "
    "VALUES ('x', 'older', '', 'account-1')",
}


def changed_copy(folder: Path, to: Path, *statements: str) -> Path:
    """A copy of the site after these statements."""
    copy = Path(shutil.copytree(folder, to))
    with closing(open_database(copy / "critters.db")) as db:
        for statement in statements:
            db.execute(statement)
    return copy


def gone_copy(folder: Path, to: Path, how: str) -> Path:
    """A copy in which every post is gone."""
    posts = ", ".join(f"'{post_id}'" for post_id, _, _ in POSTS)
    return changed_copy(folder, to, *GONE[how].format(posts=posts).split("; "))


@pytest.mark.parametrize("how", GONE)
async def test_nobody_who_is_gone_is_named_or_shown(folder: Path, tmp_path: Path, how: str) -> None:
    """Deleted posts and those of people who opted out: without author, picture and links."""
    copy = gone_copy(folder, tmp_path / "gone", how)
    client = shared_datasette(copy).client
    for path in (
        "/-/critters",
        "/-/critters.json",
        "/-/critters/history",
        "/-/critters/history.json",
        "/-/critters/history.atom",
        "/-/critters/posts/x:102",
        "/-/critters/posts/x:102.json",
        "/critters/bot_history.json?_shape=array",
        "/critters/bot_history",
    ):
        response = await client.get(path)
        assert response.status_code == 200
        for words in ("@host", '"host"', "pictures.example", "x.example"):
            assert words not in response.text, (path, words)
    assert "<entry>" not in await html(copy, "/-/critters/history.atom")
    assert (await data(copy, "/-/critters"))["posts"] == []
    assert (await data(copy, "/-/critters/history?author=host"))["posts"] == []
    stories = (await data(copy, "/-/critters/history"))["posts"]
    assert [story["is_gone"] for story in stories] == [True] * len(POSTS)


@pytest.mark.parametrize(
    ("address", "columns"),
    [
        ("https://x.com/Ranger/status/7", "('x', 'ranger', '', NULL)"),
        ("https://social.example/@ranger/7", "('x', 'ranger@social.example', '', NULL)"),
        ("https://social.example/@ranger@far.example/7", "('x', 'Ranger@far.example', '', NULL)"),
        ("https://bsky.app/profile/did:plc:r/post/7", "('x', 'older', '', 'did:plc:r')"),
    ],
)
async def test_a_host_who_opted_out_is_not_named_by_the_address_of_an_answer(
    folder: Path, tmp_path: Path, address: str, columns: str
) -> None:
    sourced = f"UPDATE answers SET source_url = '{address}' WHERE post_id = 'x:102'"
    before = changed_copy(folder, tmp_path / "before", sourced)
    assert (await data(before, "/-/critters/posts/x:102"))["post"]["truth_url"] == address
    opt_out = f"INSERT INTO opt_outs (platform, author, at, author_id) VALUES {columns}"
    copy = changed_copy(folder, tmp_path / "gone", sourced, opt_out)
    for path in ("/-/critters", "/-/critters/history", "/-/critters/posts/x:102"):
        assert address not in await html(copy, path)
    post = (await data(copy, "/-/critters/posts/x:102"))["post"]
    assert post["truth_url"] is None
    assert post["truth"] == "Domestic Cat"
    assert post["author"] == "host"


@pytest.mark.parametrize("path", ["/-/critters/history", "/-/critters/posts/x:102"])
async def test_deletions_and_opt_outs_look_the_same(
    folder: Path, tmp_path: Path, path: str
) -> None:
    """Who opted out is as private as who deleted a post."""
    deleted = gone_copy(folder, tmp_path / "deleted", "deleted")
    opted_out = gone_copy(folder, tmp_path / "opted", "opted out")
    assert await data(deleted, path) == await data(opted_out, path)
    assert "no longer shown" in await html(deleted, path)


BY_ANOTHER = (
    "UPDATE posts SET photos_post_id = 'x:99', photos_author = 'Ann', photos_author_id = 'ann-1' "
    "WHERE id = 'x:104'"
)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO opt_outs (platform, author, at) VALUES ('x', 'ann', '')",
        "INSERT INTO opt_outs (platform, author, at, author_id) VALUES ('x', 'old', '', 'ann-1')",
        "UPDATE posts SET photos_deleted_at = '2026-11-10T00:00:00Z' WHERE id = 'x:104'",
    ],
)
async def test_a_picture_of_somebody_who_is_gone_is_not_shown_where_another_asked_about_it(
    folder: Path, tmp_path: Path, statement: str
) -> None:
    """Ann's photo, about which the host asked: the host's post stays, the picture does not."""
    copy = changed_copy(folder, tmp_path / "asked", BY_ANOTHER, statement)
    for path in (
        "/-/critters",
        "/-/critters/history.json",
        "/-/critters/posts/x:104",
        "/critters/bot_history",
    ):
        text = await html(copy, path)
        assert 'src="https://pictures.example/104.jpg"' not in text, path
    story = (await data(copy, "/-/critters/posts/x:104"))["post"]
    assert (story["author"], story["image"], story["pictures"]) == ("host", None, [])
    others = await data(copy, "/-/critters/posts/x:103")
    assert others["post"]["image"] == "https://pictures.example/103.jpg"


async def test_the_model_s_page_has_its_numbers(folder: Path) -> None:
    content = await data(folder, MODEL)
    cells = {
        (c["actual_taxon_id"], c["predicted_taxon_id"]): c["photos"] for c in content["confusions"]
    }
    assert cells == {
        (COUGAR, COUGAR): 2,
        (COUGAR, DOMESTIC_CAT): 1,
        (BOBCAT, BOBCAT): 2,
        (DOMESTIC_CAT, DOMESTIC_CAT): 1,
    }
    assert content["model"]["in_use"] == 1
    assert [photo["photo_id"] for photo in content["mistakes"]] == [MISTAKE]
    assert content["reliability"]
    assert content["risk_coverage"]
    assert {row["source"]: row["predictions"] for row in content["predictions"]} == {
        "evaluation": 6,
        "bot": 4,
    }
    text = await html(folder, MODEL)
    assert f'href="{CELL.replace("&", "&amp;")}"' in text
    assert 'aria-label="Cougar mistaken for Domestic Cat: 1 photo"' in text


@pytest.mark.parametrize("part", ["labels", "confusions", "reliability", "licences", "mistakes"])
async def test_each_part_of_a_model_s_page_is_json(folder: Path, part: str) -> None:
    content = await data(folder, f"{MODEL}?part={part}")
    assert set(content) == {"ok", part}


async def test_a_cell_leads_to_its_photos(folder: Path) -> None:
    content = await data(folder, CELL)
    assert [photo["photo_id"] for photo in content["photos"]] == [MISTAKE]
    assert content["count"] == 1
    text = await html(folder, CELL)
    assert "Cougar, mistaken for Domestic Cat" in text
    assert f'href="/-/critters/photos/{MISTAKE}"' in text


async def test_a_photo_without_licence_is_named_and_not_shown(folder: Path) -> None:
    cell = f"{MODEL}/confusion?actual={BOBCAT}&predicted={BOBCAT}"
    content = await data(folder, cell)
    shown = {photo["photo_id"]: photo["image"] for photo in content["photos"]}
    assert shown[5] is None
    assert shown[4]
    assert "not published: no public licence" in await html(folder, cell)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/-/critters/models/nobody", "There is no model nobody here"),
        (f"{MODEL}/confusion", "Name the cell"),
        (f"{MODEL}/confusion?actual=x&predicted=1", "should be a number"),
        (f"{MODEL}/confusion?actual=1&predicted=2", "does not have these labels"),
        (f"{MODEL}?part=everything", "no part"),
        ("/-/critters/posts/x:999", "There is no post x:999"),
        ("/-/critters/species/7", "There is no taxon 7"),
        ("/-/critters/photos/77", "There is no photo 77"),
        ("/-/critters/history?outcome=perfect", "should be one of right, wrong"),
        ("/-/critters/compare?a=nobody", "There is no model nobody"),
    ],
)
async def test_what_is_not_there_is_a_friendly_404(folder: Path, path: str, words: str) -> None:
    assert words in await html(folder, path, 404)
    content = await data(folder, path, 404)
    assert content["code"] == "not_found"


async def test_an_empty_site_has_a_front_page(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "empty")
    assert "There is no game here yet" in await html(folder, "/-/critters")


async def test_a_datasette_without_a_site_says_so(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "none")
    (folder / "critters.db").unlink()
    assert "does not serve a critterdb database" in await html(
        folder, "/-/critters", 503, memory=True
    )


async def test_a_database_of_an_older_critterdb_is_told_how_to_be_migrated(
    folder: Path, tmp_path: Path
) -> None:
    old = changed_copy(folder, tmp_path / "old", "DROP VIEW bot_history", "DROP VIEW shown_posts")
    assert "critterdb status" in await html(old, "/-/critters", 503)


def names(posts: list[dict[str, Any]]) -> list[str]:
    return [post["post_id"][2:] for post in posts]


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("", ["104", "103", "102", "101"]),
        ("outcome=right", ["101"]),
        ("outcome=wrong", ["102"]),
        ("outcome=unanswered", ["103"]),
        ("outcome=open", ["104"]),
        ("status=skipped", []),
        ("status=sent&author=host", ["104", "103", "102", "101"]),
        ("author=nobody", []),
        ("platform=mastodon", []),
        ("answer=Bobcat", ["102"]),
        ("answer=Lynx+rufus", ["102"]),
        ("since=2026-11-03", ["104", "103"]),
        ("until=2026-11-02", ["102", "101"]),
        ("before=2026-11-02T10:00:00Z~x:102", ["101"]),
    ],
)
async def test_the_history_is_filtered(folder: Path, query: str, content: list[str]) -> None:
    assert names((await data(folder, f"/-/critters/history?{query}"))["posts"]) == content


async def test_the_history_goes_on_where_a_page_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.web.pages.history.POSTS_PER_PAGE", 3)
    first = await data(folder, "/-/critters/history?author=host")
    assert names(first["posts"]) == ["104", "103", "102"]
    response = await shared_datasette(folder).client.get(
        first["next"].replace("history?", "history.json?")
    )
    assert names(response.json()["posts"]) == ["101"]
    assert response.json()["next"] is None


async def test_the_history_is_a_feed(folder: Path) -> None:
    from xml.etree import ElementTree

    response = await shared_datasette(folder).client.get("/-/critters/history.atom?outcome=wrong")
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    atom = "{http://www.w3.org/2005/Atom}"
    root = ElementTree.fromstring(response.text)
    for name in ("title", "id", "updated", f"author/{atom}name"):
        assert root.findtext(f"{atom}{name}"), name
    (entry,) = root.iter(f"{atom}entry")
    assert entry.findtext(f"{atom}title") == "Bobcat (over 99% sure) ✗"
    assert entry.findtext(f"{atom}id") == "http://localhost/-/critters/posts/x:102"
    assert "It was: Domestic Cat." in (entry.findtext(f"{atom}summary") or "")
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{atom}link")}
    assert links["self"] == "http://localhost/-/critters/history.atom?outcome=wrong"


async def test_a_post_s_page_has_every_prediction(folder: Path) -> None:
    content = await data(folder, "/-/critters/posts/x:103")
    (prediction,) = content["predictions"]
    assert prediction["reason"] == "not_a_critter"
    assert len(prediction["bars"]) == 3
    text = await html(folder, "/-/critters/posts/x:103")
    assert "not a critter that it knows" in text
    assert 'href="https://x.example/host/103"' in text


async def test_a_species_has_its_photos_places_months_and_what_the_model_says(folder: Path) -> None:
    content = await data(folder, f"/-/critters/species/{COUGAR}")
    assert [photo["photo_id"] for photo in content["photos"]] == [3, 2, 1]
    assert {month["month"]: month["observations"] for month in content["months"]}["Feb"] == 1
    assert [(row["predicted"], row["photos"]) for row in content["said"]] == [
        ("Cougar", 2),
        ("Domestic Cat", 1),
    ]
    assert [row["name"] for row in content["above"]] == ["Felids"]
    text = await html(folder, f"/-/critters/species/{COUGAR}")
    assert "3 observations; for 1 of them iNaturalist hides the exact place" in text
    assert text.count('class="area"') == 1
    assert text.count('class="spot"') == 2


async def test_a_family_shows_the_photos_of_what_is_below_it(folder: Path) -> None:
    content = await data(folder, f"/-/critters/species/{41944}?before=1005")
    assert [photo["photo_id"] for photo in content["photos"]] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("words", "content"),
    [("bob", ["Lynx rufus"]), ("concolor", ["Puma concolor"]), ('"(', []), ("zebra", [])],
)
async def test_critters_are_found_by_name(folder: Path, words: str, content: list[str]) -> None:
    answer = await data(folder, f"/-/critters/species?q={words}")
    assert [kind["name"] for kind in answer["kinds"]] == content


async def test_a_photo_has_its_credit_its_predictions_and_what_is_like_it(folder: Path) -> None:
    content = await data(folder, f"/-/critters/photos/{MISTAKE}")
    assert content["photo"]["what"] == "Cougar"
    assert [row["answer"] for row in content["predictions"]] == ["Domestic Cat"]
    # Photo 6 is blue too.
    assert content["similar"][0]["photo_id"] == 6
    assert MISTAKE not in [photo["photo_id"] for photo in content["similar"]]
    text = await html(folder, f"/-/critters/photos/{MISTAKE}")
    assert "(c) Ann &lt;b&gt;Onymous&lt;/b&gt; (CC BY)" in text
    assert 'href="https://www.inaturalist.org/observations/1003"' in text
    assert re.search(r'property="og:image" content="http://localhost/-/critterdb/photos/', text)


async def test_a_photo_that_may_not_be_shown_has_a_page_without_it(folder: Path) -> None:
    content = await data(folder, "/-/critters/photos/5")
    assert (content["photo"]["image"], content["photo"]["sha256"]) == (None, None)
    text = await html(folder, "/-/critters/photos/5")
    assert "no public licence" in text
    assert "og:image" not in text


async def test_tiles_of_another_host_only_where_they_are_configured(
    folder: Path, tmp_path: Path
) -> None:
    path = f"/-/critters/species/{COUGAR}"
    assert "<image" not in await html(folder, path)
    tiled = Path(shutil.copytree(folder, tmp_path / "tiled"))
    settings = {"map_tiles": "https://tiles.example/{z}/{x}/{y}.png", "map_credit": "Mapmakers"}
    change_metadata(tiled, {"plugins": {"critterdb": settings}})
    response = await shared_datasette(tiled).client.get(path)
    assert re.search(r'<image href="https://tiles.example/\d+/\d+/\d+.png"', response.text)
    assert "Mapmakers" in response.text
    assert "https://tiles.example;" in response.headers["content-security-policy"]


async def test_two_models_are_compared(folder: Path, tmp_path: Path) -> None:
    """The second one knows what the first one took photo 3 for."""
    copy = Path(shutil.copytree(folder, tmp_path / "two"))
    db = open_database(copy / "critters.db")
    with db.atomic():
        for table in ("models", "model_labels", "model_metrics", "predictions"):
            columns = [c.name for c in db[table].columns if c.name != "id" or table == "models"]
            key = "id" if table == "models" else "model_id"
            chosen = ", ".join("'other'" if c == key else f'"{c}"' for c in columns)
            named = ", ".join(f'"{c}"' for c in columns)
            db.execute(
                f"INSERT INTO {table} ({named}) SELECT {chosen} FROM {table} WHERE {key} = ?",
                [MODEL_ID],
            )
        db.execute(
            "UPDATE predictions SET top_taxon_id = label_taxon_id "
            "WHERE model_id = 'other' AND source = 'evaluation'"
        )
        db["models"].update("other", {"error_rate": 0.0})
    db.close()
    content = await data(copy, f"/-/critters/compare?a={MODEL_ID}&b=other")
    assert [photo["photo_id"] for photo in content["only_a_wrong"]] == [MISTAKE]
    assert content["only_b_wrong"] == []
    # One of six against none may be chance.
    assert [figure["better"] for figure in content["figures"]] == [None] * 6
    text = await html(copy, f"/-/critters/compare?a={MODEL_ID}&b=other")
    assert "Photos that only one gets wrong" in text
    assert "None of the test photos that both classified" in text
    assert ">better<" not in text
    with closing(open_database(copy / "critters.db")) as db:
        db.execute("UPDATE model_labels SET photos_test = 1000")
    text = await html(copy, f"/-/critters/compare?a={MODEL_ID}&b=other")
    assert text.count(">better<") == 1
    assert "500 of 3,000 (16.7%)" in text


async def test_every_link_of_our_pages_leads_somewhere(folder: Path) -> None:
    """From the front page on, through all of ours; Datasette's are looked at, not followed."""
    from html import unescape

    client = shared_datasette(folder).client
    waiting, seen = ["/-/critters"], {"/-/critters"}
    while waiting:
        path = waiting.pop()
        response = await client.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        assert response.status_code in (200, 304), (path, response.status_code)
        ours = path.startswith("/-/critters") and "html" in response.headers["content-type"]
        for link in re.findall(r'(?:href|src)="(/[^"#]*)', response.text) if ours else []:
            link = unescape(link)
            if link not in seen:
                seen.add(link)
                waiting.append(link)
    assert {f"/-/critters/photos/{photo}" for photo in range(1, 7)} <= seen
    assert len(seen) > 60


@pytest.mark.parametrize("how", GONE)
async def test_the_ids_of_posts_that_are_gone_are_not_told(
    folder: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Bluesky a post's id names its author's account."""
    monkeypatch.setattr("critterdb.web.pages.history.POSTS_PER_PAGE", 2)
    copy = gone_copy(folder, tmp_path / "gone", how)
    with closing(open_database(copy / "critters.db")) as db:
        for (prediction_id,) in db.execute("SELECT id FROM predictions WHERE post_id > ''"):
            db["reviews"].insert(
                {"prediction_id": prediction_id, "verdict": "wrong", "created_at": "2026-11-10"}
            )
    client = open_datasette(copy).client
    paths = [
        "/-/critters",
        "/-/critters/history",
        "/-/critters/history.json",
        "/-/critters/history.atom",
        "/critters/bot_history",
        "/critters/bot_history.json",
        "/critters/bot_history_round.json",
        "/critters/what_people_corrected.json",
    ]
    told = 0
    while paths:
        path = paths.pop()
        response = await client.get(path)
        assert response.status_code == 200
        for post_id, _, _ in POSTS:
            assert post_id not in response.text, path
            assert post_id.replace(":", "%3A") not in response.text, path
        if "history.json" in path and "posts" in response.json():
            told += len(response.json()["posts"])
            if response.json()["next"]:
                paths.append(response.json()["next"].replace("history?", "history.json?"))
    assert told == len(POSTS)


async def test_the_score_counts_posts_that_are_gone(folder: Path, tmp_path: Path) -> None:
    before = (await data(folder, "/-/critters"))["games"][0]["score"]
    copy = gone_copy(folder, tmp_path / "gone", "deleted")
    assert (await data(copy, "/-/critters"))["games"][0]["score"] == before
    wrong = await data(copy, "/-/critters/history?outcome=wrong")
    assert [post["truth"] for post in wrong["posts"]] == ["Domestic Cat"]


async def test_embeddings_are_read_with_the_limit_of_pages(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    database, shelf = datasette.get_database("critters"), plugin_state(datasette).sketches
    monkeypatch.setattr("critterdb.web.datasette.reading.READ_LIMIT_MS", 0)
    monkeypatch.setattr("critterdb.web.queries.similar_photos.PATIENCE_SECONDS", 5)
    assert await ready(database, shelf, "colours@32") is None
    monkeypatch.undo()
    monkeypatch.setattr("critterdb.web.queries.similar_photos.PATIENCE_SECONDS", 5)
    assert len(await ready(database, shelf, "colours@32") or ()) == 6


async def test_embeddings_that_were_read_before_the_limit_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.dataset.sketch_store.ROWS_PER_STEP", 2)
    sketches = Sketches("colours@32")
    with closing(open_database(folder / "critters.db")) as db:
        statements: list[str] = []
        db.conn.set_trace_callback(statements.append)
        db.conn.set_progress_handler(lambda: len(statements) > 3, 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            sketches.update(db)
        assert len(sketches) == 4
        db.conn.set_progress_handler(None, 0)
        sketches.update(db)
    assert len(sketches) == 6
