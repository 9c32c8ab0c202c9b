"""The charts' own arithmetic: scales, frames, sketches."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.dataset.sketch_store import Sketches
from critterdb.web.charts.bars import label_bars, period_name, score_over_time
from critterdb.web.charts.confusion import MAX_LABELS, Label, most_confused
from critterdb.web.charts.curves import reliability_diagram
from critterdb.web.charts.maps import (
    HEIGHT,
    WIDTH,
    Place,
    draw_map,
    frame_around,
    load_shapes,
    mercator,
)
from critterdb.web.charts.svg import count_ticks, nice_top, share_ticks, tag
from critterdb.web.queries.scores import SettledPost, by_period
from critterdb.web.queries.similar_photos import Embedding, nearest_photos

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (0.03, 0.05), (0.4, 0.5), (1, 1), (7, 10), (8, 10), (23, 25), (210, 250)],
)
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5, 6, 9, 23, 101, 4321])
def test_ticks_of_an_axis_are_round_and_even(most: int) -> None:
    ticks = count_ticks(most)
    numbers = [at for at, _ in ticks]
    assert [text.replace(",", "") for _, text in ticks] == [f"{at:g}" for at in numbers]
    assert {round(b - a, 9) for a, b in itertools.pairwise(numbers)} == {numbers[1]}
    assert numbers[-1] >= most
    assert len(ticks) <= 6


def test_ticks_of_shares_say_exactly_where_they_are() -> None:
    for most in (0.004, 0.03, 0.05, 0.051, 0.13, 0.4, 1.0):
        for at, text in share_ticks(most):
            assert float(text.rstrip("%")) == pytest.approx(100 * at)


@pytest.mark.parametrize(
    ("period", "name"),
    [
        ("2026-11-26", "26 Nov"),
        ("2026-11-02", "2 Nov"),
        ("2026-11", "Nov 2026"),
        ("2026", "2026"),
        ("soon", "soon"),
    ],
)
def test_periods_are_called_as_people_call_them(period: str, name: str) -> None:
    assert period_name(period) == name


def test_points_of_few_photos_are_pale_and_nothing_joins_them() -> None:
    drawn = reliability_diagram(
        [
            {"confidence": 0.5, "right": 1.0, "photos": 1},
            {"confidence": 0.9, "right": 0.95, "photos": 40},
        ]
    )
    assert re.findall('class="(dot[^"]*)"', drawn) == ["dot few", "dot"]
    assert "1 of 1 photos" in drawn
    assert 'class="curve"' not in drawn


def test_bars_of_labels_say_of_how_many_photos() -> None:
    label = {"taxon_id": 1, "name": "Ocelot", "photos_test": 40, "recall": 0.95, "precision": 0.5}
    bars = label_bars([label], {1: 4})  # type: ignore[list-item]
    assert "95.0% of 40" in bars
    assert "2 of 4" in bars


def test_what_people_wrote_is_escaped() -> None:
    assert tag("text", "x", title='"<&') == '<text title="&#34;&lt;&amp;">x</text>'


def test_mercator() -> None:
    assert mercator(0, 0) == (0.5, 0.5)
    # The square map of the web ends at 85.0511 degrees; further north is drawn at its edge.
    assert mercator(180, 84)[1] == mercator(180, 90)[1]
    assert mercator(180, 80)[1] == pytest.approx(0.1122, abs=1e-3)


def test_a_frame_shows_all_of_its_places() -> None:
    places = [(-119.5, 37.5), (-70.0, 45.0), (-100.0, 20.0)]
    frame = frame_around([Place(latitude, longitude) for longitude, latitude in places])
    for longitude, latitude in places:
        x, y = frame.at(longitude, latitude)
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT


def test_the_shapes_know_land_from_sea() -> None:
    """A point is in a polygon where a line from it crosses the edge an odd number of times."""

    def on_land(longitude: float, latitude: float) -> bool:
        crossings = 0
        x, y = mercator(longitude, latitude)
        for shape in load_shapes()["coasts"]:
            points = shape.points
            for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
                if (y1 > y) != (y2 > y):
                    crossings += x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
        return crossings % 2 == 1

    assert on_land(-119.5, 37.7)  # Yosemite
    assert on_land(8.5, 47.4)  # Zurich
    assert on_land(133.9, -23.7)  # Alice Springs
    assert not on_land(-140, 30)
    assert not on_land(-30, 40)


def test_a_map_of_one_place_is_small() -> None:
    assert len(draw_map([Place(37.5, -119.5)])) < 40_000
    world = [Place(-50, -170), Place(70, 170)]
    assert len(draw_map(world)) < 250_000


def test_places_that_lie_together_are_one_dot() -> None:
    places = [Place(37.5, -119.5)] * 500
    assert len(re.findall("<circle", draw_map(places))) == 1


def test_a_matrix_of_many_labels_shows_the_most_confused() -> None:
    labels = [Label(n, str(n)) for n in range(60)]
    counts = {(58, 59): 3, **{(n, n): 9 for n in range(60)}}
    drawn = most_confused(labels, counts)
    assert len(drawn) == MAX_LABELS
    assert {58, 59} <= {label.taxon_id for label in drawn}


@pytest.mark.parametrize(
    ("times", "periods"),
    [
        (["2026-11-01", "2026-11-02"], ["2026-11-01", "2026-11-02"]),
        ([f"2026-0{m}-{d:02}" for m in range(1, 4) for d in range(1, 28)], None),
        ([f"20{y}-01-01" for y in range(10, 26)], [f"20{y}-01-01" for y in range(10, 26)]),
    ],
)
def test_scores_are_by_the_shortest_period_that_fits(
    times: list[str], periods: list[str] | None
) -> None:
    posts = [
        SettledPost(f"{day}T10:00:00Z", is_answered=True, is_right=True, is_baseline_right=False)
        for day in times
    ]
    scores = by_period(posts)
    assert sum(period["posts"] for period in scores) == len(times)
    assert len(scores) <= 26
    assert periods is None or [period["period"] for period in scores] == periods
    assert "Score over" in score_over_time(scores)


def test_sketches_find_the_nearest_photos(db: SiteDatabase, site: Path) -> None:
    """Of 3,000 embeddings in 40 bunches, at least 9 of 10 of the truly nearest are found."""
    random = np.random.default_rng(3)
    bunches = random.standard_normal((40, 64))
    vectors = np.abs(
        bunches[random.integers(0, 40, 3000)] + 0.35 * random.standard_normal((3000, 64))
    )
    vectors = vectors.astype("<f2")
    hashes = [f"{number:064x}" for number in range(3000)]
    db["embeddings"].insert_all(
        {"sha256": sha256, "backbone": "b", "vector": vector.tobytes(), "dimensions": 64}
        for sha256, vector in zip(hashes, vectors, strict=True)
    )
    sketches = Sketches("b")
    sketches.update(db)
    assert len(sketches) == 3000
    unit = vectors.astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    hits = 0
    for index in range(0, 3000, 100):
        nearest = {hashes[i] for i in np.argsort(-(unit @ unit[index]))[1:11]}
        embedding = Embedding(hashes[index], "b", vectors[index].astype(np.float32))
        candidates = sketches.candidates(embedding.vector)
        photos = nearest_photos(db, embedding, candidates, 10)
        assert [distance for _, distance in photos] == sorted(distance for _, distance in photos)
        hits += len(nearest & {sha256 for sha256, _ in photos})
    assert hits >= 0.9 * 300
    sketches.update(db)
    assert len(sketches) == 3000
