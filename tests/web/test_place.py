"""Where and when a photo was taken: a second answer beside the first, and nothing kept of it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

import critterdb
from critterdb.fakes.server import Request, StandIn
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    SEEN_AT,
    add_model,
    add_photo,
    free_port,
    http_get,
    http_post,
    make_site,
    open_datasette,
    rows,
)
from tests.support.models import BOBCATS_LIVE, COUGARS_LIVE, OCEAN, picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENDPOINT = "/-/classify.json"
HTML = {"accept": "text/html"}
# Yellow is half a cougar and half a bobcat: the photo alone is not enough.
YELLOW = picture("yellow")
HOME = {"latitude": str(COUGARS_LIVE[0]), "longitude": str(COUGARS_LIVE[1])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_site(tmp_path_factory.mktemp("place") / "mysite")
    add_model(folder, knows_places=True)
    return folder


def located(latitude: float, longitude: float, taken: str = "2024:06:15 10:11:12") -> bytes:
    """The yellow picture with an EXIF block."""
    block = Image.Exif()
    block.get_ifd(0x8825).update(
        {
            1: "N" if latitude >= 0 else "S",
            2: (abs(latitude), 0.0, 0.0),
            3: "E" if longitude >= 0 else "W",
            4: (abs(longitude), 0.0, 0.0),
        }
    )
    block.get_ifd(0x8769)[0x9003] = taken
    file = io.BytesIO()
    Image.open(io.BytesIO(YELLOW)).save(file, "JPEG", quality="keep", exif=block.tobytes())
    return file.getvalue()


async def ask(folder: Path, data: bytes = YELLOW, /, **fields: str) -> dict[str, Any]:
    client = open_datasette(folder).client
    response = await client.post(ENDPOINT, files={"image": data}, data=fields)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def alone(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says of the photo, without the place and the clock."""
    return {key: answer[key] for key in ("answer", "abstained", "reason", "predictions")}


async def test_the_place_decides_what_the_photo_leaves_open(folder: Path) -> None:
    answer = await ask(folder, **HOME)
    assert answer["reason"] == "unsure"  # as ever
    placed = answer["with_place"]
    assert placed.keys() == {
        *("answer", "abstained", "reason", "predictions", "unusual", "unusual_because")
    }
    assert placed["answer"]["common_name"] == "Cougar"
    assert placed["abstained"] is False
    assert placed["reason"] is None
    assert sum(label["score"] for label in placed["predictions"]) == pytest.approx(1, abs=2e-4)
    elsewhere = await ask(folder, lat=str(BOBCATS_LIVE[0]), lng=str(BOBCATS_LIVE[1]))
    assert elsewhere["with_place"]["answer"]["common_name"] == "Bobcat"
    assert alone(elsewhere) == alone(answer)


@pytest.mark.any_line
async def test_without_a_place_nothing_is_added(folder: Path) -> None:
    assert "with_place" not in await ask(folder)
    assert "with_place" not in await ask(folder, latitude="", longitude="", on="")


@pytest.mark.any_line
async def test_where_nothing_was_seen_the_photo_decides_alone(folder: Path) -> None:
    answer = await ask(folder, latitude=str(OCEAN[0]), longitude=str(OCEAN[1]), on="2024-06-01")
    placed = answer["with_place"]
    assert alone(placed) == alone(answer)
    assert (placed["unusual"], placed["unusual_because"]) == (False, None)


@pytest.mark.any_line
async def test_a_repeated_question_gets_the_same_answer(folder: Path) -> None:
    fresh = picture("yellow", seed=41)
    first, again = await ask(folder, fresh, **HOME), await ask(folder, fresh, **HOME)
    assert first["prediction_id"] == again["prediction_id"]
    assert first["with_place"] == again["with_place"]


@pytest.mark.any_line
@pytest.mark.parametrize(
    ("colour", "place", "on", "because"),
    [
        ("green", COUGARS_LIVE, "2024-06-01", "place"),
        ("red", COUGARS_LIVE, "2024-06-01", None),
        ("red", COUGARS_LIVE, "", None),
        ("grey", COUGARS_LIVE, "2024-06-01", None),
        ("blue", COUGARS_LIVE, "2024-06-01", None),  # no cat was ever observed anywhere
    ],
)
async def test_what_is_seldom_seen_there_is_unusual(
    folder: Path, colour: str, place: tuple[float, float], on: str, because: str | None
) -> None:
    where = {"latitude": str(place[0]), "longitude": str(place[1]), "on": on}
    placed = (await ask(folder, picture(colour), **where))["with_place"]
    assert (placed["unusual"], placed["unusual_because"]) == (because is not None, because)


@pytest.mark.any_line
@pytest.mark.parametrize(
    "fields",
    [
        {"latitude": "91", "longitude": "0"},
        {"latitude": "nan", "longitude": "0"},
        {"latitude": "34.1"},
        {"lng": "-118.3"},
        {"on": "2024-06-01"},
        {**HOME, "on": "2999-01-01"},
        {**HOME, "observed_on": "01.06.2024"},
    ],
)
async def test_a_bad_place_is_refused_in_every_form(folder: Path, fields: dict[str, str]) -> None:
    client = open_datasette(folder).client
    url = {"url": "http://photos.invalid/cat.jpg"}
    for response in (
        await client.post(ENDPOINT, files={"image": YELLOW}, data=fields),
        await client.post(ENDPOINT, content=YELLOW, params=fields),
        await client.post(ENDPOINT, json={**url, **fields}),
        await client.get(ENDPOINT, params={**url, **fields}),
    ):
        assert response.status_code == 400
        assert response.json()["code"] == "place_invalid"


class PhotoHost(StandIn):
    def handle(self, request: Request) -> None:
        request.answer(located(*COUGARS_LIVE))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with PhotoHost() as server:
        monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{urlsplit(server.base).port}")
        yield server.base


async def test_query_json_and_form_say_it_alike(folder: Path, host: str) -> None:
    client = open_datasette(folder).client
    url = {"url": f"{host}/cat.jpg"}
    numbers = {"latitude": COUGARS_LIVE[0], "longitude": COUGARS_LIVE[1], "on": "2024-06-15"}
    answers = [
        await client.get(ENDPOINT, params={**url, **numbers}),
        await client.post(ENDPOINT, json={**url, **numbers}),
        await client.post(ENDPOINT, data={**url, **numbers}),
        await client.post(ENDPOINT, json=url, params=numbers),
        await client.get(ENDPOINT, params={**url, "use_exif": "1"}),
        await client.post(ENDPOINT, json={**url, "use_exif": True}),
    ]
    placed = [answer.json()["with_place"] for answer in answers]
    assert all(answer == placed[0] for answer in placed)
    assert placed[0]["answer"]["common_name"] == "Cougar"


@pytest.mark.any_line
async def test_the_file_is_asked_only_if_the_sender_says_so(folder: Path) -> None:
    data = located(*COUGARS_LIVE)
    assert "with_place" not in await ask(folder, data)
    assert "with_place" not in await ask(folder, data, use_exif="0")
    answer = await ask(folder, data, use_exif="1")
    assert answer["with_place"]["answer"]["common_name"] == "Cougar"
    assert "with_place" not in await ask(folder, YELLOW, use_exif="1")
    # What the sender says goes before what the file says.
    bobcats = {"latitude": str(BOBCATS_LIVE[0]), "longitude": str(BOBCATS_LIVE[1])}
    answer = await ask(folder, data, use_exif="1", **bobcats)
    assert answer["with_place"]["answer"]["common_name"] == "Bobcat"


@pytest.mark.any_line
async def test_a_model_without_places_is_as_before(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    assert "with_place" not in await ask(folder, located(*COUGARS_LIVE), use_exif="1", **HOME)
    page = await open_datasette(folder).client.get("/-/classify", headers=HTML)
    assert "use_exif" not in page.text


async def test_the_page_asks_with_a_box_and_shows_both_answers(folder: Path) -> None:
    client = open_datasette(folder).client
    for path in ("/-/classify", "/-/critters"):
        form = (await client.get(path, headers=HTML)).text
        box = re.search(r'<input[^>]*name="use_exif"[^>]*>', form)
        assert box
        assert "checked" not in box[0]
    files = {"image": located(*COUGARS_LIVE)}
    page = await client.post("/-/classify", files=files, data={"use_exif": "1"}, headers=HTML)
    assert "I am not sure" in page.text
    assert "Considering where and when it was taken: Cougar" in page.text
    assert str(COUGARS_LIVE[0]) not in page.text
    assert str(abs(COUGARS_LIVE[1])) not in page.text
    page = await client.post(
        "/-/classify", files={"image": YELLOW}, data={"use_exif": "1"}, headers=HTML
    )
    assert "The file does not say where the photo was taken" in page.text


@pytest.mark.any_line
async def test_the_page_says_that_it_is_unusual(folder: Path) -> None:
    client = open_datasette(folder).client
    page = await client.post(
        "/-/classify", files={"image": picture("green")}, data=HOME, headers=HTML
    )
    assert "Unusual here" in page.text
    assert "seldom or never observed near there" in page.text


async def test_a_photos_page_says_what_is_unusual(folder: Path) -> None:
    places = {5: BOBCATS_LIVE, 6: COUGARS_LIVE, 7: OCEAN}
    for photo_id, (latitude, longitude) in places.items():
        add_photo(folder, photo_id, picture("red", seed=photo_id))
        with closing(open_database(folder / DATABASE_NAME)) as db:
            where = {"latitude": latitude, "longitude": longitude, "observed_on": "2024-06-02"}
            db["observations"].update(photo_id, where)
            row = {"game": "cougarornot", "observation_id": photo_id, "seen_at": SEEN_AT}
            db["game_observations"].insert(row)
    client = open_datasette(folder).client
    for photo_id in places:
        page = await client.get(f"/-/critters/photos/{photo_id}")
        assert page.status_code == 200
        says = "Cougar is seldom or never observed near there" in page.text
        assert says == ("Unusual here" in page.text) == (photo_id == 5)
        data = (await client.get(f"/-/critters/photos/{photo_id}.json")).json()
        assert data["unusual_because"] == ("place" if photo_id == 5 else None)


SECRET = {"latitude": "34.123457", "longitude": "-118.345679", "on": "2024-06-13"}
TRACES = ("34.123", "118.345", "2024-06-13", "2024:06:13")


def assert_no_trace(text: str) -> None:
    for trace in TRACES:
        assert trace not in text


@contextmanager
def logged_server(folder: Path, log: Path) -> Iterator[str]:
    """Serve the folder as `critterdb serve` does, with everything that it prints in a file."""
    port = free_port()
    command = [sys.executable, "-m", "critterdb", "serve", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            for _ in range(300):
                with suppress(httpx.TransportError):
                    http_get(f"http://127.0.0.1:{port}/-/versions.json")
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@pytest.mark.any_line
def test_nothing_of_a_place_is_stored_or_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder, knows_places=True)
    data = located(34.123457, -118.345679, "2024:06:13 01:02:03")
    with PhotoHost() as photos:
        port = urlsplit(photos.base).port
        monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{port}")
        with logged_server(folder, tmp_path / "access.log") as base:
            url = f"{photos.base}/cat.jpg"
            for response in (
                http_post(f"{base}{ENDPOINT}", files={"image": YELLOW}, data=SECRET),
                http_post(f"{base}{ENDPOINT}", files={"image": data}, data={"use_exif": "1"}),
                http_get(f"{base}{ENDPOINT}", params={"url": url, **SECRET}),
                http_get(f"{base}{ENDPOINT}", params={"url": url, **SECRET, "on": "soon"}),
            ):
                assert response.status_code in (200, 400)
                assert_no_trace(response.text)
            assert response.status_code == 400
    lines = (tmp_path / "access.log").read_text()
    assert "/-/classify.json?url=" in lines
    assert_no_trace(lines)
    for table in rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        assert_no_trace(str(rows(folder, f"SELECT * FROM [{table['name']}]")))
    for file in folder.glob("critters.db*"):
        assert not any(trace.encode() in file.read_bytes() for trace in TRACES)


@pytest.mark.any_line
def test_python_gives_the_endpoints_answer(folder: Path) -> None:
    model = critterdb.load_model(folder)
    latitude, longitude = COUGARS_LIVE
    result = model.classify(YELLOW, latitude=latitude, longitude=longitude, on="2024-06-15")
    assert result.with_place is not None
    assert result.with_place["answer"]
    assert result.with_place["answer"]["common_name"] == "Cougar"
    assert result.as_dict()["with_place"] == result.with_place
    by_file = model.classify(located(*COUGARS_LIVE), use_exif=True)
    assert by_file.with_place == result.with_place
    assert model.classify(YELLOW).with_place is None
    with pytest.raises(critterdb.RejectedInputError) as refusal:
        model.classify(YELLOW, latitude=latitude)
    assert refusal.value.code == "place_invalid"
