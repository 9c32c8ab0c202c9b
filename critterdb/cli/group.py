"""The `critterdb` command: each function parses, calls the library once, and shows the result."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

import click

from critterdb import __version__
from critterdb.formatting import printable

from .bot import accounts, answers, bot
from .common import CritterGroup
from .data import import_, sync
from .games import games
from .images import classify, duplicates, similar
from .models import evaluate, models, train
from .site import backup, completion, demo, init, publish, serve, status

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
@click.option(
    "-v", "--verbose", is_flag=True, help="Log more detail to stderr. Secrets are never logged."
)
@click.pass_context
def main(ctx: click.Context, db: Path, verbose: bool) -> None:
    """Train a classifier on iNaturalist photos, play hashtag games with it, and publish it all.

    \b
    Try it:  critterdb demo --serve
    Start:   critterdb init mysite; cd mysite; critterdb sync cougarornot --plan
    """
    ctx.obj = db
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if verbose:
        import logging

        class Printable(logging.Formatter):
            def format(self, record: logging.LogRecord) -> str:
                return printable(super().format(record))

        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Printable("%(name)s: %(message)s"))
        logging.basicConfig(handlers=[handler])
        logging.getLogger("critterdb").setLevel(logging.DEBUG)


for _command in (init, sync, import_, demo):
    main.add_command(_command)
for _command in (bot, answers, accounts, games, train, models, evaluate):
    main.add_command(_command)
for _command in (classify, similar, duplicates):
    main.add_command(_command)
for _command in (status, serve, publish, backup, completion):
    main.add_command(_command)


if __name__ == "__main__":
    main()
