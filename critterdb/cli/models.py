"""The commands `critterdb train`, `models` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from critterdb.formatting import percent, table_lines
from critterdb.storage.stored_json import read_object

from .common import open_site, show_json, show_line, show_lines
from .output import progress_bar

if TYPE_CHECKING:
    from critterdb.evaluation.figures import EvaluationResult


@click.command(short_help="Train a model on a game's photos, and evaluate it.")
@click.argument("game", required=False)
@click.option(
    "--backbone",
    default="efficientnet_lite0",
    show_default=True,
    metavar="NAME",
    help="The pretrained network that embeds photos: this, resnet34, or any timm model.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A local file with the backbone's weights.",
)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    metavar="PIXELS",
    help="Scale photos to this size instead of the backbone's default.",
)
@click.option(
    "--fine-tune",
    type=click.IntRange(min=0),
    default=0,
    metavar="EPOCHS",
    help="Fine-tune the whole network for N epochs (minutes per epoch without a GPU).",
)
@click.option(
    "--int8",
    is_flag=True,
    help="Quantize to 8 bits: about twice as fast and a smaller file, slightly less accurate.",
)
@click.option(
    "--max-wrong",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="Abstain as needed so that at most this share of answers is wrong.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    metavar="N",
    help="Random seed: the same seed gives the same model.",
)
@click.option(
    "--min-photos",
    type=click.IntRange(min=3),
    metavar="N",
    help="Merge labels with fewer photos into a coarser one, or leave them out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def train(
    ctx: click.Context,
    /,
    game: str | None,
    min_photos: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model on a game's photos, and evaluate it on photos that it has not seen.

    \b
    critterdb train
    critterdb train --max-wrong 0.02                 more careful: it abstains more often
    critterdb train --fine-tune 3                    slower, more accurate with many photos
    critterdb train --backbone resnet34
    critterdb train --int8                           for a small or busy server
    """
    from critterdb.training.torch_worker import shared_torch_process

    shared_torch_process()  # before the imports below: its own take longer
    from critterdb.games import get_game

    db = open_site(ctx)
    chosen = get_game(db, game)
    from critterdb.training.config import TrainingConfig
    from critterdb.training.train import train_game

    if min_photos:
        options["min_photos"] = min_photos
    with progress_bar(f"Embedding the photos of {chosen.slug}") as progress:
        result = train_game(db, chosen, TrainingConfig(**options), progress=progress)
    show_evaluation(result, as_json)


def show_evaluation(result: EvaluationResult, as_json: bool) -> None:
    from critterdb.evaluation.report import report_lines

    if as_json:
        show_json(result)
        return
    show_lines(report_lines(result))


@click.group(invoke_without_command=True, short_help="Compare models; show or choose one.")
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the models of this site with their figures; * marks the one in use."""
    if ctx.invoked_subcommand:
        return
    from critterdb.model.summaries import list_models

    summaries = list_models(open_site(ctx))
    if not summaries:
        click.echo("There is no model yet. Train one with: critterdb train")
        return
    rows = [
        {
            "model": f"{'*' if summary['is_used'] else ' '} {summary['id']}",
            "photos": summary["photos"],
            "error": percent(summary["error_rate"]),
            "balanced": percent(summary["balanced_error_rate"]),
            "answered": percent(summary["answered"]),
            "wrong then": percent(summary["wrong_among_answered"]),
            "calibration": percent(summary["ece"]),
            "size": f"{summary['bytes'] / 1e6:.1f} MB",
            "backbone": summary["backbone"],
        }
        for summary in summaries
    ]
    show_lines(table_lines(rows, list(rows[0])))


@models.command("show", short_help="Show a model with its recipe and card, as JSON.")
@click.argument("model_id")
@click.pass_context
def models_show(ctx: click.Context, model_id: str) -> None:
    """Show a model's row with its recipe and card, as JSON."""
    from critterdb.model.registry import model_row

    row = model_row(open_site(ctx), model_id)
    show_json({**row, "recipe": read_object(row["recipe"]), "card": read_object(row["card"])})


@models.command("use")
@click.argument("model_id")
@click.pass_context
def models_use(ctx: click.Context, model_id: str) -> None:
    """Use this model for its game from now on."""
    from critterdb.model.registry import use_model

    game = use_model(open_site(ctx), model_id)
    show_line(f"{game} now uses {model_id}.")


@click.command(short_help="Evaluate a model again, on its test photos or on yours.")
@click.argument("model", required=False)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Evaluate on FOLDER/LABEL/*.jpg; put pictures of other things into FOLDER/_none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def evaluate(ctx: click.Context, model: str | None, photos: Path | None, as_json: bool) -> None:
    """Evaluate a model again on its test photos, or on your own photos.

    Folder names are labels: a scientific or common name, with _ for a space.
    """
    db = open_site(ctx)
    from critterdb.evaluation.evaluate import evaluate_folder, evaluate_model

    with progress_bar("Evaluating") as progress:
        if photos:
            result = evaluate_folder(db, model, photos, progress=progress)
        else:
            result = evaluate_model(db, model, progress=progress)
    show_evaluation(result, as_json)
