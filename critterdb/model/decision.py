"""Probabilities and novelty → an answer: a label, a coarser taxon, or none, with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNSURE = "unsure"
NOT_A_CRITTER = "not_a_critter"
COARSER = "coarser"

Label = dict[str, Any]


@dataclass(frozen=True)
class Classification:
    """What a model says of one image, or of several together.

    `answer` is null where it abstained; `predictions` are all labels, likeliest first; `thresholds`
    are those that were in force.
    """

    answer: Label | None
    reason: str | None
    predictions: list[Label]
    novelty: float
    thresholds: dict[str, float]
    probabilities: np.ndarray = field(repr=False, compare=False)

    @property
    def abstained(self) -> bool:
        return self.answer is None

    def as_row(self) -> dict[str, Any]:
        """The columns of `predictions` that the classification itself fills."""
        top = self.predictions[0]
        return {
            "taxon_id": self.answer["taxon_id"] if self.answer else None,
            "score": self.answer["score"] if self.answer else top["score"],
            "top_taxon_id": top["taxon_id"],
            "abstained": int(self.abstained),
            "reason": self.reason,
            "novelty": self.novelty,
            "scores": json.dumps({str(p["taxon_id"]): p["score"] for p in self.predictions}),
            "thresholds": json.dumps(self.thresholds),
        }


def decide(
    probabilities: np.ndarray,
    novelty: float,
    labels: list[Label],
    thresholds: dict[str, float],
) -> Classification:
    """The answer for probabilities C in the order of `labels`.

    Novelty comes first: where a photo is like nothing seen, its probabilities mean nothing.
    """
    order = np.argsort(-probabilities, kind="stable")
    predictions = [scored(labels[place], float(probabilities[place])) for place in order]
    threshold = thresholds["threshold"]
    answer: Label | None = None
    reason: str | None = None
    if novelty > thresholds["novelty_threshold"]:
        reason = NOT_A_CRITTER
    elif predictions[0]["score"] >= threshold:
        answer = predictions[0] | {"rank": labels[order[0]]["rank"]}
    else:
        answer = _coarser(probabilities, labels, threshold)
        reason = COARSER if answer else UNSURE
    return Classification(
        answer, reason, predictions, round(novelty, 4), dict(thresholds), probabilities
    )


def combine(
    classifications: list[Classification], labels: list[Label], thresholds: dict[str, float]
) -> Classification:
    """One answer over several photos of one animal: the mean of those that are of a known critter.

    The least novel photo speaks for novelty: one clear picture among blurred ones is enough.
    """
    known = [one for one in classifications if one.reason != NOT_A_CRITTER] or classifications
    probabilities = np.mean([one.probabilities for one in known], axis=0)
    return decide(probabilities, min(one.novelty for one in known), labels, thresholds)


def scored(label: Label, score: float) -> Label:
    """A taxon as the answer's JSON names it, with its probability to four digits."""
    return {
        "taxon_id": label["taxon_id"],
        "name": label["name"],
        "common_name": label["common_name"],
        "score": round(score, 4),
    }


def _coarser(probabilities: np.ndarray, labels: list[Label], threshold: float) -> Label | None:
    """The nearest ancestor of the top label that is sure enough and says less than everything."""
    for step in steps_up(int(np.argmax(probabilities)), labels)[1:]:
        score = float(probabilities[step.inside].sum())
        if score >= threshold:
            return scored(step.taxon, score) | {"rank": step.taxon["rank"]}
    return None


@dataclass(frozen=True)
class Step:
    """An answer: a taxon, and which of the labels C it holds true for."""

    taxon: Label
    inside: np.ndarray


def steps_up(place: int, labels: list[Label]) -> list[Step]:
    """What may be said of a photo whose top label is at `place`: the label, then its ancestors.

    An ancestor of every label says nothing and ends them.
    """
    lineages = [
        {one["taxon_id"] for one in (label, *label.get("ancestors", []))} for label in labels
    ]
    label = labels[place]
    steps = [Step(label, np.arange(len(labels)) == place)]
    for ancestor in reversed(label.get("ancestors", [])):
        inside = np.array([ancestor["taxon_id"] in lineage for lineage in lineages], bool)
        if inside.all():
            break
        steps.append(Step(ancestor, inside))
    return steps


def labels_inside(taxon_id: int, labels: list[Label]) -> list[Label]:
    """The labels that an answer holds true for."""
    return [
        label
        for label in labels
        if taxon_id in {one["taxon_id"] for one in (label, *label.get("ancestors", []))}
    ]


def step_scores(
    probabilities: np.ndarray, truth: np.ndarray, labels: list[Label]
) -> tuple[np.ndarray, np.ndarray]:
    """What each photo's possible answers score N×K, the finest first, and whether each is right.

    Where a photo has fewer than K, the rest score minus infinity.
    """
    ladders = [steps_up(place, labels) for place in range(len(labels))]
    longest = max(map(len, ladders))
    scores = np.full((len(truth), longest), -np.inf)
    right = np.zeros((len(truth), longest), bool)
    for photo, top in enumerate(probabilities.argmax(axis=1)):
        for number, step in enumerate(ladders[top]):
            scores[photo, number] = probabilities[photo, step.inside].sum()
            right[photo, number] = step.inside[truth[photo]]
    return scores, right
