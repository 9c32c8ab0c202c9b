"""The commands that bring data in: sync and import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .common import open_site, show_json, show_line, show_lines
from .output import export_lines, import_lines, plan_lines, progress_bar, sync_lines


@click.command(short_help="Fetch a game's observations and photos from iNaturalist.")
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
    /,
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
    from critterdb.inaturalist.sync import SyncOptions, plan_sync, sync_game
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
                options=SyncOptions(
                    licenses=licenses or DEFAULT_LICENSES, photos=not no_photos, **options
                ),
                progress=progress,
            )
        lines = sync_lines(chosen.slug, result)
    if as_json:
        show_json(vars(result))
    else:
        show_lines(lines)


@click.command("import", short_help="Take labelled photos of your own, or an iNaturalist export.")
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
                game,
                import_folder(db, source, game, progress=progress, **licence),
                licensed=bool(license_code),
            )
    show_lines(lines)
    show_line(f"Next: critterdb train {game}")
