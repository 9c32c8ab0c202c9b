"""Three kinds of answer: a label, something coarser, or none; and one answer of several photos."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.cli.output import answer_lines
from critterdb.model.decision import combine, decide

if TYPE_CHECKING:
    from critterdb.model.labels import Label, Taxon, Thresholds
    from critterdb.model.payloads import AnswerPayload

THRESHOLDS: Thresholds = {"threshold": 0.7, "novelty_threshold": 2.0, "temperature": 1.0}


def taxon(taxon_id: int, name: str, rank: str) -> Taxon:
    return {"taxon_id": taxon_id, "name": name, "common_name": None, "rank": rank}


CATS = taxon(1, "Felidae", "family")
LYNXES = taxon(2, "Lynx", "genus")
LABELS: list[Label] = [
    {**taxon(10, "Puma concolor", "species"), "ancestors": [CATS]},
    {**taxon(11, "Lynx rufus", "species"), "ancestors": [CATS, LYNXES]},
    {**taxon(12, "Lynx canadensis", "species"), "ancestors": [CATS, LYNXES]},
]


@pytest.mark.parametrize(
    ("probabilities", "novelty", "name", "reason"),
    [
        ([0.9, 0.05, 0.05], 1.0, "Puma concolor", None),
        ([0.7, 0.2, 0.1], 2.0, "Puma concolor", None),
        ([0.1, 0.5, 0.4], 1.0, "Lynx", "coarser"),
        ([0.5, 0.3, 0.2], 1.0, None, "unsure"),
        ([0.99, 0.01, 0.0], 2.1, None, "not_a_critter"),
    ],
    ids=["sure", "just sure", "genus only", "all cats say nothing", "novel"],
)
def test_what_is_answered(
    probabilities: list[float], novelty: float, name: str | None, reason: str | None
) -> None:
    decision = decide(np.array(probabilities), novelty, LABELS, THRESHOLDS)
    assert (decision.answer and decision.answer["name"], decision.reason) == (name, reason)
    assert decision.abstained == (name is None)
    scores = [prediction["score"] for prediction in decision.predictions]
    assert scores == sorted(scores, reverse=True)


def test_a_row_keeps_every_score_and_the_thresholds_in_force() -> None:
    row = decide(np.array([0.1, 0.5, 0.4]), 1.0, LABELS, THRESHOLDS).as_row()
    assert json.loads(row["scores"]) == {"10": 0.1, "11": 0.5, "12": 0.4}
    assert json.loads(row["thresholds"]) == THRESHOLDS
    assert (row["taxon_id"], row["top_taxon_id"], row["score"]) == (2, 11, 0.9)


@pytest.mark.parametrize(
    ("probabilities", "novelty", "words"),
    [
        ([0.9, 0.05, 0.05], 1.0, "p.jpg: Cougar, 90%"),
        ([0.1, 0.4, 0.5], 1.0, "p.jpg: a Canada Lynx or Bobcat, genus Lynx, 90%; I am not sure"),
        ([0.5, 0.3, 0.2], 1.0, "p.jpg: I can't tell"),
        ([0.99, 0.01, 0.0], 2.1, "p.jpg: nothing that I know (not_a_critter)"),
    ],
    ids=["label", "coarser", "unsure", "novel"],
)
def test_each_kind_in_words(probabilities: list[float], novelty: float, words: str) -> None:
    names = ("Cougar", "Bobcat", "Canada Lynx")
    labels: list[Label] = [
        {**label, "common_name": name} for label, name in zip(LABELS, names, strict=True)
    ]
    decision = decide(np.array(probabilities), novelty, labels, THRESHOLDS)
    payload: AnswerPayload = {
        "ok": True,
        "answer": decision.answer,
        "abstained": decision.abstained,
        "reason": decision.reason,
        "predictions": decision.predictions,
        "novelty": decision.novelty,
        "novelty_threshold": THRESHOLDS["novelty_threshold"],
        "model": None,
        "image": None,
        "prediction_id": None,
        "took_ms": 1.0,
        "source": "p.jpg",
    }
    first, *bars = answer_lines(payload, labels)
    assert first.startswith(words)
    headings = [] if decision.answer else ["  If it had to choose:"]
    assert bars[:-3] == headings


def test_one_clear_photo_among_strange_ones_speaks_for_all() -> None:
    clear = decide(np.array([0.95, 0.03, 0.02]), 0.8, LABELS, THRESHOLDS)
    strange = decide(np.array([0.0, 0.5, 0.5]), 5.0, LABELS, THRESHOLDS)
    together = combine([strange, clear], LABELS, THRESHOLDS)
    assert together.answer
    assert together.answer["name"] == "Puma concolor"


def test_two_photos_that_disagree_give_less() -> None:
    first = decide(np.array([0.95, 0.05, 0.0]), 0.8, LABELS, THRESHOLDS)
    second = decide(np.array([0.05, 0.95, 0.0]), 0.8, LABELS, THRESHOLDS)
    assert combine([first, second], LABELS, THRESHOLDS).reason == "unsure"
