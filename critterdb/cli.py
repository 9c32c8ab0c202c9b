"""The `critterdb` command: each function parses, calls the library once, and shows the result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from . import __version__
from .cli_bot import bot
from .cli_games import games
from .cli_images import classify, duplicates, similar
from .cli_models import evaluate, models, train
from .console import CritterGroup, open_site, show_json, show_lines
from .terminal import (
    export_lines,
    import_lines,
    plan_lines,
    progress_bar,
    publish_lines,
    status_lines,
    sync_lines,
)

DEFAULT_PORT = 8001


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

    Begin with:  critterdb init mysite; cd mysite; critterdb sync cougarornot
    """
    ctx.obj = db
    if verbose:
        import logging

        logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("critterdb").setLevel(logging.DEBUG)


for _command in (bot, games, train, models, evaluate, classify, similar, duplicates):
    main.add_command(_command)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a site: a folder with a database, metadata.json and plugins/."""
    from .sites import init_site

    path = init_site(folder)
    click.echo(f"{path} is ready.")
    step = f"cd {folder} && " if folder != Path() else ""
    click.echo(f"Next: {step}critterdb sync cougarornot")


@main.command()
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
    iNaturalist's limits by itself.
    """
    from .games import ensure_game
    from .inaturalist import INaturalist
    from .photo_rows import DEFAULT_LICENSES
    from .syncing import plan_sync, sync_game

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


@main.command("import")
@click.argument("source", metavar="FOLDER|FILE.csv", type=click.Path(path_type=Path))
@click.option("--game", required=True, help="The slug of the game that it becomes.")
@click.option("--license", "license_code", help="The licence of all these photos, such as cc-by.")
@click.option("--attribution", help="Whom to credit for them.")
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
    """
    from .sites import init_site

    is_export = source.suffix.lower() == ".csv"
    if is_export and (license_code or attribution):
        raise click.UsageError("Photos of an export have licences of their own: leave these out.")
    if not ctx.obj.exists() and ctx.obj == Path("critters.db"):
        init_site(Path())
    db = open_site(ctx)
    with progress_bar("Importing") as progress:
        if is_export:
            from .exports import import_export
            from .inaturalist import INaturalist

            lines = export_lines(
                game, import_export(db, source, game, api=INaturalist(db), progress=progress)
            )
        else:
            from .importing import import_folder

            licence = {"license_code": license_code, "attribution": attribution}
            lines = import_lines(
                game, import_folder(db, source, game, progress=progress, **licence)
            )
    show_lines(lines)
    click.echo(f"Next: critterdb train {game}")


@main.command()
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("-p", "--port", default=DEFAULT_PORT, show_default=True, help="On which port.")
@click.option(
    "--read-only",
    is_flag=True,
    help="Open the database as a file that never changes: nothing is recorded.",
)
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, read_only: bool) -> None:
    """Serve the site with Datasette, the classifying endpoint included.

    A folder that critterdb publish made is read-only by itself.
    """
    from .sites import is_published, serve_arguments, settle_for_reading

    if read_only or is_published(ctx.obj):
        settle_for_reading(ctx.obj)
    else:
        open_site(ctx).close()
    from datasette.cli import cli as datasette_cli

    arguments = serve_arguments(ctx.obj, host, port, read_only=read_only)
    datasette_cli.main(arguments, prog_name="datasette")


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--no-photos", is_flag=True, help="Leave the photo files out; their rows go along.")
@click.option(
    "--license",
    "licenses",
    multiple=True,
    metavar="CODE",
    help="Publish what has this licence, such as cc-by; repeatable. "
    "Without it: cc0, cc-by, cc-by-sa, cc-by-nc, cc-by-nc-sa.",
)
@click.option(
    "--writable",
    is_flag=True,
    help="Let the copy record what it is asked, instead of being served read-only.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def publish(
    ctx: click.Context,
    folder: Path,
    no_photos: bool,
    licenses: tuple[str, ...],
    writable: bool,
    as_json: bool,
) -> None:
    """Prepare FOLDER for a host: a copy of the site with openly licensed data only.

    It holds the database, models, photos, plugin, a Dockerfile and this critterdb as a wheel, and
    is a site too: datasette FOLDER serves it. An earlier copy in FOLDER is replaced.
    """
    from .photo_rows import DEFAULT_LICENSES
    from .publishing import publish_site

    db = open_site(ctx)
    with progress_bar("Copying photos") as progress:
        report = publish_site(
            db,
            folder,
            photos=not no_photos,
            licenses=licenses or DEFAULT_LICENSES,
            read_only=not writable,
            progress=progress,
        )
    if as_json:
        show_json(vars(report))
    else:
        show_lines(publish_lines(report))


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo-site")
@click.option("--serve", "keep_serving", is_flag=True, help="Go on to serve the finished site.")
@click.option("-p", "--port", default=DEFAULT_PORT, show_default=True)
def demo(folder: Path, keep_serving: bool, port: int) -> None:
    """Run the whole system on a small drawn reserve, with no network at all."""
    from .demo import run_demo

    run_demo(folder, report=click.echo, serve_port=port if keep_serving else None)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say what the database holds, the SQLite in use, the last sync, and the outbox."""
    from .sites import site_status

    found = site_status(open_site(ctx))
    if as_json:
        show_json(found)
        return
    show_lines(status_lines(found))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Write a consistent copy of the database to FILE, and check it."""
    from .sites import backup_database

    size = backup_database(open_site(ctx), file)
    click.echo(
        f"{file} holds a checked copy ({size / 1e6:.1f} MB). photos/ and models/ lie beside it."
    )


if __name__ == "__main__":
    main()
