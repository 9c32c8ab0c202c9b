"""Photo metadata: what is stripped, what stays, and that the picture itself is untouched."""

from __future__ import annotations

import io
import random
import struct
import zlib
from contextlib import suppress

import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import prepare_heif
from critterdb.imaging.metadata import has_gps, strip_metadata
from critterdb.imaging.sandbox import as_kept

prepare_heif()  # Pillow can then save HEIC too

SECRET = "behind-the-barn"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    f'syntax-ns#"><rdf:Description exif:GPSLatitude="44,7.4N" dc:creator="{SECRET}"/></rdf:RDF>'
    "</x:xmpmeta>"
).encode()


def exif(orientation: int | None = None, *, gps: bool = True) -> bytes:
    block = Image.Exif()
    block[0x013B] = SECRET  # Artist
    if orientation:
        block[0x0112] = orientation
    if gps:
        block.get_ifd(0x8825).update({1: "N", 2: (44.0, 7.0, 24.0), 3: "W", 4: (110.0, 39.0, 1.0)})
    return block.tobytes()


def picture(form: str, **options: object) -> bytes:
    image = Image.effect_noise((64, 48), 80).convert("RGB")
    file = io.BytesIO()
    if form == "PNG":
        text = PngInfo()
        text.add_text("Author", SECRET)
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": text, **options}
    elif form == "GIF":
        options = {"comment": SECRET.encode()} | {k: v for k, v in options.items() if k != "exif"}
    elif form in ("JPEG", "WEBP"):
        options = {"xmp": XMP, **options}
    image.save(file, form, **options)
    return file.getvalue()


def oriented(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    return ImageOps.exif_transpose(image).convert("RGB").tobytes()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_only_the_picture_and_its_orientation_stay(form: str, orientation: int | None) -> None:
    data = picture(form, exif=exif(orientation))
    stripped = strip_metadata(data)
    assert SECRET.encode() not in stripped.data
    assert SECRET.encode() in data
    assert b"GPSLatitude" not in stripped.data
    assert oriented(stripped.data) == oriented(data)
    assert stripped.had_gps is (form != "GIF")
    kept = Image.open(io.BytesIO(stripped.data)).getexif()
    assert set(kept) <= {0x0112}
    assert not has_gps(stripped.data)
    assert strip_metadata(stripped.data).data == stripped.data


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_colour_profile_stays(form: str) -> None:
    profile = b"\0\0\2\0" + bytes(range(256)) * 2
    data = picture(form, icc_profile=profile, exif=exif(6))
    kept = Image.open(io.BytesIO(strip_metadata(data).data))
    assert kept.info["icc_profile"] == profile


def test_a_progressive_photo_keeps_every_scan() -> None:
    data = picture("JPEG", exif=exif(3), progressive=True, comment=SECRET.encode())
    stripped = strip_metadata(data).data
    assert oriented(stripped) == oriented(data)
    assert SECRET.encode() not in stripped


def test_what_is_appended_to_a_picture_goes() -> None:
    for form in FORMATS:
        data = picture(form) + b"tail" + picture("JPEG", exif=exif())
        assert SECRET.encode() not in strip_metadata(data).data, form


def test_a_thumbnail_inside_jfif_goes() -> None:
    data = picture("JPEG")
    after_jfif = data[4 + int.from_bytes(data[4:6], "big") :]
    # JFIF's own thumbnail (2 by 2 pixels here) follows its header; Adobe's block has a fixed size.
    jfif = b"JFIF\0\1\1\0\0\1\0\1\2\2" + SECRET.encode()[:12]
    adobe = b"Adobe\0\x64\0\0\0\0\1" + SECRET.encode()
    blocks = (
        struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
        for marker, body in ((0xE0, jfif), (0xEE, adobe))
    )
    stripped = strip_metadata(b"\xff\xd8" + b"".join(blocks) + after_jfif).data
    assert SECRET.encode()[:12] not in stripped
    assert oriented(stripped) == oriented(data)
    assert strip_metadata(stripped).data == stripped


@pytest.mark.parametrize("label", [0x01, 0x77])
def test_text_and_unknown_extensions_of_a_gif_go(label: int) -> None:
    data = picture("GIF")
    start = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    secret = SECRET.encode()
    added = bytes([0x21, label, len(secret)]) + secret + b"\0"
    stripped = strip_metadata(data[:start] + added + data[start:]).data
    assert secret not in stripped
    assert oriented(stripped) == oriented(data)


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_a_heif_is_not_published_as_it_is(form: str) -> None:
    """A site has none, because an import makes a JPEG of it."""
    data = picture(form, exif=exif(6))
    with pytest.raises(ValueError, match="not known"):
        strip_metadata(data)
    assert SECRET.encode() in data
    kept = as_kept(data)
    assert kept.startswith(b"\xff\xd8\xff")
    assert SECRET.encode() not in kept
    assert not has_gps(kept)


def test_animation_stays() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "navy", "gold")]
    for form in ("GIF", "WEBP", "PNG"):
        file = io.BytesIO()
        frames[0].save(file, form, save_all=True, append_images=frames[1:], loop=0, duration=90)
        kept = Image.open(io.BytesIO(strip_metadata(file.getvalue()).data))
        assert getattr(kept, "n_frames", 1) == 3, form
        assert kept.info.get("loop", 0) == 0


def test_a_private_chunk_goes() -> None:
    data = picture("PNG")
    body = b"prVt" + SECRET.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert SECRET.encode() not in strip_metadata(data[:33] + chunk + data[33:]).data


def test_little_endian_coordinates_count() -> None:
    entry = struct.pack("<HHII", 0x8825, 4, 1, 26)
    gps = struct.pack("<HHHI4s", 1, 2, 5, 3, b"\0" * 4)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0) + gps
    block = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    data = picture("JPEG", xmp=b"")
    assert has_gps(data[:2] + segment + data[2:])
    assert not has_gps(data)


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_files_are_refused_or_stripped_and_nothing_else(form: str) -> None:
    whole = picture(form, exif=exif(6))
    chance = random.Random(form)
    for _ in range(400):
        data = bytearray(whole[: chance.randrange(12, len(whole) + 1)])
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(ValueError, RejectedInputError):
            strip_metadata(bytes(data))
