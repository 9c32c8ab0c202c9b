"""Why stored predictions are coarser than a label, or no answer: their rows → sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from critterdb.model.explanation import explain
from critterdb.storage.stored_json import read_ids, read_object, read_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from critterdb.model.labels import Answer, Label, ScoredTaxon, Taxon, Thresholds
    from critterdb.storage.database import SiteDatabase

_LABELS = """
SELECT model_labels.model_id, taxa.id AS taxon_id, taxa.name, taxa.common_name, taxa.rank,
    taxa.ancestor_ids
FROM model_labels JOIN taxa ON taxa.id = model_labels.taxon_id
WHERE model_id IN (SELECT value FROM json_each(?)) ORDER BY photos_train DESC, taxa.name
"""

_TAXA = """
SELECT id AS taxon_id, name, common_name, rank FROM taxa
WHERE id IN (SELECT value FROM json_each(?))
"""


def load_labels(db: SiteDatabase, model_ids: Iterable[str]) -> dict[str, list[Label]]:
    """Return the labels of models, those with most photos first, each with its ancestors."""
    rows = list(db.query(_LABELS, [json.dumps(sorted(set(model_ids)))]))
    lineages = [read_ids(row.pop("ancestor_ids")) for row in rows]
    taxa = load_taxa(db, {taxon_id for lineage in lineages for taxon_id in lineage})
    labels: dict[str, list[Label]] = {}
    for row, lineage in zip(rows, lineages, strict=True):
        model_id, own = row.pop("model_id"), row["taxon_id"]
        above = [taxa[taxon_id] for taxon_id in lineage if taxon_id in taxa and taxon_id != own]
        labels.setdefault(model_id, []).append(cast("Label", {**row, "ancestors": above}))
    return labels


def load_taxa(db: SiteDatabase, taxon_ids: Iterable[int]) -> dict[int, Taxon]:
    """Return taxa by their ids, as answers name them."""
    rows = db.query(_TAXA, [json.dumps(sorted(taxon_ids))])
    return {row["taxon_id"]: cast("Taxon", row) for row in rows}


def load_reasons(db: SiteDatabase, rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return for each row of `predictions` the sentences that say why it is not a label.

    Rows that somebody else made may lack what these need: they get none.
    """
    odd = [row for row in rows if row["reason"]]
    if not odd:
        return [[] for _ in rows]
    labels = load_labels(db, (row["model_id"] for row in odd))
    answers = load_taxa(db, {row["taxon_id"] for row in odd if row["taxon_id"] is not None})
    return [_why(row, labels.get(row["model_id"], []), answers) for row in rows]


def _why(
    row: Mapping[str, Any], labels: Sequence[Label], answers: Mapping[int, Taxon]
) -> list[str]:
    thresholds = read_thresholds(row["thresholds"])
    known = {label["taxon_id"]: label for label in labels}
    scores = read_scores(row["scores"])
    taxon = answers.get(row["taxon_id"])
    # With many labels a row keeps the likeliest, and the others as one number.
    is_complete = scores.keys() == known.keys() or (scores and "rest" in read_object(row["scores"]))
    is_whole = thresholds and is_complete and scores.keys() <= known.keys()
    is_whole = is_whole and row["novelty"] is not None
    if not row["reason"] or not is_whole or (row["taxon_id"] is not None and taxon is None):
        return []
    answer = cast("Answer", {**taxon, "score": row["score"]}) if taxon else None
    predictions: list[ScoredTaxon] = [
        {
            "taxon_id": taxon_id,
            "name": known[taxon_id]["name"],
            "common_name": known[taxon_id]["common_name"],
            "score": score,
        }
        for taxon_id, score in sorted(scores.items(), key=lambda item: -item[1])
    ]
    assert thresholds
    return explain(
        {
            "answer": answer,
            "reason": row["reason"],
            "predictions": predictions,
            "novelty": row["novelty"],
        },
        labels,
        thresholds,
    )


def read_thresholds(stored: object) -> Thresholds | None:
    """Return the thresholds that a row holds as JSON, or None if one is missing."""
    values = read_object(stored)
    threshold, most = values.get("threshold"), values.get("novelty_threshold")
    if not isinstance(threshold, int | float) or not isinstance(most, int | float):
        return None
    temperature = values.get("temperature")
    return {
        "threshold": float(threshold),
        "novelty_threshold": float(most),
        "temperature": float(temperature) if isinstance(temperature, int | float) else 1.0,
    }
