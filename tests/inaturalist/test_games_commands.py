"""`critterdb games add` and `edit`: names become ids, and a person sees which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.storage.database import DATABASE_NAME, SiteDatabase
from tests.support.inaturalist import BOBCAT, CATS, COUGAR, LIFE, TAXA, observation, taxon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOGS = {"id": 42043, "name": "Canidae", "rank": "family", "rank_level": 30}
FOX = {"id": 42069, "name": "Vulpes vulpes", "rank": "species", "rank_level": 10}
OLD = {"id": 777, "name": "Felis concolor", "rank": "species", "rank_level": 10}
PLACES = (
    {"id": 1, "name": "United States", "display_name": "United States", "bbox_area": 6000.0},
    {"id": 9, "name": "Virgin Islands", "display_name": "United States Virgin Islands"},
    {"id": 10, "name": "Oregon", "display_name": "Oregon, US", "bbox_area": 35.0},
)
ADD = ("add", "catornot", "--hashtag", "catOrNot", "--taxon", "Felidae")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, site: Path) -> Iterator[StandInINaturalist]:
    taxa = [
        *({**row, "observations_count": 1000 - n} for n, row in enumerate(TAXA)),
        taxon(DOGS, LIFE, common="Canids"),
        taxon(FOX, LIFE, DOGS, common="Red Fox"),
        {
            **taxon(OLD, LIFE, CATS),
            "is_active": False,
            "current_synonymous_taxon_ids": [COUGAR["id"]],
        },
    ]
    with StandInINaturalist([observation(1)], taxa, {}) as standin:
        standin.places = list(PLACES)
        monkeypatch.setenv("CRITTERDB_INATURALIST_API", standin.url)
        monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
        monkeypatch.setenv("CRITTERDB_DB", str(site / DATABASE_NAME))
        yield standin


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["games", *arguments])


def test_a_game_is_made_from_names(db: SiteDatabase, server: StandInINaturalist) -> None:
    done = run(*ADD, "--place", "United States", "--target", "Cougar", "--host", "x:@ranger")
    assert done.exit_code == 0, done.output
    assert "Felidae (Felids), family, 41944" in done.stdout
    assert "Puma concolor (Cougar), species, 42007" in done.stdout
    assert "United States, 1  (not United States Virgin Islands 9)" in done.stdout
    row = db["games"].get("catornot")
    assert (row["taxon_id"], row["place_id"], row["target_taxon_id"]) == (41944, 1, 42007)
    assert (row["hashtag"], row["rank"]) == ("catOrNot", "species")
    assert json.loads(row["hosts"]) == [{"platform": "x", "handle": "ranger", "consents": False}]
    assert db["taxa"].get(42007)["parent_id"] == CATS["id"]


def test_numbers_are_taken_as_they_are(db: SiteDatabase, server: StandInINaturalist) -> None:
    run("add", "dogs", "--hashtag", "#dogs", "--taxon", "42043", "--place", "10")
    row = db["games"].get("dogs")
    assert (row["taxon_id"], row["place_id"], row["hashtag"]) == (42043, 10, "dogs")


def test_a_taxon_that_was_merged_leads_to_the_one_in_use(
    db: SiteDatabase, server: StandInINaturalist
) -> None:
    assert run(*ADD, "--target", "Felis concolor").exit_code == 0
    assert db["games"].get("catornot")["target_taxon_id"] == COUGAR["id"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "Cat Or Not", "--hashtag", "a", "--taxon", "Felidae"), "not a short name"),
        (("add", "cougarornot", "--hashtag", "a", "--taxon", "Felidae"), "preset"),
        (("add", "cats", "--taxon", "Felidae"), "--hashtag"),
        (("add", "cats", "--hashtag", "a"), "--taxon"),
        (("add", "cats", "--hashtag", "a b", "--taxon", "Felidae"), "not a hashtag"),
        (("add", "cats", "--hashtag", "a", "--taxon", "Unicornidae"), "has no taxon"),
        (("add", "cats", "--hashtag", "a", "--taxon", "99"), "has no taxon"),
        ((*ADD, "--place", "Atlantis"), "has no place"),
        ((*ADD, "--target", "Vulpes vulpes"), "does not belong to Felidae"),
        ((*ADD, "--rank", "sort"), "not an iNaturalist rank"),
        ((*ADD, "--host", "ranger"), "PLATFORM:HANDLE"),
        ((*ADD, "--host", "myspace:ranger"), "PLATFORM:HANDLE"),
        (("edit", "nosuch", "--hashtag", "a"), "no game called nosuch"),
        (("edit", "cougarornot"), "Give an option to change"),
    ],
)
def test_what_cannot_be_is_one_clear_error(
    db: SiteDatabase, server: StandInINaturalist, arguments: tuple[str, ...], words: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == 1, done.output
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not db["games"].count_where("slug IN ('cats', 'catornot')")


def test_an_existing_game_is_edited_and_not_added(
    db: SiteDatabase, server: StandInINaturalist
) -> None:
    run(*ADD, "--host", "x:one")
    assert "games edit catornot" in run(*ADD).stderr
    done = run(
        "edit", "catornot", "--rank", "genus", "--consenting-host", "mastodon:me@here.example"
    )
    assert done.exit_code == 0, done.output
    row = db["games"].get("catornot")
    assert (row["rank"], row["hashtag"], row["taxon_id"]) == ("genus", "catOrNot", 41944)
    assert json.loads(row["hosts"]) == [
        {"platform": "mastodon", "handle": "me@here.example", "consents": True}
    ]


def test_another_question_starts_the_walk_again(
    db: SiteDatabase, server: StandInINaturalist
) -> None:
    run(*ADD)
    CliRunner().invoke(main, ["sync", "catornot"])
    assert db["cursors"].count > 0
    run("edit", "catornot", "--taxon", "Bobcat")
    assert db["cursors"].count == 0
    assert db["games"].get("catornot")["taxon_id"] == BOBCAT["id"]


def test_a_taxon_that_the_site_knows_is_not_asked_for(
    db: SiteDatabase, server: StandInINaturalist
) -> None:
    """Labels of an imported folder, with ids below 0, are not iNaturalist's taxa."""
    run(*ADD)
    db["taxa"].insert({"id": -1, "name": "bobcat", "rank": "species", "ancestor_ids": "[]"})
    server.requests.clear()
    assert "(Felids), family, 41944" in run("edit", "catornot", "--taxon", "felids").stdout
    assert not server.requests
    run("edit", "catornot", "--target", "Bobcat")
    assert db["games"].get("catornot")["target_taxon_id"] == BOBCAT["id"]
