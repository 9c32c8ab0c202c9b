"""Where the evidence in a photo is: cells drawn over it, in a picture of the photo's own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .svg import joined, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    Layer = Literal["top", "difference"]
    """What speaks for the answer, or what decides between it and the runner-up."""

# A browser fits the drawing into its box as it fits the photo below it, so that sides in pixels of
# the photo keep both together.
MOST_OPAQUE = 0.72
# A cell below this share of the strongest one would not be seen.
FAINTEST = 0.03


def draw_evidence(
    cells: Sequence[Sequence[float]],
    layer: Layer,
    label: str,
    *,
    size: tuple[int, int],
    area: Sequence[float],
) -> Markup:
    """Return cells over an area of a photo of this size (pixels), as an SVG with a label."""
    width, height = size
    left, top, across, down = (
        share * side for share, side in zip(area, (width, height) * 2, strict=True)
    )
    grid = len(cells)
    strongest = max((abs(cell) for row in cells for cell in row), default=0.0) or 1.0
    parts = [
        tag(
            "rect",
            x=left + x * across / grid,
            y=top + y * down / grid,
            width=across / grid,
            height=down / grid,
            class_="for" if cell > 0 else "against",
            fill_opacity=MOST_OPAQUE * abs(cell) / strongest,
        )
        for y, row in enumerate(cells)
        for x, cell in enumerate(row)
        if abs(cell) / strongest >= FAINTEST
    ]
    return _over_photo(joined(parts), f"heat {layer}", label, size)


def draw_frame(area: Sequence[float], label: str, *, size: tuple[int, int]) -> Markup:
    """Return a frame around an area of a photo of this size (pixels), as an SVG with a label."""
    width, height = size
    left, top, across, down = (
        share * side for share, side in zip(area, (width, height) * 2, strict=True)
    )
    corners = {"x": left, "y": top, "width": across, "height": down, "fill": "none"}
    thin = {"vector_effect": "non-scaling-stroke"}
    lines = [tag("rect", **corners, **thin, class_=name) for name in ("outer", "inner")]
    return _over_photo(joined(lines), "frame", label, size)


def draw_blank(size: tuple[int, int]) -> Markup:
    """Return what stands in place of a photo that is not there, of its shape."""
    width, height = size
    body = tag("rect", width=width, height=height)
    return tag("svg", body, class_="blank", viewBox=f"0 0 {width} {height}", aria_hidden="true")


def _over_photo(body: Markup, class_: str, label: str, size: tuple[int, int]) -> Markup:
    width, height = size
    return tag(
        "svg",
        body,
        class_=class_,
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="xMidYMid meet",
        role="img",
        aria_label=label,
    )
