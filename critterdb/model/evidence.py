"""Where in a picture a model found the evidence for its answer, and against the runner-up.

The picture is divided into cells. Each cell has a share of a label's logit, which may be negative;
the shares and the bias add up to the logit. Logits are those after temperature: their difference is
the logarithm of how much likelier one label is than another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from critterdb.imaging.preprocessing import WHOLE, Area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .labels import Label

OUTPUTS = ("evidence", "evidence_labels", "evidence_logits", "evidence_biases")
TOLERANCE = 1e-3  # of a sum of cells and bias, in a model file of any maker
DIGITS = 7  # of a cell: 100 rounded ones are off by at most 5e-6 in all


class LabelEvidencePayload(TypedDict):
    """The evidence for one label: `cells` are rows from the top, each from the left."""

    taxon_id: int
    logit: float
    bias: float
    cells: list[list[float]]


class EvidencePayload(TypedDict):
    """The evidence for an answer and for its runner-up, in `grid`×`grid` cells.

    They cover `area`: x, y, width and height as shares of the upright photo.
    """

    grid: int
    area: list[float]
    top: LabelEvidencePayload
    runner_up: LabelEvidencePayload


@dataclass(frozen=True)
class LabelEvidence:
    """What speaks for one label: `cells` g×g and `bias` add up to `logit`."""

    taxon_id: int
    logit: float
    bias: float
    cells: np.ndarray

    def as_dict(self) -> LabelEvidencePayload:
        return {
            "taxon_id": self.taxon_id,
            "logit": round(self.logit, DIGITS),
            "bias": round(self.bias, DIGITS),
            "cells": np.round(self.cells.astype(np.float64), DIGITS).tolist(),
        }


@dataclass(frozen=True)
class Evidence:
    """What speaks for the likeliest label and for the next one, in the cells of an area."""

    top: LabelEvidence
    runner_up: LabelEvidence
    area: Area = WHOLE

    def as_dict(self) -> EvidencePayload:
        return {
            "grid": len(self.top.cells),
            "area": self.area.rounded(),
            "top": self.top.as_dict(),
            "runner_up": self.runner_up.as_dict(),
        }


def read_evidence(arrays: Sequence[np.ndarray], labels: Sequence[Label]) -> Evidence:
    """Return the evidence in what a model's OUTPUTS say of one picture.

    Raises ValueError if they are not of two labels, or are not finite numbers.
    """
    cells, indexes, logits, biases = arrays
    shapes = (cells.shape[:2], indexes.shape, logits.shape, biases.shape)
    if shapes != ((1, 2),) * 4 or cells.ndim != 4 or cells.shape[2] != cells.shape[3]:
        raise ValueError("its evidence has the wrong shape")
    if not all(np.isfinite(array).all() for array in (cells, logits, biases)):
        raise ValueError("its evidence is not finite")
    if not all(0 <= index < len(labels) for index in indexes[0]):
        raise ValueError("its evidence is of no label")
    top, runner_up = (
        LabelEvidence(
            labels[int(indexes[0, n])]["taxon_id"],
            float(logits[0, n]),
            float(biases[0, n]),
            cells[0, n],
        )
        for n in range(2)
    )
    return Evidence(top, runner_up)


def adds_up(evidence: Evidence) -> bool:
    """Say whether the cells and the biases add up to the logits."""
    return all(
        abs(float(label.cells.sum(dtype=np.float64)) + label.bias - label.logit) <= TOLERANCE
        for label in (evidence.top, evidence.runner_up)
    )
