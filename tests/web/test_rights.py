"""Who may classify and who may look under the bonnet, on whichever Datasette runs the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from critterdb.web.http.csrf import is_forged
from tests.support.datasette_site import (
    add_model,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    rows,
)
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

RED = jpeg("red")
ANN, BOB, ROOT = {"id": "ann"}, {"id": "bob"}, {"id": "root"}


async def opened(folder: Path) -> Any:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    return datasette


def cookies(datasette: Any, actor: dict[str, str] | None) -> dict[str, str]:
    return {"ds_actor": datasette.sign({"a": actor}, "actor")} if actor else {}


async def post(datasette: Any, actor: dict[str, str] | None, accept: str = "*/*") -> Any:
    return await datasette.client.post(
        "/-/classify",
        files={"image": RED},
        headers={"accept": accept},
        cookies=cookies(datasette, actor),
    )


@pytest.mark.parametrize(
    ("settings", "permissions", "admitted"),
    [
        ({}, {}, [None, ANN, BOB, ROOT]),
        ({"allow": {"id": "ann"}}, {}, [ANN]),
        ({"allow": {"id": "*"}}, {}, [ANN, BOB, ROOT]),
        ({"allow": False}, {}, []),
        ({}, {"critterdb-classify": {"id": "ann"}}, [ANN]),
        ({"allow": {"id": ["ann", "bob"]}}, {"critterdb-classify": {"id": "bob"}}, [BOB]),
        ({"allow": {"id": "ann"}}, {"critterdb-classify": True}, [ANN]),
    ],
)
async def test_settings_and_permissions_must_both_admit(
    tmp_path: Path, settings: dict[str, Any], permissions: dict[str, Any], admitted: list[Any]
) -> None:
    folder = make_site(tmp_path / "mysite", **settings)
    change_metadata(folder, {"permissions": permissions})
    add_model(folder)
    datasette = await opened(folder)
    for actor in (None, ANN, BOB, ROOT):
        response = await post(datasette, actor)
        expected = (200, None) if actor in admitted else (403, "forbidden")
        assert (response.status_code, response.json().get("code")) == expected, actor
    front = (await datasette.client.get("/")).text
    assert ("Classify a photo" in front) is (None in admitted)


async def test_a_refusal_is_polite_in_the_language_of_the_asker(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", allow={"id": "ann"})
    add_model(folder)
    datasette = await opened(folder)
    program = await post(datasette, None)
    assert program.json()["error"].startswith("You may not classify photos here. Sign in")
    browser = await post(datasette, None, accept="text/html")
    assert browser.status_code == 403
    assert browser.headers["content-type"].startswith("text/html")
    assert "You may not classify photos here. Sign in" in browser.text
    page = await datasette.client.get("/-/classify", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert rows(folder, "SELECT * FROM predictions") == []


async def test_a_plugin_may_close_the_door(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    (folder / "plugins" / "closed.py").write_text(
        "from datasette import hookimpl\n"
        "@hookimpl\n"
        "def permission_allowed(action):\n"
        "    return False if action == 'critterdb-classify' else None\n"
        "@hookimpl\n"
        "def permission_resources_sql(action):\n"
        "    if action == 'critterdb-classify':\n"
        "        from datasette.permissions import PermissionSQL\n"
        "        return PermissionSQL.deny(reason='closed')\n"
    )
    datasette = await opened(folder)
    try:
        assert (await post(datasette, ANN)).status_code == 403
    finally:
        from datasette.plugins import pm

        pm.unregister(pm.get_plugin("closed.py"))


async def test_another_site_cannot_use_a_visitor_s_cookie(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", allow={"id": "ann"})
    add_model(folder)
    datasette = await opened(folder)
    for headers, status in (
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost"}, 200),
        ({"origin": "http://localhost"}, 200),
        ({}, 200),
    ):
        response = await datasette.client.post(
            "/-/classify",
            files={"image": RED},
            headers={**headers, "accept": "application/json"},
            cookies=cookies(datasette, ANN),
        )
        assert response.status_code == status, headers
        as_json = await datasette.client.post(
            "/-/classify",
            json={"url": "ftp://a.example/"},
            headers={**headers, "accept": "application/json"},
            cookies=cookies(datasette, ANN),
        )
        assert as_json.status_code == (403 if status == 403 else 400), headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": "http://localhost"}, 303),
        ({}, 303),
    ],
)
async def test_another_site_cannot_review_through_a_visitor_without_cookies(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    """With `review: true` the right is the visitor's place in the network, which needs no cookie.

    1.0 refuses such forms itself.
    """
    folder = make_furnished_site(tmp_path / "mysite", review=True)
    datasette = await opened(folder)
    response = await datasette.client.post(
        "/-/critters/review",
        data={"prediction_id": "1", "verdict": "right"},
        headers=headers,
    )
    assert response.status_code == status
    assert len(rows(folder, "SELECT * FROM reviews")) == (1 if status == 303 else 0)


@pytest.mark.parametrize(
    ("url", "origin", "forged"),
    [
        ("https://site.example", "https://site.example", False),
        ("https://site.example", "https://site.example:443", False),
        ("https://SITE.example:443", "https://site.example", False),
        ("http://site.example:80", "http://site.example", False),
        ("https://site.example", "http://site.example", True),
        ("https://site.example", "https://site.example:8443", True),
        ("http://site.example:443", "https://site.example", True),
        ("https://site.example", "https://site.example.evil.example", True),
        ("https://site.example", "site.example", True),
        ("https://site.example", "https://site.example:x", True),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str, forged: bool) -> None:
    from datasette.utils.asgi import Request

    scheme, _, host = url.partition("://")
    headers = [(b"host", host.encode()), (b"origin", origin.encode()), (b"cookie", b"a=b")]
    assert is_forged(Request({"scheme": scheme, "headers": headers}, None)) is forged
