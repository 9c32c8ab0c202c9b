"""Where the evidence is, in words and drawn: for the answer, and against the runner-up."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from critterdb.imaging.overlay import as_jpeg, as_png, blank_picture, draw_cells, side_by_side
from critterdb.model.evidence_words import (
    NOTHING,
    SPREAD,
    coarsened,
    describe_evidence,
    name_area,
    place_of,
)
from critterdb.model.stored_evidence import read_stored_evidence
from critterdb.web.charts.evidence import draw_evidence, draw_frame

if TYPE_CHECKING:
    from critterdb.model.evidence import EvidencePayload

GRID = 9


def cells(rows: slice, columns: slice, value: float = 1.0) -> list[list[float]]:
    """Cells with a value in one area, and a little of anything elsewhere."""
    drawn = np.random.default_rng(0).normal(0, 0.02, (GRID, GRID))
    drawn[rows, columns] += value
    whole: list[list[float]] = drawn.tolist()
    return whole


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (slice(0, 3), slice(0, 3), "in the upper left"),
        (slice(0, 3), slice(3, 6), "at the top"),
        (slice(3, 6), slice(3, 6), "in the middle"),
        (slice(6, 9), slice(6, 9), "in the lower right"),
        (slice(0, 4), slice(5, 9), "in the upper right quarter"),
        (slice(0, 9), slice(0, 4), "in the left half"),
        (slice(2, 7), slice(2, 7), "around the middle"),
    ],
)
def test_most_of_the_evidence_is_found(rows: slice, columns: slice, words: str) -> None:
    assert place_of(cells(rows, columns)) == f"Most of the evidence is {words}"


def test_evidence_may_be_everywhere_or_nowhere() -> None:
    assert place_of(cells(slice(0, 9), slice(0, 9))) == SPREAD
    assert place_of([[-1.0] * GRID] * GRID) == NOTHING
    assert place_of([[0.0]]) == NOTHING


def evidence() -> EvidencePayload:
    return {
        "grid": GRID,
        "area": [0.0, 0.125, 1.0, 0.75],
        "top": {
            "taxon_id": 1,
            "logit": 9.0,
            "bias": 0.0,
            "cells": cells(slice(0, 3), slice(0, 3)),
        },
        "runner_up": {
            "taxon_id": 2,
            "logit": 9.0,
            "bias": 0.0,
            "cells": cells(slice(6, 9), slice(0, 3)),
        },
    }


def test_the_difference_is_described_beside_the_answer() -> None:
    words = describe_evidence(evidence(), {1: "Bobcat", 2: "Canada Lynx"})
    assert words["top"] == "Most of the evidence is in the upper left (Bobcat)."
    assert words["difference"] == (
        "Against Canada Lynx, most of the evidence is in the upper left."
    )


def test_an_area_is_named_by_its_middle() -> None:
    assert name_area([0.0, 0.0, 0.4, 0.4]) == "in the upper left"
    assert name_area([0.3, 0.6, 0.4, 0.4]) == "at the bottom"
    assert name_area([0.0, 0.0, 1.0, 1.0]) == "in the middle"


def test_a_fine_grid_is_drawn_coarser_without_losing_evidence() -> None:
    fine = np.random.default_rng(1).random((37, 37))
    coarse = np.array(coarsened(fine.tolist()))
    assert coarse.shape == (16, 16)
    assert coarse.sum() == pytest.approx(fine.sum())
    assert coarsened([[1.0, 2.0], [3.0, 4.0]]) == [[1.0, 2.0], [3.0, 4.0]]


def test_the_strongest_cell_lies_where_it_belongs_on_the_photo() -> None:
    photo = Image.new("RGB", (400, 300), (0, 0, 0))
    strongest = cells(slice(0, 1), slice(0, 1))
    drawn = draw_cells(photo, strongest, [0.25, 0.0, 0.75, 1.0])
    assert drawn.size == photo.size
    assert drawn.getpixel((10, 10)) == (0, 0, 0)
    red, green, blue = drawn.getpixel((115, 15))  # type: ignore[misc]
    assert red > green > blue
    assert drawn.getpixel((390, 290))[0] < 20  # type: ignore[index]


def test_what_speaks_against_has_another_colour_and_a_second_look_a_frame() -> None:
    photo = Image.new("RGB", (90, 90), (128, 128, 128))
    drawn = draw_cells(photo, cells(slice(0, 1), slice(0, 1), -1.0), frame=[0.5, 0.5, 0.4, 0.4])
    red, _, blue = drawn.getpixel((4, 4))  # type: ignore[misc]
    assert blue > red
    assert drawn.getpixel((46, 60)) == (255, 255, 255)


def test_what_is_written_has_no_metadata() -> None:
    photo = blank_picture(4000, 3000, GRID)
    photo.info["comment"] = "where I live"
    both = side_by_side([photo, photo])
    for data in (as_png(photo), as_png(both), as_jpeg(photo)):
        with Image.open(io.BytesIO(data)) as written:
            assert not written.getexif()
            assert not written.info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert b"where I live" not in data
    assert photo.size == (480, 360)


def test_a_map_has_the_photo_s_shape_and_says_what_it_shows() -> None:
    svg = draw_evidence(
        evidence()["top"]["cells"], "top", "a < b", size=(400, 300), area=[0.0, 0.125, 1.0, 0.75]
    )
    assert 'viewBox="0 0 400 300"' in svg
    assert 'aria-label="a &lt; b"' in svg
    assert re.search(r'<rect x="0" y="37.5" width="44.44" height="25" class="for"', svg)
    assert "style=" not in svg
    frame = draw_frame([0.5, 0.5, 0.25, 0.5], "there", size=(400, 300))
    assert 'x="200" y="150" width="100" height="150"' in frame


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "",
        "[]",
        "{}",
        '{"grid": 1}',
        '{"grid": 2, "area": [0, 0, 1, 1], "top": {"taxon_id": 1, "cells": [[1]]}}',
        '{"grid": 1, "area": [0, 0, 0, 1], "top": {"taxon_id": 1, "cells": [[1]]},'
        ' "runner_up": {"taxon_id": 2, "cells": [[1]]}}',
        '{"grid": 1, "area": [0, 0, 1, 1], "top": {"taxon_id": 1, "cells": [["x"]]},'
        ' "runner_up": {"taxon_id": 2, "cells": [[1]]}}',
        '{"grid": 100000, "area": [0, 0, 1, 1]}',
    ],
)
def test_odd_rows_have_no_evidence(odd: str | None) -> None:
    assert read_stored_evidence(odd) is None


def test_a_row_of_ours_has_evidence() -> None:
    row = (
        '{"grid": 1, "area": [0, 0, 1, 1], "top": {"taxon_id": 1, "cells": [[1]]},'
        ' "runner_up": {"taxon_id": 2, "cells": [[NaN]]}}'
    )
    assert read_stored_evidence(row) is None
    assert read_stored_evidence(row.replace("NaN", "0.5"))
