"""The report in words: where a model is weak, and which labels want more photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.evaluation.report import report_lines

if TYPE_CHECKING:
    from critterdb.evaluation.figures import EvaluationResult, LabelFigures


def label(
    name: str, photos: int, recall: float | None, mistaken_for: str | None = None
) -> LabelFigures:
    return {
        "name": name,
        "photos": photos,
        "precision": None,
        "recall": recall,
        "f1": None,
        "mistaken_for": mistaken_for,
    }


RESULT: EvaluationResult = {
    "model": "cougarornot-1",
    "photos": 100,
    "error_rate": 0.04,
    "balanced_error_rate": 0.055,
    "top3_error_rate": 0.01,
    "ece": 0.02,
    "ece_before": 0.08,
    "answered": 0.97,
    "wrong_among_answered": 0.03,
    "novelty_auroc": None,
    "none_refused": None,
    "known_refused": None,
    "seconds": 12.34,
    "left_out": {},
    "labels": [
        label("Cougar", 60, 0.98, "Bobcat"),
        label("Bobcat", 36, 0.75, "Canada Lynx"),
        label("Ocelot", 4, 1.0),
        label("Jaguarundi", 0, None),
    ],
}


def test_weak_labels_and_what_they_are_taken_for_are_named() -> None:
    report = "\n".join(report_lines(RESULT))
    assert "Wrong on 4.0% of them (5.5% when every label counts the same)" in report
    assert "off by 2.0% on average (8.0% as trained)" in report
    assert "Weak at Bobcat: found 75% of 36, and mostly took the rest for Canada Lynx." in report
    assert "Too few test photos to be sure of: Ocelot, Jaguarundi." in report
    assert "More photos would help most with: Bobcat, Ocelot, Jaguarundi." in report
    assert "Weak at Cougar" not in report


def test_what_became_of_small_labels_is_said() -> None:
    lines = report_lines(
        {
            **RESULT,
            "folded": [{"name": "Oncilla", "photos": 4, "into": "Leopardus"}],
            "too_few": [{"name": "Sand Cat", "photos": 2}],
            "left_out": {"photos of several taxa at once": 3},
        }
    )
    assert "  Oncilla has only 4 photos and counts as Leopardus." in lines
    assert "  Sand Cat has only 2 photos and is left out." in lines
    assert "  Left out: 3 photos of several taxa at once." in lines


def test_pictures_of_nothing_are_told_where_there_are_some() -> None:
    report = "\n".join(report_lines({**RESULT, "none_refused": 1.0, "known_refused": 0.02}))
    assert "it refused 100.0%, of known ones 2.0%" in report
