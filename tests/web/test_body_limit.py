"""Large bodies on pages of Datasette itself, which on 0.65 has no limit of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.web.datasette.body_limit import MAX_BODY_BYTES, OWN_LIMIT
from critterdb.web.state import plugin_state
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


async def test_a_form_that_never_ends_is_given_up(
    datasette: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.web.datasette.body_limit.READ_SECONDS", 0.2)

    async def drips() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.05)

    if OWN_LIMIT in datasette.settings_dict():
        pytest.skip("Datasette 1.0 reads bodies within its own limit")
    response = await datasette.client.post("/-/messages", content=drips(), headers=FORM)
    assert response.status_code == 408
    assert plugin_state(datasette).uploads.held == 0


async def test_many_halves_of_forms_do_not_fill_the_memory(datasette: Any) -> None:
    if OWN_LIMIT in datasette.settings_dict():
        pytest.skip("Datasette 1.0 reads bodies within its own limit")
    uploads = plugin_state(datasette).uploads
    uploads.max_bytes = 3_500_000
    arrived, enough = asyncio.Semaphore(0), asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield PIECE
        arrived.release()
        await enough.wait()

    waiting = [
        asyncio.create_task(datasette.client.post("/-/messages", content=half(), headers=FORM))
        for _ in range(3)
    ]
    for _ in waiting:
        await arrived.acquire()
    response = await datasette.client.post("/-/messages", content=half(), headers=FORM)
    assert response.status_code == 503
    enough.set()
    await asyncio.gather(*waiting)
    assert uploads.held == 0


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
