"""What critterdb adds to Datasette's pages of its tables: names in facets, a map, and links."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from critterdb.formatting import count_of
from critterdb.web.charts.maps import Place, draw_map
from critterdb.web.state import site_database
from critterdb.web.urls import HISTORY, model_page, photo_page, post_page, species_page, with_query

from .current_request import may_sender_view
from .reading import SlowReadError, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from datasette.app import Datasette

    from critterdb.storage.database import SiteDatabase

# The table, the page that its row has with us, and the words of the link there.
PAGES: Mapping[str, tuple[Callable[[str], str], str]] = {
    "photos": (photo_page, "See the page of this photo"),
    "models": (model_page, "See the page of this model"),
    "posts": (post_page, "See the page of this post"),
    "taxa": (species_page, "See the page of this taxon"),
    "games": (lambda slug: with_query(HISTORY, game=slug), "See what the bot said in this game"),
}
_NAMES = """
SELECT id, common_name || ' (' || name || ')' FROM taxa
WHERE common_name NOT IN ('', name) AND id IN (SELECT value FROM json_each(?))
"""


def template_functions(datasette: Datasette) -> dict[str, Callable[..., Any]]:
    """Return the functions that the templates call, by name."""

    async def facets(database: str, table: str, results: Sequence[Any]) -> list[Any]:
        return await _named_facets(datasette, database, table, results)

    async def hidden(database: str) -> list[str]:
        return list(await datasette.databases[database].hidden_table_names())

    def page(table: str, keys: Sequence[str]) -> dict[str, str] | None:
        if table not in PAGES:
            return None
        address, label = PAGES[table]
        return {"href": datasette.urls.path(address(keys[0])), "label": label}

    return {
        "critterdb_facets": facets,
        "critterdb_hidden": hidden,
        "critterdb_map": map_of_rows,
        "critterdb_page": page,
    }


async def _named_facets(
    datasette: Datasette, database: str, table: str, results: Sequence[Any]
) -> list[Any]:
    """Facets of columns that point to taxa with the common names first; the others as they are."""
    site = site_database(datasette)
    if site is None or site.name != database or not results:
        return list(results)
    columns = {
        key["column"]
        for key in await site.foreign_keys_for_table(table)
        if key["other_table"] == "taxa"
    }
    taxa = [
        value["value"]
        for facet in results
        if facet["name"] in columns
        for value in facet["results"]
    ]
    if not taxa or not await may_sender_view(datasette, database, ("taxa",)):
        return list(results)
    try:
        names = await read(site, lambda db: _taxon_labels(db, taxa))
    except SlowReadError:
        return list(results)
    return [
        {**facet, "results": [_named(value, names) for value in facet["results"]]}
        if facet["name"] in columns
        else facet
        for facet in results
    ]


def _taxon_labels(db: SiteDatabase, taxa: Sequence[Any]) -> dict[str, str]:
    rows = db.execute(_NAMES, [json.dumps(taxa)]).fetchall()
    return {str(taxon_id): label for taxon_id, label in rows}


def _named(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**value, "label": names.get(str(value["value"]), value["label"])}


def map_of_rows(table: str, rows: Sequence[Any]) -> Markup:
    """Return a map of the observations on a page; nothing for other tables and without places."""
    if table != "observations":
        return Markup("")
    cells = [{cell["column"]: cell["raw"] for cell in row} for row in rows]
    places = [
        Place(latitude, longitude, bool(cell.get("obscured")))
        for cell in cells
        if isinstance(latitude := cell.get("latitude"), int | float)
        and isinstance(longitude := cell.get("longitude"), int | float)
        and not cell.get("withdrawn_at")
    ]
    if not places:
        return Markup("")
    caption = f"Places of {count_of(len(places), 'observation')} on this page."
    if obscured := sum(place.is_obscured for place in places):
        caption += f" {obscured} of them are obscured, and drawn as areas."
    return Markup(
        '<figure class="critter-map">{}<figcaption>{} Shapes: Natural Earth, US Census.'
        "</figcaption></figure>"
    ).format(draw_map(places), caption)
