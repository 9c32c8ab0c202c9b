"""Where and when a stranger's photo was taken, read by the process that decodes it."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from critterdb.imaging.exif import is_place
from critterdb.imaging.sandbox import Decoders
from critterdb.model.inference import whereabouts_in

if TYPE_CHECKING:
    from collections.abc import Iterator

GPS: dict[int, object] = {1: "N", 2: (34.0, 6.0, 0.0), 3: "W", 4: (118.0, 18.0, 0.0)}
TAKEN = "2024:06:15 10:11:12"
HERE = {"latitude": pytest.approx(34.1), "longitude": pytest.approx(-118.3), "on": "2024-06-15"}


def photo(form: str = "JPEG", *, taken: object = TAKEN, **gps: object) -> bytes:
    """A photo that says where and when; `tag2=(…)` gives the GPS tag 2 another value."""
    block = Image.Exif()
    tags = GPS | {int(name.removeprefix("tag")): value for name, value in gps.items()}
    block.get_ifd(0x8825).update({tag: value for tag, value in tags.items() if value is not None})
    if taken is not None:
        block.get_ifd(0x8769)[0x9003] = taken
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "peru").save(file, form, exif=block.tobytes())
    return file.getvalue()


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(1)
    yield decoders
    decoders.close()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_photo_says_where_and_when(decoders: Decoders, form: str) -> None:
    assert decoders.place_of(photo(form)) == HERE


def test_south_and_east_are_told_apart(decoders: Decoders) -> None:
    place = decoders.place_of(photo(tag1="S", tag3="E\0"))
    assert place == HERE | {"latitude": pytest.approx(-34.1), "longitude": pytest.approx(118.3)}


@pytest.mark.parametrize("taken", [None, "0000:00:00", "    :  :     :  :  ", "yesterday", ""])
def test_a_place_needs_no_date(taken: object) -> None:
    where = whereabouts_in(photo(taken=taken))
    assert where is not None
    assert where.on is None


@pytest.mark.parametrize("taken", ["1970:01:01", "2999:12:31 00:00:00", "2024:02:31"])
def test_a_date_that_cannot_be_leaves_the_place(taken: str) -> None:
    where = whereabouts_in(photo(taken=taken))
    assert where is not None
    assert where.latitude == pytest.approx(34.1)
    assert (where.on is None) == (taken != "1970:01:01")


@pytest.mark.parametrize(
    "odd",
    [
        {"tag1": None},
        {"tag1": "X"},
        {"tag3": "NW"},
        {"tag2": None},
        {"tag2": (34.0, 6.0)},
        {"tag2": (91.0, 0.0, 0.0)},
        {"tag4": (180.0, 0.0, 1.0)},
        {"tag2": (34.0, 61.0, 0.0)},
        {"tag2": (34.0, 6.0, 3600.0)},
        {"tag2": (0.0, 0.0, 0.0), "tag4": (0.0, 0.0, 0.0)},  # no satellite yet
    ],
)
def test_odd_values_are_no_place(decoders: Decoders, odd: dict[str, object]) -> None:
    assert decoders.place_of(photo(**odd)) is None  # type: ignore[arg-type]


def hostile(data: bytes, number: int, value: bytes) -> bytes:
    """The photo with the rationals of one GPS tag overwritten."""
    numerators = struct.pack(
        ">6I", *((118, 1, 18, 1, 0, 1) if number == 4 else (34, 1, 6, 1, 0, 1))
    )
    little = struct.pack("<6I", *struct.unpack(">6I", numerators))
    found = numerators if numerators in data else little
    assert found in data
    return data.replace(found, value.ljust(24, b"\0")[:24])


@pytest.mark.parametrize(
    "value",
    [
        b"",  # 0/0 three times
        struct.pack(">6I", 34, 0, 6, 1, 0, 1),
        struct.pack(">6I", 34, 1, 6, 1, 1, 0),
        struct.pack(">6I", 2**32 - 1, 1, 0, 1, 0, 1),
    ],
)
def test_divisions_by_zero_and_huge_numbers_are_no_place(decoders: Decoders, value: bytes) -> None:
    assert decoders.place_of(hostile(photo(), 2, value)) is None
    assert decoders.place_of(photo()) == HERE  # by the same process


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 240), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_metadata_never_ends_the_process(changes: list[tuple[int, int]]) -> None:
    data = bytearray(photo())
    for position, value in changes:
        data[position] = value
    where = whereabouts_in(bytes(data))
    if where is not None:
        assert abs(where.latitude) <= 90
        assert abs(where.longitude) <= 180


def test_what_the_process_says_is_checked() -> None:
    good = {"latitude": 1.0, "longitude": 2.0, "on": None}
    assert is_place(good)
    for odd in (
        {"latitude": float("nan")},
        {"latitude": 91.0},
        {"longitude": "2"},
        {"longitude": True},
        {"on": "2024-06-15; DROP"},
        {"on": 7},
        {"more": 1},
    ):
        assert not is_place(good | odd)


def test_what_is_no_picture_says_nothing() -> None:
    assert whereabouts_in(b"GPS: 34.1, -118.3") is None
