"""The `critterdb` command: each function parses, calls the library once, and shows the result."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import Any

import click

from critterdb import __version__

from .bot import accounts, answers, bot
from .common import CritterGroup, open_site, show_json, show_lines
from .games import games
from .images import classify, duplicates, similar
from .models import evaluate, models, train
from .output import export_lines, import_lines, plan_lines, progress_bar, sync_lines
from .site import DEFAULT_PORT, backup, completion, publish, serve, status

# Python would look through all objects once more before it ends, which takes longer than most
# commands do; the system takes them back at once.
atexit.register(gc.freeze)


@click.group(cls=CritterGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="critterdb")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    default="critters.db",
    envvar="CRITTERDB_DB",
    show_default=True,
    help="The database of the site.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error; never a secret.")
@click.pass_context
def main(ctx: click.Context, db: Path, verbose: bool) -> None:
    """From iNaturalist photos to a hashtag game's answers, with every step kept in one database.

    \b
    Look first:  critterdb demo --serve
    Begin with:  critterdb init mysite; cd mysite; critterdb sync cougarornot --plan
    """
    ctx.obj = db
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if verbose:
        import logging

        logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("critterdb").setLevel(logging.DEBUG)


for _command in (bot, answers, accounts, games, train, models, evaluate):
    main.add_command(_command)
for _command in (classify, similar, duplicates):
    main.add_command(_command)
for _command in (status, serve, publish, backup, completion):
    main.add_command(_command)


@main.command(short_help="Make a site: a folder with a database, settings and plugin.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a site: a folder with a database, metadata.json and plugins/."""
    from critterdb.site.folder import init_site

    path = init_site(folder)
    click.echo(f"{path} is ready.")
    step = f"cd {folder} && " if folder != Path() else ""
    click.echo(f"Next: {step}critterdb sync cougarornot")


@main.command(short_help="Fetch a game's observations and photos from iNaturalist.")
@click.argument("game", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N new observations."
)
@click.option(
    "--photos-per-observation",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N photos of each observation, the first ones.",
)
@click.option(
    "--per-observer",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N photos by the same observer.",
)
@click.option(
    "--per-taxon",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N photos of the same taxon.",
)
@click.option(
    "--license",
    "licenses",
    multiple=True,
    metavar="CODE",
    help="Take photos of this licence, such as cc-by; repeatable. "
    "Without it: cc0, cc-by, cc-by-sa, cc-by-nc, cc-by-nc-sa.",
)
@click.option("--no-photos", is_flag=True, help="Rows only, no photo files.")
@click.option("--recheck", is_flag=True, help="Ask again for every observation, from the first.")
@click.option("--plan", is_flag=True, help="Say what it would take, and fetch nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def sync(
    ctx: click.Context,
    game: str | None,
    licenses: tuple[str, ...],
    no_photos: bool,
    plan: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a game's observations and photos say what iNaturalist says today.

    It goes on where the last run stopped, finds what changed, marks what is gone, and keeps to
    iNaturalist's limits by itself. GAME is a preset or one that critterdb games add made.

    \b
    critterdb sync cougarornot --plan                what it would take
    critterdb sync cougarornot --limit 2000          some, to begin with
    critterdb sync                                   all, and later: what is new
    """
    from critterdb.games import ensure_game
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.sync import plan_sync, sync_game
    from critterdb.licences import DEFAULT_LICENSES

    db = open_site(ctx)
    chosen = ensure_game(db, game)
    api = INaturalist(db)
    if plan:
        result: Any = plan_sync(db, chosen, api=api, photos=not no_photos)
        lines = plan_lines(chosen.slug, result)
    else:
        with progress_bar(f"Syncing {chosen.slug}") as progress:
            result = sync_game(
                db,
                chosen,
                api=api,
                licenses=licenses or DEFAULT_LICENSES,
                photos=not no_photos,
                progress=progress,
                **options,
            )
        lines = sync_lines(chosen.slug, result)
    if as_json:
        show_json(vars(result))
    else:
        show_lines(lines)


@main.command("import", short_help="Take labelled photos of your own, or an iNaturalist export.")
@click.argument("source", metavar="FOLDER|FILE.csv", type=click.Path(path_type=Path))
@click.option("--game", required=True, metavar="SLUG", help="The game that it becomes.")
@click.option(
    "--license",
    "license_code",
    metavar="CODE",
    help="The licence of all these photos, such as cc-by.",
)
@click.option("--attribution", metavar="TEXT", help="Whom to credit for them.")
@click.pass_context
def import_(
    ctx: click.Context,
    source: Path,
    game: str,
    license_code: str | None,
    attribution: str | None,
) -> None:
    """Take labelled photos, FOLDER/LABEL/*.jpg, or an iNaturalist export CSV, as a game.

    Without --license and --attribution the photos of a folder stay local: they train, and are never
    published. Those of an export are fetched from iNaturalist, each with its own licence.
    Where there is no site yet, one is made in the current folder.

    \b
    critterdb import FOLDER --game mycats            local: never published
    critterdb import FOLDER --game mycats --license cc-by --attribution "(c) Ann"
    critterdb import observations.csv --game mybirds
    """
    from critterdb.site.folder import init_site

    is_export = source.suffix.lower() == ".csv"
    if is_export and (license_code or attribution):
        raise click.UsageError("Photos of an export have licences of their own: leave these out.")
    if not ctx.obj.exists() and ctx.obj == Path("critters.db"):
        init_site(Path())
    db = open_site(ctx)
    with progress_bar("Importing") as progress:
        if is_export:
            from critterdb.inaturalist.client import INaturalist
            from critterdb.inaturalist.csv_import import import_export

            lines = export_lines(
                game, import_export(db, source, game, api=INaturalist(db), progress=progress)
            )
        else:
            from critterdb.dataset.folder_import import import_folder

            licence = {"license_code": license_code, "attribution": attribution}
            lines = import_lines(
                game, import_folder(db, source, game, progress=progress, **licence)
            )
    show_lines(lines)
    click.echo(f"Next: critterdb train {game}")


@main.command(short_help="Run the whole system on a drawn reserve, without a network.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo-site")
@click.option("--serve", "keep_serving", is_flag=True, help="Go on to serve the finished site.")
@click.option(
    "-p",
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="On which port to serve.",
)
def demo(folder: Path, keep_serving: bool, port: int) -> None:
    """Run the whole system on a small drawn reserve, with no network at all."""
    from critterdb.demo.run import run_demo

    run_demo(folder, report=click.echo, serve_port=port if keep_serving else None)


if __name__ == "__main__":
    main()
