"""The icons of a site that is kept on a phone: a paw, drawn here."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

GROUND, PAW = "#2c6e4f", "#fffefa"
PAPER = "#f6f4ee"  # of critterdb.css
# The paw in a square with sides of 100: middle and radii of each pad.
PADS = (
    (50, 64, 19, 15),
    (25, 48, 8, 11),
    (41, 32, 8.5, 12),
    (59, 32, 8.5, 12),
    (75, 48, 8, 11),
)
CORNER = 22
SIDES = (192, 512)
# Drawn larger and scaled down, so that its edges are smooth.
OVERSAMPLING = 4


def svg_icon() -> str:
    """Return the icon for a browser's tab."""
    pads = "".join(f'<ellipse cx="{x}" cy="{y}" rx="{a}" ry="{b}"/>' for x, y, a, b in PADS)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
        f'<rect width="100" height="100" rx="{CORNER}" fill="{GROUND}"/>'
        f'<g fill="{PAW}">{pads}</g></svg>\n'
    )


def png_icon(side: int) -> bytes:
    """Return the icon as a full square, from which a phone cuts the shape that it likes."""
    scale = side * OVERSAMPLING / 100
    whole = side * OVERSAMPLING
    image = Image.new("RGB", (whole, whole), GROUND)
    draw = ImageDraw.Draw(image)
    for x, y, a, b in PADS:
        draw.ellipse([(x - a) * scale, (y - b) * scale, (x + a) * scale, (y + b) * scale], PAW)
    file = io.BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file.getvalue()
