"""The order of columns on Datasette's own pages: first what people look for.

Only pages are ordered. JSON and CSV keep the order of the schema, which programs may count on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, Environment, TemplateNotFound

from .desk import desk_of

if TYPE_CHECKING:
    from datasette.app import Datasette

# What comes first, by table; the rest follows as the schema has it.
FIRST = {
    "taxa": ("id", "common_name", "name", "rank", "parent_id"),
    "observations": (
        *("id", "taxon_id", "observed_on", "place_guess", "observer_id", "license_code", "url"),
    ),
    "photos": ("id", "path", "observation_id", "license_code", "attribution"),
    "games": ("slug", "question", "hashtag", "target_taxon_id", "model_id"),
    "models": ("id", "game", "backbone", "error_rate", "ece", "photos", "created_at"),
    "predictions": (
        *("id", "photo_id", "image_sha256", "taxon_id", "score", "abstained", "reason", "scores"),
        *("source", "post_id", "created_at"),
    ),
    "posts": ("id", "author", "posted_at", "platform", "game", "url"),
    "post_images": ("post_id", "url"),
    "replies": ("post_id", "status", "text", "reason", "sent_at", "reply_url"),
    "answers": ("post_id", "verdict", "taxon_id", "source_url"),
    "reviews": ("id", "prediction_id", "verdict", "taxon_id"),
    "bot_history": ("image", "author", "answer", "score", "reply", "truth", "right", "posted_at"),
    "mistakes": ("photo", "predicted", "actual", "score", "reason"),
    "photo_credits": ("photo", "taxon", "license_code", "attribution", "observer"),
}

# Datasette looks for a template of each table before its own; a site's own templates come first.
TEMPLATE = re.compile(r"_table-.+-(\w+)\.html")
ORDERED = (
    "{{ critterdb_columns(database, table, display_columns, display_rows) }}"
    '{% include "_table.html" %}'
)


class TableTemplates(BaseLoader):
    """A template for each table whose columns we order, and none of any other name."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        match = TEMPLATE.fullmatch(template)
        if match is None or match[1] not in FIRST:
            raise TemplateNotFound(template)
        return ORDERED, None, None

    def list_templates(self) -> list[str]:
        return []  # their names hold that of the database, which may be any


def put_first(
    datasette: Datasette, database: str, table: str, columns: list[Any], rows: list[Any]
) -> str:
    """Order what Datasette is about to show of a table of the site, in place; gives no text."""
    if desk_of(datasette).database_name != database:
        return ""
    places = {name: place for place, name in enumerate(FIRST[table])}
    columns.sort(key=lambda column: places.get(column["name"], len(places)))
    for row in rows:
        cells = getattr(row, "cells", row)
        cells.sort(key=lambda cell: places.get(cell["column"], len(places)))
    return ""
