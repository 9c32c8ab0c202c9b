"""Answers as rows of a CSV file, which appears whole or not at all."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING

from critterdb.errors import SourceError
from critterdb.formatting import printable_line, taxon_name
from critterdb.storage.atomic_files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from critterdb.model.payloads import Payload

COLUMNS = (
    *("file", "answer", "scientific_name", "rank", "confidence", "reason"),
    *("likeliest", "likeliest_confidence", "novelty", "model", "error_code", "error"),
)
# Spreadsheets take what begins so for a formula, and file names come from anywhere (OWASP, "CSV
# injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def writing_csv(file: Path) -> Iterator[Callable[[Payload], None]]:
    """Give a function that adds an answer as a row. Raises SourceError if the file cannot be
    written.
    """
    try:
        with (
            replacing(file) as partial,
            partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as text,
        ):
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            yield lambda payload: writer.writerow(
                {name: safe_cell(value) for name, value in answer_row(payload).items()}
            )
            text.close()  # before it is renamed
    except OSError as error:
        raise SourceError(
            f"{file} could not be written: {error.strerror}. Choose a writable folder with space"
        ) from error


def answer_row(payload: Payload) -> dict[str, object]:
    """Return one answer, or the reason why there is none, by COLUMNS."""
    if not payload["ok"]:
        row: dict[str, object] = {"error_code": payload["code"], "error": payload["error"]}
        return {"file": payload.get("source"), **row}
    answer, likeliest = payload["answer"], payload["predictions"][0]
    return {
        "file": payload.get("source"),
        "answer": taxon_name(answer) if answer else None,
        "scientific_name": answer["name"] if answer else None,
        "rank": answer["rank"] if answer else None,
        "confidence": answer["score"] if answer else None,
        "reason": payload["reason"],
        "likeliest": taxon_name(likeliest),
        "likeliest_confidence": likeliest["score"],
        "novelty": payload["novelty"],
        "model": payload["model"]["id"] if payload["model"] else None,
    }


def safe_cell(value: object) -> object:
    """Return a value of a cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = printable_line(value)
    return f"'{text}" if value.startswith(FORMULA_STARTS) else text
