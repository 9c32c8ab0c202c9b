"""The commands `critterdb sync` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .common import license_option, open_site, show_json, show_line, show_lines
from .output import export_lines, import_lines, plan_lines, progress_bar, sync_lines


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
@click.option("--no-photos", is_flag=True, help="Fetch rows only, no photo files.")
@click.option("--recheck", is_flag=True, help="Fetch every observation again, from the first.")
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
    **options: Any,
) -> None:
    """Update a game's observations and photos from iNaturalist.

    It continues where the last run stopped, updates changed observations, marks those that are
    gone, and stays within iNaturalist's rate limits. GAME is a preset, or a game made with
    critterdb games add.

    \b
    critterdb sync cougarornot --plan                show what it would fetch
    critterdb sync cougarornot --limit 2000          start with some
    critterdb sync                                   fetch all, and later the changes
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


@click.command("import", short_help="Import your own labelled photos, or an iNaturalist export.")
@click.argument("source", metavar="FOLDER|FILE.csv", type=click.Path(path_type=Path))
@click.option(
    "--game", required=True, metavar="SLUG", help="The game to import into; created if needed."
)
@click.option(
    "--license",
    "license_code",
    metavar="CODE",
    help="The licence of all imported photos, such as cc-by.",
)
@click.option("--attribution", metavar="TEXT", help="The credit line for all imported photos.")
@click.pass_context
def import_(
    ctx: click.Context,
    source: Path,
    game: str,
    license_code: str | None,
    attribution: str | None,
) -> None:
    """Import labelled photos (FOLDER/LABEL/*.jpg) or an iNaturalist export CSV as a game.

    Without --license and --attribution the photos of a folder stay local: they are used for
    training, but never published. Photos of an export are fetched from iNaturalist, each with its
    own licence. If there is no site yet, one is made in the current folder.

    \b
    critterdb import FOLDER --game mycats            local: never published
    critterdb import FOLDER --game mycats --license cc-by --attribution "(c) Ann"
    critterdb import observations.csv --game mybirds
    """
    from critterdb.site.folder import init_site

    is_export = source.suffix.lower() == ".csv"
    if is_export and (license_code or attribution):
        raise click.UsageError(
            "Photos of an export have their own licences. Omit --license and --attribution."
        )
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
