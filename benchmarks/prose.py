"""How often texts use the phrases that are not plain English: `python -m benchmarks.prose FOLDER…`.

The phrases are those of tests/system/test_prose.py, in every text of a checkout that a person may
read; FOLDER is the root of one, such as what `git worktree add FOLDER COMMIT` makes. Prints how
many there are in each kind of text, and each phrase with more than one checkout's counts.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.test_prose import AVOIDED, messages, prose_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Counts = dict[str, Counter[str]]  # by kind of text, by phrase


def count(root: Path) -> Counts:
    """Count the phrases in each kind of text of a checkout."""
    code = sorted((root / "critterdb").rglob("*.py"))
    others = [*code, *(root / "tests").rglob("*.py"), *(root / "benchmarks").rglob("*.py")]
    texts: dict[str, Iterator[str]] = {
        "README, CHANGELOG and docs": (prose_of(file) for file in markdown(root)),
        "pages, descriptions and the bot's words": (prose_of(file) for file in templates(root)),
        "messages of the program": (text for file in code for text in messages(file)),
        "docstrings, help texts among them": (text for file in code for text in docstrings(file)),
        "comments": (text for file in others for text in comments(file)),
        "names of tests": (text for file in others for text in test_names(file)),
    }
    return {kind: phrases(" \n ".join(found)) for kind, found in texts.items()}


def markdown(root: Path) -> list[Path]:
    return [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))]


def templates(root: Path) -> list[Path]:
    package = root / "critterdb"
    return [root / "metadata.json", *package.rglob("*.html"), *package.rglob("words.toml")]


def docstrings(file: Path) -> Iterator[str]:
    """Yield the docstrings of a module; those of commands are their help texts."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def comments(file: Path) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(file.read_text("utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_names(file: Path) -> Iterator[str]:
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE):
        yield name.replace("_", " ")


def phrases(text: str) -> Counter[str]:
    found = {pattern: len(re.findall(pattern, text, re.IGNORECASE)) for pattern in AVOIDED}
    return Counter({pattern: number for pattern, number in found.items() if number})


def main(roots: list[Path]) -> None:
    counts = {root.name: count(root) for root in roots}
    print(f"| phrases to avoid in | {' | '.join(counts)} |\n| --- |{' --- |' * len(counts)}")
    for kind in next(iter(counts.values())):
        numbers = [str(found[kind].total()) for found in counts.values()]
        print(f"| {kind} | {' | '.join(numbers)} |")
    sums = {name: sum(found.values(), Counter()) for name, found in counts.items()}
    print(f"| together | {' | '.join(str(total.total()) for total in sums.values())} |\n")
    for pattern in AVOIDED:
        numbers = [f"{total[pattern]:>5}" for total in sums.values()]
        print(" ".join(numbers), f"  {pattern}")


if __name__ == "__main__":
    main([Path(argument).resolve() for argument in sys.argv[1:] or ["."]])
