"""Decide what to say: from probabilities and novelty to a label, a coarser taxon, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
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


# All labels of a model with 5,000 are 70 kB of JSON a row.
# docs/decisions.md#rows-of-predictions-keep-36-labels
MAX_STORED = 36
SCORE_DIGITS = 4  # of the probabilities of predictions, and of limits that these are compared with
REST = "rest"  # the key of what all other labels have together


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
            "scores": json.dumps(self._stored_scores()),
            "thresholds": json.dumps(self.thresholds),
            "looks": self.looks,
            "crop": json.dumps(self.crop.rounded()) if self.crop else None,
        }

    def _stored_scores(self) -> dict[str, float]:
        """The likeliest labels by taxon; beyond MAX_STORED labels, the others as one number."""
        kept = self.predictions
        if len(self.probabilities) > MAX_STORED:
            kept = kept[:MAX_STORED]
        scores = {str(taxon["taxon_id"]): taxon["score"] for taxon in kept}
        if len(kept) < len(self.probabilities):
            scores[REST] = round(max(0.0, 1 - sum(scores.values())), SCORE_DIGITS)
        return scores


def decide(
    probabilities: np.ndarray,
    novelty: float,
    labels: Sequence[Label],
    thresholds: Thresholds,
    *,
    ladders: Ladders | None = None,
    most: int | None = None,
) -> Classification:
    """Decide on probabilities C, given in the order of `labels`, and a novelty.

    `ladders` are those of the labels, if they are made already. With `most`, only so many of the
    likeliest labels are kept in `predictions`.
    """
    order = np.argsort(-probabilities, kind="stable")[:most]
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
        answer = _coarser(probabilities, ladders or Ladders(labels), threshold)
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
    """Return a taxon as a prediction names it, with its probability to SCORE_DIGITS."""
    return {
        "taxon_id": taxon["taxon_id"],
        "name": taxon["name"],
        "common_name": taxon["common_name"],
        "score": round(score, SCORE_DIGITS),
    }


def as_answer(taxon: Taxon, score: float) -> Answer:
    """Return a taxon as an answer names it, with its probability to SCORE_DIGITS."""
    return {**scored(taxon, score), "rank": taxon["rank"]}


def _coarser(probabilities: np.ndarray, ladders: Ladders, threshold: float) -> Answer | None:
    """The nearest ancestor of the top label that is sure enough and says less than everything."""
    for step in ladders.steps(int(np.argmax(probabilities)))[1:]:
        score = float(probabilities[step.inside].sum())
        if score >= threshold:
            return as_answer(step.taxon, score)
    return None


@dataclass(frozen=True)
class Step:
    """A possible answer: a taxon, and the indexes of the labels that it holds true for."""

    taxon: Taxon
    inside: np.ndarray


class Ladders:
    """The possible answers for each label of a model: the label itself, then its ancestors.

    An ancestor of every label says nothing and ends them. Made once for many photos: with
    thousands of labels, to look through all lineages for each photo takes longer than the rest.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels
        self._inside: dict[int, np.ndarray] = {}

    @cached_property
    def _lineages(self) -> tuple[np.ndarray, np.ndarray]:
        """Taxa, sorted, and for each the label that it is an ancestor of; one pair a lineage."""
        pairs = np.array(
            [(taxon, n) for n, label in enumerate(self._labels) for taxon in lineage_ids(label)],
            np.int64,
        )
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        return pairs[:, 0], pairs[:, 1]

    def inside(self, taxon_id: int) -> np.ndarray:
        """Return the indexes of the labels that a taxon holds true for, in their order."""
        if taxon_id not in self._inside:
            taxa, labels = self._lineages
            start, stop = np.searchsorted(taxa, [taxon_id, taxon_id + 1])
            self._inside[taxon_id] = labels[start:stop]
        return self._inside[taxon_id]

    def steps(self, top: int) -> list[Step]:
        """List the possible answers for a top label, given by its index."""
        label = self._labels[top]
        steps = [Step(label, np.array([top]))]
        for ancestor in reversed(label.get("ancestors", [])):
            inside = self.inside(ancestor["taxon_id"])
            if len(inside) == len(self._labels):
                break
            steps.append(Step(ancestor, inside))
        return steps


def step_scores(
    probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[Label]
) -> tuple[np.ndarray, np.ndarray]:
    """Score each photo's possible answers N×K, the finest first, and say whether each is right.

    A photo with fewer than K answers scores minus infinity for the rest.
    """
    ladders = Ladders(labels)
    steps_of = [ladders.steps(top) for top in range(len(labels))]
    longest = max(map(len, steps_of))
    scores = np.full((len(truth), longest), -np.inf)
    right = np.zeros((len(truth), longest), bool)
    tops = probabilities.argmax(axis=1)
    for top in np.unique(tops):
        photos = np.flatnonzero(tops == top)
        for number, step in enumerate(steps_of[top]):
            chosen = np.ascontiguousarray(probabilities[np.ix_(photos, step.inside)])
            scores[photos, number] = chosen.sum(axis=1)
            right[photos, number] = np.isin(truth[photos], step.inside)
    return scores, right
