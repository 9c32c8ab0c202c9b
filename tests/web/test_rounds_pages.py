"""The desk of a host and the leaderboard, as plain forms and pages."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import rows, shared_datasette
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, picture
from tests.support.pages import add_rounds, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

HOST, LEADERBOARD = "/-/critters/host", "/-/critters/leaderboard"
TIMES = {"opens": "now", "zone": "Europe/Berlin", "lasts": "24h"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_furnished_site(tmp_path / "mysite")
    hosts = [{"platform": "mastodon", "handle": "ann@a.example", "consents": False}]
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["games"].update("cougarornot", {"hosts": json.dumps(hosts)})
    return folder


class Desk:
    """A client that is signed in."""

    def __init__(self, folder: Path, actor: str = "root") -> None:
        self.datasette = shared_datasette(folder)
        self.cookies = {"ds_actor": self.datasette.sign({"a": {"id": actor}}, "actor")}

    async def get(self, path: str) -> Any:
        return await self.datasette.client.get(path, cookies=self.cookies)

    async def post(self, **form: Any) -> Any:
        image = form.pop("image", None)
        options: dict[str, Any] = {"files": {"image": image}} if image else {}
        return await self.datasette.client.post(HOST, data=form, cookies=self.cookies, **options)


def soon(page: str) -> dict[str, str]:
    """The times that the form proposes."""
    (opens,) = re.findall(r'name="opens" value="([^"]+)"', page)
    return {"opens": opens, "zone": "UTC", "lasts": "24h"}


async def test_two_clicks_from_a_photo_to_a_planned_round(folder: Path) -> None:
    desk = Desk(folder)
    wall = (await desk.get(HOST)).text
    link = re.search(r'href="([^"]*/host\?photo=[^"]+)"', wall)
    assert link
    form = await desk.get(link[1].replace("&amp;", "&"))
    assert "Plan this round" in form.text
    (photo,) = re.findall(r'name="photo" value="(\d+)"', form.text)
    done = await desk.post(action="plan", game="cougarornot", photo=photo, **soon(form.text))
    assert done.status_code == 303, done.text
    (planned,) = rows(folder, "SELECT * FROM rounds")
    assert (planned["state"], planned["photo_id"]) == ("planned", int(photo))
    assert planned["answer_taxon_id"] in (COUGAR, BOBCAT, DOMESTIC_CAT)
    assert planned["said_by"]
    after = (await desk.get(done.headers["location"].partition("#")[0])).text
    assert "Round 1" in after
    # What is planned is no longer among the photos.
    assert f"photo={photo}&" not in after


async def test_an_upload_becomes_a_round_that_can_be_corrected_and_cancelled(folder: Path) -> None:
    desk = Desk(folder)
    times = soon((await desk.get(HOST)).text)
    done = await desk.post(
        image=("cat.jpg", picture("green", seed=5), "image/jpeg"),
        action="plan", game="cougarornot", taxon="bobcat", credit="Ann Lee", **times,
    )  # fmt: skip
    assert done.status_code == 303, done.text
    (planned,) = rows(folder, "SELECT * FROM rounds")
    assert (planned["answer_taxon_id"], planned["said_taxon_id"]) == (BOBCAT, BOBCAT)
    file = folder / planned["picture"]
    assert file.read_bytes()[:2] == b"\xff\xd8"
    assert planned["picture"].startswith("rounds/")
    # Nobody can fetch it before it is posted.
    for kind in ("photos", "pictures"):
        response = await desk.get(f"/-/critterdb/{kind}/{planned['image_sha256']}")
        assert response.status_code == 404
    assert (await desk.post(action="correct", round=1, taxon="cougar")).status_code == 303
    assert (await desk.post(action="cancel", round=1)).status_code == 303
    (planned,) = rows(folder, "SELECT answer_taxon_id, state FROM rounds")
    assert planned == {"answer_taxon_id": COUGAR, "state": "cancelled"}


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"alt_text": "A cougar!"}, 400, "gives the answer away"),
        ({"opens": "2026-03-29 02:30"}, 400, "never"),
        ({"opens": "2026-12-01 10:00", "zone": "Moon/Crater"}, 400, "not a time zone"),
        ({"photo": "999999"}, 400, "cannot be posted"),
        ({"action": "dance"}, 404, "Press one of the buttons"),
    ],
)
async def test_what_cannot_be_planned_says_why(
    folder: Path, form: dict[str, str], status: int, words: str
) -> None:
    desk = Desk(folder)
    whole = {"action": "plan", "game": "cougarornot", "photo": "1", **TIMES} | form
    response = await desk.post(**whole)
    assert (response.status_code, words in response.text) == (status, True), response.text
    assert rows(folder, "SELECT * FROM rounds") == []


async def test_only_hosts_may(folder: Path) -> None:
    for client in (Desk(folder, "ann"), None):
        if client is None:
            response = await shared_datasette(folder).client.get(HOST)
        else:
            response = await client.post(action="cancel", round=1)
        assert response.status_code == 403
    desk = Desk(folder)
    forged = await desk.datasette.client.post(
        HOST,
        data={"action": "cancel", "round": "1"},
        cookies=desk.cookies,
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert forged.status_code == 403
    assert HOST in (await desk.get("/-/critters")).text
    assert HOST not in (await desk.datasette.client.get("/-/critters")).text


async def test_the_leaderboard_counts_people_the_bot_and_the_commonest(folder: Path) -> None:
    add_rounds(folder)
    client = shared_datasette(folder).client
    board = (await client.get(f"{LEADERBOARD}.json")).json()["games"][0]
    assert [table["month"] for table in board["tables"]] == ["all", "2026-11", "2026-10"]
    counts = {
        entry["name"] or entry["kind"]: (entry["right"], entry["of"])
        for entry in board["tables"][0]["entries"]
    }
    assert counts == {
        "ann@a.example": (2, 3),
        "bot": (1, 3),
        "commonest": (1, 3),
        "everybody": (3, 6),
    }
    page = (await client.get(LEADERBOARD)).text
    assert "@ann@a.example" in page
    assert "2 of 3" in page
