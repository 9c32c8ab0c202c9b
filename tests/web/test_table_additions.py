"""What critterdb adds to Datasette's own pages: names in facets, links, a map, folded SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import change_metadata, shared_datasette
from tests.support.models import COUGAR
from tests.support.pages import MODEL_ID, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

HELPERS = (
    *("splits", "game_observations", "prediction_counts", "model_labels", "model_metrics"),
    *("confusions", "images", "post_images", "answer_candidates"),
    *("post_predictions", "truths", "shown_posts"),
)
SHOWN = (
    *("taxa", "observers", "observations", "photos", "games", "models", "predictions", "posts"),
    *("replies", "answers", "reviews", "syncs"),
    *("bot_history", "mistakes", "scoreboard", "photo_credits"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("additions") / "mysite")


async def page(folder: Path, path: str, **arguments: Any) -> str:
    response = await shared_datasette(folder, **arguments).client.get(path)
    assert response.status_code == 200, response.text
    return str(response.text)


def facet(html: str, column: str) -> list[str]:
    """What the values of a facet are called."""
    block = html.split(f'data-column="{column}">')[1].split("</ul>")[0]
    return [label.strip() for label in re.findall(r"<li>(?:<a [^>]*>)?([^<&]+)", block)]


async def test_facets_name_taxa_by_their_common_names_first(folder: Path) -> None:
    html = await page(folder, "/critters/observations")
    assert facet(html, "taxon_id")[0] == "Cougar (Puma concolor)"
    selected = await page(folder, f"/critters/observations?taxon_id={COUGAR}")
    assert facet(selected, "taxon_id") == ["Cougar (Puma concolor)"]


@pytest.mark.parametrize("common_name", [None, "", "Puma concolor"])
async def test_a_taxon_without_another_name_keeps_its_only_one(
    tmp_path: Path, common_name: str | None
) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    db = open_database(folder / DATABASE_NAME)
    db["taxa"].update(COUGAR, {"common_name": common_name})
    db.close()
    assert facet(await page(folder, "/critters/observations"), "taxon_id")[0] == "Puma concolor"


async def test_facets_have_no_more_names_for_those_who_may_not_see_taxa(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    tables = {"taxa": {"allow": {"id": "ann"}}}
    change_metadata(folder, {"databases": {"critters": {"tables": tables}}})
    assert "Cougar" not in await page(folder, "/critters/observations?_facet=taxon_id")


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ("photos/3", "/-/critters/photos/3"),
        (f"models/{MODEL_ID}", f"/-/critters/models/{MODEL_ID}"),
        ("posts/x~3A101", "/-/critters/posts/x:101"),
        (f"taxa/{COUGAR}", f"/-/critters/species/{COUGAR}"),
        ("games/cougarornot", "/-/critters/history?game=cougarornot"),
    ],
)
@pytest.mark.parametrize("base_url", ["/", "/wild/"])
async def test_a_row_leads_to_its_page(folder: Path, row: str, target: str, base_url: str) -> None:
    datasette = shared_datasette(folder, settings={"base_url": base_url})
    html = (await datasette.client.get(f"/critters/{row}")).text
    [link] = re.findall(r'<p class="critter-page"><a href="([^"]+)">See [^<]+</a>', html)
    assert link == base_url.rstrip("/") + target
    assert (await datasette.client.get(target)).status_code == 200


async def test_a_row_of_another_table_has_no_such_link(folder: Path) -> None:
    assert "critter-page" not in await page(folder, "/critters/predictions/1")


async def test_observations_have_a_map_without_a_third_party(folder: Path) -> None:
    html = await page(folder, "/critters/observations")
    [figure] = re.findall(r'<figure class="critter-map">.+?</figure>', html, re.S)
    assert figure.count('class="spot"') >= 1
    assert figure.count('class="area"') == 1
    assert "Map of 6 places" in figure
    assert "6 observations on this page. 1 of them" in figure
    assert "href" not in figure
    assert html.index(figure) < html.index('<table class="rows-and-columns"')
    filtered = await page(folder, "/critters/observations?obscured=1")
    assert filtered.count('class="area"') == 1
    assert 'class="spot"' not in filtered


@pytest.mark.parametrize(
    "path", ["observations?_col=url", "observations?observed_on=1999-01-01", "photos"]
)
async def test_without_places_there_is_no_map(folder: Path, path: str) -> None:
    assert "critter-map" not in await page(folder, f"/critters/{path}")


async def test_a_withdrawn_observation_is_not_on_the_map(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    db = open_database(folder / DATABASE_NAME)
    db["observations"].update(1001, {"withdrawn_at": "2026-11-01T00:00:00Z"})
    db.close()
    html = await page(folder, "/critters/observations")
    assert "5 observations on this page" in html


@pytest.mark.parametrize("table", ["bot_history", "photos"])
async def test_the_definition_of_a_table_or_view_is_folded(folder: Path, table: str) -> None:
    html = await page(folder, f"/critters/{table}")
    assert html.count('<pre class="wrapped-sql">') == 1
    [sql] = re.findall(
        r'<details class="critter-sql">\s*<summary>[^<]+</summary>\s*'
        r'<pre class="wrapped-sql">(.+?)</pre>\s*</details>',
        html,
        re.S,
    )
    assert sql.startswith("CREATE")


async def test_helper_tables_and_views_are_hidden_and_still_there(folder: Path) -> None:
    datasette = shared_datasette(folder)
    client = datasette.client

    async def listed(path: str) -> set[str]:
        return set(re.findall(r'href="/critters/(\w+)"', (await client.get(path)).text))

    visible = await listed("/critters")
    assert visible.isdisjoint(HELPERS)
    assert visible.issuperset(SHOWN)
    assert (await listed("/critters?_show_hidden=1")).issuperset({*HELPERS, *SHOWN})
    for name in HELPERS:
        assert (await client.get(f"/critters/{name}")).status_code == 200, name
