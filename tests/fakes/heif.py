"""HEIC and AVIF files for tests, and what can be made of them with other numbers in their boxes."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 9_900_000  # bytes

pillow_heif.register_heif_opener()  # Pillow can then save HEIC too


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture as HEIF (which is HEIC) or AVIF."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grid(width: int = 256, height: int = 128, tile: int = 64) -> bytes:
    """A HEIC that is made of tiles, as those of phones are."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return saved(image, "HEIF", tile_size=tile)


def sized(data: bytes, width: int, height: int, *, only: tuple[int, int] | None = None) -> bytes:
    """A file whose pictures (`only` those of a size) claim to have another size."""
    at, changed = 0, bytearray(data)
    while (at := data.find(b"ispe", at + 1)) >= 0:
        if only in (None, struct.unpack_from(">II", data, at + 8)):
            struct.pack_into(">II", changed, at + 8, width, height)
    assert bytes(changed) != data
    return bytes(changed)


def box(name: bytes, content: bytes = b"") -> bytes:
    """A box of a HEIF file."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def _made_of_itself() -> bytes:
    data = bytearray(grid())
    at = data.index(b"dimg")
    source, count = struct.unpack_from(">HH", data, at + 4)
    struct.pack_into(f">{count}H", data, at + 8, *[source] * count)
    return bytes(data)


def _small(kind: str) -> bytes:
    return saved(Image.new("RGB", (64, 64), "peru"), kind)


HEIF_BOMBS: dict[str, Callable[[], bytes]] = {
    "heic of 268 megapixels": lambda: sized(_small("HEIF"), 16_384, 16_384),
    "heic of 49 megapixels for 64 pixels": lambda: sized(_small("HEIF"), 7000, 7000),
    "heic of tiles of 67 megapixels": lambda: sized(grid(), 8192, 8192, only=(64, 64)),
    "heic that is made of itself": _made_of_itself,
    "heic with 1.2 million boxes": lambda: _small("HEIF") + box(b"free") * 1_200_000,
    "heic of 60 megapixels, black": lambda: saved(Image.new("L", (8000, 7500)), "HEIF"),
    "avif of 268 megapixels": lambda: sized(_small("AVIF"), 16_384, 16_384),
    "avif with 1.2 million boxes": lambda: _small("AVIF") + box(b"free") * 1_200_000,
    "avif of 60 megapixels, black": lambda: saved(Image.new("L", (8000, 7500)), "AVIF"),
}
