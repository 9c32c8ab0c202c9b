"""Classify an archive of pictures in shards, for `critterdb classify --on`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from critterdb.errors import SourceError
from critterdb.formatting import count_of, json_text
from critterdb.storage.atomic_files import replacing

from .answer_table import writing_csv
from .classification import list_sources, open_classifier
from .common import show_line
from .output import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from critterdb.model.payloads import Payload


def classify_archive(
    ctx: click.Context,
    images: Sequence[str],
    model: tuple[str | None, str | None],
    engine: str,
    file: Path,
    *,
    as_csv: bool,
) -> None:
    """Write a CSV or JSON lines file with an answer to each picture of folders.

    `model` is a model's name and a game. The exit status is 1 if a picture could not be read.
    """
    from critterdb.shards.classification import PICTURES_PER_SHARD, Archive
    from critterdb.shards.engines import open_engine

    if any("://" in image or image == "-" for image in images):
        raise click.UsageError("--on classifies files and folders. Omit URLs and -.")
    path = _model_file(ctx, *model)
    sources = list_sources(images)
    # Workers may have another current folder; the answers name pictures as the person did.
    paths = [str(Path(source).resolve()) for source in sources]
    folder = file.with_name(f"{file.name}.shards").resolve()
    archive = Archive(path, paths, folder, PICTURES_PER_SHARD)
    done = unread = 0
    with progress_bar("Classifying") as progress:
        for answers in archive.classify(open_engine(engine)):
            done += answers.photos
            unread += answers.errors
            if progress:
                progress(done, len(sources))
    named = (
        cast("Payload", {**payload, "source": source})
        for payload, source in zip(archive.answers(), sources, strict=True)
    )
    _write(file, named, as_csv=as_csv)
    archive.forget()
    show_line(f"{file}: {count_of(done, 'picture')}, {unread:,} of them could not be read.")
    if unread:
        ctx.exit(1)


def _model_file(ctx: click.Context, name: str | None, game: str | None) -> Path:
    """The file of the model, which is loaded here first: a bad one must not reach workers."""
    from critterdb.storage.database import site_folder

    classifier = open_classifier(ctx, name, game)
    if classifier.db is None:
        return Path(str(name))
    row = classifier.db["models"].get(classifier.model.id)
    return site_folder(classifier.db) / str(row["path"])


def _write(file: Path, payloads: Iterable[Payload], *, as_csv: bool) -> None:
    if as_csv:
        with writing_csv(file) as add_row:
            for payload in payloads:
                add_row(payload)
        return
    try:
        with replacing(file) as partial, partial.open("w", encoding="utf-8") as text:
            text.writelines(json_text(payload) + "\n" for payload in payloads)
            text.close()  # before it is renamed
    except OSError as error:
        raise SourceError(
            f"{file} could not be written: {error.strerror}. Choose a writable folder with space"
        ) from error
