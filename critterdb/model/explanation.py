"""Say in plain words why an answer is coarser than a label, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from critterdb.formatting import confidence, list_of, taxon_name

from .labels import COARSER, NOT_A_CRITTER, labels_inside, lineage_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .labels import Answer, Label, Reason, ScoredTaxon, Taxon, Thresholds
    from .payloads import AnswerPayload

MAX_LABELS_NAMED = 4
# A label of under 1% changes no sum that a person would check.
LEAST_NAMED = 0.01


class Decided(TypedDict):
    """What a model said of one picture, from its answer's JSON or from its row."""

    answer: Answer | None
    reason: Reason | None
    predictions: list[ScoredTaxon]
    novelty: float


def explain(
    decided: Decided | AnswerPayload, labels: Sequence[Label], thresholds: Thresholds
) -> list[str]:
    """Return sentences that say why, the most important first; none if a label is the answer.

    `labels` are those of the model, with their ancestors.
    """
    if not decided["predictions"] or not labels:
        return []
    if decided["reason"] == NOT_A_CRITTER:
        return _why_not_known(decided["novelty"], thresholds["novelty_threshold"])
    if decided["answer"] is None:
        return _why_unsure(decided["predictions"], labels, thresholds["threshold"])
    if decided["reason"] == COARSER:
        answer, needed = decided["answer"], thresholds["threshold"]
        return _why_coarser(answer, decided["predictions"], labels, needed)
    return []


def _why_not_known(novelty: float, most: float) -> list[str]:
    digits = 2 if f"{novelty:.2f}" != f"{most:.2f}" else 4
    return [
        f"Its novelty score is {novelty:.{digits}f}, and I only answer up to {most:.{digits}f}.",
        "The score says how unlike my training photos a picture is; theirs average 1.",
    ]


def _why_coarser(
    answer: Answer, predictions: Sequence[ScoredTaxon], labels: Sequence[Label], needed: float
) -> list[str]:
    inside = {label["taxon_id"] for label in labels_inside(answer["taxon_id"], labels)}
    parts = [label for label in predictions if label["taxon_id"] in inside]
    if not parts:
        return []
    # A row may keep the likeliest labels only; the answer's score is of them all.
    is_whole = len(parts) == len(inside)
    total = sum(part["score"] for part in parts) if is_whole else answer["score"]
    return [
        f"{_sum_of(parts, len(inside), total)} for {taxon_name(answer)}.",
        f"I need {confidence(needed)} to give an answer, and none of them reaches that alone.",
    ]


def _why_unsure(
    predictions: Sequence[ScoredTaxon], labels: Sequence[Label], needed: float
) -> list[str]:
    top = predictions[0]
    sentences = [
        f"My best guess is {taxon_name(top)} with {confidence(top['score'])}, and I need "
        f"{confidence(needed)} to give an answer."
    ]
    scores = {label["taxon_id"]: label["score"] for label in predictions}
    widest = _widest_step(top["taxon_id"], labels)
    if widest is not None:
        inside = {label["taxon_id"] for label in labels_inside(widest["taxon_id"], labels)}
        parts = [part for part in predictions if part["taxon_id"] in inside]
        if len(parts) == len(inside) > 1:
            total = sum(scores[part["taxon_id"]] for part in parts)
            sentences.append(
                f"{taxon_name(widest)} as a whole, with {len(parts)} labels, gets "
                f"{confidence(total)}, which is too little as well."
            )
    return sentences


def _widest_step(taxon_id: int, labels: Sequence[Label]) -> Taxon | None:
    """The coarsest answer that was possible for a label; None if there was none beside itself.

    As decision.Ladders has it, without numpy: the pages run in a browser's tab too.
    """
    label = next((label for label in labels if label["taxon_id"] == taxon_id), None)
    ancestors = label.get("ancestors", []) if label else []
    narrower = (
        taxon
        for taxon in ancestors
        if not all(taxon["taxon_id"] in lineage_ids(label) for label in labels)
    )
    return next(narrower, None)


def _sum_of(parts: Sequence[ScoredTaxon], labels: int, total: float) -> str:
    """`Bobcat (48%) and Canada Lynx (45%) add up to 93%`; the parts are of so many labels."""
    named = [part for part in parts if part["score"] >= LEAST_NAMED][:MAX_LABELS_NAMED]
    words = [f"{taxon_name(part)} ({confidence(part['score'])})" for part in named or parts[:1]]
    if left_out := labels - len(words):
        words.append(f"{left_out} more")
    return f"{list_of(words)} {'adds' if len(words) == 1 else 'add'} up to {confidence(total)}"
