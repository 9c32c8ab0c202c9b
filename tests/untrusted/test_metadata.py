"""Photo metadata: what is stripped, what stays, and that the picture itself is untouched."""

from __future__ import annotations

import io
import random
import struct
import zlib
from contextlib import suppress

import pytest
from PIL import Image, ImageCms, ImageOps
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
    """Its curves and colours; not the name of somebody's display, nor its date."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name, secret = "sRGB built-in".encode("utf-16-be"), "Ann's display".encode("utf-16-be")
    named = profile.replace(name, secret)
    assert secret in named
    data = picture(form, icc_profile=named, exif=exif(6))
    stripped = strip_metadata(data).data
    kept = Image.open(io.BytesIO(stripped)).info["icc_profile"]
    assert secret not in kept
    assert kept[24:36] == bytes(12)
    assert in_lab(kept) == in_lab(named)
    assert strip_metadata(stripped).data == stripped


def in_lab(profile: bytes) -> bytes:
    """Colours as they are meant by a profile."""
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, target, "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.radial_gradient("L").convert("RGB"), transform)
    assert converted is not None
    return converted.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_is_not_a_colour_profile_goes(form: str) -> None:
    data = picture(form, icc_profile=b"\0\0\2\0" + SECRET.encode() * 32)
    stripped = strip_metadata(data).data
    assert "icc_profile" not in Image.open(io.BytesIO(stripped)).info
    assert SECRET.encode() not in stripped
    assert oriented(stripped) == oriented(data)


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


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


NOISE = Image.effect_noise((64, 48), 80).convert("RGB")
HIDDEN = SECRET.encode() * 3


Crafted = dict[str, tuple[bytes, bytes]]
"""By where bytes are hidden: the file as it was, and with them."""


def hidden_in_png() -> Crafted:
    data = saved(NOISE, "PNG")
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    picture_data = data[at + 8 : at + 8 + length]
    before, end = data[:at], data[at + 12 + length :]
    whole = png_chunk(b"IDAT", picture_data)
    crafted = {
        "after the stream": before + png_chunk(b"IDAT", picture_data + HIDDEN) + end,
        "in a chunk after the stream": before + whole + png_chunk(b"IDAT", HIDDEN) + end,
        "a long gamma": before + png_chunk(b"gAMA", b"\0\0\xb1\x8f" + HIDDEN) + whole + end,
        "a palette that is not used": before + png_chunk(b"PLTE", HIDDEN) + whole + end,
        "a suggested palette": before + png_chunk(b"sPLT", HIDDEN + b"\0\x08") + whole + end,
        "frames without an animation": before + whole + png_chunk(b"fdAT", HIDDEN) + end,
        "in the end": before + whole + png_chunk(b"IEND", HIDDEN),
    }
    return {name: (data, hiding) for name, hiding in crafted.items()}


def hidden_in_webp() -> Crafted:
    still = saved(NOISE, "WEBP", quality=80)
    clear = NOISE.convert("RGBA")
    clear.putalpha(Image.effect_noise((64, 48), 90))
    alpha = saved(clear, "WEBP", quality=80, exact=True)
    moving = saved(NOISE, "WEBP", save_all=True, append_images=[NOISE.rotate(180)], duration=90)
    at = moving.index(b"ANMF")
    (length,) = struct.unpack_from("<I", moving, at + 4)
    body = moving[at + 8 : at + 8 + length]
    start, rest = moving[12:at], moving[at + 8 + length + length % 2 :]
    lossy = alpha[alpha.index(b"VP8 ") :]
    opaque = b"\0" + bytes(range(64)) * 48
    raw, longer = (webp_chunk(b"ALPH", opaque + more) for more in (b"", HIDDEN))
    before = alpha[12 : alpha.index(b"ALPH")]
    header = webp_chunk(b"VP8X", alpha[20:30] + HIDDEN)
    return {
        "after a frame": (
            moving,
            riff(start, webp_chunk(b"ANMF", body + webp_chunk(b"XXXX", HIDDEN)), rest),
        ),
        "at a frame's end": (
            moving,
            riff(start, webp_chunk(b"ANMF", body + HIDDEN[:7]), rest),
        ),
        "after the transparency": (riff(before, raw, lossy), riff(before, longer, lossy)),
        "a second picture": (still, riff(still[12:], webp_chunk(b"VP8 ", HIDDEN))),
        "a frame of no animation": (
            alpha,
            riff(alpha[12:], webp_chunk(b"ANMF", bytes(16) + HIDDEN)),
        ),
        "a long header": (alpha, riff(header, alpha[alpha.index(b"ALPH") :])),
    }


def hidden_in_gif() -> Crafted:
    frames = [NOISE.convert("P"), NOISE.rotate(180).convert("P")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0, duration=90)
    block = bytes([len(HIDDEN)]) + HIDDEN
    control, loop = data.index(b"\x21\xf9\x04"), data.index(b"NETSCAPE2.0")
    crafted = {
        "after the end code": data[:-2] + block + data[-2:],
        "in a control block": data[: control + 7] + block + data[control + 7 :],
        "after the loops": data[: loop + 15] + block + data[loop + 15 :],
    }
    return {name: (data, hiding) for name, hiding in crafted.items()}


def hidden_in_jpeg() -> Crafted:
    data, later = saved(NOISE, "JPEG"), saved(NOISE, "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    second = later.index(b"\xff\xda", later.index(b"\xff\xda") + 2)
    crafted = {
        "a number of lines": data[:-2] + jpeg_segment(0xDC, b"\0\x30" + HIDDEN) + data[-2:],
        "a reserved segment": data[:scan] + jpeg_segment(0xF3, HIDDEN) + data[scan:],
        "a scan more": data[:-2] + data[scan : scan + 14] + HIDDEN + data[-2:],
        "tables after the picture": data[:-2] + jpeg_segment(0xDB, b"\1" + HIDDEN) + data[-2:],
        "in Adobe's block": data[:scan] + jpeg_segment(0xEE, b"Adobe" + HIDDEN) + data[scan:],
    }
    between = later[:second] + jpeg_segment(0xDC, HIDDEN) + later[second:]
    return {
        **{name: (data, hiding) for name, hiding in crafted.items()},
        "between scans": (later, between),
    }


CRAFTED = [
    pytest.param(*files, id=name)
    for hide in (hidden_in_png, hidden_in_webp, hidden_in_gif, hidden_in_jpeg)
    for name, files in hide().items()
]


@pytest.mark.parametrize(("whole", "crafted"), CRAFTED)
def test_bytes_that_somebody_hid_beside_the_picture_go(whole: bytes, crafted: bytes) -> None:
    assert HIDDEN[:7] in crafted
    stripped = strip_metadata(crafted).data
    assert HIDDEN[:7] not in stripped
    before, after = Image.open(io.BytesIO(whole)), Image.open(io.BytesIO(stripped))
    assert getattr(after, "n_frames", 1) == getattr(before, "n_frames", 1)
    for number in range(getattr(before, "n_frames", 1)):
        before.seek(number)
        after.seek(number)
        assert after.convert("RGBA").tobytes() == before.convert("RGBA").tobytes()
    assert strip_metadata(stripped).data == stripped


def test_more_pixels_than_the_picture_has_are_refused() -> None:
    png = saved(NOISE, "PNG")
    at = png.index(b"IDAT") - 4
    rows = zlib.decompress(png[at + 8 : -16]) + HIDDEN
    more = png[:at] + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    gif = saved(NOISE.convert("P"), "GIF")
    wide = 13 + 3 * 2 ** ((gif[10] & 7) + 1) + 5
    assert gif[wide - 5] == 0x2C
    narrower = gif[:wide] + b"\x20\0" + gif[wide + 2 :]
    for data in (more, narrower):
        with pytest.raises(ValueError, match="holds more than its picture"):
            strip_metadata(data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 48), (33, 100)])
def test_every_kind_of_png_stays_as_it_is(mode: str, size: tuple[int, int]) -> None:
    data = saved(Image.new(mode, size, 1), "PNG")
    assert strip_metadata(data).data == data


def test_an_interlaced_png_stays_as_it_is() -> None:
    """8 by 8 grey pixels in seven passes, of 1, 1, 2, 4, 8, 16 and 32 pixels."""
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    shapes = ((1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8))
    rows = b"".join((b"\0" + b"\x7f" * width) * height for height, width in shapes)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
    assert Image.open(io.BytesIO(data)).tobytes() == b"\x7f" * 64
    assert strip_metadata(data).data == data


def test_a_long_gif_is_followed_to_its_end() -> None:
    """Its table of codes fills up and is cleared many times."""
    data = saved(Image.effect_noise((600, 500), 120).convert("P"), "GIF")
    assert strip_metadata(data).data == data
