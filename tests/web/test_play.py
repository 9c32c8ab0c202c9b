"""The game against the bot: which photos, whose turn, and that no page gives an answer away."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.web.pages.play import NOTHING_TO_PLAY
from critterdb.web.queries.play import MIN_HELD_OUT, day_rank, find_choice
from tests.support.datasette_site import open_datasette, shared_datasette
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, make_tiny_model
from tests.support.pages import GAME, MISTAKE, make_furnished_site
from tests.support.static_site import bake, problems, read_page

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PLAY = "/-/critters/play"
UNLICENSED = 5
SHARED_WORDS = ("Cougar", "Puma concolor", "observations/100", "species/42007", "Yosemite")


def make_playable_site(folder: Path) -> Path:
    """The furnished site with open observations, whose identifications others confirmed."""
    make_furnished_site(folder)
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE observations SET quality_grade = 'research', license_code = 'cc-by'")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_playable_site(tmp_path_factory.mktemp("play") / "mysite")


async def get(folder: Path, path: str, status: int = 200) -> Any:
    response = await shared_datasette(folder).client.get(path)
    assert response.status_code == status, response.text
    return response


def content(text: str) -> str:
    """A page's content without the choices, which name every animal."""
    text = text[text.index("<main") :].replace("#CougarOrNot", "")
    return re.sub(r"<form.*?</form>", "", text, flags=re.DOTALL)


async def test_a_photo_to_guess_says_nothing_of_what_it_shows(folder: Path) -> None:
    for path in (PLAY, f"{PLAY}/{GAME}", f"{PLAY}/{GAME}/1"):
        page = await get(folder, path)
        assert 'alt="The photo to guess"' in page.text
        assert [word for word in SHARED_WORDS if word in content(page.text)] == [], path
        head = page.text[: page.text.index("<body")]
        assert [word for word in SHARED_WORDS if word in head] == [], path
        assert "Onymous" in page.text, "the photographer is named from the beginning"


async def test_only_licensed_confirmed_photos_that_no_round_needs_are_played(
    folder: Path, tmp_path: Path
) -> None:
    data = (await get(folder, f"{PLAY}.json")).json()
    assert sorted(photo["photo_id"] for photo in data["photos"]) == [1, 2, 3, 4, 6]
    assert data["held_out"] is True
    assert len(data["photos"]) < MIN_HELD_OUT, "with fewer, training photos would play too"
    make_playable_site(tmp_path)
    with closing(open_database(tmp_path / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE observations SET quality_grade = 'needs_id' WHERE id = 1002")
        db.execute("UPDATE splits SET part = 'train' WHERE observation_id = 1004")
        db["rounds"].insert(
            {
                "game": GAME,
                "platform": "x",
                "host": "host",
                "photo_id": 1,
                "opens_at": "2099-01-01T00:00:00Z",
                "closes_at": "2099-01-02T00:00:00Z",
                "planned_at": "2026-11-20T10:00:00Z",
            }
        )
    data = (await open_datasette(tmp_path).client.get(f"{PLAY}.json")).json()
    assert sorted(photo["photo_id"] for photo in data["photos"]) == [3, 4, 6]
    assert data["held_out"] is False
    answer = await open_datasette(tmp_path).client.get(f"{PLAY}/{GAME}/4/answer")
    assert "Its model learned from this photo" in answer.text
    hidden = await open_datasette(tmp_path).client.get(f"{PLAY}/{GAME}/1/answer")
    assert hidden.status_code == 404


async def test_a_guess_is_answered_with_the_bots_guess_its_evidence_and_the_truth(
    folder: Path,
) -> None:
    path = f"{PLAY}/{GAME}/{MISTAKE}/answer"
    page = (await get(folder, f"{path}?guess={COUGAR}")).text
    assert "You are right: it is a Cougar" in page
    assert "You beat the bot" in page
    assert "Why Domestic Cat" in page, "where it looked"
    assert "observations/1003" in page
    data = (await get(folder, f"{path}.json?words=house%20cats")).json()
    assert "choices" in data, "nothing is called so here: the question again"
    data = (await get(folder, f"{path}.json?words=domestic%20cats")).json()
    assert data["guess"]["taxon_id"] == DOMESTIC_CAT
    assert data["guess"]["is_right"] is False
    assert data["bot"]["is_right"] is False
    assert data["photo"]["what"] == "Cougar"
    again = (await get(folder, f"{path}?words=Wolf")).text
    assert "“Wolf” is not one of the animals" in again
    assert "It is a Cougar" not in again


async def test_without_a_model_there_is_nothing_to_guess(tmp_path: Path) -> None:
    from tests.support.datasette_site import make_site

    make_site(tmp_path)
    response = await open_datasette(tmp_path).client.get(PLAY)
    assert response.status_code == 200
    assert "There is nothing to guess here yet" in response.text
    assert (await open_datasette(tmp_path).client.get(f"{PLAY}/nosuch")).status_code == 404


@pytest.mark.any_line
async def test_a_newer_game_without_photos_leaves_the_page_to_the_one_that_has_some(
    tmp_path: Path,
) -> None:
    make_playable_site(tmp_path)
    with closing(open_database(tmp_path / DATABASE_NAME)) as db:
        make_tiny_model(db, "newgame")
        with db.atomic():
            db["models"].update("newgame-colours", {"created_at": "2099-01-01T00:00:00Z"})
    client = open_datasette(tmp_path).client
    assert (await client.get(f"{PLAY}.json")).json()["game"]["slug"] == GAME
    assert NOTHING_TO_PLAY in (await client.get(f"{PLAY}/newgame")).text


def test_a_new_photo_changes_no_day_but_its_own() -> None:
    photos = [f"{number:08x}" * 8 for number in range(1, 4_000_000_000, 97_000_000)]
    new = "7f" * 32
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]

    def chosen(day: str, among: list[str]) -> str:
        return max(among, key=lambda sha256: day_rank(day, "game", sha256))

    before = {day: chosen(day, photos) for day in days}
    after = {day: chosen(day, [*photos, new]) for day in days}
    assert {day for day in days if before[day] != after[day]} == {
        day for day in days if after[day] == new
    }
    assert 1 <= sum(sha256 == new for sha256 in after.values()) <= 25
    assert len(set(before.values())) > len(photos) * 0.9, "every photo has its day"


@pytest.mark.any_line
@pytest.mark.parametrize(
    ("words", "taxon_id"),
    [
        ("cougar", COUGAR),
        ("Cougars!", COUGAR),
        ("puma CONCOLOR", COUGAR),
        ("domestic", DOMESTIC_CAT),
        ("Bóbcat", BOBCAT),
        ("", None),
        ("?", None),
        ("dog", None),
    ],
)
def test_what_people_type(words: str, taxon_id: int | None) -> None:
    names = {
        COUGAR: ("Cougar", "Puma concolor"),
        BOBCAT: ("Bobcat", "Lynx rufus"),
        DOMESTIC_CAT: ("Domestic Cat", "Felis catus"),
    }
    found = find_choice(
        [
            {"taxon_id": number, "name": name, "scientific_name": scientific}
            for number, (name, scientific) in names.items()
        ],
        words,
    )
    assert (found["taxon_id"] if found else None) == taxon_id


@pytest.mark.any_line
def test_the_static_site_has_questions_and_answers_and_no_dead_link(
    folder: Path, tmp_path: Path
) -> None:
    public = tmp_path / "public"
    bake(folder, public)
    assert problems(public) == []
    question = (public / f"critters/play/{GAME}/{MISTAKE}/index.html").read_text("utf-8")
    assert "Cougar" not in re.sub(r"<p>Is it one of these\?.*?</p>", "", content(question))
    answer = (public / f"critters/play/{GAME}/{MISTAKE}/answer/index.html").read_text("utf-8")
    assert "It is a Cougar" in answer
    assert "Why Domestic Cat" in answer, "the evidence is baked"
    assert not (public / f"critters/play/{GAME}/{UNLICENSED}").exists()
    page = read_page(public / "critters/play/index.html")
    assert any("critterdb/static/play.js" in address for address in page.loaded)
