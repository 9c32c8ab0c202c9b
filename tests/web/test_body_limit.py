"""Large bodies on pages of Datasette itself, which on 0.65 has no limit of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from critterdb.web.datasette.body_limit import MAX_BODY_BYTES, OWN_LIMIT
from tests.support.datasette_site import add_model, jpeg, make_site, open_datasette

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PIECE = b"x" * 1_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def datasette(tmp_path: Path) -> Any:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return open_datasette(folder)


async def pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield PIECE


@pytest.mark.parametrize("path", ["/-/messages", "/critters", "/-/nothing", "/-/critters"])
@pytest.mark.parametrize("headers", [FORM, {**FORM, "cookie": "ds_csrftoken=x; ds_actor=x"}])
async def test_a_stranger_s_endless_form_is_not_read(
    datasette: Any, path: str, headers: dict[str, str]
) -> None:
    whole = b"a=" + b"x" * MAX_BODY_BYTES
    declared = await datasette.client.post(path, content=whole, headers=headers)
    streamed = await datasette.client.post(path, content=pieces(40), headers=headers)
    if OWN_LIMIT in datasette.settings_dict():
        assert max(declared.status_code, streamed.status_code) < 500
        return
    assert declared.status_code == 413
    assert declared.headers["x-content-type-options"] == "nosniff"
    assert "Sign in" in declared.text
    assert streamed.status_code in (403, 404, 405, 413)


async def test_who_is_signed_in_may_send_what_plugins_take(datasette: Any) -> None:
    headers = {**FORM, "cookie": f"ds_actor={datasette.sign({'a': {'id': 'ann'}}, 'actor')}"}
    whole = b"a=" + b"x" * MAX_BODY_BYTES
    response = await datasette.client.post("/-/messages", content=whole, headers=headers)
    if OWN_LIMIT not in datasette.settings_dict():
        assert response.status_code != 413


async def test_the_endpoint_keeps_to_its_own_limit(datasette: Any) -> None:
    photo = {"image": jpeg("red") + b"\0" * 9_000_000}
    assert (await datasette.client.post("/-/classify", files=photo)).status_code == 200
    too_much = await datasette.client.post("/-/classify", content=b"x" * (MAX_BODY_BYTES + 1))
    assert too_much.json()["code"] == "too_large"
