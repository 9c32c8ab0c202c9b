"""`/-/classify` of the real Datasette: what programs get, for good pictures and for bad ones."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import onnx
import pytest

from critterdb.fakes.server import Request, StandIn
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    MODEL_ID,
    TAXON,
    add_model,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    rows,
    shared_datasette,
)
from tests.support.models import THRESHOLDS, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

RED = jpeg("red")
HEADERS = {"accept": "application/json"}
TRACE = """
from datasette import hookimpl
STATEMENTS = []

@hookimpl
def prepare_connection(conn):
    conn.set_trace_callback(STATEMENTS.append)
"""


class PhotoHost(StandIn):
    """A stranger's web server with one good picture and several bad answers."""

    def handle(self, request: Request) -> None:
        name = request.path.strip("/")
        if name == "red.jpg":
            request.answer(RED, kind="text/plain")
        elif name.startswith("hop"):
            hops = int(name.removeprefix("hop"))
            to = f"/hop{hops - 1}" if hops > 1 else "/red.jpg"
            request.answer(b"", status=302, headers={"Location": to})
        elif name == "page":
            request.answer(b"<html>not a picture</html>", kind="text/html")
        else:
            request.answer(b"", status=404)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with PhotoHost() as server:
        monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{urlsplit(server.base).port}")
        yield server.base


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return folder


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site for what is refused and leaves nothing behind."""
    folder = make_site(tmp_path_factory.mktemp("refusing") / "mysite")
    add_model(folder)
    return folder


async def classify_url(datasette: Any, url: str, **more: str) -> Any:
    query = urlencode({"url": url, **more})
    return await datasette.client.get(f"/-/classify?{query}", headers=HEADERS, timeout=30)


async def classify_bytes(datasette: Any, data: bytes, name: str = "image") -> Any:
    return await datasette.client.post("/-/classify", files={name: data}, headers=HEADERS)


async def test_the_answer_has_the_documented_shape(folder: Path) -> None:
    response = await classify_bytes(open_datasette(folder), RED)
    answer = response.json()
    assert response.status_code == 200
    assert answer.pop("took_ms") > 0
    assert answer["predictions"][0]["taxon_id"] == TAXON
    assert {frozenset(label) for label in answer.pop("predictions")} == {
        frozenset({"taxon_id", "name", "common_name", "score"})
    }
    score = answer["answer"].pop("score")
    assert 0.99 < score <= 1
    assert 0 <= answer.pop("novelty") < 0.1
    assert answer.pop("novelty_threshold") == THRESHOLDS["novelty_threshold"]
    assert answer == {
        "ok": True,
        "answer": {
            "taxon_id": TAXON,
            "name": "Puma concolor",
            "common_name": "Cougar",
            "rank": "species",
        },
        "abstained": False,
        "reason": None,
        "model": {"id": MODEL_ID, "game": "cougarornot", "backbone": "colours@32"},
        "image": {"sha256": hashlib.sha256(RED).hexdigest(), "width": 64, "height": 48},
        "prediction_id": 1,
    }


async def test_address_upload_and_raw_body_are_answered_alike(folder: Path, host: str) -> None:
    datasette = open_datasette(folder)
    answers = [
        await classify_url(datasette, f"{host}/red.jpg"),
        await classify_bytes(datasette, RED),
        await datasette.client.post("/-/classify", content=RED, headers=HEADERS),
        await datasette.client.post(
            "/-/classify",
            content=RED,
            headers={**HEADERS, "content-type": "application/x-www-form-urlencoded"},
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    first = answers[0].json()
    for answer in answers:
        assert answer.json()["predictions"] == first["predictions"]
        assert answer.json()["prediction_id"] == first["prediction_id"]
    [row] = rows(folder, "SELECT source, image_sha256, taxon_id, abstained FROM predictions")
    assert row == {
        "source": "endpoint",
        "image_sha256": first["image"]["sha256"],
        "taxon_id": TAXON,
        "abstained": 0,
    }
    [image] = rows(folder, "SELECT url, width, height, bytes FROM images")
    assert image == {"url": f"{host}/red.jpg", "width": 64, "height": 48, "bytes": len(RED)}


async def test_an_address_as_json_is_answered_alike(folder: Path, host: str) -> None:
    datasette = open_datasette(folder)
    given = await classify_url(datasette, f"{host}/red.jpg")
    question = {"url": f"{host}/red.jpg", "model": MODEL_ID}
    for path in ("/-/classify", "/-/classify.json"):
        sent = await datasette.client.post(path, json=question, timeout=30)
        assert sent.status_code == 200, sent.text
        assert sent.headers["content-type"].startswith("application/json")
        assert sent.json()["answer"] == given.json()["answer"]
        assert sent.json()["prediction_id"] == given.json()["prediction_id"]
    for body, code in (
        ({"url": "ftp://a.example/x.jpg"}, "url_invalid"),
        ({"url": f"{host}/page"}, "not_an_image"),
        ({"url": f"{host}/red.jpg", "model": "nobody"}, "model_unknown"),
        ({}, "missing_image"),
        (["x"], "missing_image"),
    ):
        refused = await datasette.client.post("/-/classify", json=body, timeout=30)
        assert refused.json()["code"] == code


async def test_a_picture_without_a_critter_gets_a_row_without_an_answer(folder: Path) -> None:
    answer = (await classify_bytes(open_datasette(folder), jpeg("grey"))).json()
    assert (answer["answer"], answer["abstained"], answer["reason"]) == (
        None,
        True,
        "not_a_critter",
    )
    [row] = rows(folder, "SELECT taxon_id, abstained, reason FROM predictions")
    assert row == {"taxon_id": None, "abstained": 1, "reason": "not_a_critter"}


@pytest.mark.parametrize(
    "headers", [{"host": "{host}"}, {"via": "1.1 critterdb"}, {"via": "1.1 critterdb, 1.1 proxy"}]
)
async def test_the_endpoint_is_not_sent_to_itself(
    folder: Path, host: str, headers: dict[str, str]
) -> None:
    """By the name under which it is called, or by a request that comes from itself."""
    filled = {name: value.format(host=urlsplit(host).netloc) for name, value in headers.items()}
    response = await open_datasette(folder).client.get(
        f"/-/classify?{urlencode({'url': f'{host}/red.jpg'})}", headers={**HEADERS, **filled}
    )
    assert (response.status_code, response.json()["code"]) == (502, "fetch_failed")


async def test_three_redirects_work_and_a_fourth_fails(folder: Path, host: str) -> None:
    datasette = open_datasette(folder)
    assert (await classify_url(datasette, f"{host}/hop3")).status_code == 200
    fourth = await classify_url(datasette, f"{host}/hop4")
    assert (fourth.status_code, fourth.json()["code"]) == (502, "fetch_failed")


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("ftp://example.org/a.jpg", 400, "url_invalid"),
        ("not an address", 400, "url_invalid"),
        ("http://user@example.org/a.jpg", 400, "url_invalid"),
        ("http://127.0.0.1/a.jpg", 502, "fetch_failed"),
        ("http://169.254.169.254/latest/meta-data", 502, "fetch_failed"),
        ("{host}/missing.jpg", 502, "fetch_failed"),
        ("{host}/page", 415, "not_an_image"),
    ],
)
async def test_a_bad_address_is_refused_in_one_sentence(
    folder: Path, host: str, url: str, status: int, code: str
) -> None:
    response = await classify_url(open_datasette(folder), url.format(host=host))
    payload = response.json()
    assert (response.status_code, payload["code"], payload["status"]) == (status, code, status)
    assert payload["ok"] is False
    assert "\n" not in payload["error"]
    assert rows(folder, "SELECT * FROM predictions") == []


async def test_private_and_failing_hosts_get_the_same_words(folder: Path, host: str) -> None:
    datasette = open_datasette(folder)
    urls = ["http://127.0.0.1/a.jpg", "http://no-such-host.invalid/", f"{host}/missing.jpg"]
    bodies = {(await classify_url(datasette, url)).text for url in urls}
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "missing_image"),
        (b"hello", 415, "not_an_image"),
        (RED[:-20], 422, "image_truncated"),
        (jpeg(size=(20, 20)), 422, "image_too_small"),
        (jpeg(size=(900, 40)), 422, "image_too_small"),
        (RED + bytes(10_000_000), 413, "too_large"),
    ],
    ids=["empty", "text", "truncated", "small", "long", "large"],
)
async def test_a_bad_picture_is_refused(
    refusing: Path, data: bytes, status: int, code: str
) -> None:
    response = await classify_bytes(shared_datasette(refusing), data)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_the_original_shape_is_there_when_asked_for(folder: Path) -> None:
    response = await open_datasette(folder).client.post(
        "/-/classify?_shape=arrays", files={"image": RED}, headers=HEADERS
    )
    pairs = response.json()["predictions"]
    assert list(response.json()) == ["predictions"]
    assert pairs[0][0] == "Cougar"
    assert pairs[0][1] > 0.99


async def test_other_methods_and_unknown_models_are_refused(folder: Path) -> None:
    client = open_datasette(folder).client
    put = await client.put("/-/classify", headers=HEADERS)
    assert (put.status_code, put.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in put.headers["allow"]
    unknown = await client.post("/-/classify?model=nobody", files={"image": RED}, headers=HEADERS)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "model_unknown")


async def test_a_caller_that_is_too_fast_is_told_when_to_return(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", rate=1)
    add_model(folder)
    datasette = open_datasette(folder)
    statuses = [(await classify_bytes(datasette, RED)).status_code for _ in range(2)]
    assert statuses == [200, 429]
    assert int((await classify_bytes(datasette, RED)).headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/-/classify", "/-/critters"])
@pytest.mark.parametrize("record", [True, False])
async def test_whoever_gives_an_address_is_told_who_can_read_it(
    tmp_path: Path, record: bool, path: str
) -> None:
    folder = make_site(tmp_path / "mysite", record=record)
    add_model(folder)
    page = await open_datasette(folder).client.get(path, headers={"accept": "text/html"})
    assert ("The URL is stored and publicly visible" in page.text) is record


async def test_a_site_that_does_not_record_writes_nothing(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", record=False)
    add_model(folder)
    answer = (await classify_bytes(open_datasette(folder), RED)).json()
    assert answer["prediction_id"] is None
    assert rows(folder, "SELECT * FROM predictions") == []


async def test_without_a_model_the_pages_are_served_and_say_why(tmp_path: Path) -> None:
    datasette = open_datasette(make_site(tmp_path / "mysite"))
    refused = await classify_bytes(datasette, RED)
    assert (refused.status_code, refused.json()["code"]) == (503, "no_model")
    assert "critterdb train" in refused.json()["error"]
    page = await datasette.client.get("/-/classify", headers={"accept": "text/html"})
    assert (page.status_code, "critterdb train" in page.text) == (200, True)
    assert (await datasette.client.get("/critters")).status_code == 200


async def test_a_model_file_that_was_swapped_is_not_used(folder: Path) -> None:
    file = folder / "models" / f"{MODEL_ID}.onnx"
    file.write_bytes(file.read_bytes()[:-100])
    refused = (await classify_bytes(open_datasette(folder), RED)).json()
    assert (refused["code"], "SHA-256" in refused["error"]) == ("no_model", True)
    assert str(folder.parent) not in refused["error"]


async def test_a_page_reads_no_model_file(folder: Path) -> None:
    """Anybody may name any model in an address, as often as they like."""
    file = folder / "models" / f"{MODEL_ID}.onnx"
    file.unlink()
    os.mkfifo(file)  # whoever opens it waits for ever
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["models"].update(MODEL_ID, {"bytes": 0})  # so that its size gives no reason to refuse it
    client = open_datasette(folder).client
    try:
        for query in ("", f"?model={MODEL_ID}"):
            page = client.get(f"/-/classify{query}", headers={"accept": "text/html"})
            response = await asyncio.wait_for(page, 5)
            assert response.status_code == 200
            assert MODEL_ID in response.text
    finally:
        with suppress(OSError):  # raised if nobody waits
            os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    unknown = await client.get("/-/classify?model=nobody", headers={"accept": "text/html"})
    assert "There is no model called nobody" in unknown.text


async def test_a_model_that_was_refused_is_not_read_again_at_once(folder: Path) -> None:
    """A check hashes the whole file. Another file, or another row, is checked at once."""
    file = folder / "models" / f"{MODEL_ID}.onnx"
    good = file.read_bytes()
    file.write_bytes(b"x" + good[1:])
    os.utime(file, (1, 1))
    datasette = open_datasette(folder)
    assert (await classify_bytes(datasette, RED)).json()["code"] == "no_model"
    file.write_bytes(good)
    os.utime(file, (1, 1))
    assert (await classify_bytes(datasette, RED)).json().get("code") == "no_model"
    os.utime(file)
    assert (await classify_bytes(datasette, RED)).json()["ok"]


async def test_a_model_is_not_named_to_those_who_may_not_see_models(folder: Path) -> None:
    closed = {"databases": {"critters": {"tables": {"models": {"allow": {"id": "ann"}}}}}}
    change_metadata(folder, closed)
    datasette: Any = open_datasette(folder)
    await datasette.invoke_startup()
    as_ann = {"ds_actor": datasette.sign({"a": {"id": "ann"}}, "actor")}
    for cookies, named in ({}, False), (as_ann, True):
        for method in ("get", "post"):
            sent = {"files": {"image": RED}} if method == "post" else {}
            page = await getattr(datasette.client, method)(
                "/-/classify", headers={"accept": "text/html"}, cookies=cookies, **sent
            )
            assert (page.status_code, MODEL_ID in page.text) == (200, named)
        answer = await datasette.client.post(
            "/-/classify", files={"image": RED}, headers=HEADERS, cookies=cookies
        )
        assert (answer.json()["model"] is not None) is named


async def test_a_day_s_strangers_cannot_fill_the_disk(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", record_per_day=2)
    add_model(folder)
    datasette = open_datasette(folder)
    answers = [
        (await classify_bytes(datasette, picture("red", seed=seed))).json() for seed in range(4)
    ]
    assert [answer["prediction_id"] for answer in answers] == [1, 2, None, None]
    assert all(answer["ok"] for answer in answers)
    assert len(rows(folder, "SELECT * FROM images")) == 2


async def test_one_request_resolves_its_model_once(folder: Path) -> None:
    """A page with an answer used to look it up three times, each a trip to a reading thread."""
    from datasette.plugins import pm

    (folder / "plugins" / "traced.py").write_text(TRACE)
    datasette = open_datasette(folder)
    traced = pm.get_plugin("traced.py")
    try:
        for _ in range(2):
            traced.STATEMENTS.clear()
            page = await datasette.client.post(
                "/-/classify", files={"image": RED}, headers={"accept": "text/html"}
            )
            assert page.status_code == 200
            asked = [sql for sql in traced.STATEMENTS if sql.startswith("SELECT * FROM models")]
            assert len(asked) == 1
    finally:
        pm.unregister(traced)


@pytest.mark.parametrize("colour", ["red", "yellow", "grey"])
async def test_a_repeat_is_answered_as_the_first_time(folder: Path, colour: str) -> None:
    datasette = open_datasette(folder)
    first, second = [(await classify_bytes(datasette, picture(colour))).json() for _ in range(2)]
    assert first.pop("took_ms") > 0
    assert second.pop("took_ms") > 0
    assert first == second
    assert len(rows(folder, "SELECT * FROM predictions")) == 1


async def test_what_the_database_knows_is_not_looked_at_again(folder: Path) -> None:
    """The picture of the row is not a picture any more: whoever decoded it would refuse it."""
    await classify_bytes(open_datasette(folder), RED)
    data = b"no picture at all"
    db = open_database(folder / "critters.db")
    db.execute("PRAGMA foreign_keys = OFF")
    for table, column in (("images", "sha256"), ("predictions", "image_sha256")):
        db.execute(f"UPDATE {table} SET {column} = ?", [hashlib.sha256(data).hexdigest()])
    db.close()
    datasette = open_datasette(folder)
    answer = (await classify_bytes(datasette, data)).json()
    assert (answer["answer"]["taxon_id"], answer["prediction_id"]) == (TAXON, 1)
    db = open_database(folder / "critters.db")
    db.execute("UPDATE predictions SET thresholds = '{}'")
    db.close()
    assert (await classify_bytes(datasette, data)).json()["code"] == "not_an_image"


async def test_many_who_ask_for_one_new_picture_get_one_row(folder: Path) -> None:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    answers = await asyncio.gather(*(classify_bytes(datasette, RED) for _ in range(40)))
    assert {(answer.status_code, answer.json()["prediction_id"]) for answer in answers} == {
        (200, 1)
    }


async def test_a_database_that_cannot_be_written_is_answered_from_all_the_same(
    folder: Path,
) -> None:
    datasette = open_datasette(folder, immutables=[str(folder / "critters.db")])
    answer = (await classify_bytes(datasette, RED)).json()
    assert (answer["ok"], answer["prediction_id"]) == (True, None)


async def test_head_and_options_say_what_there_is(folder: Path) -> None:
    client = open_datasette(folder).client
    head = await client.head("/-/classify")
    assert (head.status_code, head.content) == (200, b"")
    options = await client.options("/-/classify")
    assert options.status_code == 204
    assert options.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "access-control-allow-origin" not in options.headers


async def test_cors_is_there_where_datasette_has_it_on(folder: Path) -> None:
    client = open_datasette(folder, cors=True).client
    preflight = await client.options("/-/classify.json")
    answer = await client.post("/-/classify.json", files={"image": RED})
    refused = await client.get("/-/classify.json")
    for response in (preflight, answer, refused):
        assert response.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]


async def test_every_answer_carries_the_headers_of_a_guarded_page(folder: Path) -> None:
    client = open_datasette(folder).client
    for accept, policy in (("text/html", "script-src 'self'"), ("*/*", "default-src 'none'")):
        response = await client.post(
            "/-/classify", files={"image": RED}, headers={"accept": accept}
        )
        assert response.status_code == 200
        assert policy in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["vary"].startswith("Accept")


async def test_the_page_keeps_to_its_base_url(folder: Path) -> None:
    client = open_datasette(folder, settings={"base_url": "/wild/"}).client
    page = await client.post("/-/classify", files={"image": RED}, headers={"accept": "text/html"})
    inside = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
    assert inside
    assert [link for link in inside if not link.startswith("/wild/")] == []


async def test_a_model_that_fails_on_a_picture_is_a_refusal(folder: Path) -> None:
    """It passes its smoke test, and black pixels make it divide by zero."""
    file = folder / "models" / f"{MODEL_ID}.onnx"
    model = onnx.load_model_from_string(file.read_bytes())
    last = next(node for node in model.graph.node if "novelty" in node.output)
    last.output[0] = "whole"
    for operation, inputs, output in (
        ("ReduceSum", ["embedding"], "brightness"),
        ("Div", ["brightness", "brightness"], "one"),
        ("Mul", ["whole", "one"], "novelty"),
    ):
        more = {"keepdims": 0} if operation == "ReduceSum" else {}
        model.graph.node.append(onnx.helper.make_node(operation, inputs, [output], **more))
    file.write_bytes(model.SerializeToString())
    described = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size,
    }
    open_database(folder / "critters.db")["models"].update(MODEL_ID, described)
    datasette = open_datasette(folder)
    assert (await classify_bytes(datasette, RED)).status_code == 200
    refused = await classify_bytes(datasette, jpeg("black"))
    assert (refused.status_code, refused.json()["code"]) == (503, "no_model")
    assert "fails on this picture" in refused.json()["error"]
    page = await datasette.client.post(
        "/-/classify", files={"image": jpeg("black")}, headers={"accept": "text/html"}
    )
    assert page.status_code == 503
    assert "fails on this picture" in page.text
