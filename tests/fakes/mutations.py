"""Good pictures of every kind, and what is left of them on the way: for tests and benchmarks."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

pillow_heif.register_heif_opener()  # Pillow can then save HEIC too

SIDE = 96  # pixels
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg, progressive": ("JPEG", "RGB", {"progressive": True}),
    "jpeg, restarts": ("JPEG", "RGB", {"restart_marker_rows": 1}),
    "jpeg, grey": ("JPEG", "L", {}),
    "jpeg, cmyk": ("JPEG", "CMYK", {}),
    "jpeg, exif": ("JPEG", "RGB", {"exif": True, "comment": b"a cat", "icc_profile": bytes(500)}),
    "png": ("PNG", "RGB", {}),
    "png, alpha": ("PNG", "RGBA", {}),
    "png, palette": ("PNG", "P", {"transparency": 3}),
    "png, 16 bits": ("PNG", "I;16", {}),
    "png, 1 bit": ("PNG", "1", {}),
    "png, animated": ("PNG", "RGB", {"save_all": True}),
    "webp": ("WEBP", "RGB", {}),
    "webp, lossless": ("WEBP", "RGBA", {"lossless": True}),
    "webp, animated": ("WEBP", "RGB", {"save_all": True, "exif": True}),
    "gif": ("GIF", "P", {}),
    "gif, animated": ("GIF", "P", {"save_all": True}),
    "heic": ("HEIF", "RGB", {"exif": True}),
    "heic, alpha": ("HEIF", "RGBA", {}),
    "heic, tiles": ("HEIF", "RGB", {"tile_size": 64}),
    "avif": ("AVIF", "RGB", {"exif": True}),
    "avif, animated": ("AVIF", "RGB", {"save_all": True}),
}
HURTFUL = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)


def good_pictures(seed: int = 0) -> dict[str, bytes]:
    """A picture of each kind, of noise that no two encoders treat alike."""
    noise = random.Random(seed)
    small = Image.frombytes("RGB", (12, 12), noise.randbytes(12 * 12 * 3))
    image = small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return {name: _saved(image, *recipe) for name, recipe in KINDS.items()}


def _saved(image: Image.Image, kind: str, mode: str, options: dict[str, Any]) -> bytes:
    if mode == "I;16":
        image = image.convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    options = dict(options)
    if options.pop("exif", False):
        block = Image.Exif()
        block[0x0112] = 6
        block[0x010E] = "a cat" * 20
        options["exif"] = block
    if options.get("save_all"):
        options["append_images"] = [image.rotate(90).convert(mode)]
    file = io.BytesIO()
    image.convert(mode).save(file, kind, **options)
    return file.getvalue()


def mutations(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """So many damaged pictures, the same ones for the same seed, each with what was done to it."""
    chance = random.Random(seed)
    pictures = list(good_pictures(seed).items())
    for number in range(count):
        name, data = pictures[number % len(pictures)]
        other = chance.choice(pictures)[1]
        damage = chance.choice(DAMAGES)
        hurt = bytearray(data)
        damage(hurt, other, chance)
        yield f"{name}: {damage.__name__.strip('_')}", bytes(hurt)


def _flip_bits(data: bytearray, other: bytes, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 8, 50))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_head(data: bytearray, other: bytes, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 5))):
        data[chance.randrange(min(len(data), 200))] = chance.choice(HURTFUL)


def _cut(data: bytearray, other: bytes, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _drop(data: bytearray, other: bytes, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 2, 16, 300))]


def _insert(data: bytearray, other: bytes, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = chance.randbytes(chance.choice((1, 2, 16, 300)))


def _overwrite(data: bytearray, other: bytes, chance: random.Random) -> None:
    start, size = chance.randrange(len(data)), chance.choice((2, 4, 64))
    data[start : start + size] = bytes([chance.choice(HURTFUL)]) * size


def _repeat(data: bytearray, other: bytes, chance: random.Random) -> None:
    start, size = chance.randrange(len(data)), chance.choice((4, 32, 400))
    data[start:start] = data[start : start + size] * chance.choice((1, 3, 50))


def _splice(data: bytearray, other: bytes, chance: random.Random) -> None:
    data[chance.randrange(len(data)) :] = other[chance.randrange(len(other)) :]


def _swap(data: bytearray, other: bytes, chance: random.Random) -> None:
    size = chance.choice((4, 32, 200))
    left, right = chance.randrange(len(data)), chance.randrange(len(data))
    first, second = bytes(data[left : left + size]), bytes(data[right : right + size])
    data[left : left + len(second)] = second
    data[right : right + len(first)] = first


DAMAGES = (
    _flip_bits,
    _flip_head,
    _cut,
    _drop,
    _insert,
    _overwrite,
    _repeat,
    _splice,
    _swap,
)
