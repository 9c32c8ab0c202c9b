"""What a model makes of one view of a photo, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .evidence import Evidence


@dataclass(frozen=True)
class Look:
    """`probabilities` C, the novelty, and `evidence` if it was asked for.

    `window_novelty` W is there if the model may want to look again.
    """

    probabilities: np.ndarray
    novelty: float
    evidence: Evidence | None = None
    window_novelty: np.ndarray | None = None

    def replaced(self, probabilities: np.ndarray, novelty: float) -> Look:
        """Return the same look with other probabilities and novelty."""
        return replace(self, probabilities=probabilities, novelty=novelty)
