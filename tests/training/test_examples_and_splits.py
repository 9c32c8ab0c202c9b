"""Labels rolled up to the game's rank, and parts that no observer straddles and nothing changes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from critterdb.dataset.examples import (
    AMBIGUOUS,
    DUPLICATE,
    NOT_AT_RANK,
    TOO_FEW,
    fold_labels,
    label_photos,
    load_examples,
)
from critterdb.dataset.splits import plan_parts, split_observations
from critterdb.errors import TrainingError
from critterdb.games import Game, ensure_game

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

LIFE, CATS, COUGAR, BOBCAT, WESTERN, HYBRID = 48460, 41944, 42007, 41976, 999_001, 999_002
TAXA: tuple[tuple[int, str, str, list[int]], ...] = (
    (LIFE, "Life", "stateofmatter", []),
    (CATS, "Felidae", "family", [LIFE]),
    (COUGAR, "Puma concolor", "species", [LIFE, CATS]),
    (BOBCAT, "Lynx rufus", "species", [LIFE, CATS]),
    (WESTERN, "Lynx rufus fasciatus", "subspecies", [LIFE, CATS, BOBCAT]),
    (HYBRID, "Felis × hybrid", "hybrid", [LIFE, CATS]),
)


@pytest.fixture
def game(db: SiteDatabase) -> Game:
    db["taxa"].insert_all(
        {
            "id": taxon_id,
            "name": name,
            "rank": rank,
            "ancestor_ids": json.dumps([*ancestors, taxon_id]),
        }
        for taxon_id, name, rank, ancestors in TAXA
    )
    return ensure_game(db, "cougarornot")


def add(
    db: SiteDatabase, number: int, taxon_id: int | None, *, observer: int = 1, sha256: str = ""
) -> None:
    """An observation with one photo that has its file."""
    db["observers"].insert({"id": observer, "login": f"user{observer}"}, ignore=True)
    db["observations"].insert({"id": number, "taxon_id": taxon_id, "observer_id": observer})
    db["game_observations"].insert(
        {"game": "cougarornot", "observation_id": number, "seen_at": "2026-11-23T00:00:00Z"}
    )
    db["photos"].insert(
        {
            "id": number,
            "observation_id": number,
            "sha256": sha256 or f"{number:064}",
            "path": f"photos/{number}.jpg",
        }
    )


def fill(db: SiteDatabase, observers: int = 60, photos_each: int = 3) -> None:
    for number in range(1, observers * photos_each + 1):
        add(db, number, (COUGAR, BOBCAT, WESTERN)[number % 3], observer=1 + number // photos_each)


def test_a_subspecies_counts_as_its_species(db: SiteDatabase, game: Game) -> None:
    fill(db)
    labels = Counter(load_examples(db, game).taxon_ids.tolist())
    assert labels == {COUGAR: 60, BOBCAT: 120}


def test_what_has_no_label_at_the_rank_is_left_out_and_counted(
    db: SiteDatabase, game: Game
) -> None:
    fill(db)
    for number, taxon_id in ((1001, CATS), (1002, HYBRID), (1003, None)):
        add(db, number, taxon_id)
    examples = load_examples(db, game)
    assert len(examples) == 180
    assert examples.left_out == {NOT_AT_RANK: 3}


def test_one_picture_of_two_species_trains_nothing(db: SiteDatabase, game: Game) -> None:
    fill(db)
    add(db, 1001, COUGAR, sha256="a" * 64)
    add(db, 1002, BOBCAT, sha256="a" * 64)
    add(db, 1003, BOBCAT, sha256="b" * 64)
    add(db, 1004, WESTERN, sha256="b" * 64)
    examples = load_examples(db, game)
    assert examples.left_out == {AMBIGUOUS: 2, DUPLICATE: 1}
    assert len(examples) == 181


@pytest.mark.parametrize(
    ("table", "key", "change"),
    [
        ("photos", 1, {"withdrawn_at": "2026-11-23T00:00:00Z"}),
        ("photos", 1, {"path": None}),
        ("observations", 1, {"withdrawn_at": "2026-11-23T00:00:00Z"}),
        ("game_observations", ("cougarornot", 1), {"left_at": "2026-11-23T00:00:00Z"}),
    ],
)
def test_what_is_withdrawn_or_gone_trains_nothing(
    db: SiteDatabase, game: Game, table: str, key: int | tuple[str, int], change: dict[str, str]
) -> None:
    fill(db)
    db[table].update(key, change)
    assert len(load_examples(db, game)) == 179


def test_rare_labels_are_dropped_and_named(db: SiteDatabase, game: Game) -> None:
    fill(db)
    db["taxa"].insert({"id": 5, "name": "Lynx canadensis", "rank": "species"})
    add(db, 1001, 5)
    examples = load_examples(db, game)
    assert examples.too_few == [("Lynx canadensis", 1)]
    assert examples.left_out == {TOO_FEW: 1}


def test_rare_labels_fold_into_the_nearest_ancestor_that_they_fill(
    db: SiteDatabase, game: Game
) -> None:
    fill(db)
    genus = 5
    rows = [(genus, "Leopardus", "genus", [LIFE, CATS])]
    rows += [(n, f"Leopardus {n}", "species", [LIFE, CATS, genus]) for n in (6, 7)]
    for taxon_id, name, rank, ancestors in rows:
        lineage = json.dumps([*ancestors, taxon_id])
        db["taxa"].insert({"id": taxon_id, "name": name, "rank": rank, "ancestor_ids": lineage})
    for number in range(12):
        add(db, 1001 + number, 6 + number % 2, observer=100 + number)
    examples = load_examples(db, game)
    assert Counter(examples.taxon_ids.tolist()) == {COUGAR: 60, BOBCAT: 120, genus: 12}
    assert examples.folded == [("Leopardus 6", 6, "Leopardus"), ("Leopardus 7", 6, "Leopardus")]
    assert TOO_FEW not in examples.left_out
    again = label_photos(db, game, {COUGAR, genus})
    assert Counter(again.taxon_ids.tolist()) == {COUGAR: 60, genus: 12}


# A species, its genus, its family: 1 and 2 in genus 10, 3 in genus 20, all in family 100.
LINEAGES = {1: [1, 10, 100], 2: [2, 10, 100], 3: [3, 20, 100]}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param({1: 9, 2: 9}, {1: 1, 2: 2}, id="enough"),
        pytest.param({1: 9, 2: 1}, {1: 1, 2: None}, id="the genus would say nothing"),
        pytest.param({1: 3, 2: 2, 3: 9}, {1: 10, 2: 10, 3: 3}, id="two share a genus"),
        pytest.param({1: 9, 2: 1, 3: 9}, {1: 1, 2: None, 3: 3}, id="a small one stays out"),
        pytest.param({1: 2, 2: 1, 3: 9}, {1: None, 2: None, 3: 3}, id="together still too few"),
    ],
)
def test_what_a_small_label_counts_as(
    counts: dict[int, int], expected: dict[int, int | None]
) -> None:
    lineages = {label: LINEAGES[label] for label in counts}
    assert fold_labels(counts, lineages, min_photos=5) == expected


def test_one_label_is_not_a_game(db: SiteDatabase, game: Game) -> None:
    for number in range(1, 30):
        add(db, number, COUGAR, observer=number)
    with pytest.raises(TrainingError, match="two labels"):
        load_examples(db, game)


def parts_of(db: SiteDatabase) -> dict[int, str]:
    return {row["observation_id"]: row["part"] for row in db["splits"].rows}


def test_an_observer_stands_in_one_part_only(db: SiteDatabase, game: Game) -> None:
    fill(db)
    split_observations(db, game.slug)
    pairs = db.query(
        """
        SELECT observer_id, count(DISTINCT part) AS parts FROM splits
        JOIN observations ON observations.id = observation_id GROUP BY observer_id
        """
    )
    assert {row["parts"] for row in pairs} == {1}
    shares = Counter(parts_of(db).values())
    assert 0.6 <= shares["train"] / 180 <= 0.8
    assert min(shares["valid"], shares["test"]) >= 10


def test_new_observations_change_no_old_part(db: SiteDatabase, game: Game) -> None:
    fill(db, observers=30)
    split_observations(db, game.slug)
    before = parts_of(db)
    for number in range(1001, 1101):
        add(db, number, COUGAR, observer=number % 50)
    split_observations(db, game.slug)
    after = parts_of(db)
    assert {number: after[number] for number in before} == before
    assert len(after) == len(before) + 100


def test_a_label_with_three_observers_is_in_every_part() -> None:
    groups = {f"observer {i}": Counter({1: 2}) for i in range(40)}
    groups |= {f"observer {i}": Counter({2: 1}) for i in range(100, 103)}
    for salt in ("a", "b", "c", "d", "e"):
        parts = plan_parts(groups, {}, salt)
        assert {parts[f"observer {i}"] for i in range(100, 103)} == {"train", "valid", "test"}


def test_an_observer_with_a_large_share_trains() -> None:
    groups = {f"observer {i}": Counter({i % 2: 1}) for i in range(50)}
    groups["keen"] = Counter({0: 30, 1: 30})
    for salt in "abcdefgh":
        assert plan_parts(groups, {}, salt)["keen"] == "train"
