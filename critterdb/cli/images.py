"""The commands `critterdb classify`, `similar` and `duplicates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from critterdb.formatting import table_lines

from .common import open_site, show_json, show_line, show_lines
from .output import answer_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from critterdb.model.labels import Label
    from critterdb.model.payloads import Payload


@click.command(short_help="Classify pictures.")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--model",
    "model_name",
    metavar="ID|FILE.onnx",
    help="Use this model instead of the one in use.",
)
@click.option(
    "--together",
    is_flag=True,
    help="All images show the same animal: also print one combined answer.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with an object per image."
)
@click.pass_context
def classify(
    ctx: click.Context,
    images: tuple[str, ...],
    model_name: str | None,
    together: bool,
    as_json: bool,
) -> None:
    """Classify each IMAGE: a file, an http(s) URL, or - for standard input.

    The answer is a label, or a coarser taxon if the model is only confident of that. Otherwise the
    model abstains, because several labels are possible (unsure) or because the picture is unlike
    its training photos (not_a_critter).

    \b
    critterdb classify cat.jpg https://example.org/photo.jpg
    critterdb classify --together front.jpg side.jpg
    critterdb classify --json - < cat.jpg
    """
    from .classification import classify_sources, open_classifier

    classifier = open_classifier(ctx, model_name)
    payloads = classify_sources(classifier, images, together=together)
    if as_json:
        show_json(payloads)
    else:
        show_payloads(payloads, classifier.model.labels)
    if not all(payload["ok"] for payload in payloads):
        ctx.exit(1)


def show_payloads(payloads: Sequence[Payload], labels: Sequence[Label]) -> None:
    for payload in payloads:
        if payload["ok"]:
            show_lines(answer_lines(payload, labels))
        else:
            show_line(f"Error: {payload.get('source')}: {payload['error']}", err=True)


@click.command(short_help="Find the site's photos that look most like a picture.")
@click.argument("image")
@click.option(
    "--model",
    "model_id",
    metavar="ID",
    help="Use this model's embeddings instead of those of the one in use.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Number of photos to return.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the photos as a JSON array.")
@click.pass_context
def similar(
    ctx: click.Context, image: str, model_id: str | None, count: int, as_json: bool
) -> None:
    """Find the site's photos that look most like IMAGE: a file, an http(s) URL, or -.

    A distance of 0 means the same picture, a distance of 1 nothing in common.
    """
    from critterdb.dataset.similarity import find_similar
    from critterdb.imaging.sandbox import shared_decoders
    from critterdb.model.registry import current_model

    from .classification import read_source

    db = open_site(ctx)
    model = current_model(db, model_id=model_id)
    pixels, _ = shared_decoders().view(read_source(image), model.view)
    _, vectors, _ = model.run(pixels[None])
    photos = [vars(photo) for photo in find_similar(db, model.backbone, vectors[0], count=count)]
    if as_json:
        show_json(photos)
    elif photos:
        show_lines(photo_lines(photos))
    else:
        click.echo("The site has no photos to compare with. Fetch some with: critterdb sync")


@click.command(short_help="List photos that show the same picture.")
@click.option(
    "--model",
    "model_id",
    metavar="ID",
    help="Use this model's embeddings instead of those of the one in use.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an array per group.")
@click.pass_context
def duplicates(ctx: click.Context, model_id: str | None, as_json: bool) -> None:
    """List photos of the site that show the same picture: copies, crops and mirror images.

    Training keeps all copies of a picture in the same split.
    """
    from critterdb.dataset.similarity import find_duplicates
    from critterdb.model.registry import current_model

    db = open_site(ctx)
    model = current_model(db, model_id=model_id)
    groups = [[vars(photo) for photo in group] for group in find_duplicates(db, model.backbone)]
    if as_json:
        show_json(groups)
        return
    numbered = [{"group": n, **photo} for n, group in enumerate(groups, 1) for photo in group]
    if not numbered:
        click.echo("No two photos of the site show the same picture.")
        return
    show_lines(photo_lines(numbered))
    click.echo(f"{len(numbered)} photos show {len(groups)} pictures.")


def photo_lines(photos: Sequence[Mapping[str, object]]) -> list[str]:
    """Return photos as a table: distance, name, credit, URL; empty columns are left out."""
    renamed = {"photo_id": "photo", "attribution": "credit", "path": "file"}
    rows = [{renamed.get(name, name): value for name, value in photo.items()} for photo in photos]
    columns = ("group", "distance", "name", "photo", "credit", "url", "file")
    filled = [name for name in columns if any(row.get(name) is not None for row in rows)]
    return table_lines(rows, filled)
