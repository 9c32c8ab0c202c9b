"""Count how the package is built: `python -m benchmarks.structure b670562 HEAD`."""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "critterdb"
LONG_LINES, MANY_PARAMETERS = 50, 6


@dataclass(frozen=True)
class Module:
    """A module of the package at a commit."""

    path: PurePosixPath
    source: str


def modules_at(commit: str) -> Iterator[Module]:
    listed = _git("ls-tree", "-r", "--name-only", commit, PACKAGE).splitlines()
    for name in listed:
        if name.endswith(".py"):
            yield Module(PurePosixPath(name), _git("show", f"{commit}:{name}"))


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], check=True, capture_output=True, text=True).stdout


def count(modules: list[Module]) -> dict[str, str]:
    """What stands in the table of docs/benchmarks.md, by its first column."""
    counts = Counter[str]()
    folders = set()
    for module in modules:
        parts = module.path.parts
        counts["top"] += len(parts) == 2
        folders |= {parts[1]} if len(parts) > 2 else set()
        lines = module.source.splitlines()
        counts["lines"] += len(lines)
        counts["dicts"] += sum("dict[str, Any]" in line for line in lines)
        counts["comments"] += sum(map(_is_comment, _tokens(module.source)))
        for node in ast.walk(ast.parse(module.source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                counts["functions"] += 1
                counts["long"] += (node.end_lineno or 0) - node.lineno + 1 > LONG_LINES
                counts["wide"] += _parameters(node.args) > MANY_PARAMETERS
    return {
        "modules at the top": f"{counts['top']}",
        "folders at the top": f"{len(folders)}",
        "lines with `dict[str, Any]`": f"{counts['dicts']}",
        f"functions over {LONG_LINES} lines": f"{counts['long']} of {counts['functions']:,}",
        f"functions with over {MANY_PARAMETERS} parameters": f"{counts['wide']}",
        "comments for each hundred lines": f"{100 * counts['comments'] / counts['lines']:.2f}",
        "lines of Python": f"{counts['lines']:,}",
    }


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source).readline)


def _is_comment(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.COMMENT and not token.string.startswith("#!")


def _parameters(arguments: ast.arguments) -> int:
    """How many parameters there are, without `self` and `cls`."""
    named = [*arguments.posonlyargs, *arguments.args]
    is_method = bool(named) and named[0].arg in ("self", "cls")
    return len(named) + len(arguments.kwonlyargs) - is_method


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="+")
    commits = parser.parse_args().commits
    tables = [count(list(modules_at(commit))) for commit in commits]
    print(f"| | {' | '.join(commits)} |\n| --- |{' --- |' * len(commits)}")
    for name in tables[0]:
        print(f"| {name} | {' | '.join(table[name] for table in tables)} |")


if __name__ == "__main__":
    main()
