"""An answer as people see it: its labels, a photo of each, a link to it, and whose model to ask."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    add_photo,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    shared_datasette,
)
from tests.support.models import BOBCAT, COUGAR, make_tiny_model
from tests.support.pages import MISTAKE, MODEL_ID, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("answers") / "mysite")


async def ask(datasette: Any, colour: str, **form: str) -> str:
    response = await datasette.client.post(
        "/-/classify", files={"image": jpeg(colour)}, data=form, headers=PAGE
    )
    assert response.status_code == 200, response.text
    return str(response.text)


async def test_labels_lead_to_their_species_with_a_photo_that_may_be_shown(folder: Path) -> None:
    text = await ask(shared_datasette(folder), "red")
    bars = re.findall(r"<li.*?</li>", text, re.DOTALL)
    assert len(bars) == 3
    cougar, bobcat = (next(bar for bar in bars if name in bar) for name in (">Cougar<", ">Bobcat<"))
    assert f'href="/-/critters/species/{COUGAR}"' in cougar
    assert 'title="(c) Ann &lt;b&gt;Onymous&lt;/b&gt; (CC BY)"' in cougar
    # Of the two bobcats the newer one has no licence.
    assert 'href="/-/critters/photos/4"' in bobcat
    assert f'href="/-/critters/species/{BOBCAT}"' in bobcat


async def test_a_visitor_who_may_not_see_photos_gets_the_bare_labels(
    folder: Path, tmp_path: Path
) -> None:
    import shutil

    closed = tmp_path / "closed"
    shutil.copytree(folder, closed)
    tables = {"photos": {"allow": {"id": "root"}}}
    change_metadata(closed, {"databases": {"critters": {"tables": tables}}})
    text = await ask(open_datasette(closed), "red")
    assert "Cougar" in text
    assert "/-/critterdb/photos/" not in text
    assert "/-/critters/species/" not in re.sub(r"<nav.*?</nav>", "", text, flags=re.DOTALL)


async def test_a_stored_answer_has_a_link_that_opens_it_again(folder: Path) -> None:
    datasette = shared_datasette(folder)
    text = await ask(datasette, "lime")
    (path,) = re.findall(r'href="([^"]+)">Link to this answer', text)
    again = await datasette.client.get(path)
    assert again.status_code == 200
    for words in ("<h2>Bobcat</h2>", "I am over 99% sure.", "The photo was not stored"):
        assert words in again.text
    (percentages, more) = (re.findall(r'"percent">(.*?)<', one) for one in (text, again.text))
    assert percentages == more
    content = (await datasette.client.get(f"{path}.json")).json()
    assert content["answer"]["taxon_id"] == BOBCAT
    assert (await datasette.client.get("/-/critters/predictions/99999")).status_code == 404


@pytest.mark.parametrize("colour", ["red", "grey"])
async def test_an_unstored_upload_has_no_link_and_says_so(
    folder: Path, tmp_path: Path, colour: str
) -> None:
    silent = make_site(tmp_path / "silent", record=False)
    with closing(open_database(silent / DATABASE_NAME)) as db:
        make_tiny_model(db, "cougarornot")
    text = await ask(open_datasette(silent), colour)
    assert "Link to this answer" not in text
    assert "not stored, so it has no link" in text


async def test_predictions_about_photos_and_posts_have_their_own_pages(folder: Path) -> None:
    datasette = shared_datasette(folder)
    with closing(open_database(folder / DATABASE_NAME)) as db:
        ids = {
            row["post_id"] or row["photo_id"]: row["id"]
            for row in db.query("SELECT id, post_id, photo_id FROM predictions")
        }
    for thing, path in ((MISTAKE, f"photos/{MISTAKE}"), ("x:101", "posts/x:101")):
        response = await datasette.client.get(f"/-/critters/predictions/{ids[thing]}")
        assert response.headers["location"] == f"/-/critters/{path}"


async def test_where_several_games_have_models_one_can_choose(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", game="tints")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        for slug in ("tints", "cougarornot"):
            make_tiny_model(db, slug, hashtag="CougarOrNot" if slug == "cougarornot" else "")
    datasette = shared_datasette(folder)
    for path in ("/-/classify", "/-/critters"):
        text = (await datasette.client.get(path, headers=PAGE)).text
        options = re.findall(r'<option value="([^"]+)"[^>]*>(.*?)<', text)[:2]
        # First the one that answers by default.
        assert options == [
            ("tints-colours", "tints: Is it a cougar?"),
            (MODEL_ID, "#CougarOrNot: Is it a cougar?"),
        ]
        assert text.count('name="model"') == 2, path
    answered = await ask(datasette, "red", model=MODEL_ID)
    assert re.findall(r'<option value="([^"]+)" selected', answered) == [MODEL_ID] * 2
    assert "the model of #CougarOrNot" in answered


async def test_a_site_with_one_model_offers_no_choice(folder: Path) -> None:
    text = (await shared_datasette(folder).client.get("/-/classify", headers=PAGE)).text
    assert 'name="model"' not in text


async def test_the_wall_shows_what_the_game_asks_for_first(folder: Path, tmp_path: Path) -> None:
    """However many ocelots came last."""
    content = (await shared_datasette(folder).client.get("/-/critters.json")).json()
    assert [photo["what"] for photo in content["photos"]][:2] == ["Cougar", "Cougar"]
    assert {photo["what"] for photo in content["photos"]} == {"Cougar", "Bobcat", "Domestic Cat"}
    fresh = make_site(tmp_path / "fresh")
    add_photo(fresh, 1, jpeg())
    content = (await open_datasette(fresh).client.get("/-/critters.json")).json()
    assert [photo["photo_id"] for photo in content["photos"]] == [1]


async def test_figures_have_their_basis(folder: Path) -> None:
    """Six test photos have no percentage."""
    datasette = shared_datasette(folder)
    for path in (
        "/-/critters",
        "/-/critters/models",
        f"/-/critters/models/{MODEL_ID}",
        "/-/classify",
    ):
        text = (await datasette.client.get(path, headers=PAGE)).text
        assert "1 of 6 test photos" in text, path
        assert "16.7%" not in text, path
    model = (await datasette.client.get(f"/-/critters/models/{MODEL_ID}")).text
    assert "6 test photos are too few" in model
    assert "by observers whose photos it had never seen" in model


async def model_page_below_zero(folder: Path, *, observers: bool) -> str:
    """The model's page of the site with ids of its observations below 0, or its observers' too."""
    make_furnished_site(folder)
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for table in ("game_observations", "splits", "photos"):
            db.execute(f"UPDATE {table} SET observation_id = -observation_id")
        db.execute("UPDATE observations SET id = -id")
        if observers:
            db.execute("UPDATE observers SET id = -id")
            db.execute("UPDATE observations SET observer_id = -observer_id")
    text = (await shared_datasette(folder).client.get(f"/-/critters/models/{MODEL_ID}")).text
    assert "photos it had never seen" in text
    return str(text)


async def test_nobody_is_claimed_to_be_unknown_who_was_made_up(tmp_path: Path) -> None:
    """An import makes up an observer for each group of photos that look alike."""
    assert "observer" not in await model_page_below_zero(tmp_path, observers=True)


async def test_observers_of_the_monthly_tables_are_real(tmp_path: Path) -> None:
    """The tables do not have the numbers of observations, only those of observers."""
    assert "by observers whose photos" in await model_page_below_zero(tmp_path, observers=False)
