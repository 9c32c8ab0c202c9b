"""What a request may ask for beside the answer: `similar=N` and `evidence=1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.web.http.negotiation import read_switch
from critterdb.web.queries.training_photos import MAX_SIMILAR

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("similar", "evidence")


@dataclass(frozen=True)
class Extras:
    """What else an answer holds: so many `similar` training photos, and its `evidence`."""

    similar: int = 0
    evidence: bool = False


NOTHING_ELSE = Extras()


def read_extras(get: Callable[[str], str | None], default: Extras | None = None) -> Extras:
    """Read the parameters that `get` returns as text; what it lacks is as in `default`.

    Raises RejectedInputError (parameter_invalid).
    """
    default = default or NOTHING_ELSE
    similar, evidence = ((get(name) or "").strip() for name in NAMES)
    return Extras(
        _number_of_photos(similar) if similar else default.similar,
        _is_wanted(evidence) if evidence else default.evidence,
    )


def _number_of_photos(text: str) -> int:
    similar = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not 0 <= similar <= MAX_SIMILAR:
        raise RejectedInputError(
            "parameter_invalid",
            f"“similar” should be a whole number from 0 to {MAX_SIMILAR}, not {text[:20]}",
        )
    return similar


def _is_wanted(text: str) -> bool:
    wanted = read_switch(text)
    if wanted is None:
        raise RejectedInputError(
            "parameter_invalid", f"“evidence” should be 1 or 0, not {text[:20]}"
        )
    return wanted
