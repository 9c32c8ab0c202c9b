"""The commands `critterdb sync` and `import`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import license_option, open_site, show_json, show_line, show_lines
from .output import (
    export_lines,
    import_lines,
    open_data_plan_lines,
    plan_lines,
    progress_bar,
    sync_lines,
)

if TYPE_CHECKING:
    from critterdb.dataset.folder_import import Credit
    from critterdb.dataset.labelled_files import LabelledFiles
    from critterdb.games import Game
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.open_data import OpenData
    from critterdb.inaturalist.sync import SyncOptions
    from critterdb.storage.database import SiteDatabase


@click.command(short_help="Fetch a game's observations and photos from iNaturalist.")
@click.argument("game", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Fetch at most N new observations."
)
@click.option(
    "--photos-per-observation",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take at most the first N photos of each observation.",
)
@click.option(
    "--per-observer",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take at most N photos per observer.",
)
@click.option(
    "--per-taxon",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take at most N photos per taxon.",
)
@license_option("Take photos")
@click.option(
    "--no-photos",
    is_flag=True,
    help="Fetch only the data of observations and photos, no photo files.",
)
@click.option(
    "--open-data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Read iNaturalist's monthly tables in FOLDER instead of asking for observations.",
)
@click.option(
    "--box",
    metavar="S,W,N,E",
    help="With --open-data: the box of the game's place in degrees, south first.",
)
@click.option("--recheck", is_flag=True, help="Fetch every observation again, from the beginning.")
@click.option(
    "--plan",
    is_flag=True,
    help="Show what a sync would fetch and how long it would take, then exit.",
)
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
    open_data: Path | None,
    box: str | None,
    **options: Any,
) -> None:
    """Update a game's observations and photos from iNaturalist.

    It continues where the last run stopped, updates changed observations, marks those that were
    deleted, and stays within iNaturalist's rate limits. GAME is a preset, that is, a game
    that comes with the program, or one that you made with critterdb games add. The command
    critterdb games lists them.

    \b
    critterdb sync cougarornot --plan                show what it would fetch
    critterdb sync cougarornot --limit 2000          start with some
    critterdb sync                                   fetch the rest, and later the changes
    critterdb sync trickybirdid --open-data tables --per-taxon 500
    """
    from critterdb.games import ensure_game, find_game
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.sync import SyncOptions, plan_sync, sync_game
    from critterdb.licences import DEFAULT_LICENSES

    if box and not open_data:
        raise click.UsageError("--box needs --open-data.")
    db = open_site(ctx)
    chosen = find_game(db, game) if plan else ensure_game(db, game)
    api = INaturalist(db)
    wanted = SyncOptions(licenses=licenses or DEFAULT_LICENSES, photos=not no_photos, **options)
    result: Any
    if open_data:
        from critterdb.inaturalist.open_data import OpenData
        from critterdb.inaturalist.place_boxes import parse_box

        source = OpenData(open_data, parse_box(box) if box else None)
        result, lines = _sync_open_data(db, chosen, source, api, wanted, plan=plan)
    elif plan:
        result = plan_sync(db, chosen, api=api, photos=not no_photos)
        lines = plan_lines(chosen.slug, result)
    else:
        with progress_bar(f"Syncing {chosen.slug}") as progress:
            result = sync_game(db, chosen, api=api, options=wanted, progress=progress)
        lines = sync_lines(chosen.slug, result)
    if as_json:
        show_json(vars(result))
    else:
        show_lines(lines)


def _sync_open_data(
    db: SiteDatabase,
    game: Game,
    source: OpenData,
    api: INaturalist,
    options: SyncOptions,
    *,
    plan: bool,
) -> tuple[Any, list[str]]:
    """Sync from the monthly tables, or plan it; return the result and its lines."""
    from critterdb.inaturalist.open_data import plan_open_data, sync_open_data

    if plan:
        planned = plan_open_data(db, game, source, api=api, options=options)
        return planned, open_data_plan_lines(game.slug, planned)
    with progress_bar(f"Syncing {game.slug}") as progress:
        report = sync_open_data(db, game, source, api=api, options=options, progress=progress)
    return report, sync_lines(game.slug, report)


@click.command("import", short_help="Import your own labelled photos, or an iNaturalist export.")
@click.argument("source", metavar="FOLDER|FILE.zip|FILE.csv", type=click.Path(path_type=Path))
@click.option(
    "--game",
    metavar="SLUG",
    help="The game to import into; created if needed. Default: the name of the folder or file.",
)
@click.option(
    "--license",
    "license_code",
    metavar="CODE",
    help="The licence of all imported photos, such as cc-by.",
)
@click.option("--attribution", metavar="TEXT", help="The credit line for all imported photos.")
@click.option(
    "--yes", is_flag=True, help="Do not ask before mixing private photos into an iNaturalist game."
)
@click.pass_context
def import_(
    ctx: click.Context,
    source: Path,
    game: str | None,
    license_code: str | None,
    attribution: str | None,
    yes: bool,
) -> None:
    """Import labelled photos (FOLDER/LABEL/*.jpg) or an iNaturalist export CSV as a game.

    Photos may be at any depth below their label's folder, inside folders called train, valid and
    test, or in a zip. HEIC, AVIF and photos over 10 MB are converted to JPEG.

    Without --license and --attribution, photos from a folder stay local: they are used for
    training, but never published. Photos in an export are fetched from iNaturalist, each with its
    own licence. If there is no site yet, the command makes one in the current folder.

    \b
    critterdb import FOLDER --game mycats            local: never published
    critterdb import FOLDER --game mycats --license cc-by --attribution "(c) Ann"
    critterdb import cats.zip                        into the game cats
    critterdb import observations.csv --game mybirds
    """
    from critterdb.games import check_slug, slug_for

    is_export = source.suffix.lower() == ".csv"
    if is_export and (license_code or attribution):
        raise click.UsageError(
            "Photos in an export have their own licences. Omit --license and --attribution."
        )
    if game is None:
        if not source.exists():
            raise click.UsageError(f"There is no folder or file {source}.")
        game = slug_for(source.resolve().stem if source.is_file() else source.resolve().name)
        show_line(f"Game: {game} (from the name {source.resolve().name}; --game names another)")
    if is_export:
        _import_export(ctx, source, game)
        return
    from critterdb.dataset.folder_import import Credit
    from critterdb.dataset.labelled_files import open_labelled_files

    credit = Credit(license_code, attribution)
    with open_labelled_files(source) as found:
        if not ctx.obj.exists():
            check_slug(game)
        db = _open_or_make_site(ctx)
        if not (yes or license_code):
            _ask_before_mixing(db, game)
        _import_photos(db, found, game, credit)


def _import_export(ctx: click.Context, source: Path, game: str) -> None:
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.csv_import import import_export

    db = _open_or_make_site(ctx)
    with progress_bar("Importing") as progress:
        report = import_export(db, source, game, api=INaturalist(db), progress=progress)
    show_lines(export_lines(game, report))
    show_line(f"Next: critterdb train {game}")


def _import_photos(db: SiteDatabase, found: LabelledFiles, game: str, credit: Credit) -> None:
    from critterdb.dataset.folder_import import import_files

    with progress_bar("Importing") as progress:
        report = import_files(db, found, game, credit, progress)
    # `-v` comes before the command and makes the log say more.
    every_name = logging.getLogger("critterdb").isEnabledFor(logging.DEBUG)
    show_lines(
        import_lines(game, report, licensed=bool(credit.license_code), every_name=every_name)
    )


def _open_or_make_site(ctx: click.Context) -> SiteDatabase:
    """Open the site; without one, make one in the current folder and say so."""
    from critterdb.site.folder import init_site

    if not ctx.obj.exists() and ctx.obj == Path("critters.db"):
        init_site(Path())
        show_line(f"Made a site here: {Path().resolve()}")
    return open_site(ctx)


def _ask_before_mixing(db: SiteDatabase, game: str) -> None:
    """Ask before private photos go into a game whose photos come from iNaturalist."""
    from critterdb.errors import GameError
    from critterdb.games import has_inaturalist_query

    if not has_inaturalist_query(db, game):
        return
    what = f"The photos of {game} come from iNaturalist"
    if not sys.stdin.isatty():
        raise GameError(
            f"{what}. To add your private photos to it, use --yes; "
            "for a separate game, give another --game"
        )
    click.confirm(f"{what}. Add your private photos to it?", abort=True)
