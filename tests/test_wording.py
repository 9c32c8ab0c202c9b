"""What the bot says is short, honest, and never twice the same within a day."""

from __future__ import annotations

import numpy as np
import pytest

from critterdb.answering import Classification
from critterdb.wording import MAX_LENGTH, choose_wording


def said(reason: str | None = None, *, name: str = "Bobcat", score: float = 0.93) -> Classification:
    label = {"taxon_id": 1, "name": "Lynx rufus", "common_name": name, "score": score}
    answer = None if reason in ("unsure", "not_a_critter") else label | {"rank": "species"}
    return Classification(answer, reason, [label], 0.1, {}, np.array([score]))


@pytest.mark.parametrize("reason", [None, "coarser", "unsure", "not_a_critter"])
def test_texts_of_a_day_differ(reason: str | None) -> None:
    taken: set[str] = set()
    for number in range(100):
        text = choose_wording(said(reason), f"x:{number}", taken)
        assert text not in taken
        assert len(text) <= MAX_LENGTH
        assert not set(text) & set("#@/")
        assert "bot" in text
        taken.add(text)


def test_the_post_chooses_the_words() -> None:
    texts = {choose_wording(said(), f"x:{number}") for number in range(30)}
    assert len(texts) > 15
    assert choose_wording(said(), "x:7") == choose_wording(said(), "x:7")


@pytest.mark.parametrize("number", range(12))
def test_doubt_is_never_put_as_an_answer(number: int) -> None:
    assert "93%" in choose_wording(said(), f"x:{number}")
    assert "Bobcat" not in choose_wording(said("not_a_critter"), f"x:{number}")
    unsure = choose_wording(said("unsure", score=0.41), f"x:{number}")
    assert "41%" in unsure
    assert any(word in unsure for word in ("cannot", "hard", "not sure", "rather not"))
    assert any(
        word in choose_wording(said("coarser", name="Felids"), f"x:{number}")
        for word in ("belongs", "within")
    )


def test_nobody_is_a_hundred_percent_sure() -> None:
    assert "99%" in choose_wording(said(score=0.9999), "x:1")


@pytest.mark.parametrize(
    "name", ["#tag @someone https://a.example/b", "x.com", "A" * 400, "\n\nBob\tcat", "{name}"]
)
def test_a_name_cannot_become_a_link_a_mention_or_a_tag(name: str) -> None:
    text = choose_wording(said(name=name), "x:1")
    assert len(text) <= MAX_LENGTH
    assert not set(text) & set("#@/\n\t")
    assert "x.com" not in text


@pytest.mark.parametrize(("name", "words"), [("Ocelot", "an Ocelot"), ("Bobcat", "a Bobcat")])
def test_articles(name: str, words: str) -> None:
    assert words in choose_wording(said(name=name), "x:1")
