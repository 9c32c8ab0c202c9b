"""The commands `critterdb classify`, `similar` and `duplicates`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from critterdb.errors import RejectedInputError
from critterdb.formatting import count_of, display_name, share_of, table_lines
from critterdb.licences import NO_LICENCE

from .common import model_options, open_site, show_json, show_line, show_lines
from .output import answer_lines, progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from critterdb.model.loader import Model
    from critterdb.model.payloads import Payload, SimilarPhoto


ENGINES = ("local", "ray")


@click.command(short_help="Classify pictures.")
@click.argument("images", nargs=-1, required=True)
@model_options("ID|FILE.onnx")
@click.option(
    "--together",
    is_flag=True,
    help="All images show the same animal: also print one combined answer.",
)
@click.option(
    "--similar",
    type=click.IntRange(0, 10),
    default=0,
    metavar="N",
    help="Add the N training photos that are most similar to each image.",
)
@click.option(
    "--evidence",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="Draw which parts of the image led to the answer, and which ruled out the runner-up.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with an object per image."
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a CSV file with a row per image, and print a summary.",
)
@click.option(
    "--jsonl",
    "jsonl_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a JSON object per image, each on a line. Needs --on.",
)
@click.option(
    "--latitude",
    metavar="DEGREES",
    help="Latitude where the photos were taken (north is positive).",
)
@click.option(
    "--longitude",
    metavar="DEGREES",
    help="Longitude where the photos were taken (east is positive).",
)
@click.option(
    "--on",
    "on_values",
    multiple=True,
    metavar="DATE|local|ray",
    help="The day on which they were taken, as YYYY-MM-DD. Or who classifies an archive in shards, "
    "so that a run that is stopped can continue: local is this machine, ray a Ray cluster.",
)
@click.option(
    "--use-exif",
    is_flag=True,
    help="Take the place and date of each photo from its EXIF data, if it has them.",
)
@click.pass_context
def classify(
    ctx: click.Context,
    /,
    images: tuple[str, ...],
    model: str | None,
    game: str | None,
    together: bool,
    similar: int,
    evidence: Path | None,
    as_json: bool,
    csv_file: Path | None,
    jsonl_file: Path | None,
    on_values: tuple[str, ...],
    **where: Any,
) -> None:
    """Classify each IMAGE: a file, a folder of pictures, an http(s) URL, or - for standard input.

    The answer is a label or, if the model is only confident of that, a coarser taxon, such as a
    genus. Otherwise the model abstains, because several labels are possible (unsure) or because the
    picture is unlike its training photos (not_a_critter). The exit status is 1 if a picture could
    not be read.

    If you say where (and when) a photo was taken, a second answer takes into account what was
    observed near there. A place is never stored.

    \b
    critterdb classify cat.jpg https://example.org/photo.jpg
    critterdb classify cameratrap --csv answers.csv  a row for every picture in the folder
    critterdb classify --together front.jpg side.jpg
    critterdb classify --json - < cat.jpg
    critterdb classify cat.jpg --latitude 34.1 --longitude -118.3 --on 2026-11-27
    critterdb classify archive --csv answers.csv --on local
    """
    engine = next((value for value in on_values if value in ENGINES), None)
    where["on"] = next((value for value in on_values if value not in ENGINES), None)
    if (csv_file or jsonl_file) and (together or as_json or similar or evidence):
        raise click.UsageError(
            "--csv writes a row for each picture. "
            "Omit --together, --similar, --evidence and --json."
        )
    from .archive import classify_archive
    from .classification import (
        Extras,
        PlaceOptions,
        classify_sources,
        list_sources,
        open_classifier,
    )

    if engine or jsonl_file:
        file = _archive_file(engine, csv_file, jsonl_file, any(where.values()))
        as_csv = csv_file is not None
        classify_archive(ctx, images, (model, game), str(engine), file, as_csv=as_csv)
        return
    places = PlaceOptions.parse(where)
    sources = list_sources(images)
    if evidence and len(sources) > 1:
        raise click.UsageError("--evidence draws one image. Name only one.")
    classifier = open_classifier(ctx, model, game)
    if similar and classifier.db is None:
        raise click.UsageError("--similar needs the photos of a site. Use a model of one.")
    extras = Extras(similar, evidence)
    payloads = classify_sources(classifier, sources, extras, together=together, places=places)
    if csv_file:
        unread = write_answers(csv_file, payloads, len(sources))
    elif as_json:
        answers = list(payloads)
        show_json(answers)
        unread = sum(not payload["ok"] for payload in answers)
    else:
        unread = show_payloads(payloads, classifier.model, evidence)
    if unread:
        ctx.exit(1)


def _archive_file(
    engine: str | None, csv_file: Path | None, jsonl_file: Path | None, has_place: bool
) -> Path:
    """Return the one file that an archive's answers go to. Raises UsageError."""
    if not engine:
        raise click.UsageError("--jsonl needs --on local or --on ray.")
    files = [file for file in (csv_file, jsonl_file) if file]
    if len(files) != 1:
        raise click.UsageError("To classify an archive, give one of --csv FILE and --jsonl FILE.")
    if has_place:
        raise click.UsageError("An archive is classified without places. Omit them.")
    return files[0]


def show_payloads(payloads: Iterable[Payload], model: Model, evidence: Path | None) -> int:
    """Print answers as they come; return how many pictures could not be read."""
    from .evidence_picture import evidence_lines

    unread = 0
    for payload in payloads:
        if payload["ok"]:
            show_lines(answer_lines(payload, model.labels, model.thresholds))
            show_lines(similar_lines(payload.get("similar")))
            if evidence:
                show_lines(evidence_lines(evidence, payload))
        else:
            show_line(f"Error: {payload.get('source')}: {payload['error']}", err=True)
            unread += 1
    return unread


def similar_lines(photos: Sequence[SimilarPhoto] | None) -> list[str]:
    """Return the training photos most like an image: distance, what each shows, and its credit."""
    if photos is None:
        return []
    if not photos:
        return ["  The site has no training photos to compare with."]
    names = [display_name(photo["common_name"], photo["name"] or "–") for photo in photos]
    width = max(map(len, names))
    return ["  Most similar training photos (0 is the same picture):"] + [
        f"  {photo['distance']:.3f}  {name:<{width}}  photo {photo['photo_id']}"
        f"  {photo['attribution'] or NO_LICENCE}"
        for photo, name in zip(photos, names, strict=True)
    ]


def write_answers(file: Path, payloads: Iterable[Payload], pictures: int) -> int:
    """Write answers as a CSV file; return how many pictures could not be read."""
    from .answer_table import writing_csv

    answered = unread = 0
    with progress_bar("Classifying") as progress, writing_csv(file) as add_row:
        for number, payload in enumerate(payloads, start=1):
            add_row(payload)
            unread += not payload["ok"]
            answered += payload["ok"] and payload["answer"] is not None
            if progress:
                progress(number, pictures)
    show_line(f"{file}: {count_of(pictures, 'picture')}, answered {share_of(answered, pictures)}.")
    if unread:
        show_line(
            f"{count_of(unread, 'picture')} could not be read: see the column error.", err=True
        )
    return unread


@click.command(short_help="Find the site's photos that look most like a picture.")
@click.argument("image")
@model_options()
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
    ctx: click.Context,
    image: str,
    model: str | None,
    game: str | None,
    count: int,
    as_json: bool,
) -> None:
    """Find the site's photos that look most like IMAGE: a file, an http(s) URL, or - for
    standard input.

    A distance of 0 means the same picture; a distance of 1 means nothing in common.

    \b
    critterdb similar cat.jpg
    critterdb similar cat.jpg --count 3 --game mycats
    """
    from critterdb.dataset.similarity import find_similar
    from critterdb.dataset.sketch_store import store_sketches
    from critterdb.imaging.sandbox import shared_decoders
    from critterdb.model.registry import choose_model_id, current_model

    from .classification import read_source

    db = open_site(ctx)
    chosen = current_model(db, model_id=choose_model_id(db, model, game))
    try:
        pixels, _ = shared_decoders().view(read_source(image), chosen.view)
    except RejectedInputError as refusal:
        raise RejectedInputError(refusal.code, f"{image}: {refusal}") from refusal
    _, vectors, _ = chosen.run(pixels[None])
    store_sketches(db, chosen.backbone)
    photos = [vars(photo) for photo in find_similar(db, chosen.backbone, vectors[0], count=count)]
    if as_json:
        show_json(photos)
    elif photos:
        show_lines(photo_lines(photos))
    else:
        click.echo("The site has no photos to compare with. Fetch some with: critterdb sync")


@click.command(short_help="List photos that show the same picture.")
@model_options()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an array per group.")
@click.pass_context
def duplicates(ctx: click.Context, model: str | None, game: str | None, as_json: bool) -> None:
    """List photos of the site that show the same picture: copies, crops and mirror images.

    Training puts all copies of a picture into the same split (training, validation or test).

    \b
    critterdb duplicates
    critterdb duplicates --game mycats --json
    """
    from critterdb.dataset.similarity import find_duplicates
    from critterdb.dataset.sketch_store import store_sketches
    from critterdb.model.registry import choose_model_id, current_model

    db = open_site(ctx)
    chosen = current_model(db, model_id=choose_model_id(db, model, game))
    store_sketches(db, chosen.backbone)
    groups = [[vars(photo) for photo in group] for group in find_duplicates(db, chosen.backbone)]
    if as_json:
        show_json(groups)
        return
    numbered = [{"group": n, **photo} for n, group in enumerate(groups, 1) for photo in group]
    if not numbered:
        click.echo("No two photos of the site show the same picture.")
        return
    show_lines(photo_lines(numbered))
    photos, pictures = count_of(len(numbered), "photo"), count_of(len(groups), "picture")
    click.echo(f"{photos} show {pictures}.")


def photo_lines(photos: Sequence[Mapping[str, object]]) -> list[str]:
    """Return photos as a table: distance, name, credit, URL; empty columns are left out."""
    renamed = {"photo_id": "photo", "attribution": "credit", "path": "file"}
    rows = [{renamed.get(name, name): value for name, value in photo.items()} for photo in photos]
    columns = ("group", "distance", "name", "photo", "credit", "url", "file")
    filled = [name for name in columns if any(row.get(name) is not None for row in rows)]
    return table_lines(rows, filled)
