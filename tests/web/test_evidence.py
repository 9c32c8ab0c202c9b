"""Where in a picture the evidence is: at the endpoint, on the pages, and on the command line."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from PIL import Image

from critterdb.cli import main
from critterdb.model.evidence_words import NOT_AVAILABLE
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import change_metadata, open_datasette
from tests.support.models import COUGAR, picture
from tests.support.old_site import unpack_old_site
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT, PAGE = "/-/classify.json", {"accept": "text/html"}
RED = picture("red", seed=90)
SWITCH = 'type="radio" name="layer-'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("evidence") / "mysite")


def adds_up(label: dict[str, Any]) -> bool:
    total = sum(map(sum, label["cells"])) + label["bias"]
    return bool(abs(total - label["logit"]) < 1e-4)


async def test_the_endpoint_returns_evidence_if_it_is_asked_for(folder: Path) -> None:
    datasette = open_datasette(folder)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: datasette.client.post(f"{ENDPOINT}?evidence=1", content=RED),
        lambda: datasette.client.post(ENDPOINT, files={"image": RED}, data={"evidence": "true"}),
    )
    for call in calls:  # the second one finds the first one's answer in the database
        evidence = (await call()).json()["evidence"]
        assert set(evidence) == {"grid", "area", "top", "runner_up"}
        assert evidence["top"]["taxon_id"] == COUGAR
        assert adds_up(evidence["top"])
        assert adds_up(evidence["runner_up"])
        assert evidence["area"] == [0.125, 0.0, 0.75, 1.0]
    plain = await datasette.client.post(f"{ENDPOINT}?evidence=0", content=RED)
    assert "evidence" not in plain.json()
    odd = await datasette.client.post(f"{ENDPOINT}?evidence=maybe", content=RED)
    assert (odd.status_code, odd.json()["code"]) == (400, "parameter_invalid")


async def ask_page(folder: Path, data: bytes) -> str:
    datasette = open_datasette(folder)
    page = await datasette.client.post("/-/classify", files={"image": data}, headers=PAGE)
    assert page.status_code == 200
    return str(page.text)


async def test_the_page_has_two_maps_with_switches_and_words(folder: Path) -> None:
    page = await ask_page(folder, RED)
    assert page.count('<svg class="heat ') == 2
    assert page.count(SWITCH) == 3
    assert "Why not Bobcat" in page or "Why not Domestic Cat" in page
    assert "The evidence is spread over the whole picture (Cougar)." in page
    assert "style=" not in page
    # The photo is not stored, so that a rectangle of its shape stands in for it.
    assert re.search(r'<svg class="blank" viewBox="0 0 120 90"', page)


async def test_a_picture_of_nothing_known_has_no_map(folder: Path) -> None:
    page = await ask_page(folder, picture("grey", seed=91))
    assert SWITCH not in page
    assert NOT_AVAILABLE not in page


async def test_a_model_without_evidence_says_so(tmp_path: Path) -> None:
    old = unpack_old_site(tmp_path)
    with closing(open_database(old.folder / DATABASE_NAME)):
        pass
    sent = next(old.pictures.iterdir()).read_bytes()
    datasette = open_datasette(old.folder)
    answer = await datasette.client.post(f"{ENDPOINT}?evidence=1", content=sent)
    assert answer.status_code == 200
    assert "evidence" not in answer.json()
    page = await datasette.client.post("/-/classify", files={"image": sent}, headers=PAGE)
    assert SWITCH not in page.text
    assert NOT_AVAILABLE in page.text or answer.json()["reason"] == "not_a_critter"
    (tmp_path / "picture.jpg").write_bytes(sent)
    model = min((old.folder / "models").glob("*.onnx"))
    asked = ["classify", str(tmp_path / "picture.jpg"), "--model", str(model), "--evidence"]
    done = CliRunner().invoke(main, [*asked, str(tmp_path / "map.png")])
    assert (done.exit_code, NOT_AVAILABLE in done.output) == (1, True)
    assert not (tmp_path / "map.png").exists()


async def test_a_photo_s_page_draws_the_evidence_on_request(folder: Path, tmp_path: Path) -> None:
    datasette = open_datasette(folder)
    plain = await datasette.client.get("/-/critters/photos/1")
    assert SWITCH not in plain.text
    [link] = re.findall(r'href="([^"]+evidence=1)"', plain.text)
    shown = await datasette.client.get(link)
    assert shown.text.count('<svg class="heat ') == 2
    data = (await datasette.client.get("/-/critters/photos/1.json?evidence=1")).json()
    assert adds_up(data["evidence"]["top"])
    hidden = await datasette.client.get("/-/critters/photos/5?evidence=1")  # without a licence
    assert SWITCH not in hidden.text
    closed = Path(shutil.copytree(folder, tmp_path / "closed"))
    change_metadata(closed, {"plugins": {"critterdb": {"allow": False}}})
    response = await open_datasette(closed).client.get("/-/critters/photos/1.json?evidence=1")
    assert response.json()["evidence"] is None


async def test_a_post_s_page_draws_the_evidence_that_its_row_keeps(folder: Path) -> None:
    page = (await open_datasette(folder).client.get("/-/critters/posts/x:101")).text
    assert page.count('<svg class="heat ') == 2
    assert page.count(SWITCH) == 3


def test_the_command_draws_a_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "red.jpg").write_bytes(picture("red", size=(400, 300), seed=3))
    done = CliRunner().invoke(main, ["classify", "red.jpg", "--evidence", "map.png"])
    assert done.exit_code == 0, done.output
    assert "spread over the whole picture (Cougar)" in done.output
    with Image.open(folder / "map.png") as drawn:
        assert drawn.size == (2 * 400 + 12, 300)
        assert (drawn.format, drawn.info) == ("PNG", {})
    done = CliRunner().invoke(main, ["classify", "red.jpg", "--evidence", "map.png", "--json"])
    assert adds_up(json.loads(done.output)[0]["evidence"]["top"])
    two = CliRunner().invoke(main, ["classify", "red.jpg", "red.jpg", "--evidence", "map.png"])
    assert two.exit_code == 2
    assert "one image" in two.output
