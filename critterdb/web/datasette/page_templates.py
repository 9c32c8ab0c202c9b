"""Templates for Datasette's pages of a site's database: Datasette's own, with our additions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2 import BaseLoader, ChoiceLoader, Environment, TemplateNotFound

from critterdb.web.state import plugin_state

from . import column_order, table_additions
from .compat import described_columns

if TYPE_CHECKING:
    from datasette.app import Datasette

# Datasette looks for a template of each table before its general one: for the page (whose head
# names the columns for phones), and for the table in it, which 1.0 also sends alone after an edit.
TEMPLATE_NAME = re.compile(r"(?P<kind>_?table|row|database)-(?P<of>.+)\.html")
_ARRANGED = """\
{% set display_columns, display_rows =
    critterdb_arranged(database, table, request, display_columns, display_rows) %}
{% set columns = display_columns | map(attribute="name") | list %}
"""
TEMPLATES = {
    "_table": _ARRANGED + '{% extends "_table.html" %}',
    "row": _ARRANGED
    + """\
{% set critterdb_link = critterdb_page(table, primary_key_values) %}
{% extends "row.html" %}
{% block description_source_license %}
{% if critterdb_link %}<p class="critter-page"><a href="{{ critterdb_link.href }}">\
{{ critterdb_link.label }}</a></p>{% endif %}
{{ super() }}
{% endblock %}
""",
    # The SQL of a view can be three screens long: it is folded, below all else.
    "table": _ARRANGED
    + """\
{% set sorted_facet_results =
    critterdb_facets(database, table, sorted_facet_results) %}
{% set critterdb_sql = view_definition or table_definition %}
{% set view_definition, table_definition = none, none %}
{% extends "table.html" %}
{% block description_source_license %}
{{ super() }}
{{ critterdb_map(table, display_rows) }}
{% endblock %}
{% block content %}
{{ super() }}
{% if critterdb_sql %}<details class="critter-sql">
<summary>SQL definition of {{ table }}</summary>
<pre class="wrapped-sql">{{ critterdb_sql }}</pre>
</details>{% endif %}
{% endblock %}
""",
    # Datasette hides tables, but not views.
    "database": """\
{% if views and not show_hidden %}
{% set views = views | rejectattr("name", "in", critterdb_hidden(database)) | list %}
{% endif %}
{% extends "database.html" %}
""",
}


class PageTemplates(BaseLoader):
    """Templates for the site's database, and for the tables of it that are described."""

    def __init__(self, datasette: Datasette) -> None:
        self.datasette = datasette

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        match = TEMPLATE_NAME.fullmatch(template)
        if not match or not self._is_ours(match["kind"], match["of"]):
            raise TemplateNotFound(template)
        return TEMPLATES[match["kind"]], None, None

    def list_templates(self) -> list[str]:
        return []  # Datasette looks for pages in it

    def _is_ours(self, kind: str, name: str) -> bool:
        """Whether Datasette names a page of our database so: by the CSS class of what it shows."""
        from datasette.utils import to_css_class

        database = plugin_state(self.datasette).database_name
        if database is None:
            return False
        if kind == "database":
            return name == str(to_css_class(database))
        tables = described_columns(self.datasette, database)
        return name in [f"{to_css_class(database)}-{to_css_class(table)}" for table in tables]


def add_templates(datasette: Datasette, env: Environment) -> None:
    """Let Datasette use these templates, unless the site has its own for the same page."""
    env.globals.update(
        critterdb_arranged=column_order.arranged_by(datasette),
        **table_additions.template_functions(datasette),
    )
    env.loader = ChoiceLoader([*filter(None, [env.loader]), PageTemplates(datasette)])
