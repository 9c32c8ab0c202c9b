"""Datasette's own tables with their columns in the order of metadata.json.

What people ask for first is described first there; columns without a description come last. Files
for programs (JSON, CSV) keep the order of the schema.
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, TemplateNotFound

from critterdb.web.state import plugin_state

from .compat import described_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datasette.app import Datasette

# Datasette looks for a template of each table before its general one: for the page (whose head
# names the columns for phones), and for the table in it, which 1.0 also sends alone after an edit.
TEMPLATE_NAME = re.compile(r"(?P<kind>_?table|row)-(?P<of>.+)\.html")
TEMPLATE = """\
{%% set display_columns, display_rows =
    critterdb_arranged(database, table, request, display_columns, display_rows) %%}
{%% set columns = display_columns | map(attribute="name") | list %%}
{%% extends "%s.html" %%}
"""


class TableTemplates(BaseLoader):
    """A template for the page, row and table of each table that is described, and of no other."""

    def __init__(self, datasette: Datasette) -> None:
        self.datasette = datasette

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        match = TEMPLATE_NAME.fullmatch(template)
        if not match or match["of"] not in _ours(self.datasette):
            raise TemplateNotFound(template)
        return TEMPLATE % match["kind"], None, None

    def list_templates(self) -> list[str]:
        return []  # Datasette looks for pages in it


def arrange_columns(datasette: Datasette, env: Environment) -> None:
    """Put the site's tables and rows in order, unless a template of the site's own shows them."""

    def arranged(
        database: str, table: str, request: Any, columns: list[Any], rows: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        if request.args.getlist("_col"):
            return columns, rows  # the visitor chose an order
        described = described_columns(datasette, database).get(table, [])
        order = _order([column["name"] for column in columns], described)
        return [columns[index] for index in order], [_in_order(row, order) for row in rows]

    env.globals["critterdb_arranged"] = arranged
    env.loader = ChoiceLoader([*filter(None, [env.loader]), TableTemplates(datasette)])


def _ours(datasette: Datasette) -> set[str]:
    """What Datasette calls the templates of the tables that are described."""
    from datasette.utils import to_css_class

    database = plugin_state(datasette).database_name
    if database is None:
        return set()
    return {
        f"{to_css_class(database)}-{to_css_class(table)}"
        for table in described_columns(datasette, database)
    }


def _order(names: Sequence[str], described: Iterable[str]) -> list[int]:
    """The indexes of `names`, in the order of `described`; the others last."""
    rank = {name: index for index, name in enumerate(described)}
    return sorted(range(len(names)), key=lambda index: rank.get(names[index], len(rank)))


def _in_order(row: Any, order: list[int]) -> Any:
    """Datasette's Row, which is more than its cells."""
    arranged = copy(row)
    arranged.cells = [row.cells[index] for index in order]
    return arranged
