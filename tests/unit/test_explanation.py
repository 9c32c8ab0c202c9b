"""Why an answer is coarser than a label, or none: the sums and limits that decided, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.model.decision import decide
from critterdb.model.explanation import explain

if TYPE_CHECKING:
    from critterdb.model.labels import Label, Taxon, Thresholds

THRESHOLDS: Thresholds = {"threshold": 0.7, "novelty_threshold": 2.0, "temperature": 1.0}
FAMILY: Taxon = {"taxon_id": 1, "name": "Felidae", "common_name": "Cats", "rank": "family"}
GENUS: Taxon = {"taxon_id": 2, "name": "Lynx", "common_name": None, "rank": "genus"}
LABELS: list[Label] = [
    {
        "taxon_id": taxon_id,
        "name": name,
        "common_name": name,
        "rank": "species",
        "ancestors": [FAMILY, GENUS] if taxon_id > 10 else [FAMILY],
    }
    for taxon_id, name in ((10, "Cougar"), (11, "Bobcat"), (12, "Canada Lynx"))
]


def why(probabilities: list[float], novelty: float = 1.0, labels: list[Label] = LABELS) -> str:
    decision = decide(np.array(probabilities), novelty, labels, THRESHOLDS)
    return " ".join(
        explain(
            {
                "answer": decision.answer,
                "reason": decision.reason,
                "predictions": decision.predictions,
                "novelty": decision.novelty,
            },
            labels,
            THRESHOLDS,
        )
    )


def test_a_label_needs_no_explanation() -> None:
    assert why([0.9, 0.05, 0.05]) == ""


def test_a_coarser_answer_names_what_was_added_up_and_what_was_needed() -> None:
    assert why([0.1, 0.5, 0.4]) == (
        "Bobcat (50%) and Canada Lynx (40%) add up to 90% for Lynx. "
        "I need 70% to give an answer, and none of them reaches that alone."
    )


def test_an_unsure_answer_names_the_best_guess_and_the_best_sum() -> None:
    assert why([0.5, 0.3, 0.2]) == (
        "My best guess is Cougar with 50%, and I need 70% to give an answer."
    )
    assert why([0.35, 0.45, 0.2]) == (
        "My best guess is Bobcat with 45%, and I need 70% to give an answer. "
        "Lynx as a whole, with 2 labels, gets 65%, which is too little as well."
    )


@pytest.mark.parametrize(
    ("novelty", "score", "most"), [(2.1, "2.10", "2.00"), (2.001, "2.0010", "2.0000")]
)
def test_a_novel_picture_names_its_score_and_the_limit(
    novelty: float, score: str, most: str
) -> None:
    assert why([0.99, 0.01, 0.0], novelty).startswith(
        f"Its novelty score is {score}, and I only answer up to {most}. "
    )


def test_many_labels_are_not_all_named() -> None:
    labels: list[Label] = [
        {**LABELS[1], "taxon_id": 100 + number, "common_name": f"Lynx {number}"}
        for number in range(8)
    ]
    words = why([0.5, *[0.03] * 7, 0.29], labels=[*labels, LABELS[0]])
    assert words.startswith("Lynx 0 (50%), Lynx 1 (3%), Lynx 2 (3%), Lynx 3 (3%) and 4 more add up")
