"""Bars: how well each label is known, the score over time, and the months of the year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from .svg import Plot, Scale, joined, nice_top, picture, tag, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from critterdb.web.queries.model_comparison import ComparedLabel
    from critterdb.web.queries.models import LabelRow
    from critterdb.web.queries.scores import Period

LABEL_WIDTH, LABEL_ROW = 640, 34  # pixels
NAME_END, BARS_START, BARS_END = 190, 200, LABEL_WIDTH - 56
SCORE_WIDTH, SCORE_HEIGHT = 720, 250
MONTHS_WIDTH, MONTHS_HEIGHT = 420, 180
MAX_TICKS = 8
WIDEST_STACK = 46.0

Outcome = Literal["right", "wrong", "abstained"]
OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "abstained")


class MonthCount(TypedDict):
    """How many observations there are from a month, whatever the year."""

    month: str
    observations: int


@dataclass(frozen=True)
class BarPair:
    """Two shares of the same photos, from 0 to 1; None was not tested."""

    name: str
    upper: float | None
    lower: float | None


def label_bars(labels: Sequence[LabelRow]) -> Markup:
    """Draw two bars for each label: found (recall), and right when said (precision)."""
    pairs = [BarPair(label["name"], label["recall"], label["precision"]) for label in labels]
    spoken = f"How well each of {len(labels)} labels is known: recall and precision on test photos"
    return _paired_bars(pairs, spoken)


def comparison_bars(labels: Sequence[ComparedLabel]) -> Markup:
    """Draw two bars for each label: its recall by two models."""
    pairs = [BarPair(label["name"], label["a"], label["b"]) for label in labels]
    return _paired_bars(pairs, f"Recall of {len(labels)} labels by two models")


def _paired_bars(pairs: Sequence[BarPair], spoken: str) -> Markup:
    rows = []
    for index, pair in enumerate(pairs):
        top = index * LABEL_ROW + 6
        rows.append(words(NAME_END, top + 15, pair.name, "label", "end"))
        rows += _share_bar(pair.upper, top, "fill")
        rows += _share_bar(pair.lower, top + 11, "fill second")
    return picture(LABEL_WIDTH, len(pairs) * LABEL_ROW + 8, spoken, joined(rows))


def _share_bar(share: float | None, top: float, class_: str) -> list[Markup]:
    """A bar on its track, with its percentage beside it."""
    full = BARS_END - BARS_START
    track = tag("rect", x=BARS_START, y=top, width=full, height=9, rx=2, class_="track")
    if share is None:
        return [track, words(BARS_START + 4, top + 8, "not tested", "tiny")]
    width = max(0.0, full * share)
    return [
        track,
        tag("rect", x=BARS_START, y=top, width=width, height=9, rx=2, class_=class_),
        words(BARS_END + 6, top + 9, f"{share:.0%}", "tiny"),
    ]


def score_over_time(periods: Sequence[Period]) -> Markup:
    """Draw a stack for each period, with the commonest guess as a line across it."""
    plot = Plot(SCORE_WIDTH, SCORE_HEIGHT, left=34)
    top = nice_top(max((_posts(period) for period in periods), default=1))
    y = plot.upwards(0, top)
    slot = (SCORE_WIDTH - plot.left - plot.right) / max(1, len(periods))
    middles = [plot.left + slot * (index + 0.5) for index in range(len(periods))]
    stacks = [
        _stack(period, middle, slot, y) for period, middle in zip(periods, middles, strict=True)
    ]
    step = max(1, -(-len(periods) // MAX_TICKS))
    ticks = [(middle, period["period"]) for period, middle in zip(periods, middles, strict=True)][
        ::step
    ]
    body = [
        plot.y_axis(y, _count_ticks(top), "posts"),
        plot.x_axis(lambda at: at, ticks, ""),
        *stacks,
    ]
    spoken = f"Score over {len(periods)} periods: right, wrong and unanswered posts"
    return picture(SCORE_WIDTH, SCORE_HEIGHT, spoken, joined(body))


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
                    tag("title", f"{period['period']}: {period[outcome]} {outcome}"),
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


def _count_ticks(top: float) -> list[tuple[float, str]]:
    return [(count, str(count)) for count in sorted({0, round(top / 2), round(top)})]


def month_bars(months: Sequence[MonthCount]) -> Markup:
    """Draw twelve bars: when in the year it is seen."""
    plot = Plot(MONTHS_WIDTH, MONTHS_HEIGHT, bottom=24, left=34)
    top = nice_top(max(month["observations"] for month in months))
    y = plot.upwards(0, top)
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
        plot.y_axis(y, _count_ticks(top), "observations"),
        plot.x_axis(lambda at: at, ticks, ""),
        *bars,
    ]
    return picture(MONTHS_WIDTH, MONTHS_HEIGHT, "Observations by month of the year", joined(body))
