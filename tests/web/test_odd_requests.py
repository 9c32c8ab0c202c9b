"""Odd numbers, bytes and lengths in every address of ours: refused or ignored, never a failure."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.support.datasette_site import change_metadata, shared_datasette
from tests.support.pages import GAME, MISTAKE, MODEL_ID, add_candidate, make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ODD = [
    "", "-1", "1e9", "%2B1", "%D9%A3", "%C2%B2", "9" * 19, "NaN", "a%00b", "%FF~", "%ED%A0%80",
    "%0D%0AX-Evil:1", "..%2F..%2Fetc", "%27%20OR%201=1--", "[]", "%F0%9F%90%BB" * 1000,
    "2026-13-45", "9999-12-31T23:59:59Z~", "0001-01-01T00:00:00-23:59~x:1",
]  # fmt: skip
MODEL = f"/-/critters/models/{MODEL_ID}"
# Where a value may stand: in the path, or as a parameter.
PLACES = [
    "/-/critters{suffix}?game={odd}",
    "/-/critters/history{suffix}?before={odd}",
    "/-/critters/history{suffix}?since={odd}&until={odd}",
    "/-/critters/history{suffix}?author={odd}&answer={odd}&platform={odd}&game={odd}",
    "/-/critters/history{suffix}?status={odd}",
    "/-/critters/posts/{odd}{suffix}",
    "/-/critters/models/{odd}{suffix}",
    MODEL + "{suffix}?part={odd}",
    MODEL + "/confusion{suffix}?actual={odd}&predicted={odd}",
    "/-/critters/compare{suffix}?a={odd}&b={odd}",
    "/-/critters/species{suffix}?q={odd}&before={odd}&rank={odd}",
    "/-/critters/species/{odd}{suffix}",
    "/-/critters/species/1{suffix}?before={odd}",
    "/-/critters/photos/{odd}{suffix}",
    f"/-/critters/photos/{MISTAKE}{{suffix}}?k={{odd}}",
    "/-/critters/review{suffix}?source={odd}&prediction={odd}&before={odd}",
    "/-/critters/answers{suffix}?candidate={odd}&before={odd}",
    "/-/critters/leaderboard{suffix}?game={odd}&month={odd}",
    "/-/critters/calendar{suffix}?game={odd}&month={odd}",
    "/-/critters/games/{odd}{suffix}",
    "/-/critters/play/{odd}{suffix}",
    f"/-/critters/play/{GAME}/{{odd}}{{suffix}}",
    f"/-/critters/play/{GAME}/1/answer{{suffix}}?guess={{odd}}&words={{odd}}",
    "/-/critters/host{suffix}?game={odd}&hardness={odd}&before={odd}",
    f"/-/critters/host{{suffix}}?game={GAME}&photo={{odd}}&done={{odd}}",
    "/-/critters/{odd}{suffix}",
    "/-/critterdb/photos/{odd}",
    "/-/critterdb/static/{odd}",
    "/-/critterdb/health?x={odd}",
    "/-/classify{suffix}?model={odd}",
    "/-/classify{suffix}?url={odd}",
]


def addresses() -> Iterator[str]:
    """Each place with each odd value, as a page and as JSON in turn."""
    suffixes = itertools.cycle(["", ".json"])
    for place, odd in itertools.product(PLACES, ODD):
        yield place.format(odd=odd, suffix=next(suffixes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("odd") / "mysite")
    add_candidate(folder, "x:104")
    # 0.65 copies all metadata for each permission, which would be half of the time here.
    change_metadata(folder, {"databases": {}})
    return folder


async def test_no_odd_value_in_an_address_is_a_failure(folder: Path) -> None:
    """Some six hundred requests, as somebody who may see every page."""
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    failed = {}
    for address in addresses():
        response = await datasette.client.get(address, cookies=cookies)
        assert "x-evil" not in response.headers
        if response.status_code not in (200, 302, 400, 403, 404, 415, 502):
            failed[address[:200]] = response.status_code
    assert failed == {}


PATHS = ["/-/critters", "/-/critters/history.json", "/-/critterdb/health", "/-/critters/species/1"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", PATHS)
async def test_what_only_reads_refuses_other_methods(folder: Path, path: str, method: str) -> None:
    response = await shared_datasette(folder).client.request(method, path)
    assert response.status_code in (403, 405)


async def test_a_review_that_is_asked_for_by_get_writes_nothing(folder: Path) -> None:
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    for page in ("review?prediction_id=1&verdict=right", "answers?candidate_id=1&verdict=nothing"):
        response = await datasette.client.get(f"/-/critters/{page}", cookies=cookies)
        assert response.status_code == 200
    counts = await datasette.get_database("critters").execute(
        "SELECT (SELECT count(*) FROM reviews) "
        "+ (SELECT count(*) FROM answer_candidates WHERE settled_at IS NOT NULL)"
    )
    assert counts.single_value() == 0
