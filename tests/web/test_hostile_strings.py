"""Strangers' words in every table: no page of ours or Datasette's takes them for markup."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database, sqlite3
from tests.support.datasette_site import shared_datasette
from tests.support.models import COUGAR, DOMESTIC_CAT
from tests.support.pages import GAME, MISTAKE, MODEL_ID, add_candidate, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MARKUP = "\"'><img src=evil onerror=alert(1)></script><script>alert(2)</script>{{7*7}}\u2028"
SCRIPT = "javascript:alert(3)//" + MARKUP
LINKS = {"href", "src", "action", "formaction", "data", "xlink:href"}
ADDRESSES = {"url", "reply_url", "source_url"}
# Rows are found by these, and a time, a licence or a path of another form shows nothing at all.
KEPT = re.compile(
    r"(id|slug|game|platform|part|status|verdict|rank|sha256|path|backbone|hosts|scores"
    r"|thresholds|recipe|card|license_code|reason|post_id|model_id|ancestor_ids|method|name_key"
    r"|author_id|.*_sha256|.*_at|.*_on|.*_id)"
)
JSON_COLUMNS = {
    "models": {
        "card": '{"photos_by_license": {"%s": 3}, "name": "%s", "observers": "%s"}',
        "recipe": '{"weights": "%s", "seed": "%s"}',
    },
    "games": {"hosts": '[{"platform": "x", "handle": "%s", "consents": true}]'},
}
ECHO = quote(MARKUP, safe="")
MODEL = f"/-/critters/models/{MODEL_ID}"
PAGES = [
    "/-/critters",
    "/-/critters/history",
    f"/-/critters/history?author={ECHO}&answer={ECHO}&since={ECHO}",
    "/-/critters/posts/x:101",
    "/-/critters/posts/x:104",
    f"/-/critters/posts/{ECHO}",
    "/-/critters/calendar",
    f"/-/critters/games/{ECHO}",
    "/-/critters/play",
    f"/-/critters/play/cougarornot/{MISTAKE}/answer?words={ECHO}",
    "/-/critters/models",
    f"/-/critters/models/{ECHO}",
    "/-/critters/compare",
    f"/-/critters/compare?a={MODEL_ID}&b={ECHO}",
    MODEL,
    f"{MODEL}?part={ECHO}",
    f"{MODEL}/confusion?actual={COUGAR}&predicted={DOMESTIC_CAT}",
    "/-/critters/species",
    f"/-/critters/species?q={ECHO}",
    f"/-/critters/species/{COUGAR}",
    f"/-/critters/photos/{MISTAKE}",
    "/-/critters/review",
    "/-/critters/review?source=evaluation",
    f"/-/critters/review?source={ECHO}",
    "/-/critters/answers",
    "/-/classify",
    f"/-/classify?url={ECHO}",
    f"/-/classify?model={ECHO}",
    f"/-/critters/nowhere/{ECHO}",
    "/critters",
    f"/critters/taxa?_search={ECHO}",
]
SQL = (
    "select post_images.url as image, posts.url, author, text, reply_url from posts "
    "join replies on replies.post_id = posts.id join post_images on post_images.post_id = posts.id"
)
# Datasette 1.0's button for columns.
DATASETTES_OWN = {"openColumnChooser()"}


class Markup(HTMLParser):
    """Collect what would run, load or be called in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.harm: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            address = re.sub(r"[\s\0-\x1f]", "", value or "").lower()
            is_call = name in LINKS and address.startswith(("javascript:", "data:", "vbscript:"))
            is_handler = name.startswith("on") and value not in DATASETTES_OWN
            if is_call or is_handler or (tag == "img" and value == "evil"):
                self.harm.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and "alert(2)" in data.split("//")[0]:
            self.harm.append(data)


def spoil(db: SiteDatabase) -> set[str]:
    """Write hostile words wherever somebody else's words are kept; return these columns."""
    spoiled = set()
    for table in db.tables:
        if "VIRTUAL TABLE" in table.schema or "_fts_" in table.name or table.name[0] == "_":
            continue
        json_columns = JSON_COLUMNS.get(table.name, {})
        for column in table.columns:
            name = column.name
            if name in json_columns:
                words = json_columns[name].replace("%s", MARKUP.replace('"', '\\"'))
            elif column.type != "TEXT" or KEPT.fullmatch(name) or table.name == "opt_outs":
                continue  # an opt-out by everybody's name would hide every post
            else:
                words = SCRIPT if name in ADDRESSES else MARKUP
            with suppress(sqlite3.IntegrityError):  # some columns hold one of a few words only
                db.execute(f"UPDATE [{table.name}] SET [{name}] = ?", [words])
                spoiled.add(f"{table.name}.{name}")
    return spoiled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("hostile") / "mysite")
    add_candidate(folder, "x:104")
    seen = "2026-11-08T00:00:00Z"
    with closing(open_database(folder / DATABASE_NAME)) as db:
        prediction = db.execute("SELECT min(id) FROM predictions").fetchone()[0]
        review = {"prediction_id": prediction, "verdict": "right", "actor": "x"}
        db["reviews"].insert(review | {"created_at": seen})
        db["syncs"].insert({"game": GAME, "source": "x", "started_at": seen, "error": "x"})
        db["opt_outs"].insert({"platform": "x", "author": "nobody", "at": seen, "why": "x"})
        spoiled = spoil(db)
    # A check that spoils nothing would find nothing.
    assert spoiled >= {
        "taxa.name", "taxa.common_name", "observers.login", "observations.place_guess",
        "observations.url", "photos.attribution", "games.question", "games.hashtag", "games.hosts",
        "models.card", "posts.author", "posts.url", "replies.text", "replies.reply_url",
        "answers.source_url", "answer_candidates.guess", "images.url", "post_images.url",
        "reviews.actor", "syncs.source",
    }  # fmt: skip
    return folder


async def client_of(folder: Path) -> tuple[Any, dict[str, str]]:
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    return datasette, {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_takes_a_strangers_words_for_markup(folder: Path, path: str) -> None:
    datasette, cookies = await client_of(folder)
    response = await datasette.client.get(
        path, cookies=cookies, headers={"accept": "text/html"}, follow_redirects=True
    )
    assert response.status_code in (200, 400, 404), response.text
    assert response.headers["content-type"].startswith("text/html")
    assert Markup(response.text).harm == []
    assert "49\u2028" not in response.text  # {{7*7}} is not a template


async def test_no_table_view_or_query_takes_a_strangers_words_for_markup(folder: Path) -> None:
    datasette, cookies = await client_of(folder)
    database = datasette.get_database("critters")
    names = [*await database.table_names(), *await database.view_names()]
    paths = [f"/critters/{name}" for name in names if "_fts" not in name]
    paths += [f"/critters?sql={quote(SQL)}", f"/critters?sql={quote(SQL)}&_hide_sql=1"]
    assert len(paths) > 30
    for path in paths:
        response = await datasette.client.get(path, cookies=cookies, follow_redirects=True)
        assert response.status_code == 200, path
        assert Markup(response.text).harm == [], path


async def test_the_feed_of_hostile_posts_is_sound_xml(folder: Path) -> None:
    datasette, _ = await client_of(folder)
    response = await datasette.client.get("/-/critters/history.atom")
    feed = ElementTree.fromstring(response.text)
    assert "<img src=evil" in "".join(feed.itertext())
    links = [link.get("href") or "" for link in feed.iter("{http://www.w3.org/2005/Atom}link")]
    assert links
    assert [link for link in links if "javascript" in link] == []
