"""What hosts may write, and what can be told from it: what is sure is found, and nothing else."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from critterdb.bot.reading.parser import OTHER_ANIMAL, Verdict
from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.games import Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import BOBCAT, COUGAR, FELIDAE, make_tiny_model
from tests.support.readings import Sentence, load_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Read = tuple[Game, Vocabulary]


@pytest.fixture(scope="module")
def cougar_or_not(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The game, and its words."""
    db = open_database(tmp_path_factory.mktemp("words") / DATABASE_NAME, create=True)
    make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
    game = get_game(db, "cougarornot")
    yield game, load_vocabulary(db, game)
    db.close()


def outcome_of(verdict: Verdict | None) -> int | str | None:
    """A taxon where one is named, else the verdict."""
    return (verdict.taxon_id or verdict.verdict) if verdict else None


CROW, RAVEN, FISH_CROW = 8021, 8010, 8029
CORVIDS = {
    "american crow": CROW,
    "crow": CROW,
    "common raven": RAVEN,
    "raven": RAVEN,
    "fish crow": FISH_CROW,
    "grackle": OTHER_ANIMAL,
}
BIRDS = {"cooper's hawk": 5112, "sharp-shinned hawk": 5110, "merlin": 4672, "hawk": 5067}
BIRDS_LINEAGE = {5112: frozenset({5067}), 5110: frozenset({5067})}
OTHER_GAMES = {
    "crowornot": (
        Game("crowornot", hashtag="CrowOrNo", target_taxon_id=CROW),
        Vocabulary(CORVIDS, frozenset({CROW}), {}),
    ),
    "trickybirdid": (
        Game("trickybirdid", hashtag="TrickyBirdID"),
        Vocabulary(BIRDS, frozenset(), BIRDS_LINEAGE),
    ),
}


class Budget(NamedTuple):
    """How many sentences may be misread: a wrong verdict is published, a missed one waits."""

    wrong: int
    missed: int


SENTENCES = load_sentences()
# Today none of 1,170 is read wrongly. 23 are missed: each costs a person a minute.
BUDGET = Budget(wrong=0, missed=3 * len(SENTENCES) // 100)


def expected_of(sentence: Sentence, vocabulary: Vocabulary) -> int | str | None:
    return vocabulary.names.get(sentence.expected or "", sentence.expected)


def test_the_sentences_of_hosts_are_read_within_the_budget(cougar_or_not: Read) -> None:
    """Read every sentence of the corpus; list what is misread when the budget is exceeded."""
    wrong: list[str] = []
    missed: list[str] = []
    for sentence in SENTENCES:
        game, vocabulary = OTHER_GAMES.get(sentence.game, cougar_or_not)
        verdict = outcome_of(vocabulary.read(sentence.text, game))
        if verdict == expected_of(sentence, vocabulary):
            continue
        (missed if verdict is None else wrong).append(f"{sentence.text!r}: {verdict}")
    assert len(wrong) <= BUDGET.wrong, wrong
    assert len(missed) <= BUDGET.missed, missed


def test_the_corpus_covers_what_hosts_may_say() -> None:
    """A budget means little over a corpus that somebody thinned out."""
    assert len(SENTENCES) >= 500
    expected = Counter(sentence.expected for sentence in SENTENCES)
    assert min(expected[name] for name in (None, "bobcat", "cougar", "other", "inconclusive")) > 10
    assert {sentence.game for sentence in SENTENCES} == {"cougarornot", *OTHER_GAMES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("It's a puma!", COUGAR), ("It's a Puma concolor", COUGAR), ("It's one of the felinae", None)],
)
def test_names_of_a_genus_and_of_its_species(
    tmp_path: Path, text: str, expected: int | None
) -> None:
    with closing(open_database(tmp_path / DATABASE_NAME, create=True)) as db:
        make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
        for taxon_id, name, rank in ((1, "Felinae", "subfamily"), (2, "Puma", "genus")):
            lineage = json.dumps([FELIDAE, 1, taxon_id])
            row = {"id": taxon_id, "name": name, "rank": rank, "ancestor_ids": lineage}
            db["taxa"].insert(row)
        db["taxa"].update(COUGAR, {"ancestor_ids": json.dumps([FELIDAE, 1, 2, COUGAR])})
        game = get_game(db, "cougarornot")
        assert outcome_of(load_vocabulary(db, game).read(text, game)) == expected


@pytest.mark.parametrize("name", ["cougar ", "mt lion ", "cougar, ", "it's a cougar and "])
def test_a_message_that_repeats_a_name_is_read_quickly(cougar_or_not: Read, name: str) -> None:
    game, words = cougar_or_not
    started = time.monotonic()
    reading = words.read((name * 25_000)[:25_000], game)
    assert time.monotonic() - started < 1  # 0.02 s on an idle machine
    assert reading is not None
    assert reading.verdict is None


def test_the_start_of_a_long_message_is_read(cougar_or_not: Read) -> None:
    game, words = cougar_or_not
    story = "We saw it near the creek. " * 100
    assert outcome_of(words.read(f"It's a bobcat! {story}", game)) == BOBCAT
    assert words.read(f"{story} It's a bobcat!", game) is None


@pytest.mark.parametrize("spaces", [1996, 1997, 1998, 1999])
def test_no_part_of_a_word_counts_where_a_message_is_cut(cougar_or_not: Read, spaces: int) -> None:
    game, words = cougar_or_not
    assert words.read(f"{'.' * (spaces - 1)} cats and dogs", game) is None


@pytest.mark.parametrize("letter", ["\ua000", "\ua001", "\ua48c"])
def test_a_letter_that_stands_for_a_name_inside_the_reader_names_nothing(
    cougar_or_not: Read, letter: str
) -> None:
    game, vocabulary = cougar_or_not
    assert vocabulary.read(f"It's a {letter}!", game) is None
    assert outcome_of(vocabulary.read(f"It's a cougar {letter}!", game)) == COUGAR


def test_names_of_more_than_one_word_are_read_whole_in_turns_of_phrase(cougar_or_not: Read) -> None:
    game, vocabulary = cougar_or_not
    verdict = vocabulary.read("Bobcats don't have such a tail. Mountain lions do.", game)
    assert outcome_of(verdict) == COUGAR
