"""Classification in the browser: the same pixels, answers and refusals as in Python."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from critterdb.dataset.similarity import load_training_photos
from critterdb.dataset.vectors import STORED_AS
from critterdb.demo.drawing.pictures import draw_critter
from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import decode_sized
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.model.inference import classify_image
from critterdb.model.loader import Model, load_model
from critterdb.model.look import Look
from critterdb.model.payloads import answer_payload, refusal_payload
from critterdb.model.second_look import parse_second_look
from critterdb.publish.static_site.similar import training_photos_file
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.training.onnx.graph import import_onnx
from tests.fakes.bombs import MAKERS, png
from tests.fakes.heif import saved
from tests.support.browser import closed_page, open_browser, skip_without_browser
from tests.support.classifier_site import (
    CLASSIFIER,
    classifier_site,
    classify_in_browser,
    skip_without_runtime,
)
from tests.support.datasette_site import add_photo, make_site
from tests.support.models import (
    BOBCAT,
    COLOURS,
    COUGAR,
    DOMESTIC_CAT,
    SECOND_LOOK,
    SETS,
    make_tiny_model,
    picture,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.model.labels import Thresholds
    from critterdb.storage.database import SiteDatabase

pytestmark = [pytest.mark.browser, pytest.mark.any_line]

skip_without_browser()
skip_without_runtime()

# Drawn only when a test runs.
PICTURES = [
    "orientation 1",
    "orientation 2",
    "orientation 3",
    "orientation 4",
    "orientation 5",
    "orientation 6",
    "orientation 7",
    "orientation 8",
    "grey JPEG",
    "CMYK JPEG",
    "progressive JPEG",
    "JPEG with a colour profile",
    "larger JPEG",
    "PNG",
    "PNG with orientation",
    "large PNG",
    "PNG of 16 bits",
    "PNG with transparency",
    "PNG with a palette",
    "WebP",
    "WebP with orientation",
    "WebP with transparency",
    "GIF",
    "animated GIF",
    "animated WebP",
    "AVIF",
]
REFUSED = [
    "words",
    "nothing",
    "JPEG without an end",
    "JPEG cut short with an end",
    "progressive JPEG cut short",
    "JPEG of a header only",
    "PNG cut short",
    "PNG cut after its header",
    "WebP cut short",
    "GIF cut short",
    "AVIF cut short",
    "spoilt PNG",
    "too small",
    "too narrow",
    "too many pixels",
    "too many scans",
    "too many bytes",
]

VIEW = Preprocessing.parse(96, "crop-bilinear-0.875")
_LOOK = """async ([base, encoded, size, resize]) => {
    const { readPicture } = await import(`${base}/picture.js`);
    const { look, parseView } = await import(`${base}/preprocessing.js`);
    const view = parseView(size, resize);
    const data = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    const { image, width, height } = await readPicture(data, view.shorterSide);
    return { pixels: [...look(image, view)], width, height };
}"""


@cache
def drawn() -> Image.Image:
    return draw_critter("Bobcat", np.random.default_rng(4), (360, 240))


def larger(width: int, height: int) -> Image.Image:
    return drawn().resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def held(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", quality=92, exif=exif)


def see_through() -> Image.Image:
    image = drawn().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


@cache
def pictures() -> dict[str, bytes]:
    """Files of every kind, by what is special about them."""
    image = drawn()
    deep = np.asarray(image.convert("L"), np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    second = ImageOps.mirror(image)
    return {
        **{f"orientation {number}": held(image, number) for number in range(1, 9)},
        "grey JPEG": encoded(image.convert("L"), "JPEG", quality=90),
        "CMYK JPEG": encoded(image.convert("CMYK"), "JPEG", quality=90),
        "progressive JPEG": encoded(image, "JPEG", progressive=True, quality=80),
        "JPEG with a colour profile": encoded(image, "JPEG", icc_profile=other_colours()),
        "larger JPEG": encoded(larger(1200, 900), "JPEG", quality=90),
        "PNG": encoded(image, "PNG"),
        "PNG with orientation": encoded(image, "PNG", exif=exif),
        "large PNG": encoded(larger(1500, 1000), "PNG", compress_level=1),
        "PNG of 16 bits": encoded(Image.fromarray(deep), "PNG"),
        "PNG with transparency": encoded(see_through(), "PNG"),
        "PNG with a palette": encoded(image.quantize(64), "PNG"),
        "WebP": encoded(image, "WEBP", lossless=True),
        "WebP with orientation": encoded(image, "WEBP", lossless=True, exif=exif),
        "WebP with transparency": encoded(see_through(), "WEBP", lossless=True),
        "GIF": encoded(image, "GIF"),
        "animated GIF": encoded(image, "GIF", save_all=True, append_images=[second]),
        "animated WebP": encoded(
            image, "WEBP", save_all=True, append_images=[second], lossless=True
        ),
        "AVIF": saved(image, "AVIF", quality=90),
    }


def other_colours() -> bytes:
    """A colour profile that a program which minds it shows otherwise: red and blue swapped."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ", 128), profile.index(b"bXYZ", 128)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


# Mean difference of a value from 0 to 255: of a JPEG twice as large as needed, libjpeg decodes
# fewer coefficients, and the browser's pixels are averaged. Upside down it would be 30 and more.
MAX_DIFFERENCE = 0.8
EXACT = ["PNG", "PNG with orientation", "PNG with a palette", "PNG of 16 bits", "GIF", "AVIF"]
EXACT += ["WebP", "WebP with orientation", "animated GIF", "animated WebP"]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tints")
    db = open_database(folder / DATABASE_NAME, create=True)
    model = make_tiny_model(db)
    db.close()
    return folder / "models" / f"{model.id}.onnx"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Any, model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("static")
    with classifier_site(folder, model_file) as (url, _), closed_page(browser) as page:
        page.goto(url)
        page.evaluate("critterdb.ready")
        yield page


@pytest.mark.parametrize("name", PICTURES)
def test_the_model_gets_the_pixels_that_it_gets_in_python(page: Any, name: str) -> None:
    data = pictures()[name]
    base = page.url + CLASSIFIER
    text = base64.b64encode(data).decode()
    seen = page.evaluate(_LOOK, [base, text, VIEW.size, VIEW.resize])
    image, width, height = decode_sized(data, shorter_side=VIEW.shorter_side)
    theirs = np.array(seen["pixels"], np.int16).reshape(VIEW.size, VIEW.size, 3)
    assert (seen["width"], seen["height"]) == (width, height)
    difference = np.abs(theirs - VIEW.pixels(image).astype(np.int16))
    assert difference.mean() <= (0 if name in EXACT else MAX_DIFFERENCE)


@pytest.mark.parametrize(
    "resize", ["crop", "crop-bilinear", "squash", "squash-bilinear-0.5", "crop-0.7"]
)
@pytest.mark.parametrize("size", [(360, 240), (333, 101), (64, 40)])
def test_every_kind_of_view_is_pillow_s_to_the_pixel(
    page: Any, size: tuple[int, int], resize: str
) -> None:
    view = Preprocessing.parse(63, resize)
    data = encoded(drawn().resize(size), "PNG")
    text = base64.b64encode(data).decode()
    seen = page.evaluate(_LOOK, [page.url + CLASSIFIER, text, view.size, view.resize])
    image, _, _ = decode_sized(data, shorter_side=view.shorter_side)
    assert seen["pixels"] == view.pixels(image).ravel().tolist()


@pytest.mark.parametrize("colour", COLOURS)
def test_the_answer_is_the_json_that_python_gives(page: Any, model_file: Path, colour: str) -> None:
    data = encoded(Image.open(io.BytesIO(picture(colour))), "PNG")
    (theirs,) = classify_in_browser(page, [data])
    model = load_model(model_file)
    ours = payload_in_python(model, data)
    assert list(theirs) == list(ours)
    assert {**theirs, "took_ms": 0} == {**ours, "took_ms": 0}
    assert theirs["took_ms"] > 0


def payload_in_python(model: Any, data: bytes) -> dict[str, Any]:
    from critterdb.imaging.decode import image_info

    try:
        image, width, height = decode_sized(data, shorter_side=model.view.shorter_side)
    except RejectedInputError as refusal:
        return dict(refusal_payload(refusal))
    info = image_info(data, width, height)
    return dict(answer_payload(model, model.classify(image), info, None, 1.0))


@cache
def refused() -> dict[str, bytes]:
    """Files that are not accepted, by what is wrong with them."""
    image = drawn()
    jpeg, progressive = encoded(image, "JPEG"), encoded(image, "JPEG", progressive=True)
    flat = encoded(image, "PNG")
    lossless, gif, avif = (
        encoded(image, "WEBP", lossless=True), encoded(image, "GIF"), saved(image, "AVIF")
    )  # fmt: skip
    spoilt = bytearray(flat)
    spoilt[len(flat) // 2 : len(flat) // 2 + 40] = bytes(40)
    return {
        "words": b"dear diary",
        "nothing": b"",
        "JPEG without an end": jpeg[: len(jpeg) // 2],
        "JPEG cut short with an end": jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "progressive JPEG cut short": progressive[: len(progressive) // 2],
        "JPEG of a header only": jpeg[:300],
        "PNG cut short": flat[: len(flat) // 2],
        "PNG cut after its header": flat[:40],
        "WebP cut short": lossless[: len(lossless) // 2],
        "GIF cut short": gif[: len(gif) // 2],
        "AVIF cut short": avif[: len(avif) // 2],
        "spoilt PNG": bytes(spoilt),
        "too small": encoded(image.resize((31, 64)), "PNG"),
        "too narrow": encoded(image.resize((1000, 40)), "JPEG"),
        "too many pixels": png(9000, 9000, 8, 2),
        "too many scans": MAKERS["jpeg with 5,000 scans"](),
        "too many bytes": jpeg + bytes(10_000_001 - len(jpeg)),
    }


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_the_code_and_words_of_python(page: Any, model_file: Path, name: str) -> None:
    ours = payload_in_python(load_model(model_file), refused()[name])
    (theirs,) = classify_in_browser(page, [refused()[name]])
    assert ours["ok"] is False
    assert theirs == ours


_RANK = """async ([base, file, embedding]) => {
    const { rankTrainingPhotos, readTrainingPhotos } = await import(`${base}/similar.js`);
    const bytes = Uint8Array.from(atob(file), (char) => char.charCodeAt(0));
    const ranked = rankTrainingPhotos(readTrainingPhotos(bytes), embedding);
    return ranked.map(({ photo, distance }) => [photo.photo_id, distance]);
}"""


def test_training_photos_are_ranked_as_in_python(page: Any, tmp_path: Path) -> None:
    """Of 300 photos with vectors as long as those of a real network."""
    folder = make_site(tmp_path / "mysite")
    add_photo(folder, 1, picture("red"))
    random = np.random.default_rng(5)
    with closing(open_database(folder / DATABASE_NAME)) as db:
        model = make_tiny_model(db)
        embed_copies(db, model, random.gamma(0.5, size=(300, 1280)))
        text = training_photos_file(db, folder, model.game, model.backbone, "classify/")
        photos = load_training_photos(db, model.game, model.backbone)
    assert text
    for _ in range(5):
        vector = random.gamma(0.5, size=1280).astype(np.float32)
        file = base64.b64encode(text).decode()
        theirs = page.evaluate(_RANK, [page.url + CLASSIFIER, file, vector.tolist()])
        ours = photos.nearest(vector, len(photos.photos))
        expected = {photo.photo_id: distance for photo, distance in ours}
        assert {photo_id for photo_id, _ in theirs} == set(expected)
        distances = [distance for _, distance in theirs]
        assert distances == sorted(distances)
        assert distances == pytest.approx([expected[number] for number, _ in theirs], abs=3e-3)


def embed_copies(db: SiteDatabase, model: Model, vectors: np.ndarray) -> None:
    """Give the photo of a site copies to train on, each with an embedding of its own."""
    (photo,) = db["photos"].rows
    observation = db["observations"].get(photo["observation_id"])
    with db.atomic():
        for number, vector in enumerate(vectors, start=100):
            sha256 = f"{number:064x}"
            db["observations"].insert({**observation, "id": number, "uuid": None})
            row = {**photo, "id": number, "observation_id": number, "sha256": sha256}
            db["photos"].insert({**row, "url": None})
            split = {"game": model.game, "observation_id": number, "part": "train"}
            db["splits"].insert(split)
            db["embeddings"].insert(
                {
                    "sha256": sha256,
                    "backbone": model.backbone,
                    "vector": vector.astype(STORED_AS).tobytes(),
                    "dimensions": len(vector),
                }
            )


def test_fifty_megapixels_are_classified(page: Any, model_file: Path) -> None:
    data = encoded(larger(8160, 6120), "JPEG", quality=60)
    (theirs,) = classify_in_browser(page, [data])
    ours = payload_in_python(load_model(model_file), data)
    assert theirs["reason"] == ours["reason"]
    assert theirs["image"] == ours["image"]
    for label, same in zip(theirs["predictions"], ours["predictions"], strict=True):
        assert label["score"] == pytest.approx(same["score"], abs=0.02)


@pytest.fixture(scope="module")
def twice(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Model]]:
    """A page with a model that looks twice and has sets, and the model."""
    folder = tmp_path_factory.mktemp("twice")
    rules: dict[str, Any] = {"second_look": SECOND_LOOK, "set": SETS}
    model = make_tiny_model(open_database(folder / DATABASE_NAME, create=True), **rules)
    file = folder / "models" / f"{model.id}.onnx"
    with classifier_site(folder / "pages", file) as (url, _), closed_page(browser) as page:
        page.goto(url)
        yield page, model


def patch(colour: str, share: float, sides: tuple[int, int]) -> bytes:
    """A patch of a colour on grey, whose side is this share of the shorter side."""
    ground = Image.new("RGB", sides, COLOURS["grey"])
    side = round(share * min(sides))
    left, top = sides[0] * 2 // 5, sides[1] - side - 7
    ground.paste(COLOURS[colour], (left, top, left + side, top + side))
    return encoded(ground, "PNG")


def test_a_small_animal_is_looked_at_twice_as_in_python(twice: tuple[Any, Model]) -> None:
    page, model = twice
    photos = [
        patch(colour, share, sides)
        for colour in ("red", "green", "yellow")
        for share in (0.9, 0.55, 0.4, 0.2)
        for sides in ((320, 320), (411, 300), (210, 97))
    ]
    answers = classify_in_browser(page, photos)
    for data, theirs in zip(photos, answers, strict=True):
        classification, info = classify_image(model, data)
        ours = dict(answer_payload(model, classification, info, None, 1.0))
        assert list(theirs) == list(ours)
        assert {**theirs, "took_ms": 0} == {**ours, "took_ms": 0}
    assert {answer["looks"] for answer in answers} == {1, 2}
    assert len({tuple(answer.get("crop", ())) for answer in answers}) > 4
    assert {len(answer["set"]["taxa"]) for answer in answers if "set" in answer} >= {1, 2}


RULE_FILE = f"./{CLASSIFIER}/second-look.js"
_FIND_AREA = """async ([file, looks, rule, thresholds]) => {
    const { findArea } = await import(new URL(file, location.href));
    return looks.map((look) => findArea(look, [0, 0, 1, 1], rule, thresholds));
}"""


@pytest.mark.parametrize("ratio", [1.05, None])
def test_it_is_looked_at_where_python_looks(twice: tuple[Any, Model], ratio: float | None) -> None:
    page, _ = twice
    written: dict[str, Any] = {**SECOND_LOOK, "grid": 4, "sides": [3], "window_ratio": ratio}
    if ratio is None:  # in files of before 0.3
        del written["window_ratio"]
    rule = parse_second_look(written)
    assert rule
    thresholds: Thresholds = {"threshold": 0.8, "novelty_threshold": 0.72, "temperature": 1.0}
    random = np.random.default_rng(6)
    novelty = random.uniform(0.1, 1.5, 200).astype(np.float32)
    windows = (novelty[:, None] * random.uniform(0.95, 1.3, (200, 4))).astype(np.float32)
    likely = random.uniform(0.6, 1, 200).astype(np.float32)
    looks = [
        Look(np.array([top, 1 - top]), float(own), window_novelty=parts)
        for top, own, parts in zip(likely, novelty, windows, strict=True)
    ]
    areas = [rule.find_area(look, thresholds) for look in looks]
    sent = [
        {
            "probabilities": [*map(float, look.probabilities)],
            "novelty": look.novelty,
            "windows": [*map(float, parts)],
        }
        for look, parts in zip(looks, windows, strict=True)
    ]
    found = page.evaluate(_FIND_AREA, [RULE_FILE, sent, written, thresholds])
    assert [area and tuple(area) for area in found] == [area and tuple(area) for area in areas]
    assert len({*areas}) == 5


KEYS = ["ok", "answer", "abstained", "reason", "predictions", "novelty", "novelty_threshold"]
KEYS += ["model", "image", "prediction_id", "took_ms"]
_ASK = """async ([text, options]) => {
    const data = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return critterdb.classify(new Blob([data]), options);
}"""
# Degrees north and east, month, label and number of what was observed: cougars in one place,
# bobcats and twice as many domestic cats in another.
OBSERVED = [(34.5, -117.5, 7, 0, 100), (50.5, 10.5, 7, 1, 100), (50.5, 10.5, 1, 2, 200)]


@pytest.fixture(scope="module")
def explained(
    browser: Any, model_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A page with a model file that has all the parts that a file may have."""
    folder = tmp_path_factory.mktemp("explained")
    file = folder / "explained.onnx"
    file.write_bytes(with_all_parts(model_file.read_bytes()))
    with classifier_site(folder, file) as (url, _), closed_page(browser) as page:
        page.goto(url)
        yield page


def ask(page: Any, data: bytes, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(_ASK, [base64.b64encode(data).decode(), options])
    return answer


def test_parts_that_nobody_asks_for_or_no_model_has_are_left_out(page: Any, explained: Any) -> None:
    data = picture("red")
    assert list(ask(explained, data)) == KEYS
    asked = ask(page, data, latitude=34.5, longitude=-117.5, on="2026-07-01")
    assert list(asked) == KEYS


def test_evidence_comes_from_the_model_file(explained: Any) -> None:
    assert ask(explained, encoded(drawn(), "PNG"), evidence=True)["evidence"] == {
        "grid": 2,
        "area": [0.1667, 0.0, 0.6667, 1.0],
        "top": {"taxon_id": BOBCAT, "logit": 2.5, "bias": 0.5, "cells": [[1.0, 0.0], [0.5, 0.5]]},
        "runner_up": {"taxon_id": COUGAR, "logit": 0.25, "bias": 0.25, "cells": [[0, 0], [0, 0]]},
    }


def test_a_place_decides_between_labels_and_tells_what_is_unusual(explained: Any) -> None:
    """Of 400 observations 100 are cougars, and all 100 near there: 4 times as many as expected."""
    unsure = ask(explained, picture("yellow"), latitude=34.5, longitude=-117.5)
    assert unsure["answer"] is None or unsure["reason"] == "coarser"
    placed = unsure["with_place"]
    assert placed["answer"]["taxon_id"] == COUGAR
    assert (placed["unusual"], placed["unusual_because"]) == (False, None)
    scores = {label["taxon_id"]: label["score"] for label in unsure["predictions"]}
    factors = {COUGAR: 100.5 / 25.5, BOBCAT: 0.5 / 25.5, DOMESTIC_CAT: 0.5 / 50.5}
    products = {
        taxon: max(scores[taxon], 0.00005) * (0.95 * factor + 0.05)
        for taxon, factor in factors.items()
    }
    expected = products[COUGAR] / sum(products.values())
    assert placed["predictions"][0]["score"] == pytest.approx(expected, abs=1e-4)
    cat = ask(explained, picture("blue"), lat="34.5", lng="-117.5")
    assert cat["answer"]["taxon_id"] == DOMESTIC_CAT
    assert cat["with_place"]["unusual_because"] == "place"


@pytest.mark.parametrize(
    "place",
    [{"latitude": 91, "longitude": 0}, {"latitude": 3}, {"lat": 1, "lng": 1, "on": "2026-02-30"}],
)
def test_a_place_that_does_not_exist_is_refused(explained: Any, place: dict[str, Any]) -> None:
    refusal = ask(explained, picture("red"), **place)
    assert (refusal["ok"], refusal["code"], refusal["status"]) == (False, "place_invalid", 400)


def with_all_parts(data: bytes) -> bytes:
    """The tiny model with observations, and with evidence that is always the same."""
    onnx = import_onnx()
    model = onnx.load_from_string(data)
    values: dict[str, np.ndarray] = {
        "evidence": np.array([[[[1, 0], [0.5, 0.5]], [[0, 0], [0, 0]]]], np.float32),
        "evidence_labels": np.array([[1, 0]], np.int64),
        "evidence_logits": np.array([[2.5, 0.25]], np.float32),
        "evidence_biases": np.array([[0.5, 0.25]], np.float32),
    }
    own = {
        output.name: f"own_{output.name}" for output in model.graph.output if output.name in values
    }
    for output in [output for output in model.graph.output if output.name in own]:
        model.graph.output.remove(output)
    for node in model.graph.node:
        node.input[:] = [own.get(name, name) for name in node.input]
        node.output[:] = [own.get(name, name) for name in node.output]
    for name, value in values.items():
        tensor = onnx.numpy_helper.from_array(value, name)
        model.graph.node.append(onnx.helper.make_node("Constant", [], [name], value=tensor))
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, tensor.data_type, value.shape)
        )
    (property_,) = model.metadata_props
    description = json.loads(property_.value)
    del description["digest"]
    cells = [
        struct.pack("<BHBHH", int(north + 90), int(east + 180), month, label, 25 * count)
        for north, east, month, label, count in OBSERVED
    ]
    packed = base64.b64encode(zlib.compress(b"".join(cells))).decode()
    description["place_prior"] = {"weight": 1.0, "bins": packed}
    property_.value = json.dumps(description)
    changed: bytes = model.SerializeToString()
    return changed


def test_a_browser_that_hides_pixels_gets_no_answer(
    browser: Any, model_file: Path, tmp_path: Path
) -> None:
    """As Firefox does to resist fingerprinting: a page reads noise from every canvas."""
    with classifier_site(tmp_path, model_file) as (url, _), closed_page(browser) as page:
        page.add_init_script(
            """const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
            OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...at) {
                const image = read.apply(this, at);
                crypto.getRandomValues(image.data.subarray(0, 65_536));
                return image;
            };"""
        )
        page.goto(url)
        assert "to protect against fingerprinting" in ask(page, picture("red"))["error"]
