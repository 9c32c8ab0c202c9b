"""`import critterdb` in a notebook: sites, models, answers; and the examples of docs/python.md."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

import critterdb
from critterdb.fakes.server import Request, StandIn
from critterdb.model.registry import current_model
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    MODEL_ID,
    TAXON,
    add_model,
    add_photo,
    make_site,
    open_datasette,
    rows,
)
from tests.support.models import BOBCAT, COUGAR, FELIDAE, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.+?)^```$", PAGE, re.M | re.S)
RED = picture("red")
UNWANTED = ("torch", "onnxruntime", "datasette", "numpy", "PIL", "sqlite_utils", "httpx", "click")
# Seconds of the processor; 0.02 s were measured.
IMPORT_SECONDS = 0.3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with a model, and one training photo of each of three colours."""
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    for photo_id, colour in enumerate(("red", "green", "blue"), 1):
        add_training_photo(folder, photo_id, picture(colour, seed=1))
    return folder


def add_training_photo(folder: Path, photo_id: int, data: bytes, **columns: Any) -> None:
    sha256 = add_photo(folder, photo_id, data, **columns)
    db = open_database(folder / DATABASE_NAME)
    model = current_model(db)
    pixels = model.pixels(Image.open(io.BytesIO(data)))
    _, embeddings, _ = model.run(pixels[None])
    with db.atomic():
        db["embeddings"].insert(
            {
                "sha256": sha256,
                "backbone": model.backbone,
                "vector": embeddings[0].astype("<f2").tobytes(),
                "dimensions": embeddings.shape[1],
            }
        )
        seen = {"game": model.game, "observation_id": photo_id}
        db["splits"].insert({**seen, "part": "train"})
        db["game_observations"].insert({**seen, "seen_at": "2026-11-23T10:00:00Z"})
    db.close()


def without_time(answer: Any) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in ("took_ms", "prediction_id")}


# Importing


def test_importing_is_light_and_fast() -> None:
    code = (
        "import time; before = time.process_time(); import critterdb; "
        "took = time.process_time() - before; import sys, json; "
        f"print(json.dumps([took, [name for name in {UNWANTED!r} if name in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    took, loaded = json.loads(done.stdout)
    assert loaded == []
    assert took < IMPORT_SECONDS


def test_all_that_is_supported_is_there_and_explained() -> None:
    assert sorted(critterdb.__all__) == critterdb.__all__
    for name in critterdb.__all__:
        value = getattr(critterdb, name)
        assert name == "__version__" or value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'lod_model'"):
        critterdb.lod_model  # noqa: B018


# Classifying


async def test_an_answer_is_the_endpoint_s_json(folder: Path, tmp_path: Path) -> None:
    response = await open_datasette(folder).client.post("/-/classify", files={"image": RED})
    (tmp_path / "cat.jpg").write_bytes(RED)
    model = critterdb.load_model(folder)
    for source in (RED, tmp_path / "cat.jpg", str(tmp_path / "cat.jpg")):
        result = model.classify(source)
        assert without_time(result.as_dict()) == without_time(response.json())
        assert result.as_dict().keys() == response.json().keys()
    assert result.answer
    assert result.answer["taxon_id"] == TAXON
    assert (result.abstained, result.reason, result.similar) == (False, None, None)
    assert result.novelty < result.novelty_threshold == 0.72
    assert len(result.predictions) == 3
    assert "Cougar" in repr(result)


class PhotoHost(StandIn):
    def handle(self, request: Request) -> None:
        request.answer(RED)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with PhotoHost() as server:
        monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{urlsplit(server.base).port}")
        yield server.base


def test_a_url_is_fetched_as_the_endpoint_does(folder: Path, host: str) -> None:
    model = critterdb.load_model(folder)
    result = model.classify(f"{host}/red.jpg")
    assert result.answer
    assert result.answer["taxon_id"] == TAXON
    for refused in ("http://127.0.0.1/red.jpg", "file:///etc/passwd"):
        with pytest.raises(critterdb.RejectedInputError) as error:
            model.classify(refused)
        assert error.value.code in ("fetch_failed", "url_invalid")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_an_image_of_pillow_gives_what_its_file_gives(folder: Path, mode: str) -> None:
    model = critterdb.load_model(folder)
    with Image.open(io.BytesIO(picture("red", (400, 300)))) as image:
        converted = image.convert(mode)
    file = io.BytesIO()
    converted.save(file, "JPEG" if mode == "CMYK" else "PNG", quality=100)
    direct, by_file = model.classify(converted), model.classify(file.getvalue())
    assert direct.answer == by_file.answer
    assert direct.reason == by_file.reason
    assert direct.as_dict()["image"] is None


def test_an_image_of_pillow_is_turned_upright_and_refused_if_too_small(folder: Path) -> None:
    model = critterdb.load_model(folder)
    # The left third is blue: upright it is at the bottom, where a square in the middle loses it.
    image = Image.new("RGB", (192, 64), (25, 25, 215))
    image.paste((215, 25, 25), (64, 0, 192, 64))
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    image.save(file, "PNG", exif=exif)
    with Image.open(io.BytesIO(file.getvalue())) as opened:
        assert model.classify(opened).predictions == model.classify(file.getvalue()).predictions
    with pytest.raises(critterdb.RejectedInputError) as error:
        model.classify(Image.new("RGB", (8, 8)))
    assert error.value.code == "image_too_small"


@pytest.mark.parametrize(
    ("source", "code"),
    [(b"dear diary", "not_an_image"), (RED[:300], "image_truncated"), ("no.jpg", "missing_image")],
)
def test_what_is_not_a_picture_is_refused_with_the_endpoint_s_code(
    folder: Path, source: bytes | str, code: str
) -> None:
    with pytest.raises(critterdb.RejectedInputError) as error:
        critterdb.load_model(folder).classify(source)
    assert error.value.code == code


# Similar photos


def test_similar_photos_are_the_nearest_training_photos(folder: Path) -> None:
    add_training_photo(folder, 4, picture("red", seed=2), license_code=None, attribution=None)
    add_training_photo(folder, 5, picture("red", seed=3), withdrawn_at="2026-11-24T00:00:00Z")
    add_training_photo(folder, 6, picture("red", seed=4))
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db.execute("UPDATE splits SET part = 'test' WHERE observation_id = 6")
    db.close()
    result = critterdb.load_model(folder).classify(RED, similar=2)
    assert result.similar
    assert {photo["photo_id"] for photo in result.similar} == {1, 4}
    [sha256] = [row["sha256"] for row in rows(folder, "SELECT sha256 FROM photos WHERE id = 1")]
    [one] = [photo for photo in result.similar if photo["photo_id"] == 1]
    assert one["distance"] < 0.01
    assert one == {
        "distance": one["distance"],
        "photo_id": 1,
        "taxon_id": COUGAR,
        "name": "Puma concolor",
        "common_name": "Cougar",
        "license_code": "cc-by",
        "attribution": "(c) Ann <b>Onymous</b>, some rights reserved (CC BY)",
        "image": f"/-/critterdb/photos/{sha256}",
        "page": "/-/critters/photos/1",
    }
    assert result.as_dict()["similar"][1] == result.similar[1]
    assert len(critterdb.load_model(folder).classify(RED, similar=10).similar or []) == 4


def test_similar_photos_need_a_site_and_a_number(folder: Path) -> None:
    model = critterdb.load_model(folder / "models" / f"{MODEL_ID}.onnx")
    answer = model.classify(RED).answer
    assert answer
    assert answer["taxon_id"] == TAXON
    with pytest.raises(critterdb.ModelError, match="needs the photos of a site"):
        model.classify(RED, similar=3)
    with pytest.raises(critterdb.ModelError, match="from 0 to 10"):
        critterdb.load_model(folder).classify(RED, similar=11)


# Models and sites


def test_several_games_ask_for_a_name(folder: Path) -> None:
    db = open_database(folder / DATABASE_NAME)
    db["games"].insert({"slug": "other", "model_id": MODEL_ID})
    db.close()
    with pytest.raises(critterdb.ModelError, match='Name one: game="cougarornot"'):
        critterdb.load_model(folder)
    assert critterdb.load_model(folder, game="other").id == MODEL_ID
    assert critterdb.load_model(folder, model_id=MODEL_ID).game == "cougarornot"
    with pytest.raises(critterdb.ModelError, match="not one in a file"):
        critterdb.load_model(folder / "models" / f"{MODEL_ID}.onnx", game="other")


def test_a_site_shows_its_games_models_and_photos(folder: Path) -> None:
    add_photo(folder, 9, picture("blue", seed=9), license_code=None)
    with critterdb.open_site(folder / DATABASE_NAME) as site:
        assert [game["slug"] for game in site.games] == ["cougarornot"]
        assert [(model["id"], model["error_rate"]) for model in site.models] == [(MODEL_ID, 0.05)]
        assert [photo["photo_id"] for photo in site.photos()] == [1, 2, 3, 9]
        assert [photo["photo_id"] for photo in site.photos("cougarornot")] == [1, 2, 3]
        assert [photo["photo_id"] for photo in site.photos(licensed=True)] == [1, 2, 3]
        assert [photo["photo_id"] for photo in site.photos(taxon_id=TAXON)] == [1, 2, 3, 9]
        assert site.photos(taxon_id=BOBCAT) == []
        assert site.photos()[0]["file"].read_bytes() == picture("red", seed=1)
        assert site.query("SELECT id FROM photos WHERE id > :least", {"least": 3}) == [{"id": 9}]
        with pytest.raises(critterdb.SiteError, match="no such column: nope"):
            site.query("SELECT nope FROM photos")
        assert site.load_model().id == MODEL_ID


def test_the_photos_of_a_taxon_include_those_below_it(folder: Path) -> None:
    db = open_database(folder / DATABASE_NAME)
    db["taxa"].update(TAXON, {"ancestor_ids": json.dumps([FELIDAE, TAXON])})
    db.close()
    with critterdb.open_site(folder) as site:
        assert len(site.photos(taxon_id=FELIDAE)) == 3


def test_a_site_is_read_only_unless_asked(folder: Path) -> None:
    before = (folder / DATABASE_NAME).read_bytes()
    with critterdb.open_site(folder) as site:
        with pytest.raises(critterdb.SiteError, match="readonly"):
            site.query("INSERT INTO games (slug) VALUES ('more')")
        assert site.load_model().classify(RED).as_dict()["prediction_id"] is None
    assert (folder / DATABASE_NAME).read_bytes() == before
    with critterdb.open_site(folder, write=True) as site:
        recorded = site.load_model().classify(RED).as_dict()["prediction_id"]
    assert rows(folder, "SELECT id, source FROM predictions") == [{"id": recorded, "source": "cli"}]


def test_a_published_copy_is_opened_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "inspect-data.json").write_text("{}")
    for log in folder.glob("critters.db-*"):
        log.unlink()
    with critterdb.open_site(folder) as site:
        assert len(site.photos()) == 3
    assert list(folder.glob("critters.db-*")) == []
    with pytest.raises(critterdb.SiteError, match="published copy"):
        critterdb.open_site(folder, write=True)


def test_what_is_not_a_site_is_one_clear_error(tmp_path: Path) -> None:
    for opened in (critterdb.open_site, critterdb.load_model):
        with pytest.raises(critterdb.SiteError, match="There is no database at"):
            opened(tmp_path)
    (tmp_path / DATABASE_NAME).write_text("dear diary")
    with pytest.raises(critterdb.SiteError, match="could not be read"):
        critterdb.open_site(tmp_path)


# docs/python.md


def test_the_examples_of_the_page_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat.jpg").write_bytes(RED)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), names)
    assert len(EXAMPLES) >= 6
    assert names["rows"] == [{"file": "cat.jpg", "answer": "Puma concolor"}]
    assert names["counts"] == [{"license_code": "cc-by", "photos": 3}]


def test_the_page_names_what_is_supported() -> None:
    for name in ("open_site", "load_model", "SiteError", "ModelError", "RejectedInputError"):
        assert name in PAGE
    for attribute in ("answer", "abstained", "reason", "predictions", "similar", "evidence"):
        assert re.search(rf"^\| `{attribute}`", PAGE, re.M)
        assert hasattr(critterdb.Result, attribute)
