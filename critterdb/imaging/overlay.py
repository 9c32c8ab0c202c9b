"""Draw over a photo where the evidence is: cells in two colours, and the frame of a second look."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from .sandbox import shared_decoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    Cells = Sequence[Sequence[float]]
    """g×g numbers, rows from the top, each from the left."""
    Share = Sequence[float]
    """x, y, width and height of an area, as shares of the picture."""

# Two colours that people with any colour vision tell apart.
FOR, AGAINST = (255, 176, 0), (42, 92, 170)
STRONGEST = 0.72  # opacity of the strongest cell, beneath which the photo is still seen
PAPER, LINE = (246, 244, 238), (221, 217, 204)
FRAME, FRAME_WIDTH = (255, 255, 255), 3  # pixels
GAP = 12  # pixels between two pictures
LONGEST_SIDE = 960  # pixels of each picture
BLANK_SIDE = 480  # pixels of a picture without its photo
JPEG_QUALITY = 85


def draw_cells(
    image: Image.Image, cells: Cells, area: Share = (0, 0, 1, 1), frame: Share | None = None
) -> Image.Image:
    """Return an RGB picture with cells over an area of it, and a frame where it was looked again.

    The strongest cell is the most opaque; cells that speak against are in another colour.
    """
    strongest = max((abs(cell) for row in cells for cell in row), default=0.0)
    layer = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(layer)
    left, top, width, height = _pixels(area, image.size)
    grid = len(cells)
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            opacity = round(255 * STRONGEST * abs(cell) / strongest) if strongest else 0
            box = (
                round(left + x * width / grid),
                round(top + y * height / grid),
                round(left + (x + 1) * width / grid) - 1,
                round(top + (y + 1) * height / grid) - 1,
            )
            if box[2] >= box[0] and box[3] >= box[1]:
                draw.rectangle(box, fill=(*(FOR if cell > 0 else AGAINST), opacity))
    if frame:
        left, top, width, height = _pixels(frame, image.size)
        box = (round(left), round(top), round(left + width) - 1, round(top + height) - 1)
        draw.rectangle(box, outline=(0, 0, 0, 255), width=FRAME_WIDTH + 2)
        draw.rectangle(box, outline=(*FRAME, 255), width=FRAME_WIDTH)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def blank_picture(width: int, height: int, grid: int, area: Share = (0, 0, 1, 1)) -> Image.Image:
    """Return a plain picture of a photo's shape with the grid of an area, in place of the photo."""
    scale = BLANK_SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    left, top, across, down = _pixels(area, size)
    for step in range(grid + 1):
        x, y = left + step * across / grid, top + step * down / grid
        draw.line((x, top, x, top + down), LINE)
        draw.line((left, y, left + across, y), LINE)
    return image


def decoded(data: bytes) -> Image.Image:
    """Return the upright picture in a file, its longer side at most LONGEST_SIDE pixels.

    The file may come from anybody: a sandboxed process turns it into a JPEG of our own first.
    Raises RejectedInputError.
    """
    with Image.open(io.BytesIO(shared_decoders().to_jpeg(data))) as image:
        picture = image.convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one height in a row."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), PAPER)
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    return row


def as_png(image: Image.Image) -> bytes:
    """Return a picture as a PNG without metadata."""
    file = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(file, "PNG", optimize=True)
    return file.getvalue()


def as_jpeg(image: Image.Image) -> bytes:
    """Return a picture as a JPEG without metadata: a photo is far smaller than as a PNG."""
    file = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _pixels(area: Share, size: tuple[int, int]) -> tuple[float, float, float, float]:
    x, y, width, height = area
    return x * size[0], y * size[1], width * size[0], height * size[1]
