"""Pictures made to hurt whoever decodes them, for tests and benchmarks; all under 10 MB.

Each is a few bytes that ask for much time or memory, or a structure that never seems to end.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from tests.fakes.heif import HEIF_BOMBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PNG_SIGN = b"\x89PNG\r\n\x1a\n"
MOST = 9_900_000  # bytes


def bombs() -> Iterator[tuple[str, bytes]]:
    """Each bomb's name and bytes, made one at a time."""
    for name, make in MAKERS.items():
        yield name, make()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, *, interlaced: bool = False) -> bytes:
    """A PNG of zeros: `colour` 0 grey, 2 RGB, 3 palette, 6 RGBA."""
    bands = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    line = 1 + (width * bands * bits + 7) // 8
    total = (line + 8) * height * (2 if interlaced else 1)
    palette = png_chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    return _png(header, palette, _zeros(total))


def _png(header: bytes, between: bytes, data: bytes, after: bytes = b"") -> bytes:
    return (
        PNG_SIGN
        + png_chunk(b"IHDR", header)
        + between
        + png_chunk(b"IDAT", data)
        + after
        + png_chunk(b"IEND", b"")
    )


@cache
def _zeros(size: int) -> bytes:
    packer = zlib.compressobj(6)
    piece = bytes(1_000_000)
    parts = [packer.compress(piece[: min(size - at, len(piece))]) for at in range(0, size, 10**6)]
    return b"".join(parts) + packer.flush()


def _small_header(colour: int = 2) -> bytes:
    return struct.pack(">IIBBBBB", 64, 64, 8, colour, 0, 0, 0)


def _small_png(between: bytes, after: bytes = b"") -> bytes:
    return _png(_small_header(), between, _zeros(64 * 193), after)


def _icc_bomb() -> bytes:
    return _small_png(png_chunk(b"iCCP", b"x\0\0" + _zeros(300_000_000)))


def _text_bomb() -> bytes:
    return _small_png(png_chunk(b"zTXt", b"x\0\0" + _zeros(300_000_000)))


def _many_text_bombs() -> bytes:
    chunk = png_chunk(b"zTXt", b"x\0\0" + _zeros(1_000_000))
    return _small_png(chunk * 2000)


def _international_text_bomb() -> bytes:
    return _small_png(b"", png_chunk(b"iTXt", b"x\0\1\0\0\0" + _zeros(300_000_000)))


def _many_chunks() -> bytes:
    return _small_png(png_chunk(b"tEXt", b"a\0b") * (MOST // 15))


def _many_data_chunks() -> bytes:
    data = _zeros(64 * 193)
    pieces = b"".join(png_chunk(b"IDAT", data[at : at + 1]) for at in range(len(data)))
    empty = png_chunk(b"IDAT", b"") * ((MOST - len(pieces)) // 12)
    head = PNG_SIGN + png_chunk(b"IHDR", _small_header())
    return head + empty + pieces + png_chunk(b"IEND", b"")


def _more_data_than_pixels() -> bytes:
    return _png(_small_header(), b"", _zeros(500_000_000))


def _many_frames_png() -> bytes:
    frame = struct.pack(">IIIIHHBB", 64, 64, 0, 0, 1, 1, 0, 0)
    data = _zeros(64 * 193)
    parts = [png_chunk(b"acTL", struct.pack(">II", 60_000, 0))]
    parts.append(png_chunk(b"fcTL", struct.pack(">I", 0) + frame))
    after = []
    for number in range(1, 60_000, 2):
        after.append(png_chunk(b"fcTL", struct.pack(">I", number) + frame))
        after.append(png_chunk(b"fdAT", struct.pack(">I", number + 1) + data))
    return _png(_small_header(), b"".join(parts), data, b"".join(after))


def _saved(kind: str, size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(size).convert("RGB")
    gradient.save(file, kind, **options)
    return file.getvalue()


def _resized_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose frame says that it is larger."""
    data = bytearray(_saved("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _scans(size: tuple[int, int], count: int) -> bytes:
    """A progressive JPEG whose last scan comes `count` times more."""
    data = _saved("JPEG", size, progressive=True, quality=30)
    last = data.rindex(b"\xff\xc4")  # the last scan begins with its table
    scan = data[last:-2]
    return data[:-2] + scan * min(count, (MOST - len(data)) // len(scan)) + b"\xff\xd9"


def _jpeg_with(segment: bytes, *, times: int = 0) -> bytes:
    """A small JPEG with a segment, as many times as fit in, behind its first marker."""
    data = _saved("JPEG")
    return data[:2] + segment * (times or (MOST - len(data)) // len(segment)) + data[2:]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def exif(tiff: bytes) -> bytes:
    """An APP1 segment that holds a TIFF."""
    return _segment(0xE1, b"Exif\0\0" + tiff)


def directory(entries: int, *, tag: int = 0x8769, kind: int = 4, count: int = 1) -> bytes:
    """A TIFF whose directory has so many entries, all of which lead back to it."""
    entry = struct.pack(">HHII", tag, kind, count, 8)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + entry * entries + b"\0\0\0\x08"


def _nested_directories() -> bytes:
    """Each directory names the next as its EXIF directory."""
    out = bytearray(b"MM\0*\0\0\0\x08")
    for _ in range(3000):
        here = len(out)
        out += struct.pack(">HHHIII", 1, 0x8769, 4, 1, here + 18, here + 18)
    return bytes(out[:65000])


def _entities() -> bytes:
    """An XMP packet in which each entity is ten of the one before."""
    lines = [b'<!ENTITY a0 "cat">']
    lines += [b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)]
    document = b"<!DOCTYPE x [" + b"".join(lines) + b"]><x>&a11;</x>"
    return _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + document)


def _webp(width: int, height: int, *chunks: bytes, animated: bool = True) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    flags = bytes([0x02 if animated else 0, 0, 0, 0])
    body = b"WEBP" + _riff(b"VP8X", flags + size) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _webp_frame(width: int, height: int) -> bytes:
    """The whole of a small WebP as one frame."""
    picture = _saved("WEBP", (width, height), lossless=True)[12:]
    position = bytes(6) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return _riff(b"ANMF", position + bytes([100, 0, 0, 0]) + picture)


def _webp_canvas(width: int, height: int, frames: int) -> bytes:
    return _webp(width, height, _riff(b"ANIM", bytes(6)), _webp_frame(32, 32) * frames)


def _gif(width: int, height: int, *blocks: bytes) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + bytes(6) + b"".join(blocks) + b";"


def _gif_frame(
    width: int, height: int, left: int = 0, data: bytes = b"\x02\x02\x44\x01\0"
) -> bytes:
    return b"," + struct.pack("<HHHHB", left, 0, width, height, 0) + data


def _black_gif(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("P", (side, side)).save(file, "GIF")
    return file.getvalue()


def _black_webp(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


def _huge_lossy_webp() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(file, "WEBP", quality=1, method=0)
    return file.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    "png of 2.5 gigapixels": lambda: png(50_000, 50_000, 1, 0),
    "png with the largest sides": lambda: _png(
        struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0), b"", _zeros(1000)
    ),
    "png of 49 megapixels, 64 bits each": lambda: png(7000, 7000, 16, 6),
    "png of 49 megapixels, 64 bits each, interlaced": lambda: png(
        7000, 7000, 16, 6, interlaced=True
    ),
    "png of 49 megapixels, 32 bits each": lambda: png(7000, 7000, 8, 6),
    "png of 49 megapixels, 16 bits of grey each": lambda: png(7000, 7000, 16, 0),
    "png of 49 megapixels, 1 bit each, interlaced": lambda: png(7000, 7000, 1, 0, interlaced=True),
    "png of 49 megapixels with a palette": lambda: png(7000, 7000, 8, 3),
    "png as long as a street": lambda: png(1_500_000, 32, 8, 0),
    "png with a colour profile of 300 MB": _icc_bomb,
    "png with a text of 300 MB": _text_bomb,
    "png with an international text of 300 MB": _international_text_bomb,
    "png with 2,000 texts of 1 MB": _many_text_bombs,
    "png with 660,000 texts": _many_chunks,
    "png with 800,000 data chunks": _many_data_chunks,
    "png with 500 MB of data for 64 pixels": _more_data_than_pixels,
    "png with many frames": _many_frames_png,
    "png with an endless exif directory": lambda: _small_png(
        png_chunk(b"eXIf", directory(5000, tag=0x8769))
    ),
    "jpeg of 4.3 gigapixels": lambda: _resized_jpeg(65_500, 65_500),
    "jpeg of 49 megapixels without data": lambda: _resized_jpeg(7000, 7000),
    "jpeg with 5,000 scans": lambda: _scans((1000, 1000), 5000),
    "jpeg with 50 scans of 49 megapixels": lambda: _scans((7000, 7000), 50),
    "jpeg with 60 scans of 12 megapixels": lambda: _scans((4000, 3000), 53),
    "jpeg with 2 million empty segments": lambda: _jpeg_with(_segment(0xEB, b"")),
    "jpeg with 2 million empty comments": lambda: _jpeg_with(_segment(0xFE, b"")),
    "jpeg with 140,000 quantisation tables": lambda: _jpeg_with(_segment(0xDB, bytes(65))),
    "jpeg with 450,000 Huffman tables": lambda: _jpeg_with(_segment(0xC4, bytes(17))),
    "jpeg with 9.9 MB of fill bytes": lambda: _jpeg_with(b"\xff"),
    "jpeg with 9.9 MB of restart markers": lambda: _jpeg_with(b"\xff\xd0"),
    "jpeg with 9.9 MB of profile parts": lambda: _jpeg_with(
        _segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000))
    ),
    "jpeg with an exif directory of itself": lambda: _jpeg_with(exif(directory(1)), times=1),
    "jpeg with an exif directory of 5,000 selves": lambda: _jpeg_with(
        exif(directory(5000)), times=1
    ),
    "jpeg with 5,000 endless exif values": lambda: _jpeg_with(
        exif(directory(5000, tag=0x9286, kind=5, count=2**29)), times=1
    ),
    "jpeg with nested exif directories": lambda: _jpeg_with(exif(_nested_directories()), times=1),
    "jpeg with 150 large exif blocks": lambda: _jpeg_with(
        exif(directory(5000, tag=0x010E, kind=7))
    ),
    "jpeg with an exploding xmp packet": lambda: _jpeg_with(_entities(), times=1),
    "jpeg with an index of 5,000 pictures": lambda: _jpeg_with(
        _segment(0xE2, b"MPF\0" + directory(5000, tag=0xB002, kind=7, count=50_000)), times=1
    ),
    "webp of 268 megapixels": lambda: _webp_canvas(16_384, 16_384, 1),
    "webp of 49 megapixels, one small frame": lambda: _webp_canvas(7000, 7000, 1),
    "webp of 49 megapixels, black": lambda: _black_webp(7000, 7000),
    "webp of 49 megapixels, lossy": _huge_lossy_webp,
    "webp with 60,000 frames": lambda: _webp_canvas(64, 64, 60_000),
    "webp with 9 MB of exif": lambda: _webp(
        64,
        64,
        _riff(b"EXIF", directory(65_000) * 12),
        _riff(b"ANIM", bytes(6)),
        _webp_frame(32, 32),
    ),
    "webp with 1.2 million unknown chunks": lambda: _webp(
        64, 64, _riff(b"ABCD", b"") * 1_200_000, _riff(b"ANIM", bytes(6)), _webp_frame(32, 32)
    ),
    "gif of 4.3 gigapixels": lambda: _gif(65_535, 65_535, _gif_frame(1, 1)),
    "gif of 49 megapixels, black": lambda: _black_gif(7000),
    "gif of 49 megapixels, one small frame": lambda: _gif(7000, 7000, _gif_frame(1, 1)),
    "gif with a frame larger than its screen": lambda: _gif(
        64, 64, _gif_frame(60_000, 60_000)
    ),
    "gif with a frame far outside": lambda: _gif(64, 64, _gif_frame(64, 64, left=60_000)),
    "gif with 600,000 frames": lambda: _gif(64, 64, _gif_frame(64, 64) * 600_000),
    "gif with a comment of 5 million parts": lambda: _gif(
        64, 64, b"!\xfe" + b"\x01x" * 4_900_000 + b"\0", _gif_frame(64, 64)
    ),
    "gif with 2 million comments": lambda: _gif(
        64, 64, b"!\xfe\x01x\0" * 1_900_000, _gif_frame(64, 64)
    ),
    "gif with 3 million empty extensions": lambda: _gif(
        64, 64, b"!\x01\0" * 3_200_000, _gif_frame(64, 64)
    ),
    "gif with 9.9 MB of nothing": lambda: _gif(64, 64, bytes(9_800_000), _gif_frame(64, 64)),
    "gif of data in 5 million parts": lambda: _gif(
        64, 64, _gif_frame(64, 64, data=b"\x02" + b"\x01\x44" * 4_900_000 + b"\0")
    ),
    **HEIF_BOMBS,
}  # fmt: skip
