"""Training photos like the picture: `?similar=N`, and as evidence beside an answer on the page."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import change_metadata, open_datasette
from tests.support.models import BOBCAT, picture
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT = "/-/classify.json"
PAGE = {"accept": "text/html"}
GREEN = picture("green", seed=90)
WITHOUT_LICENCE, WITHDRAWN = 5, 2


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose photos are training photos; one has no licence and one is withdrawn."""
    folder = make_furnished_site(tmp_path_factory.mktemp("similar") / "mysite", record=False)
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE splits SET part = 'train'")
        db["photos"].update(WITHDRAWN, {"withdrawn_at": "2026-11-24T00:00:00Z"})
    return folder


@pytest.fixture
def copied(site_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(site_folder, tmp_path / "copy"))


async def ask(folder: Path, similar: str | None) -> Any:
    form = {} if similar is None else {"similar": similar}
    datasette = open_datasette(folder)
    return await datasette.client.post(ENDPOINT, files={"image": GREEN}, data=form)


def ids(photos: list[dict[str, Any]]) -> list[int]:
    return [photo["photo_id"] for photo in photos]


@pytest.mark.any_line
async def test_the_nearest_training_photos_that_may_be_shown_come_first(site_folder: Path) -> None:
    datasette = open_datasette(site_folder)
    answer = (await datasette.client.post(f"{ENDPOINT}?similar=10", content=GREEN)).json()
    photos = answer["similar"]
    assert photos[0]["photo_id"] == 4
    assert sorted(ids(photos)) == [1, 3, 4, 6]
    distances = [photo["distance"] for photo in photos]
    assert distances == sorted(distances)
    assert distances[0] < 0.1 < distances[1]
    sha256 = photos[0]["image"].rpartition("/")[2]
    assert photos[0] == {
        "photo_id": 4,
        "distance": distances[0],
        "taxon_id": BOBCAT,
        "name": "Lynx rufus",
        "common_name": "Bobcat",
        "license_code": "cc-by",
        "attribution": "(c) Ann <b>Onymous</b> (CC BY)",
        "image": f"/-/critterdb/photos/{sha256}",
        "page": "/-/critters/photos/4",
    }
    for address in (photos[0]["image"], photos[0]["page"]):
        assert (await datasette.client.get(address)).status_code == 200


async def test_similar_photos_are_asked_for_in_the_address_a_form_or_json(
    site_folder: Path,
) -> None:
    assert len((await ask(site_folder, similar="2")).json()["similar"]) == 2
    datasette = open_datasette(site_folder)
    both = await datasette.client.post(
        f"{ENDPOINT}?similar=1", files={"image": GREEN}, data={"similar": "3"}
    )
    assert len(both.json()["similar"]) == 3
    for similar in (None, "0", ""):
        assert "similar" not in (await ask(site_folder, similar)).json()


@pytest.mark.any_line
@pytest.mark.parametrize("similar", ["11", "-1", "many", "1e1", "9" * 400, "²"])
async def test_an_impossible_number_is_refused(site_folder: Path, similar: str) -> None:
    datasette = open_datasette(site_folder)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: ask(site_folder, similar),
        lambda: datasette.client.get(ENDPOINT, params={"url": "x", "similar": similar}),
        lambda: datasette.client.post(ENDPOINT, json={"url": "x", "similar": similar}),
    )
    for call in calls:
        response = await call()
        assert (response.status_code, response.json()["code"]) == (400, "parameter_invalid")
        assert "from 0 to 10" in response.json()["error"]


async def test_the_owner_s_photos_are_for_the_owner(copied: Path) -> None:
    change_metadata(copied, {"plugins": {"critterdb": {"local_photos": True}}})
    photos = (await ask(copied, similar="10")).json()["similar"]
    assert WITHOUT_LICENCE in ids(photos)
    assert WITHDRAWN not in ids(photos)


async def test_a_visitor_who_may_not_see_the_photos_gets_none(copied: Path) -> None:
    tables = {"embeddings": {"allow": {"id": "root"}}}
    change_metadata(copied, {"databases": {"critters": {"tables": tables}}})
    assert (await ask(copied, similar="3")).json()["similar"] == []
    page = await open_datasette(copied).client.post(
        "/-/classify", files={"image": GREEN}, headers=PAGE
    )
    assert "Bobcat" in page.text
    assert "Training photos like yours" not in page.text


@pytest.mark.any_line
async def test_photos_of_test_and_validation_are_not_training_photos(copied: Path) -> None:
    with closing(open_database(copied / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE splits SET part = 'test' WHERE observation_id = 1004")
    assert 4 not in ids((await ask(copied, similar="10")).json()["similar"])


async def page_of(folder: Path, data: bytes) -> str:
    datasette = open_datasette(folder)
    page = await datasette.client.post("/-/classify", files={"image": data}, headers=PAGE)
    assert page.status_code == 200
    _, _, after = page.text.partition('<section class="alike"')
    return str(after.partition("</section>")[0])


@pytest.mark.any_line
async def test_beside_an_answer_stand_two_photos_of_it_and_one_of_the_runner_up(
    copied: Path,
) -> None:
    with closing(open_database(copied / DATABASE_NAME)) as db, db.atomic():
        db["photos"].update(WITHDRAWN, {"withdrawn_at": None})
    shown = await page_of(copied, picture("red", seed=91))
    *of_answer, of_runner_up = re.findall(r'href="/-/critters/photos/(\d)"', shown)
    assert (sorted(of_answer), of_runner_up) == (["1", "2"], "4")
    assert "The nearest of Cougar and Bobcat." in shown
    assert shown.count("(c) Ann &lt;b&gt;Onymous&lt;/b&gt; (CC BY)") == 3
    assert shown.count("distance 0.") == 3


@pytest.mark.any_line
async def test_beside_an_unknown_picture_stand_the_nearest_photos(site_folder: Path) -> None:
    datasette = open_datasette(site_folder)
    page = await datasette.client.post(
        "/-/classify", files={"image": picture("grey", seed=92)}, headers=PAGE
    )
    assert re.search(r"Its novelty score is 0\.8\d, and I only answer up to 0\.72\.", page.text)
    shown = await page_of(site_folder, picture("grey", seed=92))
    assert "None of them is near enough for an answer" in shown
    assert len(re.findall(r'href="/-/critters/photos/\d"', shown)) == 3
