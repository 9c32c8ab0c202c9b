"""Bars: how well each label is known, and the score over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from .svg import Plot, joined, nice_top, picture, tag, words

LABEL_WIDTH, LABEL_ROW = 640, 34
SCORE_WIDTH, SCORE_HEIGHT = 720, 250
OUTCOMES = ("right", "wrong", "abstained")


def label_bars(labels: Sequence[Mapping[str, Any]]) -> Markup:
    """Two bars a label {name, precision, recall}: found, and right when said."""
    spoken = f"How well each of {len(labels)} labels is known: recall and precision on test photos"
    return _paired_bars(labels, ("recall", "precision"), spoken)


def comparison_bars(labels: Sequence[Mapping[str, Any]]) -> Markup:
    """Two bars a label {name, a, b}: the recall of two models."""
    return _paired_bars(labels, ("a", "b"), f"Recall of {len(labels)} labels by two models")


def _paired_bars(labels: Sequence[Mapping[str, Any]], keys: tuple[str, str], spoken: str) -> Markup:
    name_end, start, stop = 190, 200, LABEL_WIDTH - 56
    rows = []
    for place, label in enumerate(labels):
        top = place * LABEL_ROW + 6
        rows.append(words(name_end, top + 15, label["name"], "label", "end"))
        for offset, key, class_ in ((0, keys[0], "fill"), (11, keys[1], "fill second")):
            share = label[key]
            rows.append(
                tag(
                    "rect",
                    x=start,
                    y=top + offset,
                    width=stop - start,
                    height=9,
                    rx=2,
                    class_="track",
                )
            )
            if share is None:
                rows.append(words(start + 4, top + offset + 8, "not tested", "tiny"))
                continue
            rows.append(
                tag(
                    "rect",
                    x=start,
                    y=top + offset,
                    width=max(0.0, (stop - start) * share),
                    height=9,
                    rx=2,
                    class_=class_,
                )
            )
            rows.append(words(stop + 6, top + offset + 9, f"{share:.0%}", "tiny"))
    return picture(LABEL_WIDTH, len(labels) * LABEL_ROW + 8, spoken, joined(rows))


def score_over_time(periods: Sequence[Mapping[str, Any]]) -> Markup:
    """A stack a period {period, right, wrong, abstained, baseline_right}, the last as a line."""
    plot = Plot(SCORE_WIDTH, SCORE_HEIGHT, left=34)
    top = nice_top(max((_posts(period) for period in periods), default=1))
    y = plot.upwards(0, top)
    room = (SCORE_WIDTH - plot.left - plot.right) / max(1, len(periods))
    width = min(46.0, room * 0.72)
    stacks = []
    for place, period in enumerate(periods):
        middle = plot.left + room * (place + 0.5)
        below = 0
        for outcome in OUTCOMES:
            above = below + period[outcome]
            if period[outcome]:
                said = f"{period['period']}: {period[outcome]} {outcome}"
                stacks.append(
                    tag(
                        "rect",
                        tag("title", said),
                        x=middle - width / 2,
                        y=y(above),
                        width=width,
                        height=y(below) - y(above),
                        class_=f"score {outcome}",
                    )
                )
            below = above
        base = y(period["baseline_right"])
        stacks.append(
            tag(
                "line",
                x1=middle - room / 2,
                x2=middle + room / 2,
                y1=base,
                y2=base,
                class_="baseline",
            )
        )
    shown = max(1, -(-len(periods) // 8))
    ticks = [
        (plot.left + room * (place + 0.5), period["period"])
        for place, period in enumerate(periods)
        if place % shown == 0
    ]
    counts = sorted({0, round(top / 2), round(top)})
    body = [
        plot.y_axis(y, [(at, str(at)) for at in counts], "posts"),
        plot.x_axis(lambda at: at, ticks, ""),
        *stacks,
    ]
    spoken = f"Score over {len(periods)} periods: right, wrong and unanswered posts"
    return picture(SCORE_WIDTH, SCORE_HEIGHT, spoken, joined(body))


def _posts(period: Mapping[str, Any]) -> int:
    return sum(int(period[outcome]) for outcome in OUTCOMES)


def month_bars(months: Sequence[Mapping[str, Any]]) -> Markup:
    """Twelve bars {month, observations}: when in the year it is seen."""
    width, height = 420, 180
    plot = Plot(width, height, bottom=24, left=34)
    top = nice_top(max(month["observations"] for month in months))
    y = plot.upwards(0, top)
    room = (width - plot.left - plot.right) / 12
    bars = [
        tag(
            "rect",
            tag("title", f"{month['month']}: {month['observations']} observations"),
            x=plot.left + room * (place + 0.14),
            y=y(month["observations"]),
            width=room * 0.72,
            height=y(0) - y(month["observations"]),
            rx=2,
            class_="fill",
        )
        for place, month in enumerate(months)
        if month["observations"]
    ]
    ticks = [
        (plot.left + room * (place + 0.5), month["month"]) for place, month in enumerate(months)
    ]
    counts = sorted({0, round(top / 2), round(top)})
    body = [
        plot.y_axis(y, [(at, str(at)) for at in counts], "observations"),
        plot.x_axis(lambda at: at, ticks, ""),
        *bars,
    ]
    return picture(width, height, "Observations by month of the year", joined(body))
