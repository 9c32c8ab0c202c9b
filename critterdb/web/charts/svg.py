"""SVG elements, scales and axes, of which the charts are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

MAX_STEPS = 5  # between the ticks of an axis

Scale = Callable[[float], float]


def tag(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """Return an element; `class_` becomes class, other underscores hyphens, None leaves one out."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_in_quotes(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{words}>{inside}</{name}>" if inside else f"<{name}{words}/>")


def _in_quotes(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value) if isinstance(value, int) else escape(value)


def joined(parts: Iterable[Markup]) -> Markup:
    """Return elements one after another."""
    return Markup("".join(parts))


def linear(start: float, stop: float, low: float, high: float) -> Scale:
    """Return a scale from numbers `start` to `stop` to pixels `low` to `high`."""
    span = (stop - start) or 1.0
    return lambda value: low + (value - start) / span * (high - low)


def picture(width: float, height: float, label: str, body: Markup, class_: str = "chart") -> Markup:
    """Return a chart that is one picture to a screen reader; a table beside it has its numbers."""
    return tag(
        "svg",
        body,
        class_=class_,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        preserveAspectRatio="xMidYMid meet",
    )


def words(x: float, y: float, text: str, class_: str = "label", anchor: str = "start") -> Markup:
    """Return a text that starts, ends or has its middle at a point."""
    return tag("text", escape(text), x=x, y=y, class_=class_, text_anchor=anchor)


def line(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Return a line through points (pixels)."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return tag("polyline", points=path, class_=class_)


@dataclass(frozen=True)
class Plot:
    """A frame with two axes in a picture of `width` × `height` pixels, with its margins."""

    width: float
    height: float
    left: float = 46
    right: float = 22
    top: float = 30
    bottom: float = 40

    def across(self, start: float, stop: float) -> Scale:
        """Return the scale of the x axis."""
        return linear(start, stop, self.left, self.width - self.right)

    def upwards(self, start: float, stop: float) -> Scale:
        """Return the scale of the y axis, whose larger numbers are higher."""
        return linear(start, stop, self.height - self.bottom, self.top)

    def x_axis(self, x: Scale, ticks: Iterable[tuple[float, str]], title: str) -> Markup:
        """Return the x axis with its ticks (number, text) and its title."""
        base = self.height - self.bottom
        middle = (self.left + self.width - self.right) / 2
        return joined(
            [
                tag(
                    "line",
                    x1=self.left,
                    x2=self.width - self.right,
                    y1=base,
                    y2=base,
                    class_="axis",
                ),
                *(words(x(at), base + 16, text, "tick", "middle") for at, text in ticks),
                words(middle, self.height - 6, title, "axis-title", "middle"),
            ]
        )

    def y_axis(self, y: Scale, ticks: Iterable[tuple[float, str]], title: str) -> Markup:
        """Return the lines of the y axis with its ticks (number, text) and its title."""
        ends = {"x1": self.left, "x2": self.width - self.right}
        return joined(
            [
                *(
                    tag("line", **ends, y1=y(at), y2=y(at), class_="grid")
                    + words(self.left - 6, y(at) + 4, text, "tick", "end")
                    for at, text in ticks
                ),
                words(4, 12, title, "axis-title"),
            ]
        )


def shares(*, step: float = 0.25, top: float = 1.0) -> list[tuple[float, str]]:
    """Return ticks at shares of a whole: 0%, 25% …"""
    return [(at * step, f"{at * step:.0%}") for at in range(round(top / step) + 1)]


def even_ticks(most: float, least_step: float = 0.0) -> list[float]:
    """Return round numbers at one distance, from 0 to the first at or above `most`."""
    wanted = max(most / MAX_STEPS, least_step)
    size = 10 ** math.floor(math.log10(wanted)) if wanted else 1.0
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= wanted - 1e-9)
    return [round(at * step, 6) for at in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def count_ticks(most: float) -> list[tuple[float, str]]:
    """Return ticks at whole numbers, for an axis of counts up to `most`."""
    return [(at, f"{at:,.0f}") for at in even_ticks(most, 1)]


def share_ticks(most: float) -> list[tuple[float, str]]:
    """Return ticks at round percentages, for an axis of shares up to `most`."""
    ticks = even_ticks(most)
    whole = all(round(100 * at, 6).is_integer() for at in ticks)
    return [(at, f"{at:.0%}" if whole else f"{at:.1%}") for at in ticks]


def nice_top(value: float) -> float:
    """Return the next round number at or above a value: where an axis may end."""
    if value <= 0:
        return 1.0
    size = 10 ** (len(str(int(value))) - 1) if value >= 1 else 0.01
    while size * 10 < value:
        size *= 10
    return next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= value)
