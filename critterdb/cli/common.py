"""What the commands share: one-line errors, the site's database, and output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from critterdb.errors import CritterError
from critterdb.formatting import json_text, printable, printable_line
from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.light_import import claim_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.storage.database import SiteDatabase

# The order in which data flows. Commands in none of these sections come last, under "More".
SECTIONS = {
    "Start": ("init", "demo", "status"),
    "Get photos": ("games", "sync", "import", "similar", "duplicates"),
    "Train and classify": ("train", "evaluate", "models", "classify"),
    "Play": ("bot", "answers", "accounts"),
    "Serve and publish": ("serve", "publish", "backup", "completion"),
}

# They become a Datasette, whose other plugins may want numpy's values in tables.
SHARED_PROCESSES = {"serve", "demo"}

# `--every 15m` reads better than a number of seconds in a crontab or a unit file.
UNITS_S = {"s": 1, "m": 60, "h": 3600}


class CritterGroup(click.Group):
    """List commands in the order of data flow, and report errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        known = [name for names in SECTIONS.values() for name in names if name in self.commands]
        return known + sorted(set(self.commands) - set(known))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        sections = {
            **SECTIONS,
            "More": tuple(n for n in names if n not in sum(SECTIONS.values(), ())),
        }
        width = max(map(len, names))
        for title, members in sections.items():
            commands = [self.commands[name] for name in members if name in self.commands]
            rows = [
                (str(command.name).ljust(width), command.get_short_help_str(formatter.width))
                for command in commands
                if not command.hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def main(self, *args: Any, **options: Any) -> Any:
        # Without arguments it is the program itself; a caller inside another program passes them.
        if not args and options.get("args") is None and not SHARED_PROCESSES & {*sys.argv}:
            claim_process("critterdb")
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CritterError as error:
            raise click.ClickException(printable(error)) from error
        except OSError as error:
            raise click.ClickException(
                printable(
                    f"{error}. No partial files were kept. Fix this and run the command again"
                )
            ) from error
        except Exception as error:
            # Named here by its module so that `critterdb --help` need not import SQLite.
            if type(error).__module__.split(".")[0] in ("sqlite3", "pysqlite3"):
                raise click.ClickException(printable(_database_trouble(error))) from error
            raise


def license_option(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the repeatable option --license, explained by `purpose` and its default."""
    return click.option(
        "--license",
        "licenses",
        multiple=True,
        metavar="CODE",
        help=f"{purpose} with this licence, such as cc-by; repeatable. "
        f"Default: {', '.join(DEFAULT_LICENSES)}.",
    )


def _database_trouble(error: Exception) -> str:
    """What SQLite said, and what to do about it."""
    words = str(error)
    if any(word in words for word in ("disk", "full", "unable to open")):
        return f"Database error: {words}. Check the free disk space and try again"
    if "locked" in words:
        return f"Database error: {words}. Another program is writing to it: try again later"
    if "JSON" in words:
        return (
            f"Database error: {words}. A row of this database holds text where JSON belongs, which "
            "critterdb does not write. Use a backup, or correct the row"
        )
    return f"Database error: {words}. Check the database with: critterdb status"


if TYPE_CHECKING:
    IntegerType = click.ParamType[int]
else:  # older versions of click have no generic types
    IntegerType = click.ParamType


class Interval(IntegerType):
    """A duration such as 30s, 10m or 1h, converted to seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        number, unit = value[:-1], value[-1:]
        if not (number.isascii() and number.isdigit() and int(number[:9])) or unit not in UNITS_S:
            self.fail(f"{value} is not a time such as 30s, 10m or 1h", param, ctx)
        return int(number) * UNITS_S[unit]


def open_site(ctx: click.Context) -> SiteDatabase:
    """Open the database given by --db, CRITTERDB_DB or the current folder."""
    from critterdb.errors import SiteError
    from critterdb.site.folder import INSPECTED, is_published
    from critterdb.storage.database import open_database

    if is_published(ctx.obj):
        raise SiteError(
            f"{ctx.obj.resolve().parent} is a published copy, which is read-only. View it with "
            f"critterdb serve. To continue it as a site of your own, delete its {INSPECTED}"
        )
    db = open_database(ctx.obj)
    ctx.find_root().call_on_close(db.close)
    return db


def show_json(value: object) -> None:
    click.echo(json_text(value, indent=2))


def show_json_line(value: object) -> None:
    """Print one object per line, for commands that keep running."""
    click.echo(json_text(value))


def show_line(text: object, *, err: bool = False) -> None:
    """Print one line without terminal control characters; to standard error with `err`."""
    click.echo(printable_line(text), err=err)


def show_lines(lines: list[str]) -> None:
    for line in lines:
        show_line(line)


def show_styled_lines(lines: list[str]) -> None:
    """Print lines with colours. Untrusted text in them must come from printable_line."""
    for line in lines:
        click.echo(line)
