"""The report in words: where a model is weak, and which labels want more photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.evaluation.comparison import Outcome, compare_with
from critterdb.evaluation.report import comparison_line, report_lines

if TYPE_CHECKING:
    from critterdb.evaluation.figures import EvaluationResult, LabelFigures
    from critterdb.storage.database import SiteDatabase


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
    "wrong_among_answered": 0.03093,
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


def test_shares_are_told_with_their_basis() -> None:
    report = "\n".join(report_lines(RESULT))
    assert "Wrong on 4 of 100 (4.0%; 5.5% when every label counts the same)." in report
    assert "Answers 97 of 100 (97.0%). Of its answers, 3 of 97 (3.1%) are wrong." in report
    assert "off by 2.0 points on average (calibration error; 8.0 before calibration)" in report
    assert "Weak at Bobcat: found 27 of 36, and mistook most of the rest for Canada Lynx." in report
    assert "Too few test photos to be sure of: Ocelot, Jaguarundi." in report
    assert "More photos would help most with: Bobcat, Ocelot, Jaguarundi." in report
    assert "Weak at Cougar" not in report


def test_few_photos_get_no_percentages() -> None:
    report = "\n".join(
        report_lines(
            {**RESULT, "photos": 10, "error_rate": 0.1, "answered": 0.9,
             "wrong_among_answered": 0.11111, "labels": [label("Cougar", 10, 0.9)]}
        )
    )  # fmt: skip
    assert "Wrong on 1 of 10." in report
    assert "Answers 9 of 10. Of its answers, 1 of 9 is wrong." in report
    assert "%" not in report


def test_a_model_that_never_answers_is_said_so() -> None:
    report = "\n".join(report_lines({**RESULT, "answered": 0.0, "wrong_among_answered": None}))
    assert "Answers none of 100" in report


@pytest.mark.parametrize(("asked", "is_told"), [(0.01, True), (0.05, False)])
def test_more_wrong_answers_than_asked_for_are_explained(asked: float, is_told: bool) -> None:
    report = "\n".join(report_lines({**RESULT, "max_wrong": asked, "photos_validated": 98}))
    words = (
        "You asked for at most 1.0% wrong answers. That was set on 98 validation photos; on the "
        "test photos 3 of 97 (3.1%) answers are wrong."
    )
    assert (words in report) == is_told


def test_what_became_of_small_labels_is_said() -> None:
    lines = report_lines(
        {
            **RESULT,
            "folded": [{"name": "Oncilla", "photos": 4, "into": "Leopardus"}],
            "too_few": [{"name": "Sand Cat", "photos": 1}],
            "left_out": {"photos of several taxa at once": 1, "photos that appear twice": 3},
        }
    )
    assert "  Oncilla has only 4 photos and is merged into Leopardus." in lines
    assert "  Sand Cat has only 1 photo and is left out." in lines
    assert "  Left out: 1 photo of several taxa at once, 3 photos that appear twice." in lines


def test_pictures_of_nothing_are_told_where_there_are_some() -> None:
    report = "\n".join(
        report_lines({**RESULT, "photos": 300, "none_refused": 1.0, "known_refused": 0.02})
    )
    assert "it refused 200 of 200 (100.0%); of known ones, 2 of 100 (2.0%)." in report


def test_of_pictures_of_nothing_alone_no_label_is_judged() -> None:
    report = "\n".join(
        report_lines(
            {**RESULT, "photos": 200, "none_refused": 0.995, "error_rate": None, "answered": None,
             "labels": [label("Cougar", 0, None), label("Bobcat", 0, None)]}
        )
    )  # fmt: skip
    assert "Of pictures of other things, it refused 199 of 200 (99.5%)." in report
    assert "Cougar" not in report
    assert "known ones" not in report


@pytest.mark.parametrize(
    ("wrong", "earlier_wrong", "verdict"),
    [
        (range(6), (), "worse"),
        ((), range(6), "better"),
        (range(3), range(3, 5), "unclear"),
        (range(20), range(20), "unclear"),
        ((), (), "unclear"),
    ],
)
def test_only_a_difference_that_chance_does_not_explain_counts(
    db: SiteDatabase, wrong: range, earlier_wrong: range, verdict: str
) -> None:
    """Of 40 photos that both were tested on; another of each was tested on by that one alone."""
    db.execute("PRAGMA foreign_keys = OFF")
    for photo in range(41):
        db["predictions"].insert(
            {
                "model_id": "old", "source": "evaluation", "photo_id": photo, "abstained": 0,
                "scores": "{}", "thresholds": "{}", "created_at": "2026-11-27T00:00:00Z",
                "label_taxon_id": 1, "top_taxon_id": 2 if photo in earlier_wrong else 1,
            }
        )  # fmt: skip
    outcomes: dict[int, Outcome] = {
        photo: {"truth": 1, "top": 2 if photo in wrong else 1} for photo in [*range(40), 99]
    }
    outcomes[40] = {"truth": 2, "top": 2}  # whose label has changed since
    comparison = compare_with(db, "old", outcomes)
    assert comparison is not None
    assert comparison["verdict"] == verdict
    assert comparison["photos"] == 40
    assert (comparison["wrong"], comparison["earlier_wrong"]) == (len(wrong), len(earlier_wrong))
    assert f"wrong on {len(wrong)} of 40" in comparison_line(comparison).replace(
        "this one on", "wrong on"
    )


def test_models_without_a_common_test_photo_are_not_compared(db: SiteDatabase) -> None:
    assert compare_with(db, "old", {1: {"truth": 1, "top": 1}}) is None
