"""What the commands share: one-line errors, the site's database, and output."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import click

from critterdb.errors import CritterError
from critterdb.formatting import did_you_mean, json_text, printable, printable_line
from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.light_import import claim_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.storage.database import SiteDatabase

_Command = TypeVar("_Command", bound="Callable[..., Any]")

# The order in which data flows. Commands in none of these sections come last, under "More".
SECTIONS = {
    "Start": ("init", "demo", "status"),
    "Get photos": ("games", "sync", "import", "similar", "duplicates"),
    "Train and classify": ("train", "evaluate", "models", "classify", "embed"),
    "Play": ("bot", "rounds", "answers", "accounts"),
    "Serve and publish": (
        "serve",
        "publish",
        "runtime",
        "backup",
        "restore",
        "check",
        "completion",
    ),
}

# They become a Datasette, whose other plugins may want numpy's values in tables. Where there are
# none, `serve` claims its process later.
SHARED_PROCESSES = {"serve", "demo"}
# Words that other programs have as commands.
ELSEWHERE = {"help": "--help", "version": "--version"}

# What Ctrl-C leaves behind, and how to go on.
STOPPED = {
    "train": "No model was changed. Run it again: finished embeddings are kept.",
    "embed": "Finished shards are kept. Run it again to continue.",
    "sync": "What was fetched is kept. Run it again to continue.",
    "import": "What was imported is kept. Run it again to continue.",
    "evaluate": "No figures were changed. Run it again.",
    "classify": "Answers so far are in the database, but no CSV file was written. Run it again.",
    "publish": "Nothing was published, and an earlier copy is unchanged. Run it again.",
    "runtime": "What was downloaded is kept. Run it again to continue.",
    "backup": "No backup was written. Run it again.",
    "restore": "The database was not changed. Run it again.",
    "demo": "Run it again to start over.",
}
STOPPED_ELSEWHERE = "Run it again."

# `--every 15m` reads better than a number of seconds in a crontab or a unit file.
UNITS_S = {"s": 1, "m": 60, "h": 3600}


class SuggestingGroup(click.Group):
    """A group that suggests a command for a misspelt one, on every version of click."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word.startswith("-") or self.get_command(ctx, word) or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        names = self.list_commands(ctx)
        hint = (
            f" Did you mean {ctx.command_path} {ELSEWHERE[word]}?"
            if word in ELSEWHERE
            else did_you_mean(word, names)
        )
        hint = hint or f" Commands: {', '.join(names)}"
        raise click.UsageError(printable(f"There is no command {word}.{hint}"), ctx)


class CritterGroup(SuggestingGroup):
    """List commands in the order of data flow, and report errors and Ctrl-C as one line."""

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
        except (KeyboardInterrupt, click.Abort):
            name = ctx.invoked_subcommand or ""
            click.echo(f"\nStopped. {STOPPED.get(name, STOPPED_ELSEWHERE)}", err=True)
            if threading.active_count() > 1:
                # Python would wait for threads that embed photos or load a network.
                ctx.find_root().close()
                sys.stdout.flush()
                os._exit(1)
            ctx.exit(1)
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
            f"Database error: {words}. A row of this database has text in a JSON column, which "
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
    from critterdb.site.folder import open_writable

    db = open_writable(ctx.obj)
    ctx.find_root().call_on_close(db.close)
    return db


def model_options(metavar: str = "ID") -> Callable[[_Command], _Command]:
    """Add --model and --game: which model a command uses, if not the only one in use."""

    def add(command: _Command) -> _Command:
        model = click.option(
            "--model",
            metavar=metavar,
            help="Use this model instead of the one in use; the beginning of its id is enough.",
        )
        return model(game_option(command))

    return add


def game_option(command: _Command) -> _Command:
    """Add --game: use the model that a game uses."""
    return click.option("--game", metavar="SLUG", help="Use the model of this game.")(command)


def yes_option(command: _Command) -> _Command:
    """Add --yes, which answers the question before something is lost."""
    return click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(command)


def ask_to(question: str, *, yes: bool) -> None:
    """Ask before something is lost, unless `yes` answers; end the command on any other answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("Nothing was changed. To confirm without being asked, add --yes")
    if not click.confirm(question, err=True):
        raise click.ClickException("Nothing was changed")


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
