"""Parse what a model file says of itself: the JSON of its metadata property `critterdb`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from critterdb.imaging.preprocessing import Preprocessing

from .label_sets import SetRule, parse_set_rule
from .place_prior import PlacePrior, parse_prior
from .second_look import SecondLook, parse_second_look

if TYPE_CHECKING:
    from critterdb._types import Json

    from .labels import Label, Taxon, Thresholds

# Goes up when an older critterdb would misread a file: it then says so instead of answering
# wrongly.
FORMAT = 1
DIGEST = "digest"  # the SHA-256 of the file, with zeros in its own place
PLACE_PRIOR = "place_prior"
REQUIRED = (
    "format",
    "id",
    "game",
    "backbone",
    "size",
    "resize",
    "labels",
    "temperature",
    "threshold",
    "novelty_threshold",
    "smoke_test",
)
MAX_ID = 2**63  # of SQLite's integers
MAX_SCALED_SIDE = 8192  # pixels: `size` alone may be small, and `resize` see a tenth of the photo


@dataclass(frozen=True)
class ModelDescription:
    """What a model file says of itself; `labels` and `smoke_probabilities` C are in output order.

    `digest`, `place_prior`, `second_look` and `set_rule` are null in files without one. `metadata`
    is all of it, as it was parsed.
    """

    id: str
    game: str
    backbone: str
    view: Preprocessing
    labels: list[Label]
    thresholds: Thresholds
    smoke_probabilities: np.ndarray
    digest: str | None
    place_prior: PlacePrior | None
    metadata: Json
    second_look: SecondLook | None
    set_rule: SetRule | None


def parse_description(text: str) -> ModelDescription:
    """Parse a model's description. Raises ValueError with the reason to refuse it.

    All of it is checked here, because what is used later is used while a visitor waits.
    """
    metadata = _parse_json(text)
    missing = [name for name in REQUIRED if name not in metadata]
    if missing:
        raise ValueError(f"its metadata lacks {', '.join(missing)}")
    if metadata["format"] != FORMAT:
        raise ValueError(f"its format is {str(metadata['format'])[:20]}, not {FORMAT}")
    for name in ("id", "game", "backbone"):
        if not isinstance(metadata[name], str) or not metadata[name]:
            raise ValueError(f"its {name} is not a name")
    _check_licenses(metadata.get("licenses"))
    digest = metadata.get(DIGEST)
    if digest is not None and not isinstance(digest, str):
        raise ValueError("its digest is not a string")
    labels = _parse_labels(metadata["labels"])
    return ModelDescription(
        id=metadata["id"],
        game=metadata["game"],
        backbone=metadata["backbone"],
        view=_parse_view(metadata["size"], metadata["resize"]),
        labels=labels,
        thresholds={
            "threshold": _number(metadata, "threshold"),
            "novelty_threshold": _number(metadata, "novelty_threshold"),
            "temperature": _number(metadata, "temperature"),
        },
        smoke_probabilities=_parse_smoke_test(metadata["smoke_test"]),
        digest=digest,
        place_prior=parse_prior(metadata.get(PLACE_PRIOR), len(labels)),
        metadata=metadata,
        second_look=parse_second_look(metadata.get("second_look")),
        set_rule=parse_set_rule(metadata.get("set")),
    )


def _parse_json(text: str) -> Json:
    try:
        metadata = json.loads(text, parse_constant=_refuse_constant)
        # An unpaired surrogate parses, and then breaks each page and row that it is written to.
        json.dumps(metadata, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError("it has no valid critterdb metadata") from error
    if not isinstance(metadata, dict):
        raise ValueError("it has no valid critterdb metadata")
    return metadata


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _number(metadata: Json, name: str) -> float:
    value = metadata[name]
    # JSON allows 1e999, which parses to infinity, and integers too large for a float.
    if not _is_finite(value) or (name == "temperature" and value <= 0):
        raise ValueError(f"its {name} is not a usable number")
    return float(value)


def _is_finite(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _parse_labels(labels: object) -> list[Label]:
    if not isinstance(labels, list) or not labels:
        raise ValueError("its labels are not a list of taxa")
    parsed: list[Label] = []
    for label in labels:
        ancestors = label.get("ancestors", []) if isinstance(label, dict) else None
        if not isinstance(ancestors, list):
            raise ValueError("its labels are not a list of taxa")
        parsed.append(
            {**_parse_taxon(label), "ancestors": [_parse_taxon(taxon) for taxon in ancestors]}
        )
    if len({label["taxon_id"] for label in parsed}) < len(parsed):
        raise ValueError("two of its labels are the same taxon")
    return parsed


def _parse_taxon(taxon: object) -> Taxon:
    if not isinstance(taxon, dict):
        raise ValueError("its labels are not a list of taxa")
    taxon_id, name = taxon.get("taxon_id"), taxon.get("name")
    common_name, rank = taxon.get("common_name"), taxon.get("rank")
    if (
        not isinstance(taxon_id, int)
        or isinstance(taxon_id, bool)
        or not -MAX_ID <= taxon_id < MAX_ID
        or not isinstance(name, str)
        or not isinstance(common_name, str | None)
        or not isinstance(rank, str | None)
    ):
        raise ValueError("its labels are not a list of taxa, each with an id and names")
    return {"taxon_id": taxon_id, "name": name, "common_name": common_name, "rank": rank}


def _parse_view(size: object, resize: object) -> Preprocessing:
    try:
        if not isinstance(size, int) or not isinstance(resize, str):
            raise TypeError("size is a number of pixels and resize a text")
        view = Preprocessing.parse(size, resize)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError("its size or resize is not valid") from error
    if view.shorter_side > MAX_SCALED_SIDE:
        raise ValueError(f"it scales images to more than {MAX_SCALED_SIDE} pixels")
    return view


def _parse_smoke_test(smoke_test: object) -> np.ndarray:
    probabilities = smoke_test.get("probabilities") if isinstance(smoke_test, dict) else None
    if not isinstance(probabilities, list) or not all(map(_is_finite, probabilities)):
        raise ValueError("its smoke test does not hold probabilities")
    return np.array(probabilities, np.float64)


def _check_licenses(licenses: object) -> None:
    """Photos by licence, which the page that classifies shows."""
    if licenses is not None and not (
        isinstance(licenses, dict)
        and all(isinstance(count, int) and 0 <= count < MAX_ID for count in licenses.values())
    ):
        raise ValueError("its licenses are not counts of photos")
