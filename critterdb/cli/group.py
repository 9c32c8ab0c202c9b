"""The `critterdb` command: each function parses, calls the library once, and shows the result."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

import click

from critterdb._version import __version__
from critterdb.formatting import printable

from .bot import accounts, answers, bot
from .common import CritterGroup
from .data import import_, sync
from .games import games
from .images import classify, duplicates, similar
from .models import evaluate, models, train
from .rounds import rounds
from .shards import check, embed
from .site import backup, completion, demo, init, publish, restore, runtime, serve, status

# Without this, Python collects all objects once more before it exits, which takes longer than most
# commands. The operating system frees them at once.
# Each command ends 0.15 s sooner: docs/decisions.md#commands-freeze-all-objects-before-they-exit
atexit.register(gc.freeze)


@click.group(cls=CritterGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="critterdb")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    default="critters.db",
    envvar="CRITTERDB_DB",
    show_default=True,
    help="The site's database.",
)
@click.pass_context
def main(ctx: click.Context, db: Path) -> None:
    """Train a classifier on iNaturalist photos, play hashtag games with it, and publish everything.

    \b
    Try it:  critterdb demo --serve
    Start:   critterdb init mysite; cd mysite; critterdb sync cougarornot --plan
    """
    ctx.obj = db
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def _log_more(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    """Log what critterdb does to standard error, from `-v` on."""
    if not is_wanted or ctx.resilient_parsing:
        return
    import logging

    class Printable(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return printable(super().format(record))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Printable("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("critterdb").setLevel(logging.DEBUG)


def _add_verbose(command: click.Command) -> None:
    """Give a command and those below it -v, so that it may stand before or after their names."""
    command.params.append(
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_log_more,
            help="Log more detail to stderr. Secrets are never logged.",
        )
    )
    for child in getattr(command, "commands", {}).values():
        _add_verbose(child)


for _command in (init, sync, import_, demo):
    main.add_command(_command)
for _command in (bot, rounds, answers, accounts, games, train, models, evaluate):
    main.add_command(_command)
for _command in (classify, similar, duplicates, embed):
    main.add_command(_command)
for _command in (status, serve, publish, runtime, backup, restore, check, completion):
    main.add_command(_command)
_add_verbose(main)


if __name__ == "__main__":
    main()
