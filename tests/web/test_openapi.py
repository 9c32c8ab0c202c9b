"""/-/critterdb/openapi.json is valid OpenAPI, and real answers are what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate

from critterdb.errors import REFUSAL_STATUS
from tests.support.datasette_site import add_model, change_metadata, make_site, open_datasette
from tests.support.models import picture

if TYPE_CHECKING:
    from pathlib import Path

OPENAPI = "/-/critterdb/openapi.json"
ENDPOINT = "/-/classify.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return folder


async def described(datasette: Any) -> dict[str, Any]:
    response = await datasette.client.get(OPENAPI)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    document: dict[str, Any] = response.json()
    return document


def check(document: dict[str, Any], path: str, method: str, response: Any) -> None:
    """Validate a response by the schema that the document gives for its status. No other key."""
    operation = document["paths"][path][method]
    told = operation["responses"][str(response.status_code)]
    schema = told["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole).validate(response.json())
    name = schema["$ref"].rpartition("/")[2]
    assert response.json().keys() <= document["components"]["schemas"][name]["properties"].keys()


async def test_the_document_is_valid_openapi(folder: Path) -> None:
    document = await described(open_datasette(folder))
    assert document["openapi"].startswith("3.1")
    validate(document)


@pytest.mark.parametrize("colour", ["red", "yellow", "grey"])
async def test_answers_are_as_described(folder: Path, colour: str) -> None:
    datasette = open_datasette(folder)
    document = await described(datasette)
    for form in ({"files": {"image": picture(colour)}}, {"content": picture(colour)}):
        response = await datasette.client.post(ENDPOINT, **form)
        assert response.status_code == 200
        check(document, ENDPOINT, "post", response)


async def test_an_answer_without_its_model_is_as_described(folder: Path) -> None:
    tables = {"models": {"allow": {"id": "ann"}}}
    change_metadata(folder, {"databases": {"critters": {"tables": tables}}})
    datasette = open_datasette(folder)
    response = await datasette.client.post(ENDPOINT, files={"image": picture("red")})
    assert response.json()["model"] is None
    check(await described(datasette), ENDPOINT, "post", response)


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("post", {"files": {"image": b"dear diary"}}, "not_an_image"),
        ("post", {"files": {"image": picture("red")[:300]}}, "image_truncated"),
        ("post", {"files": {"image": picture("red", (8, 8))}}, "image_too_small"),
        ("post", {"data": {"url": "gopher://a"}}, "url_invalid"),
        ("get", {}, "missing_image"),
        ("get", {"params": {"url": "http://127.0.0.1/a.jpg"}}, "fetch_failed"),
        ("get", {"params": {"url": "https://a.example/a.jpg", "model": "no"}}, "model_unknown"),
    ],
)
async def test_refusals_are_as_described(
    folder: Path, method: str, arguments: dict[str, Any], code: str
) -> None:
    datasette = open_datasette(folder)
    response = await getattr(datasette.client, method)(ENDPOINT, **arguments, timeout=30)
    assert response.json()["code"] == code
    check(await described(datasette), ENDPOINT, method, response)


async def test_health_is_as_described_and_every_code_is_there(folder: Path) -> None:
    datasette = open_datasette(folder)
    document = await described(datasette)
    check(document, "/-/critterdb/health", "get", await datasette.client.get("/-/critterdb/health"))
    refusal = document["components"]["schemas"]["Refusal"]["properties"]
    assert set(refusal["code"]["enum"]) == set(REFUSAL_STATUS)
    assert set(document["paths"][ENDPOINT]["get"]["responses"]) == {
        "200",
        *map(str, REFUSAL_STATUS.values()),
    }


async def test_the_address_is_the_site_s_own(folder: Path) -> None:
    datasette = open_datasette(folder, settings={"base_url": "/wild/"}, cors=True)
    response = await datasette.client.get(OPENAPI)
    [server] = response.json()["servers"]
    assert server["url"].startswith("http")
    assert server["url"].endswith("/wild")
    assert response.headers["access-control-allow-origin"] == "*"
    assert (await datasette.client.post(OPENAPI)).status_code == 405


async def test_the_check_finds_an_answer_that_is_not_as_described(folder: Path) -> None:
    datasette = open_datasette(folder)
    document = await described(datasette)
    document["components"]["schemas"]["Answer"]["properties"]["took_ms"] = {"type": "string"}
    response = await datasette.client.post(ENDPOINT, files={"image": picture("red")})
    with pytest.raises(ValidationError):
        check(document, ENDPOINT, "post", response)
