"""Draw where in a picture the evidence is, for `critterdb classify --evidence FILE`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.errors import ModelError
from critterdb.imaging.overlay import as_png, decoded, draw_cells, side_by_side
from critterdb.model.evidence_words import NOT_AVAILABLE, describe_evidence, difference_of
from critterdb.storage.atomic_files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.imaging.preprocessing import Area
    from critterdb.model.payloads import AnswerPayload


def write_evidence(
    file: Path, data: bytes, answer: AnswerPayload, crop: Area | None = None
) -> None:
    """Write the two maps of an answer's evidence over the picture in `data`, as a PNG.

    `crop` is the part of it that decided, if a second look did. Raises ModelError if the model has
    no evidence, and RejectedInputError as decoding does.
    """
    evidence = answer.get("evidence")
    if evidence is None:
        raise ModelError(NOT_AVAILABLE)
    picture, area = decoded(data), evidence["area"]
    maps = (evidence["top"]["cells"], difference_of(evidence))
    drawn = side_by_side([draw_cells(picture, cells, area, crop) for cells in maps])
    write_atomically(file, as_png(drawn))


def evidence_lines(file: Path, answer: AnswerPayload) -> list[str]:
    """Return where the evidence is in words, and what the file shows."""
    evidence = answer.get("evidence")
    if evidence is None:
        return []
    names = {
        label["taxon_id"]: label["common_name"] or label["name"] for label in answer["predictions"]
    }
    words = describe_evidence(evidence, names)
    return [f"  {words['top']}", f"  {words['difference']}", f"  Both are drawn in {file}."]
