"""Reviewing: who may, what is written, and that predictions stay as they were."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.bot.host_answers.settle import settle_in_words
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import rows, shared_datasette
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT
from tests.support.pages import add_candidate, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

REVIEW, ANSWERS = "/-/critters/review", "/-/critters/answers"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_furnished_site(tmp_path / "mysite")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site for what is refused and writes nothing."""
    return make_furnished_site(tmp_path_factory.mktemp("untouched") / "mysite")


class Reviewer:
    """A client that is signed in."""

    def __init__(self, folder: Path, actor: str = "root") -> None:
        self.datasette = shared_datasette(folder)
        self.cookies = {"ds_actor": self.datasette.sign({"a": {"id": actor}}, "actor")}

    async def get(self, path: str) -> Any:
        return await self.datasette.client.get(path, cookies=self.cookies)

    async def post(self, path: str, **form: Any) -> Any:
        return await self.datasette.client.post(path, data=form, cookies=self.cookies)


def predictions(folder: Path) -> list[dict[str, Any]]:
    return rows(folder, "SELECT * FROM predictions ORDER BY id")


@pytest.mark.parametrize("path", [REVIEW, ANSWERS])
@pytest.mark.parametrize("method", ["get", "post"])
async def test_only_those_whom_the_site_trusts(untouched: Path, path: str, method: str) -> None:
    reviewer = Reviewer(untouched)
    client = reviewer.datasette.client
    response = await getattr(client, method)(path)
    assert response.status_code == 403
    other = Reviewer(untouched, "ann")
    assert (await getattr(other, method)(path)).status_code == 403
    assert rows(untouched, "SELECT * FROM reviews") == []
    home = await client.get("/-/critters")
    assert REVIEW not in home.text
    assert REVIEW in (await reviewer.get("/-/critters")).text


async def test_a_setting_says_who_reviews(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite", review={"id": "ann"})
    assert (await Reviewer(folder, "ann").get(REVIEW)).status_code == 200
    assert (await Reviewer(folder, "root").get(REVIEW)).status_code == 403


@pytest.mark.parametrize(
    ("verdict", "written"),
    [
        ("right", {"verdict": "right", "taxon_id": DOMESTIC_CAT}),
        ("wrong", {"verdict": "wrong", "taxon_id": None}),
        (f"is:{DOMESTIC_CAT}", {"verdict": "right", "taxon_id": DOMESTIC_CAT}),
        (f"is:{BOBCAT}", {"verdict": "wrong", "taxon_id": BOBCAT}),
    ],
)
async def test_a_review_stands_beside_its_prediction(
    folder: Path, verdict: str, written: dict[str, Any]
) -> None:
    before = predictions(folder)
    reviewer = Reviewer(folder)
    shown = (await reviewer.get(f"{REVIEW}.json")).json()["prediction"]
    assert (shown["post_id"], shown["answer"]) == ("x:104", "Domestic Cat")
    response = await reviewer.post(REVIEW, prediction_id=shown["prediction_id"], verdict=verdict)
    assert response.status_code == 303
    (review,) = rows(folder, "SELECT * FROM reviews")
    assert review["prediction_id"] == shown["prediction_id"]
    assert review["actor"] == "root"
    assert {key: review[key] for key in written} == written
    assert predictions(folder) == before
    following = (await reviewer.get(response.headers["location"])).text
    assert "x:103" in following
    counts = (await reviewer.get(f"{REVIEW}.json")).json()["counts"]
    assert {count["source"]: count["reviewed"] for count in counts} == {"bot": 1, "evaluation": 0}


async def test_a_name_that_somebody_writes_is_found(folder: Path) -> None:
    reviewer = Reviewer(folder)
    (last,) = rows(folder, "SELECT max(id) AS id FROM predictions")
    form = {"prediction_id": last["id"], "verdict": "named"}
    response = await reviewer.post(REVIEW, **form, taxon="no such beast")
    assert response.status_code == 404
    assert "There is no critter called" in response.text
    assert rows(folder, "SELECT * FROM reviews") == []
    assert (await reviewer.post(REVIEW, **form, taxon="puma CONCOLOR")).status_code == 303
    (review,) = rows(folder, "SELECT taxon_id FROM reviews")
    assert review["taxon_id"] == COUGAR


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (REVIEW, {"prediction_id": "1", "verdict": "right"}),
        (ANSWERS, {"candidate_id": "1", "verdict": "nothing"}),
    ],
)
async def test_a_long_write_of_another_process_is_a_503(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    monkeypatch.setattr("critterdb.web.state.BUSY_TIMEOUT_MS", 50)
    add_candidate(folder, "x:104")
    reviewer = Reviewer(folder)
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        response = await reviewer.post(path, **form)
        assert response.status_code == 503
        assert "so nothing was saved" in response.text
        assert "no-store" in response.headers["cache-control"]
    assert (await reviewer.post(path, **form)).status_code == 303


async def test_a_second_review_of_a_prediction_is_a_second_row(folder: Path) -> None:
    reviewer = Reviewer(folder)
    (last,) = rows(folder, "SELECT max(id) AS id FROM predictions")
    for verdict in ("right", "wrong"):
        await reviewer.post(REVIEW, prediction_id=last["id"], verdict=verdict)
    written = rows(folder, "SELECT verdict FROM reviews ORDER BY id")
    assert [review["verdict"] for review in written] == ["right", "wrong"]
    (count,) = rows(folder, "SELECT sum(reviewed) AS n FROM prediction_counts")
    assert count["n"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"prediction_id": "1"},
        {"prediction_id": "x", "verdict": "right"},
        {"prediction_id": "1", "verdict": "perfect"},
        {"prediction_id": "999", "verdict": "right"},
        {"prediction_id": "1", "verdict": "is:404"},
        {"prediction_id": "1", "verdict": "is:x"},
    ],
)
async def test_a_form_that_makes_no_sense_writes_nothing(
    untouched: Path, form: dict[str, str]
) -> None:
    assert (await Reviewer(untouched).post(REVIEW, **form)).status_code == 404
    assert rows(untouched, "SELECT * FROM reviews") == []


async def test_a_form_of_another_site_is_refused(untouched: Path) -> None:
    reviewer = Reviewer(untouched)
    response = await reviewer.datasette.client.post(
        REVIEW,
        data={"prediction_id": "1", "verdict": "right"},
        cookies=reviewer.cookies,
        headers={"sec-fetch-site": "cross-site"},
    )
    assert response.status_code == 403
    assert rows(untouched, "SELECT * FROM reviews") == []


async def test_the_queue_of_test_photos_leaves_out_what_was_reviewed(folder: Path) -> None:
    reviewer = Reviewer(folder)
    seen = []
    while True:
        prediction = (await reviewer.get(f"{REVIEW}.json?source=evaluation")).json()["prediction"]
        if prediction is None:
            break
        seen.append(prediction["photo_id"])
        await reviewer.post(REVIEW, prediction_id=prediction["prediction_id"], verdict="right")
    assert sorted(seen) == [1, 2, 3, 4, 5, 6]
    assert "Nothing to review" in (await reviewer.get(f"{REVIEW}?source=evaluation")).text


@pytest.mark.parametrize(
    ("verdict", "written"),
    [
        (f"is:{COUGAR}", ("target", COUGAR)),
        (f"is:{BOBCAT}", ("other", BOBCAT)),
        ("other", ("other", None)),
        ("inconclusive", ("inconclusive", None)),
        ("nothing", None),
    ],
)
async def test_an_answer_that_waited_is_settled(
    folder: Path, verdict: str, written: tuple[str, int | None] | None
) -> None:
    add_candidate(folder, "x:104")
    reviewer = Reviewer(folder)
    queue = (await reviewer.get(f"{ANSWERS}.json")).json()
    assert queue["waiting"] == 1
    assert queue["choices"][0]["name"] == "Cougar"
    form = {"candidate_id": queue["candidate"]["id"], "verdict": verdict}
    assert (await reviewer.post(ANSWERS, **form)).status_code == 303
    answers = rows(folder, "SELECT * FROM answers WHERE post_id = 'x:104'")
    assert [(answer["verdict"], answer["taxon_id"]) for answer in answers] == (
        [written] if written else []
    )
    (candidate,) = rows(folder, "SELECT settled_at FROM answer_candidates")
    assert candidate["settled_at"]
    assert "Nothing to review" in (await reviewer.get(ANSWERS)).text


async def test_a_person_s_answer_replaces_one_that_a_program_read(folder: Path) -> None:
    add_candidate(folder, "x:101")
    form = {"candidate_id": "1", "verdict": f"is:{BOBCAT}"}
    assert (await Reviewer(folder).post(ANSWERS, **form)).status_code == 303
    (answer,) = rows(folder, "SELECT * FROM answers WHERE post_id = 'x:101'")
    assert (answer["taxon_id"], answer["method"]) == (BOBCAT, "a person")


@pytest.mark.any_line
async def test_a_message_says_why_it_waits_and_what_was_the_answer_before(folder: Path) -> None:
    add_candidate(folder, "x:101")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        settle_in_words(db, "x:101", "bobcat", "2026-11-27T00:00:00Z")
        settle_in_words(db, "x:101", "cougar", "2026-11-28T00:00:00Z")
        db["answer_candidates"].update(1, {"reason": "hedged", "settled_at": None})
    page = await Reviewer(folder).get(ANSWERS)
    assert "It waits because the host hedged." in page.text
    assert "Bobcat (a person, until 2026-11-28)" in page.text


@pytest.mark.any_line
async def test_a_suggestion_has_a_key_of_its_own(folder: Path) -> None:
    add_candidate(folder, "x:104")
    reviewer = Reviewer(folder)
    assert 'data-key="y"' not in (await reviewer.get(ANSWERS)).text
    suggested = {"suggested_taxon_id": BOBCAT, "suggested_verdict": "other", "suggested_by": "mind"}
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["answer_candidates"].update(1, suggested)
    page = await reviewer.get(ANSWERS)
    (button,) = re.findall(r'<button[^>]*value="([^"]*)" data-key="y"', page.text)
    assert button == f"is:{BOBCAT}"
    assert "mind reads it as" in page.text
    assert (await reviewer.post(ANSWERS, candidate_id="1", verdict=button)).status_code == 303
    (answer,) = rows(folder, "SELECT * FROM answers WHERE post_id = 'x:104'")
    assert (answer["taxon_id"], answer["method"]) == (BOBCAT, "a person")


async def test_a_picture_that_a_visitor_named_is_loaded_only_on_demand(folder: Path) -> None:
    """What is at a visitor's URL now may be anything, and its server would see the reviewer."""
    db = open_database(folder / DATABASE_NAME)
    with closing(db):
        db["images"].insert(
            {"sha256": "ab", "url": "https://stranger.example/cat.jpg", "first_seen_at": ""}
        )
        db.execute(
            "INSERT INTO predictions (model_id, source, image_sha256, abstained, scores, "
            "thresholds, created_at) SELECT model_id, 'endpoint', 'ab', 0, scores, thresholds, '' "
            "FROM predictions LIMIT 1"
        )
    text = (await Reviewer(folder).get(f"{REVIEW}?source=endpoint")).text
    details = "".join(re.findall(r'<details class="on-demand">.*?</details>', text, re.DOTALL))
    assert "stranger.example" not in text.replace(details, "")
    assert 'loading="lazy" referrerpolicy="no-referrer"' in details
    posts = (await Reviewer(folder).get(f"{REVIEW}?source=bot")).text
    assert "<details" not in posts


async def test_the_queue_leaves_out_pictures_of_people_who_opted_out(folder: Path) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["opt_outs"].insert({"platform": "x", "author": "Host", "at": ""})
    assert (await Reviewer(folder).get(f"{REVIEW}.json")).json()["prediction"] is None
    (last,) = rows(folder, "SELECT max(id) AS id FROM predictions")
    response = await Reviewer(folder).get(f"{REVIEW}.json?prediction={last['id']}")
    assert response.json()["prediction"]["pictures"] == []


async def test_page_and_command_settle_every_post_of_a_photo(folder: Path) -> None:
    """Two people ask about one photo; whoever settles it, both posts get the one answer."""
    by_page, by_command = settle_both_ways(folder)
    form = {"candidate_id": "1", "verdict": f"is:{BOBCAT}"}
    assert (await Reviewer(folder).post(ANSWERS, **form)).status_code == 303
    with closing(open_database(folder / DATABASE_NAME)) as db:
        settle_in_words(db, "2", "bobcat", "2026-11-27T00:00:00Z")
    answers = rows(folder, "SELECT post_id, taxon_id, verdict, method FROM answers")
    settled = {
        answer["post_id"]: (answer["taxon_id"], answer["verdict"], answer["method"])
        for answer in answers
        if answer["post_id"] in by_page + by_command
    }
    assert settled == dict.fromkeys(by_page + by_command, (BOBCAT, "other", "a person"))


def settle_both_ways(folder: Path) -> tuple[list[str], list[str]]:
    """Add two photos with two posts each, and a message that waits for each photo."""
    groups = (["x:901", "x:902"], ["x:903", "x:904"])
    with closing(open_database(folder / DATABASE_NAME)) as db:
        game = next(db["games"].rows)["slug"]
        at = "2026-11-20T10:00:00Z"
        db["answer_candidates"].delete_where()
        for number, post_ids in enumerate(groups, start=1):
            for post_id in post_ids:
                row = {"id": post_id, "platform": "x", "game": game, "author": "ann"}
                db["posts"].insert(row | {"posted_at": at, "seen_at": at})
                url = f"https://p.example/{number}.jpg"
                db["post_images"].insert({"post_id": post_id, "position": 0, "url": url})
            candidate = {"id": number, "post_id": post_ids[0], "found_at": at}
            db["answer_candidates"].insert(candidate | {"source_url": f"https://x/{number}"})
    return groups


async def test_who_reviewed_is_told_to_reviewers_only(folder: Path) -> None:
    (prediction,) = rows(
        folder, "SELECT id, photo_id FROM predictions WHERE photo_id = 3 AND post_id IS NULL"
    )
    reviewer = Reviewer(folder)
    form = {"prediction_id": prediction["id"], "verdict": "wrong"}
    assert (await reviewer.post(REVIEW, **form)).status_code == 303
    client = reviewer.datasette.client
    for path in ("/critters/what_people_corrected", "/critters/what_people_corrected.json"):
        assert "root" not in (await client.get(path)).text.replace("--root", "")
    photo = "/-/critters/photos/3"
    assert "says a person" in (await client.get(photo)).text
    ((review,),) = [
        prediction["reviews"]
        for prediction in (await client.get(f"{photo}.json")).json()["predictions"]
    ]
    assert (review["verdict"], review["actor"]) == ("wrong", None)
    assert "says root" in (await reviewer.get(photo)).text
