"""Taxa: is an answer right, what is a taxon called, which one does somebody mean."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING

import pytest

from critterdb.dataset.taxonomy import Truth, is_right, taxon_names
from critterdb.formatting import display_name, display_name_sql
from critterdb.inaturalist.taxon_search import find_taxon
from critterdb.web.queries.reviews import save_review
from critterdb.web.queries.scores import load_score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.storage.database import SiteDatabase

FAMILY, GENUS, TARGET, SISTER, STRANGER = 10, 20, 30, 31, 40
ANCESTORS = {
    FAMILY: [FAMILY],
    GENUS: [FAMILY, GENUS],
    TARGET: [FAMILY, GENUS, TARGET],
    SISTER: [FAMILY, GENUS, SISTER],
    STRANGER: [STRANGER],
}
TIME = "2026-11-10T00:00:00Z"


@pytest.fixture
def taxa(db: SiteDatabase) -> SiteDatabase:
    db["taxa"].insert_all(
        {
            "id": taxon_id,
            "name": f"Taxon {taxon_id}",
            "common_name": {TARGET: "Cougar", SISTER: ""}.get(taxon_id),
            "rank": "species",
            "ancestor_ids": json.dumps(ancestors),
        }
        for taxon_id, ancestors in ANCESTORS.items()
    )
    return db


def cases() -> Iterator[tuple[int | None, str, int | None, int | None]]:
    """(target, verdict, true taxon, answer): every combination that a site can hold."""
    truths: list[tuple[str, int | None]] = [
        ("inconclusive", None),
        ("target", None),
        ("other", None),
    ]
    truths += [(verdict, taxon) for verdict in ("target", "other", "taxon") for taxon in ANCESTORS]
    for target, (verdict, taxon), answer in product((None, TARGET), truths, (None, *ANCESTORS)):
        yield target, verdict, taxon, answer


def expected(
    target: int | None, verdict: str, taxon: int | None, answer: int | None
) -> bool | None:
    """What the function says of a case."""
    if verdict == "inconclusive":
        return None
    is_other = taxon is None and verdict == "other"
    known = target if taxon is None else taxon
    ancestors = json.dumps(ANCESTORS.get(known or 0))
    truth = None if known is None else Truth.of(known, ancestors, is_other=is_other)
    return is_right(answer, truth)


def add_case(
    db: SiteDatabase, number: int, verdict: str, taxon: int | None, answer: int | None, game: str
) -> None:
    """A post of its own model, so that the scoreboard has a line for it alone."""
    name = f"x:{number}"
    db["models"].insert(
        {
            **{"id": name, "game": game, "backbone": "b", "created_at": TIME, "path": "p"},
            **{"sha256": "", "bytes": 0, "photos": 0},
        }
    )
    db["posts"].insert(
        {
            **{"id": name, "platform": "x", "game": game, "author": "host"},
            **{"posted_at": TIME, "seen_at": TIME},
        }
    )
    prediction_id = (
        db["predictions"]
        .insert(
            {
                **{"model_id": name, "source": "bot", "post_id": name, "taxon_id": answer},
                **{"abstained": int(answer is None), "scores": "{}", "thresholds": "{}"},
                "created_at": TIME,
            }
        )
        .last_pk
    )
    db["replies"].insert(
        {
            **{"post_id": name, "game": game, "status": "sent", "planned_at": TIME},
            "prediction_id": prediction_id,
        }
    )
    db["answers"].insert(
        {
            **{"post_id": name, "taxon_id": taxon, "verdict": verdict},
            **{"found_at": TIME, "method": "a person"},
        }
    )


def test_function_bot_history_scoreboard_and_pages_agree_on_what_is_right(
    taxa: SiteDatabase,
) -> None:
    """Every combination of target, verdict, true taxon and answer."""
    db = taxa
    games = {None: "any", TARGET: "target"}
    db["games"].insert_all(
        {"slug": slug, "target_taxon_id": target} for target, slug in games.items()
    )
    with db.atomic():
        for number, (target, verdict, taxon, answer) in enumerate(cases()):
            add_case(db, number, verdict, taxon, answer, games[target])
    history = dict(db.execute("SELECT post_id, right FROM bot_history").fetchall())
    scoreboard = {
        row["model_id"]: (row["right"], row["wrong"])
        for row in db.query("SELECT model_id, right, wrong FROM scoreboard")
    }
    for number, case in enumerate(cases()):
        post_id, right = f"x:{number}", expected(*case)
        assert history[post_id] == right, case
        if case[1] != "inconclusive":
            assert scoreboard[post_id] == (right is True, right is False), case
    for target, slug in games.items():
        score = load_score(db, slug)
        of_game = [case for case in cases() if case[0] == target and case[1] != "inconclusive"]
        assert score["right"] == sum(expected(*case) is True for case in of_game)
        assert score["wrong"] == sum(expected(*case) is False for case in of_game)


@pytest.mark.parametrize("answer", [None, *ANCESTORS])
@pytest.mark.parametrize("truth", ANCESTORS)
def test_a_review_judges_by_the_same_rule(
    taxa: SiteDatabase, answer: int | None, truth: int
) -> None:
    db = taxa
    db["games"].insert({"slug": "any"})
    add_case(db, 1, "taxon", truth, answer, "any")
    save_review(db, 1, "is", truth, None)
    (verdict,) = db.execute("SELECT verdict FROM reviews").fetchone()
    right = is_right(answer, Truth.of(truth, json.dumps(ANCESTORS[truth])))
    assert (verdict == "right") == bool(right)


@pytest.mark.parametrize(
    ("common_name", "name", "called"),
    [("Cougar", "Puma", "Cougar"), (None, "Puma", "Puma"), ("", "Puma", "Puma")],
)
def test_an_empty_common_name_counts_as_missing(
    db: SiteDatabase, common_name: str | None, name: str, called: str
) -> None:
    assert display_name(common_name, name) == called
    db["taxa"].insert({"id": 1, "name": name, "common_name": common_name, "ancestor_ids": "[]"})
    assert db.execute(f"SELECT {display_name_sql()} FROM taxa").fetchone() == (called,)
    assert taxon_names(db, [1, 2]) == {1: called}


@pytest.mark.parametrize(
    ("words", "taxon_id"),
    [
        ("Cougar", TARGET),
        ("cOUGAR", TARGET),
        ("taxon 31", SISTER),
        ("31", SISTER),
        (" 31 ", SISTER),
        ("coug", TARGET),
        ("zebra", None),
        ('"(', None),
        ("", None),
    ],
)
def test_a_taxon_is_found_by_number_name_or_beginning(
    taxa: SiteDatabase, words: str, taxon_id: int | None
) -> None:
    assert find_taxon(taxa, words) == taxon_id


def test_a_taxon_that_was_replaced_leads_to_the_one_in_use(taxa: SiteDatabase) -> None:
    taxa["taxa"].insert(
        {"id": 50, "name": "Felis concolor", "is_active": 0, "synonym_id": TARGET}
        | {"ancestor_ids": "[50]"}
    )
    assert find_taxon(taxa, "Felis concolor") == TARGET
    assert find_taxon(taxa, "Felis concolor", among=[SISTER]) is None
