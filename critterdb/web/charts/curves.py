"""How far a model's sureness can be trusted, and how it learned: curves over model_metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.formatting import share_of

from .svg import Plot, joined, line, nice_top, picture, share_ticks, shares, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from critterdb.web.queries.models import EpochPoint, ReliabilityPoint, RiskPoint

WIDTH, HEIGHT = 350, 300
FEW_PHOTOS = 5


def reliability_diagram(points: Sequence[ReliabilityPoint]) -> Markup:
    """Draw how often the model is right by its confidence: on the diagonal the two agree.

    Dots only: a line between them would make a trend of what may rest on one photo. Those that rest
    on few are paler.
    """
    plot = Plot(WIDTH, HEIGHT)
    x, y = plot.across(0, 1), plot.upwards(0, 1)
    most = max((point["photos"] for point in points), default=1)
    dots = [
        tag(
            "circle",
            tag(
                "title",
                f"{point['confidence']:.0%} sure: right on "
                f"{share_of(round(point['right'] * point['photos']), point['photos'], 'photos')}",
            ),
            cx=x(point["confidence"]),
            cy=y(point["right"]),
            r=4 + 8 * (point["photos"] / most) ** 0.5,
            class_="dot" if point["photos"] >= FEW_PHOTOS else "dot few",
        )
        for point in points
    ]
    body = [
        plot.y_axis(y, shares(), "how often it was right"),
        plot.x_axis(x, shares(), "how sure it said it was"),
        line([(x(0), y(0)), (x(1), y(1))], "diagonal"),
        *dots,
    ]
    spoken = f"Reliability: how often the model was right at {len(points)} levels of confidence"
    return picture(WIDTH, HEIGHT, spoken, joined(body))


def risk_coverage(
    points: Sequence[RiskPoint], answered: float | None, wrong: float | None
) -> Markup:
    """Draw the share of wrong answers by the share answered; a dot where the thresholds put it."""
    ticks = share_ticks(max([*(p["wrong"] for p in points), wrong or 0, 0.05]))
    plot = Plot(WIDTH, HEIGHT)
    x, y = plot.across(0, 1), plot.upwards(0, ticks[-1][0])
    body = [
        plot.y_axis(y, ticks, "wrong among those answered"),
        plot.x_axis(x, shares(), "photos answered, most confident first"),
        line([(x(p["answered"]), y(p["wrong"])) for p in points], "curve"),
    ]
    if answered is not None and wrong is not None:
        title = tag("title", f"In use: {answered:.0%} answered, {wrong:.1%} of those wrong")
        body.append(tag("circle", title, cx=x(answered), cy=y(wrong), r=7, class_="dot strong"))
    spoken = "Risk against coverage: how many of the answers are wrong, by the share answered"
    return picture(WIDTH, HEIGHT, spoken, joined(body))


def training_curves(points: Sequence[EpochPoint]) -> Markup:
    """Draw error and loss on the validation photos by epoch."""
    plot = Plot(WIDTH, HEIGHT)
    last = max((point["epoch"] for point in points), default=1)
    x, y = plot.across(1, max(last, 2)), plot.upwards(0, 1)
    losses = [(x(p["epoch"]), p["loss"]) for p in points if p["loss"] is not None]
    # Losses have no natural top, so that they are drawn as shares of the highest one.
    top = nice_top(max((loss for _, loss in losses), default=1))
    wrong = [(x(p["epoch"]), y(p["error_rate"])) for p in points if p["error_rate"] is not None]
    body = [
        plot.y_axis(y, shares(), "of the top"),
        plot.x_axis(x, _whole_ticks(last), "epoch"),
        line([(across, y(loss / top)) for across, loss in losses], "curve second"),
        line(wrong, "curve"),
    ]
    spoken = f"Training: error and loss on validation photos over {last:g} epochs"
    return picture(WIDTH, HEIGHT, spoken, joined(body))


def _whole_ticks(last: float) -> list[tuple[float, str]]:
    step = max(1, round(last / 5))
    return [(at, str(at)) for at in range(1, int(last) + 1) if at == 1 or at % step == 0]
