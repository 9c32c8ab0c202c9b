"""The evidence for an answer as a page shows it: maps over the photo, and the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from critterdb.model.evidence_words import (
    coarsened,
    describe_evidence,
    difference_of,
    name_area,
)
from critterdb.web.charts.evidence import draw_blank, draw_evidence, draw_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from critterdb.model.evidence import EvidencePayload


class EvidenceView(TypedDict):
    """Two maps with what they are called, the same in words, and what stands in for the photo."""

    top: Markup
    top_name: str
    difference: Markup
    runner_up_name: str
    words: str
    blank: Markup


class SecondLookView(TypedDict):
    """Where a model looked again: a frame over the photo, and the same in words."""

    frame: Markup
    words: str


def show_second_look(crop: Sequence[float], size: tuple[int, int]) -> SecondLookView:
    """Return the frame of a second look at a photo of this size; `crop` are shares of its sides."""
    words = (
        "I looked twice. The second time I saw only the framed part, "
        f"{name_area(crop)}, and that decided."
    )
    return {"frame": draw_frame(crop, words, size=size), "words": words}


def show_evidence(
    evidence: EvidencePayload, names: Mapping[int, str], size: tuple[int, int]
) -> EvidenceView:
    """Return the maps of evidence over a photo of this size (pixels).

    `names` are what to call the two labels, by taxon id.
    """
    words, area = describe_evidence(evidence, names), evidence["area"]
    labels = evidence["top"], evidence["runner_up"]
    top, runner_up = (names.get(label["taxon_id"], "?") for label in labels)
    cells, difference = coarsened(evidence["top"]["cells"]), coarsened(difference_of(evidence))
    return {
        "top": draw_evidence(cells, "top", words["top"], size=size, area=area),
        "top_name": top,
        "difference": draw_evidence(
            difference, "difference", words["difference"], size=size, area=area
        ),
        "runner_up_name": runner_up,
        "words": f"{words['top']} {words['difference']}",
        "blank": draw_blank(size),
    }
