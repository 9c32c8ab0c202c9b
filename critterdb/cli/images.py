"""`critterdb classify`, `similar` and `duplicates`: what a picture shows, and what is like it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from critterdb.errors import RejectedInputError
from critterdb.formatting import table_lines

from .common import open_site, show_json, show_lines
from .output import answer_lines


@click.command(short_help="Say what is in a picture.")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--model",
    "model_name",
    metavar="ID|FILE.onnx",
    help="Ask this one, instead of the model in use.",
)
@click.option(
    "--together", is_flag=True, help="They show one animal: say at the end what it is by all."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object an image, in an array.")
@click.pass_context
def classify(
    ctx: click.Context,
    images: tuple[str, ...],
    model_name: str | None,
    together: bool,
    as_json: bool,
) -> None:
    """Say what is in each IMAGE: a file, an http(s) address, or - for standard input.

    The answer is a label; a coarser taxon, where only that is sure; or none, where it is unsure
    (unsure) or the picture is like nothing that the model knows (not_a_critter).

    \b
    critterdb classify cat.jpg https://example.org/photo.jpg
    critterdb classify --together front.jpg side.jpg
    critterdb classify --json - < cat.jpg
    """
    from critterdb.imaging.sandbox import shared_decoders
    from critterdb.model.inference import classify_image
    from critterdb.model.loader import load_model
    from critterdb.model.payloads import answer_payload, refusal_payload
    from critterdb.model.predictions import save_classification
    from critterdb.model.registry import current_model

    shared_decoders().warm_up()  # while the model is loaded
    db = None
    if model_name and model_name.endswith(".onnx"):
        model = load_model(Path(model_name))
    else:
        db = open_site(ctx)
        model = current_model(db, model_id=model_name)
    payloads, found = [], []
    for source in images:
        started = time.perf_counter()
        try:
            classification, info = classify_image(model, read_source(source))
            prediction_id = None
            if db is not None:
                url = source if "://" in source else None
                prediction_id = save_classification(
                    db, model, classification, info, source="cli", url=url
                )
            took_ms = (time.perf_counter() - started) * 1000
            payload = answer_payload(model, classification, info, prediction_id, took_ms)
            found.append(classification)
        except RejectedInputError as refusal:
            payload = refusal_payload(refusal)
        payloads.append({**payload, "source": source})
    if together and found:
        payload = answer_payload(model, model.combine(found), None, None, 0.0)
        payloads.append({**payload, "source": f"{len(found)} together"})
    if as_json:
        show_json(payloads)
    else:
        for payload in payloads:
            if payload["ok"]:
                show_lines(answer_lines(payload, model.labels))
            else:
                click.echo(f"Error: {payload['source']}: {payload['error']}", err=True)
    if not all(payload["ok"] for payload in payloads):
        ctx.exit(1)


def read_source(source: str) -> bytes:
    """The bytes of a file, of an address behind the guard, or of standard input."""
    from critterdb.imaging.decode import MAX_IMAGE_BYTES

    if "://" in source:
        from critterdb.fetch.fetcher import Fetcher

        return Fetcher().fetch(source)
    if source == "-":
        data = sys.stdin.buffer.read(MAX_IMAGE_BYTES + 1)
    else:
        try:
            with Path(source).open("rb") as file:
                data = file.read(MAX_IMAGE_BYTES + 1)
        except OSError as error:
            raise RejectedInputError(
                "missing_image", f"{source}: {error.strerror}. Check the name"
            ) from error
    if len(data) > MAX_IMAGE_BYTES:
        raise RejectedInputError(
            "too_large", "That is over 10 MB. Make the picture smaller and try again"
        )
    return data


@click.command(short_help="Find the photos of the site that look most like a picture.")
@click.argument("image")
@click.option(
    "--model",
    "model_id",
    metavar="ID",
    help="Compare as this model sees, instead of the one in use.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="So many photos.",
)
@click.option("--json", "as_json", is_flag=True, help="The photos as a JSON array.")
@click.pass_context
def similar(
    ctx: click.Context, image: str, model_id: str | None, count: int, as_json: bool
) -> None:
    """Find the photos of the site that look most like IMAGE: a file, an address, or -.

    A distance of 0 is the same picture, one of 1 has nothing in common with it.
    """
    from critterdb.dataset.similarity import find_similar
    from critterdb.imaging.sandbox import shared_decoders
    from critterdb.model.registry import current_model

    db = open_site(ctx)
    model = current_model(db, model_id=model_id)
    pixels, _ = shared_decoders().view(read_source(image), model.view)
    _, vectors, _ = model.run(pixels[None])
    found = [vars(one) for one in find_similar(db, model.backbone, vectors[0], count=count)]
    if as_json:
        show_json(found)
    elif found:
        show_lines(photo_lines(found))
    else:
        click.echo("The site has no photos to compare with. Get some with: critterdb sync")


@click.command(short_help="List photos of the site that show the same picture.")
@click.option(
    "--model",
    "model_id",
    metavar="ID",
    help="Compare as this model sees, instead of the one in use.",
)
@click.option("--json", "as_json", is_flag=True, help="Each group as an array, in an array.")
@click.pass_context
def duplicates(ctx: click.Context, model_id: str | None, as_json: bool) -> None:
    """List photos of the site that show the same picture: copies, crops and mirror images.

    Training never has two of them on both sides of its split.
    """
    from critterdb.dataset.similarity import find_duplicates
    from critterdb.model.registry import current_model

    db = open_site(ctx)
    model = current_model(db, model_id=model_id)
    groups = [[vars(one) for one in group] for group in find_duplicates(db, model.backbone)]
    if as_json:
        show_json(groups)
        return
    numbered = [{"group": n, **one} for n, group in enumerate(groups, 1) for one in group]
    if not numbered:
        click.echo("No two photos of the site show the same picture.")
        return
    show_lines(photo_lines(numbered))
    click.echo(f"{len(numbered)} photos show {len(groups)} pictures.")


def photo_lines(photos: list[dict[str, Any]]) -> list[str]:
    """Photos as a table: how far, what, whose, and where; columns without a value are left out."""
    renamed = {"photo_id": "photo", "attribution": "credit", "path": "file"}
    rows = [{renamed.get(name, name): value for name, value in one.items()} for one in photos]
    columns = ("group", "distance", "name", "photo", "credit", "url", "file")
    told = [name for name in columns if any(row.get(name) is not None for row in rows)]
    return table_lines(rows, told)
