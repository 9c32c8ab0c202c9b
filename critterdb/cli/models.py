"""The commands `critterdb train`, `models` and `evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from critterdb.formatting import table_lines
from critterdb.storage.stored_json import read_object

from .common import (
    SuggestingGroup,
    ask_to,
    game_option,
    open_site,
    show_json,
    show_line,
    show_lines,
    yes_option,
)
from .output import after_training_lines, model_columns, progress_bar
from .removal_output import model_removal_lines

if TYPE_CHECKING:
    from critterdb.evaluation.comparison import ModelComparison
    from critterdb.evaluation.figures import EvaluationResult


@click.command(short_help="Train a model on a game's photos, and evaluate it.")
@click.argument("game", required=False)
@click.option(
    "--backbone",
    default="efficientnet_lite0",
    show_default=True,
    metavar="NAME",
    help="The pretrained network that embeds photos: the default, resnet34, or any timm model.",
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
    help="Merge labels with fewer than N photos into a coarser one, or leave them out.",
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

    The game then uses the new model. If the earlier one did better on the same test photos, you
    are asked first; without a terminal, there is only a warning.

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
    chosen = get_game(db, game, needs="photos")
    from critterdb.training.config import TrainingConfig
    from critterdb.training.train import train_game

    if min_photos:
        options["min_photos"] = min_photos
    with progress_bar(f"Embedding the photos of {chosen.slug}") as progress:
        result = train_game(
            db, chosen, TrainingConfig(**options), progress=progress, accept=_accept
        )
    show_evaluation(result, as_json)
    if not as_json:
        show_lines(after_training_lines(chosen.slug, result))


def _accept(comparison: ModelComparison) -> bool:
    """Warn before a better model is replaced; ask a person, and let a program go on."""
    from critterdb.evaluation.report import comparison_line

    if sys.stderr.isatty():
        click.echo(err=True)  # below the progress bar
    show_line(f"Warning:{comparison_line(comparison)[1:]}", err=True)
    return not sys.stdin.isatty() or click.confirm("Use the new model anyway?", err=True)


def show_evaluation(result: EvaluationResult, as_json: bool) -> None:
    from critterdb.evaluation.report import report_lines

    if as_json:
        show_json(result)
        return
    show_lines(report_lines(result))


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="Compare models; show, choose or remove one.",
)
@click.option("--game", metavar="SLUG", help="List only the models of this game.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def models(ctx: click.Context, game: str | None, as_json: bool) -> None:
    """List the models of this site with their figures; * marks those in use.

    \b
    critterdb models --game mycats
    critterdb models use mycats-20261127
    """
    if ctx.invoked_subcommand:
        return
    from critterdb.games import get_game
    from critterdb.model.summaries import list_models

    db = open_site(ctx)
    summaries = list_models(db, get_game(db, game).slug if game else None)
    if as_json:
        show_json(summaries)
        return
    if not summaries:
        click.echo("There is no model yet. Train one with: critterdb train")
        return
    rows = [model_columns(summary) for summary in summaries]
    show_lines(table_lines(rows, list(rows[0])))


@models.command("show", short_help="Show a model with its recipe and card, as JSON.")
@click.argument("model_id")
@click.pass_context
def models_show(ctx: click.Context, model_id: str) -> None:
    """Show a model's row with its recipe and card, as JSON. The beginning of its id is enough.

    \b
    critterdb models show mycats-20261127
    """
    from critterdb.model.registry import choose_model_id, model_row

    db = open_site(ctx)
    row = model_row(db, choose_model_id(db, model_id))
    show_json({**row, "recipe": read_object(row["recipe"]), "card": read_object(row["card"])})


@models.command("use", short_help="Use a model for its game.")
@click.argument("model_id")
@click.pass_context
def models_use(ctx: click.Context, model_id: str) -> None:
    """Use this model for its game from now on. The beginning of its id is enough.

    \b
    critterdb models use mycats-20261127-0142
    """
    from critterdb.model.registry import choose_model_id, use_model

    db = open_site(ctx)
    chosen = choose_model_id(db, model_id)
    show_line(f"{use_model(db, chosen)} now uses {chosen}.")


@models.command("remove", short_help="Remove a model.")
@click.argument("model_id")
@yes_option
@click.pass_context
def models_remove(ctx: click.Context, model_id: str, yes: bool) -> None:
    """Remove a model with its file, its figures and its answers, after confirmation.

    You cannot remove a model that a game uses while the game has another one, nor a model whose
    answers are in the bot's history. Photos and their embeddings are kept.

    \b
    critterdb models remove mycats-20261127-0142
    """
    from critterdb.site.removal import plan_model_removal, remove_model

    db = open_site(ctx)
    removal = plan_model_removal(db, model_id)
    show_lines(model_removal_lines(removal))
    ask_to("Remove it?", yes=yes)
    remove_model(db, removal)
    show_line(f"Removed {removal.id}.")


@click.command(short_help="Evaluate a model again, on its test photos or on yours.")
@click.argument("model", required=False)
@game_option
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Evaluate on FOLDER/LABEL/*.jpg; put pictures of other things into FOLDER/_none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def evaluate(
    ctx: click.Context, model: str | None, game: str | None, photos: Path | None, as_json: bool
) -> None:
    """Evaluate a model again on its test photos, or on your own photos.

    Folder names are labels: a scientific or common name, with _ for a space. Photos that the model
    learned from are left out of the figures.

    \b
    critterdb evaluate
    critterdb evaluate mycats-20261127 --photos newphotos
    critterdb evaluate --game mycats --json
    """
    db = open_site(ctx)
    from critterdb.evaluation.evaluate import evaluate_folder, evaluate_model
    from critterdb.model.registry import choose_model_id

    model = choose_model_id(db, model, game)
    with progress_bar("Evaluating") as progress:
        if photos:
            result = evaluate_folder(db, model, photos, progress=progress)
        else:
            result = evaluate_model(db, model, progress=progress)
    show_evaluation(result, as_json)
