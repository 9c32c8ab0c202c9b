"""Bars: how well each label is known, the score over time, and the months of the year."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from critterdb.formatting import percent_of

from .svg import Plot, Scale, count_ticks, joined, picture, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from critterdb.web.queries.model_comparison import ComparedLabel
    from critterdb.web.queries.models import LabelRow
    from critterdb.web.queries.scores import Period

# Drawn twice, because a chart that shrinks to a phone's width has letters that nobody can read.
WIDE, NARROW = 1016, 350  # pixels
SCORE_HEIGHT = 250
MONTHS_WIDTH, MONTHS_HEIGHT = 420, 180
SLOT = 76  # pixels that a period's name takes
WIDEST_STACK = 46.0

Outcome = Literal["right", "wrong", "abstained"]
OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "abstained")


class MonthCount(TypedDict):
    """How many observations there are from a month, whatever the year."""

    month: str
    observations: int


@dataclass(frozen=True)
class MeasuredShare:
    """A share from 0 to 1 of so many photos; None was not tested."""

    value: float | None
    photos: int

    def __str__(self) -> str:
        if self.value is None or not self.photos:
            return "not tested"
        part = round(self.value * self.photos)
        whole = percent_of(part, self.photos)
        return f"{whole} of {self.photos:,}" if whole else f"{part} of {self.photos}"


@dataclass(frozen=True)
class BarPair:
    """Two shares that belong to one label."""

    name: str
    upper: MeasuredShare
    lower: MeasuredShare


def label_bars(labels: Sequence[LabelRow], said: Mapping[int, int]) -> Markup:
    """Draw two bars for each label: found (recall), and right when said (precision).

    `said` is how many test photos the model called by each label.
    """
    return _paired_bars(
        [
            BarPair(
                label["name"],
                MeasuredShare(label["recall"], label["photos_test"]),
                MeasuredShare(label["precision"], said.get(label["taxon_id"], 0)),
            )
            for label in labels
        ]
    )


def comparison_bars(labels: Sequence[ComparedLabel]) -> Markup:
    """Draw two bars for each label: its recall by two models."""
    return _paired_bars(
        [
            BarPair(
                label["name"],
                MeasuredShare(label["a"], label["a_tests"] or 0),
                MeasuredShare(label["b"], label["b_tests"] or 0),
            )
            for label in labels
        ]
    )


def _paired_bars(pairs: Sequence[BarPair]) -> Markup:
    """A list, and not one picture: on a phone its names and bars get the room that there is."""
    rows = (
        tag(
            "li",
            tag("span", pair.name, class_="name"),
            _share_bar(pair.upper, "fill"),
            _share_bar(pair.lower, "fill second"),
        )
        for pair in pairs
    )
    return tag("ul", joined(rows), class_="pairs")


def _share_bar(share: MeasuredShare, class_: str) -> Markup:
    """A bar on its track, with its share beside it."""
    width = 100 * (share.value or 0.0)
    drawn = tag(
        "svg",
        tag("rect", class_="track", width=100, height=4),
        tag("rect", class_=class_, width=width, height=4),
        class_="bar",
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )
    return drawn + tag("span", str(share), class_="value")


def score_over_time(periods: Sequence[Period]) -> Markup:
    """Draw a stack for each period, with the commonest guess as a line across it.

    Returns two charts, of which the style sheet shows the one that fits the screen.
    """
    wide = _score_chart(periods, WIDE, "chart on-wide")
    return wide + _score_chart(periods, NARROW, "chart on-narrow")


def _score_chart(periods: Sequence[Period], width: float, class_: str) -> Markup:
    plot = Plot(width, SCORE_HEIGHT, left=34)
    ticks_of_posts = count_ticks(max((_posts(period) for period in periods), default=1))
    y = plot.upwards(0, ticks_of_posts[-1][0])
    slot = (width - plot.left - plot.right) / max(1, len(periods))
    middles = [plot.left + slot * (index + 0.5) for index in range(len(periods))]
    stacks = [
        _stack(period, middle, slot, y) for period, middle in zip(periods, middles, strict=True)
    ]
    step = max(1, math.ceil(SLOT / slot))
    names = [
        (middle, period_name(period["period"]))
        for period, middle in zip(periods, middles, strict=True)
    ]
    ticks = names[::step]
    body = [
        plot.y_axis(y, ticks_of_posts, "posts"),
        plot.x_axis(lambda at: at, ticks, ""),
        *stacks,
    ]
    spoken = f"Score over {len(periods)} periods: right, wrong and unanswered posts"
    return picture(width, SCORE_HEIGHT, spoken, joined(body), class_)


def period_name(period: str) -> str:
    """Return `2026-11-26` as 26 Nov, `2026-11` as Nov 2026, and anything else as it is."""
    for pattern, shown in (("%Y-%m-%d", "{0.day} {0:%b}"), ("%Y-%m", "{0:%b %Y}")):
        with suppress(ValueError):
            return shown.format(datetime.strptime(period, pattern))
    return period


def _stack(period: Period, middle: float, slot: float, y: Scale) -> Markup:
    """The posts of a period by outcome, from the bottom up, and its baseline."""
    width = min(WIDEST_STACK, slot * 0.72)
    parts = []
    below = 0
    for outcome in OUTCOMES:
        above = below + period[outcome]
        if period[outcome]:
            parts.append(
                tag(
                    "rect",
                    tag("title", f"{period_name(period['period'])}: {period[outcome]} {outcome}"),
                    x=middle - width / 2,
                    y=y(above),
                    width=width,
                    height=y(below) - y(above),
                    class_=f"score {outcome}",
                )
            )
        below = above
    base = y(period["baseline_right"])
    ends = {"x1": middle - slot / 2, "x2": middle + slot / 2}
    parts.append(tag("line", **ends, y1=base, y2=base, class_="baseline"))
    return joined(parts)


def _posts(period: Period) -> int:
    return sum(period[outcome] for outcome in OUTCOMES)


def month_bars(months: Sequence[MonthCount]) -> Markup:
    """Draw twelve bars: when in the year it is seen."""
    plot = Plot(MONTHS_WIDTH, MONTHS_HEIGHT, bottom=24, left=34)
    ticks_of_months = count_ticks(max(month["observations"] for month in months))
    y = plot.upwards(0, ticks_of_months[-1][0])
    slot = (MONTHS_WIDTH - plot.left - plot.right) / 12
    bars = [
        tag(
            "rect",
            tag("title", f"{month['month']}: {month['observations']} observations"),
            x=plot.left + slot * (index + 0.14),
            y=y(month["observations"]),
            width=slot * 0.72,
            height=y(0) - y(month["observations"]),
            rx=2,
            class_="fill",
        )
        for index, month in enumerate(months)
        if month["observations"]
    ]
    ticks = [
        (plot.left + slot * (index + 0.5), month["month"]) for index, month in enumerate(months)
    ]
    body = [
        plot.y_axis(y, ticks_of_months, "observations"),
        plot.x_axis(lambda at: at, ticks, ""),
        *bars,
    ]
    return picture(MONTHS_WIDTH, MONTHS_HEIGHT, "Observations by month of the year", joined(body))
