"""What cog writes into the pages of docs/: the commands, the schema, and lists out of the program.

`make docs` runs it; a test runs `cog --check`. Nothing here is read by critterdb itself.
"""

from __future__ import annotations

import ast
import json
import re
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cog

from critterdb.cli import main
from critterdb.errors import REFUSAL_STATUS
from critterdb.publish.rules import WITHHELD, WITHHELD_COLUMNS, table_rules
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
WIDTH = 90  # columns of a help text


def walk(
    command: click.Command, path: tuple[str, ...] = ("critterdb",)
) -> Iterator[tuple[str, ...]]:
    """The names of every command and command below it, in the order of the help."""
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            if child and not child.hidden:
                yield from walk(child, (*path, name))


def help_text(path: tuple[str, ...]) -> str:
    """What `critterdb … --help` prints."""
    command: click.Command = main
    context = click.Context(main, info_name=path[0], terminal_width=WIDTH, **main.context_settings)
    for name in path[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found
        command = found
        context = click.Context(command, context, info_name=name, terminal_width=WIDTH)
    return command.get_help(context)


def first_line(module: Path) -> str:
    """The first line of a module's docstring, for a cell of a table."""
    text = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".").replace("|", "\\|")


def rooms() -> None:
    """A table for each folder of the package, with a row for each module in it."""
    package = ROOT / "critterdb"
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    order = re.findall(r"\w+", page.partition("    _types,")[2].partition("\n\n")[0])
    folders = {file.parent for file in package.rglob("__init__.py")} - {package}

    def place(folder: Path) -> tuple[int, Path]:
        return order.index(folder.relative_to(package).parts[0]), folder

    for folder in sorted(folders, key=place):
        cog.outl(f"\n### `{folder.relative_to(ROOT).as_posix()}/`\n")
        cog.outl(f"{first_line(folder / '__init__.py')}.\n")
        modules = [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]
        if not modules:
            continue
        cog.outl("| module | subject |\n| --- | --- |")
        for file in modules:
            cog.outl(f"| `{file.name}` | {first_line(file)} |")
    cog.outl("")


def commands() -> None:
    """Each command's help, under a heading of its own."""
    for path in walk(main):
        cog.outl(f"\n## {' '.join(path)}\n\n```text")
        cog.outl(help_text(path))
        cog.outl("```")
    cog.outl("")


def schema() -> None:
    """Tables and views with their columns; descriptions come from metadata.json."""
    described: dict[str, Any] = json.loads((ROOT / "metadata.json").read_text("utf-8"))
    tables = described["databases"]["critters"]["tables"]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_database(Path(folder) / DATABASE_NAME, create=True)) as db,
    ):
        for title, names in (("Tables", db.table_names()), ("Views", db.view_names())):
            cog.outl(f"\n## {title}")
            for name in sorted(set(names) & set(tables), key=list(tables).index):
                _table(db, name, tables[name])
    cog.outl("")


def _table(db: SiteDatabase, name: str, described: dict[str, Any]) -> None:
    cog.outl(f"\n### {name}\n\n{described['description']}\n")
    is_view = name in db.view_names()
    leads = {} if is_view else {
        key.column: f"{key.other_table}.{key.other_column}" for key in db[name].foreign_keys
    }  # fmt: skip
    cog.outl("| column | | |\n| --- | --- | --- |")
    for column in db[name].columns:
        kind = column.type.lower()
        if column.is_pk:
            kind += ", key"
        if column.name in leads:
            table = leads[column.name].partition(".")[0]
            kind += f", of [{table}](#{table})"
        words = described["columns"].get(column.name, "").replace("|", "\\|")
        cog.outl(f"| `{column.name}` | {kind.lstrip(', ')} | {words} |")


def refusals() -> None:
    """The endpoint's codes and statuses."""
    cog.outl("| code | status |\n| --- | --- |")
    for code, status in REFUSAL_STATUS.items():
        cog.outl(f"| `{code}` | {status} |")


def decisions() -> None:
    """An index of the records in docs/decisions.md, from their headings and dates."""
    page = (ROOT / "docs/decisions.md").read_text("utf-8")
    for line, date in re.findall(r"^(###? .+)\n\n(\d{4}-\d\d-\d\d)?", page, re.MULTILINE):
        title = line.lstrip("# ")
        if line.startswith("## "):
            cog.outl(f"\n{title}:\n")
        else:
            anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            cog.outl(f"- [{title}](#{anchor}) ({date})")
    cog.outl("")


def published() -> None:
    """What `critterdb publish` copies of each table."""
    cog.outl("| table | what is published |\n| --- | --- |")
    for table, rule in table_rules().items():
        columns = WITHHELD_COLUMNS.get(table, {})
        left = ", ".join(f"`{name}`" for name in columns)
        cog.outl(f"| `{table}` | {rule}{f' Left out: {left}.' if left else ''} |")
    for table, reason in WITHHELD.items():
        cog.outl(f"| `{table}` | Nothing. {reason} |")
