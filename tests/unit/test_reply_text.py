"""What the bot says is short, honest, and never twice the same within a week."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.bot.phrases import SAYINGS, load_words
from critterdb.bot.reply_text import MAX_LENGTH, choose_wording
from critterdb.errors import SiteError
from critterdb.model.decision import Classification
from critterdb.platforms.text_length import x_weight

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.model.label_sets import LabelSet
    from critterdb.model.labels import Answer, Reason, ScoredTaxon, Thresholds

THRESHOLDS: Thresholds = {"threshold": 0.7, "novelty_threshold": 2.0, "temperature": 1.0}


def classification(
    reason: Reason | None = None, *, name: str = "Bobcat", score: float = 0.93
) -> Classification:
    label: ScoredTaxon = {
        "taxon_id": 1,
        "name": "Lynx rufus",
        "common_name": name,
        "score": score,
    }
    is_silent = reason in ("unsure", "not_a_critter")
    answer: Answer | None = None if is_silent else {**label, "rank": "species"}
    return Classification(answer, reason, [label], 0.1, THRESHOLDS, np.array([score]))


@pytest.mark.parametrize("reason", [None, "coarser", "unsure", "not_a_critter"])
def test_texts_of_a_day_differ(reason: Reason | None) -> None:
    taken: set[str] = set()
    for number in range(1000):
        text = choose_wording(classification(reason), f"x:{number}", taken)
        assert text not in taken
        assert len(text) <= MAX_LENGTH
        assert not set(text) & set("#@/{}")
        assert "bot" in text.lower()
        taken.add(text)


def test_the_post_chooses_the_words() -> None:
    texts = {choose_wording(classification(), f"x:{number}") for number in range(30)}
    assert len(texts) > 15
    assert choose_wording(classification(), "x:7") == choose_wording(classification(), "x:7")


@pytest.mark.parametrize("number", range(12))
def test_doubt_is_never_put_as_an_answer(number: int) -> None:
    assert "93%" in choose_wording(classification(), f"x:{number}")
    assert "Bobcat" not in choose_wording(classification("not_a_critter"), f"x:{number}")
    unsure = choose_wording(classification("unsure", score=0.41), f"x:{number}")
    assert "41%" in unsure
    assert any(word in unsure for word in ("can't tell", "too hard"))
    assert any(
        word in choose_wording(classification("coarser", name="Felids"), f"x:{number}")
        for word in ("can't tell", "narrow")
    )


def test_nobody_is_a_hundred_percent_sure() -> None:
    assert "99%" in choose_wording(classification(score=0.9999), "x:1")


@pytest.mark.parametrize(
    "name", ["#tag @someone https://a.example/b", "x.com", "A" * 400, "\n\nBob\tcat", "{name}"]
)
def test_a_name_cannot_become_a_link_a_mention_or_a_tag(name: str) -> None:
    text = choose_wording(classification(name=name), "x:1")
    assert len(text) <= MAX_LENGTH
    assert not set(text) & set("#@/\n\t")
    assert "x.com" not in text


@pytest.mark.parametrize(("name", "words"), [("Ocelot", "an Ocelot"), ("Bobcat", "a Bobcat")])
def test_articles(name: str, words: str) -> None:
    assert words in choose_wording(classification(name=name), "x:1")


RUNNERS = [("Bobcat", 0.72), ("Cougar", 0.21), ("Domestic Cat", 0.07)]


def close_call(*scores: tuple[str, float]) -> Classification:
    labels: list[ScoredTaxon] = [
        {"taxon_id": number, "name": name, "common_name": name, "score": score}
        for number, (name, score) in enumerate(scores or RUNNERS)
    ]
    answer: Answer = {**labels[0], "rank": "species"}
    probabilities = np.array([label["score"] for label in labels])
    return Classification(answer, None, labels, 0.1, THRESHOLDS, probabilities)


def test_a_runner_up_is_named_where_it_has_a_chance() -> None:
    text = choose_wording(close_call(), "x:1")
    assert all(words in text for words in ("a Bobcat", "72%", "a Cougar", "21%"))
    sure = choose_wording(close_call(("Bobcat", 0.95), ("Cougar", 0.04)), "x:1")
    assert "Cougar" not in sure


@pytest.mark.parametrize(
    ("game", "words"),
    [("cougarornot", "wild cat"), ("crowornot", "crow or raven"), ("other", "critter that I know")],
)
def test_a_game_has_words_of_its_own(game: str, words: str) -> None:
    text = choose_wording(classification("not_a_critter"), "x:1", words=load_words(game))
    assert words in text


def test_own_words_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text(
        """
        [default]
        openers = ["Ahoy! "]
        closers = [" Arr, I am a bot."]
        [cougarornot]
        critter = "sea cat"
        [cougarornot.says]
        sure = ["It be {a_name}, {percent}."]
        """
    )
    words = load_words("cougarornot", tmp_path)
    assert (
        choose_wording(classification(), "x:1", words=words)
        == "Ahoy! It be a Bobcat, 93%. Arr, I am a bot."
    )
    nothing = choose_wording(classification("not_a_critter"), "x:1", words=words)
    assert "sea cat" in nothing
    assert "It be" not in choose_wording(
        classification(), "x:1", words=load_words("crowornot", tmp_path)
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[default", "could not be read"),
        ("default = 3", "section"),
        ("[default]\ncritter = 3", "critter must be a non-empty string"),
        ("[default]\nopeners = []", "list of one or more strings"),
        ("[default]\nopeners = " + "[" * 5000, "could not be read"),
        ("[default]\nsays = 3", "says must be a section"),
        ("[default]\nnicknames = []", "nicknames must be a section"),
        ('[default.says]\nsure = ["{animal}"]', "animal"),
        ('[default.says]\nsure = ["{name"]', "brace"),
        ('[default.says]\nsure = ["See https://a.example"]', "link"),
        ('[default]\nclosers = ["by @me"]', "handle"),
    ],
)
def test_words_that_cannot_be_said_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "words.toml").write_text(text)
    with pytest.raises(SiteError, match=complaint):
        load_words("cougarornot", tmp_path)


def test_no_room_takes_the_manners_first() -> None:
    text = choose_wording(classification(), "x:4", fits=lambda text: len(text) <= 60)
    assert "Bobcat" in text
    assert "93%" in text
    assert len(choose_wording(classification(), "x:4", fits=lambda text: len(text) <= 10)) == 10


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("game", ["cougarornot", "crowornot", "trickybirdid"])
def test_every_sentence_fits_everywhere_with_long_names(game: str, saying: str) -> None:
    words = load_words(game)
    name = "a Southern Black-backed Wattled Honeyeater of the West"
    values = dict.fromkeys(
        ("name", "a_name", "A_name", "runner_up", "a_runner_up", "critter", "a_critter"), name
    )
    values |= {"percent": "99%", "runner_up_percent": "10%"}
    values |= dict.fromkeys(("a_set", "A_set"), f"{name} or {name}")
    opener, closer = max(words.openers, key=len), max(words.closers, key=len)
    for text in words.says[saying]:
        assert x_weight(opener + text.format(**values) + closer) <= MAX_LENGTH


def names_of(*names: str) -> LabelSet:
    taxa: list[ScoredTaxon] = [
        {"taxon_id": number, "name": name, "common_name": name, "score": 0.3}
        for number, name in enumerate(names)
    ]
    return {"coverage": 0.99, "taxa": taxa}


@pytest.mark.parametrize("reason", ["coarser", "unsure"])
def test_a_few_labels_are_named_if_the_answer_is_not_sure(reason: Reason) -> None:
    few = names_of("Bobcat", "Canada Lynx")
    for number in range(20):
        text = choose_wording(classification(reason), f"x:{number}", label_set=few)
        assert "a bobcat or a canada lynx" in text.lower()
        assert "can't" in text or "no further" in text
    three = names_of("Ocelot", "Bobcat", "Canada #Lynx")
    text = choose_wording(classification(reason), "x:1", label_set=three)
    assert "an ocelot, a bobcat or a canada lynx" in text.lower()


@pytest.mark.parametrize(
    ("reason", "names"),
    [
        (None, ("Bobcat", "Canada Lynx")),
        ("not_a_critter", ("Bobcat", "Canada Lynx")),
        ("unsure", ("Bobcat",)),
        ("unsure", ("Bobcat", "Canada Lynx", "Ocelot", "Cougar")),
    ],
)
def test_other_sets_change_no_words(reason: Reason | None, names: tuple[str, ...]) -> None:
    given = classification(reason)
    text = choose_wording(given, "x:1", label_set=names_of(*names))
    assert text == choose_wording(given, "x:1")
