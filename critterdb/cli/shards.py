"""The commands `critterdb embed` and `check`: vectors in files, for very many photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from critterdb.formatting import count_of

from .common import open_site, show_json, show_line, show_lines
from .output import progress_bar

if TYPE_CHECKING:
    from critterdb.shards.engine import Engine
    from critterdb.shards.fetch_run import FetchReport
    from critterdb.shards.run import EmbedReport
    from critterdb.storage.database import SiteDatabase


@click.command(short_help="Embed a game's photos before training, on one machine or several.")
@click.argument("game", required=False)
@click.option(
    "--on",
    "engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who does the work: this machine, or the Ray cluster that RAY_ADDRESS names.",
)
@click.option(
    "--shards",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep vectors there, as Parquet files. Default: shards, beside the database.",
)
@click.option(
    "--backbone",
    default="efficientnet_lite0",
    show_default=True,
    metavar="NAME",
    help="The pretrained network, as critterdb train has it.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A local file with the backbone's weights.",
)
@click.option(
    "--size", type=click.IntRange(min=32), metavar="PIXELS", help="Scale photos to this size."
)
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    metavar="N",
    help="Photos per shard: a worker that is killed repeats at most these.",
)
@click.option(
    "--bucket-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MB",
    help="First fetch missing photos from the bucket of iNaturalist's open data, at this many "
    "megabytes a second for all workers together. Default: fetch nothing.",
)
@click.option("--retry-errors", is_flag=True, help="Try photos again that could not be embedded.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def embed(
    ctx: click.Context,
    /,
    game: str | None,
    engine: str,
    root: Path | None,
    backbone: str,
    weights: Path | None,
    size: int | None,
    shard_size: int,
    bucket_rate: float | None,
    retry_errors: bool,
    as_json: bool,
) -> None:
    """Turn the photos of GAME into vectors, so that training only has to read them.

    Training does this too. This command is for very many photos: it works in shards, each of which
    is a file that appears whole when its photos are done. If it is stopped or killed, run it again:
    it continues with the shards that are missing. Up to a million vectors are copied into the
    database, where training finds them.

    Photos that were withdrawn are removed from earlier shards first.

    \b
    critterdb embed cougarornot
    critterdb embed trickybirdid --shards /data/shards
    critterdb embed trickybirdid --shards /data/shards --on ray --bucket-rate 20
    """
    from critterdb.games import get_game
    from critterdb.shards.engines import open_engine
    from critterdb.shards.network import Network
    from critterdb.shards.run import EmbedOptions, embed_game
    from critterdb.storage.database import site_folder
    from critterdb.training.backbones import load_backbone

    db = open_site(ctx)
    chosen = get_game(db, game, needs="photos")
    folder = site_folder(db)
    loaded = load_backbone(backbone, weights=weights, size=size, folder=folder)
    network = Network(loaded.recipe, loaded.view, loaded.onnx_path.read_bytes())
    options = EmbedOptions(root or folder / "shards", shard_size, retry_errors=retry_errors)
    worker = open_engine(engine)
    fetched = _fetch(db, chosen.slug, worker, bucket_rate) if bucket_rate else None
    with progress_bar(f"Embedding the photos of {chosen.slug}") as progress:
        report = embed_game(db, chosen.slug, network, worker, options, progress=progress)
    if as_json:
        show_json(
            vars(report)
            | {"workers": sorted(report.workers), "fetched": vars(fetched) if fetched else None}
        )
    else:
        show_lines(fetch_lines(chosen.slug, fetched) if fetched else [])
        show_lines(embed_lines(chosen.slug, report))


def _fetch(db: SiteDatabase, game: str, engine: Engine, megabytes: float) -> FetchReport:
    from critterdb.shards.fetch_run import fetch_game
    from critterdb.shards.leases import Leases

    with progress_bar(f"Fetching the photos of {game}") as progress:
        return fetch_game(db, game, engine, Leases(megabytes * 1e6), progress=progress)


def fetch_lines(game: str, report: FetchReport) -> list[str]:
    """Return a FetchReport as lines of text."""
    lines = [f"{game}: {count_of(report.photos, 'photo')} fetched ({report.bytes / 1e6:,.1f} MB)."]
    if report.failed:
        lines.append(f"  {count_of(report.failed, 'photo')} could not be had: see photos.error")
    return lines


def embed_lines(game: str, report: EmbedReport) -> list[str]:
    """Return an EmbedReport as lines of text."""
    lines = [
        f"{game}: {count_of(report.photos, 'photo')} in {count_of(report.shards, 'new shard')}, "
        f"by {count_of(len(report.workers), 'worker')}."
    ]
    if report.errors:
        lines.append(
            f"  {count_of(report.errors, 'photo')} could not be embedded: see photos.error"
        )
    if report.removed:
        lines.append(f"  removed from earlier shards: {count_of(report.removed, 'photo')}")
    if not report.in_database:
        lines.append("  Above a million vectors, new ones are in the shards and not the database.")
    return lines


@click.command(short_help="Check that shards, their receipts and their rows agree.")
@click.option(
    "--repair", is_flag=True, help="Remove damaged shards, so that critterdb embed does them again."
)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.pass_context
def check(ctx: click.Context, repair: bool, as_json: bool) -> None:
    """Read every shard that the site has, and compare it with its row in the table shards.

    It names files that are missing, damaged or without a receipt, and vectors of photos that the
    site does not have any more. The exit status is 1 if there is a problem.

    \b
    critterdb check
    critterdb check --repair
    """
    from critterdb.shards.check import check_shards, remove_damaged

    db = open_site(ctx)
    with progress_bar("Checking") as progress:
        number, problems = check_shards(db, progress)
    removed = remove_damaged(db, problems) if repair else 0
    if as_json:
        words = [problem.words for problem in problems]
        show_json({"shards": number, "problems": words, "removed": removed})
    else:
        show_lines([problem.words for problem in problems])
        result = count_of(len(problems), "problem") if problems else "no problems"
        show_line(f"{count_of(number, 'shard')} checked: {result}.")
        if removed:
            show_line(f"{count_of(removed, 'shard')} removed.")
    if problems:
        ctx.exit(1)
