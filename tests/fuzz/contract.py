"""What every parser of strangers' data promises: a value or a documented error, in linear time."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fuzz.strategies import expanded

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import strategies as st

# For a hundred thousand characters, on a machine that has other things to do; what is quadratic
# takes minutes.
MOST_S = 2.0


@dataclass(frozen=True)
class Parser:
    """A parser, examples to give it, and the errors that it documents.

    Examples come with the values of what is Deep in them, or `as_drawn`.
    """

    name: str
    read: Callable[[Any], object]
    examples: st.SearchStrategy[Any]
    errors: tuple[type[Exception], ...] = ()
    most_s: float = MOST_S
    as_drawn: bool = False


class ContractError(AssertionError):
    """A parser raised what it does not document, or took too long."""


def check(parser: Parser, example: object) -> float:
    """Give a parser one example; the processor seconds that it took. Raises ContractError."""
    value = example if parser.as_drawn else expanded(example)
    begun = time.thread_time()
    try:
        parser.read(value)
    except parser.errors:
        pass
    except Exception as error:
        raise ContractError(f"{parser.name}: {where(error)}") from error
    taken = time.thread_time() - begun
    if taken > parser.most_s:
        raise ContractError(f"{parser.name} took {taken:.1f} s")
    return taken


def where(error: Exception) -> str:
    """An error in a line, with the line of critterdb's that it came from."""
    frames = [
        (frame.filename.rpartition("/critterdb/")[2], frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if "/critterdb/" in frame.filename
    ]
    at = f" at {frames[-1][0]}:{frames[-1][1]}" if frames else ""
    return f"{type(error).__name__}{at}: {str(error)[:200]}"
