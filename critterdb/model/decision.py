"""Decide what to say: from probabilities and novelty to a label, a coarser taxon, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from .labels import (
    COARSER,
    NOT_A_CRITTER,
    UNSURE,
    Answer,
    Label,
    Reason,
    ScoredTaxon,
    Taxon,
    Thresholds,
    labels_inside,
    lineage_ids,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.imaging.preprocessing import Area

    from .evidence import Evidence

__all__ = ["COARSER", "NOT_A_CRITTER", "UNSURE", "Classification", "decide", "labels_inside"]


class ClassificationColumns(TypedDict):
    """The columns of `predictions` that a classification itself fills."""

    taxon_id: int | None
    score: float
    top_taxon_id: int
    abstained: int
    reason: Reason | None
    novelty: float
    scores: str
    thresholds: str
    looks: int
    crop: str | None


@dataclass(frozen=True)
class Classification:
    """What a model says of one image, or of several together.

    `answer` is null if it abstained; `predictions` are all labels, likeliest first; `thresholds`
    are those that were in force; `probabilities` are C in the order of the model's labels.
    `looks` is how often it looked, and `crop` the part of the photo that decided if the second
    look did. `evidence` is there if it was asked for and the model has it.
    """

    answer: Answer | None
    reason: Reason | None
    predictions: list[ScoredTaxon]
    novelty: float
    thresholds: Thresholds
    probabilities: np.ndarray = field(repr=False, compare=False)
    looks: int = 1
    crop: Area | None = None
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def abstained(self) -> bool:
        return self.answer is None

    def as_row(self) -> ClassificationColumns:
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
            "looks": self.looks,
            "crop": json.dumps(self.crop.rounded()) if self.crop else None,
        }


def decide(
    probabilities: np.ndarray,
    novelty: float,
    labels: Sequence[Label],
    thresholds: Thresholds,
) -> Classification:
    """Decide on probabilities C, given in the order of `labels`, and a novelty."""
    order = np.argsort(-probabilities, kind="stable")
    predictions = [scored(labels[index], float(probabilities[index])) for index in order]
    threshold = thresholds["threshold"]
    answer: Answer | None = None
    reason: Reason | None = None
    # Novelty first: for a photo unlike anything seen in training, probabilities mean nothing.
    if novelty > thresholds["novelty_threshold"]:
        reason = NOT_A_CRITTER
    elif predictions[0]["score"] >= threshold:
        answer = as_answer(labels[order[0]], float(probabilities[order[0]]))
    else:
        answer = _coarser(probabilities, labels, threshold)
        reason = COARSER if answer else UNSURE
    return Classification(
        answer, reason, predictions, round(novelty, 4), thresholds.copy(), probabilities
    )


def combine(
    classifications: Sequence[Classification], labels: Sequence[Label], thresholds: Thresholds
) -> Classification:
    """Give one answer over several photos of one animal: the mean over those of a known critter.

    The least novel photo speaks for novelty: one clear picture among blurred ones is enough.
    """
    known = [photo for photo in classifications if photo.reason != NOT_A_CRITTER]
    known = known or list(classifications)
    probabilities = np.mean([photo.probabilities for photo in known], axis=0)
    novelty = min(photo.novelty for photo in known)
    looks = max(photo.looks for photo in classifications)
    return replace(decide(probabilities, novelty, labels, thresholds), looks=looks)


def scored(taxon: Taxon, score: float) -> ScoredTaxon:
    """Return a taxon as a prediction names it, with its probability to four digits."""
    return {
        "taxon_id": taxon["taxon_id"],
        "name": taxon["name"],
        "common_name": taxon["common_name"],
        "score": round(score, 4),
    }


def as_answer(taxon: Taxon, score: float) -> Answer:
    """Return a taxon as an answer names it, with its probability to four digits."""
    return {**scored(taxon, score), "rank": taxon["rank"]}


def _coarser(probabilities: np.ndarray, labels: Sequence[Label], threshold: float) -> Answer | None:
    """The nearest ancestor of the top label that is sure enough and says less than everything."""
    for step in steps_up(int(np.argmax(probabilities)), labels)[1:]:
        score = float(probabilities[step.inside].sum())
        if score >= threshold:
            return as_answer(step.taxon, score)
    return None


@dataclass(frozen=True)
class Step:
    """A possible answer: a taxon, and which of the labels C it holds true for."""

    taxon: Taxon
    inside: np.ndarray


def steps_up(top: int, labels: Sequence[Label]) -> list[Step]:
    """List the possible answers for a top label, given by its index: the label, then its ancestors.

    An ancestor of every label says nothing and ends them.
    """
    lineages = [lineage_ids(label) for label in labels]
    label = labels[top]
    steps = [Step(label, np.arange(len(labels)) == top)]
    for ancestor in reversed(label.get("ancestors", [])):
        inside = np.array([ancestor["taxon_id"] in lineage for lineage in lineages], bool)
        if inside.all():
            break
        steps.append(Step(ancestor, inside))
    return steps


def step_scores(
    probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[Label]
) -> tuple[np.ndarray, np.ndarray]:
    """Score each photo's possible answers N×K, the finest first, and say whether each is right.

    A photo with fewer than K answers scores minus infinity for the rest.
    """
    ladders = [steps_up(top, labels) for top in range(len(labels))]
    longest = max(map(len, ladders))
    scores = np.full((len(truth), longest), -np.inf)
    right = np.zeros((len(truth), longest), bool)
    for photo, top in enumerate(probabilities.argmax(axis=1)):
        for number, step in enumerate(ladders[top]):
            scores[photo, number] = probabilities[photo, step.inside].sum()
            right[photo, number] = step.inside[truth[photo]]
    return scores, right
