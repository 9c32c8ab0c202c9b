"""The answer to one picture, as attributes and as the endpoint's JSON."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.formatting import taxon_name

if TYPE_CHECKING:
    from critterdb.model.evidence import EvidencePayload
    from critterdb.model.labels import Answer, Reason, ScoredTaxon
    from critterdb.model.payloads import AnswerPayload, SimilarPhoto
    from critterdb.model.placed_answer import PlacedAnswer


@dataclass(frozen=True)
class Result:
    """The answer to one picture. Its parts are dictionaries as in docs/api.md."""

    _payload: AnswerPayload

    @property
    def answer(self) -> Answer | None:
        """The answer: one of the model's labels or a coarser taxon. None if it abstained."""
        return self._payload["answer"]

    @property
    def abstained(self) -> bool:
        """Whether the model gave no answer."""
        return self._payload["abstained"]

    @property
    def reason(self) -> Reason | None:
        """`unsure`, `not_a_critter` or `coarser`; None for a label that the model is sure of."""
        return self._payload["reason"]

    @property
    def predictions(self) -> list[ScoredTaxon]:
        """All the model's labels with probabilities from 0 to 1, the most likely first."""
        return self._payload["predictions"]

    @property
    def novelty(self) -> float:
        """How unlike its training photos the picture is; above `novelty_threshold` it abstains."""
        return self._payload["novelty"]

    @property
    def novelty_threshold(self) -> float:
        """The model's threshold for `novelty`."""
        return self._payload["novelty_threshold"]

    @property
    def similar(self) -> list[SimilarPhoto] | None:
        """The training photos nearest to the picture, the nearest first; None if not asked for."""
        return self._payload.get("similar")

    @property
    def with_place(self) -> PlacedAnswer | None:
        """The answer with where and when; None if that is unknown to the caller or the model."""
        return self._payload.get("with_place")

    @property
    def evidence(self) -> EvidencePayload | None:
        """Where in the picture the answer comes from; None if not asked for, or not available."""
        return self._payload.get("evidence")

    def as_dict(self) -> AnswerPayload:
        """Return the JSON object that the endpoint would return, as a copy."""
        return deepcopy(self._payload)

    def __repr__(self) -> str:
        if self.answer is None:
            return f"<Result abstained: {self.reason}>"
        return f"<Result {taxon_name(self.answer)} {self.answer['score']:.1%}>"
