"""Damaged pictures and pictures made to hurt: a code for each, the same each time, and soon.

`benchmarks/images.py` does this with thousands, and with the test images of Pillow.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import RejectedInputError
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.imaging.sandbox import CPU_S, Decoders
from tests.fakes.bombs import MAKERS
from tests.fakes.mutations import KINDS, good_pictures, mutations

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

VIEW = Preprocessing(64)
COUNT = 250
# Those that are made quickly; a machine that is busy may take long over the others, too.
EXPECTED = {
    "png with the largest sides": "too_large",
    "png as long as a street": "image_too_small",
    "png with 2,000 texts of 1 MB": "not_an_image",
    "png with 660,000 texts": "image_too_complex",
    "png with 800,000 data chunks": "image_too_complex",
    "png with many frames": "image_too_complex",
    "png with an endless exif directory": "accepted",
    "jpeg of 4.3 gigapixels": "too_large",
    "jpeg of 49 megapixels without data": "image_truncated",
    "jpeg with 5,000 scans": "image_too_complex",
    "jpeg with 60 scans of 12 megapixels": "image_too_complex",
    "jpeg with 2 million empty segments": "image_too_complex",
    "jpeg with 450,000 Huffman tables": "image_too_complex",
    "jpeg with 9.9 MB of fill bytes": "image_too_complex",
    "jpeg with 9.9 MB of restart markers": "image_too_complex",
    "jpeg with 9.9 MB of profile parts": "accepted",
    "jpeg with an exif directory of itself": "accepted",
    "jpeg with an exif directory of 5,000 selves": "accepted",
    "jpeg with 5,000 endless exif values": "accepted",
    "jpeg with nested exif directories": "accepted",
    "jpeg with an exploding xmp packet": "accepted",
    "jpeg with an index of 5,000 pictures": "accepted",
    "webp of 268 megapixels": "too_large",
    "webp with 60,000 frames": "image_too_complex",
    "webp with 9 MB of exif": "accepted",
    "webp with 1.2 million unknown chunks": "image_too_complex",
    "gif of 4.3 gigapixels": "too_large",
    "gif with a frame larger than its screen": "too_large",
    "gif with a comment of 5 million parts": "image_too_complex",
    "gif with 3 million empty extensions": "image_too_complex",
    "gif with 9.9 MB of nothing": "image_too_complex",
    "heic of 268 megapixels": "too_large",
    "heic of 49 megapixels for 64 pixels": "not_an_image",
    "heic of tiles of 67 megapixels": "image_too_complex",
    "heic that is made of itself": "not_an_image",
    "heic with 1.2 million boxes": "image_too_complex",
    "avif of 268 megapixels": "too_large",
    "avif with 1.2 million boxes": "image_too_complex",
}


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    pool = Decoders(1)
    yield pool
    pool.close()


def outcome(decoders: Decoders, data: bytes) -> str:
    try:
        decoders.view(data, VIEW)
    except RejectedInputError as refusal:
        return refusal.code
    return "accepted"


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_picture_of_each_kind_is_accepted(decoders: Decoders, kind: str) -> None:
    assert outcome(decoders, good_pictures()[kind]) == "accepted"


def test_damaged_pictures_get_the_same_code_each_time(decoders: Decoders) -> None:
    outcome(decoders, good_pictures()["png"])
    before = decoders.process_ids()
    first = [outcome(decoders, data) for _, data in mutations(COUNT)]
    assert [outcome(decoders, data) for _, data in mutations(COUNT)] == first
    assert set(first) <= {"accepted", "not_an_image", "image_truncated", "image_too_small",
                          "too_large", "image_too_complex"}  # fmt: skip
    assert first.count("accepted") > COUNT / 5
    assert decoders.process_ids() == before  # nothing crashed it


@pytest.mark.parametrize("name", EXPECTED)
def test_bombs(decoders: Decoders, name: str) -> None:
    data = MAKERS[name]()
    started = time.process_time()
    assert outcome(decoders, data) == EXPECTED[name]
    assert time.process_time() - started < CPU_S / 2  # of this process, which only hands it over


def test_a_bomb_for_the_processor_is_ended() -> None:
    pool = Decoders(1, cpu_s=0.3)
    assert outcome(pool, MAKERS["webp of 49 megapixels, one small frame"]()) == "image_too_complex"
    assert outcome(pool, good_pictures()["webp"]) == "accepted"
    pool.close()
