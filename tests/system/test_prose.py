"""Everything that people read avoids phrases that are not plain English."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from critterdb.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

# A phrase, and what to write instead.
AVOIDED = {
    # “there is no”, “is no longer”, “is no faster” are idiomatic.
    r"(?<!there )\b(?:is|are|was|were) no (?!longer|more|less|\w+er\b)\w": "is not a",
    r"\banew\b": "again",
    r"\bwhom\b": "who, or another sentence",
    r"\bwhosoever\b|\bwhoso\b": "who, anybody",
    r"\bbe it\b": "whether",
    r"\bof late\b": "recently",
    r"\bfarther\b": "further",
    r"\babreast\b": "side by side, up to date",
    r"\bit is well\b|\bis it well\b|\bis well(?=[.,;:?!])": "healthy",
    r"\b(?:is|are|was|were|be) told of\b|\btells? of\b": "report, describe",
    r"\b(?:gives?|gave|giving) way\b": "yield",
    r"\bstands? in (?:the (?!way)|a |its |their |this |that )": "is in, represents",
    r"\blies? in (?:the|a|its|their|this|that) ": "is in",
    r"\bgo(?:es)? along\b": "be included, be published",
    r"\bfor good\b": "permanently",
    r"\blearnt\b": "learned",
    r"\bwants (?:fewer|nothing|more)\b": "require, return",
    r"\bknows no\b": "does not know, has no",
    r"\bthereof\b|\btherein\b|\bhitherto\b": "of it, in it, until now",
    r"\bin vain\b": "without success",
    r"\balso (?:when|if)\b": "even when, even if",
    r"\b(?:may|might|must) lie\b": "may be",
    r"\b(?:gives?|gave) no (?!answer|reply)": "do not return",
    r"\bt(?:old|ells) the answers?\b": "give the answer",
    r"\bholds? (?:the|a) \w+ alone\b": "contain only",
}

# A sentence as it stands in the file, and why it may stay.
EXCEPTIONS: dict[str, str] = {}


def pages() -> list[Path]:
    """The pages of the documentation, without benchmarks of the past."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def files() -> list[Path]:
    """Every file whose whole text is prose for people, or descriptions and sentences."""
    templates = sorted((ROOT / "critterdb/web/templates").glob("*.html"))
    return [*pages(), *templates, ROOT / "metadata.json", *(ROOT / "critterdb").rglob("words.toml")]


def prose_of(file: Path) -> str:
    """Return the text of a file, without code blocks and comments of templates, as one line."""
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    return " ".join(text.split())


def help_texts(command: click.Command, path: str = "critterdb") -> Iterator[tuple[str, str]]:
    """Yield the help of a command, of its options, and of the commands below it."""
    for text in (command.help, command.short_help, command.epilog):
        yield path, text or ""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield f"{path} {parameter.name}", parameter.help or ""
    for name, child in getattr(command, "commands", {}).items():
        yield from help_texts(child, f"{path} {name}")


def messages(file: Path) -> Iterator[str]:
    """Yield the string literals of a module that are sentences, without its docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_sql = re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|CREATE|DELETE)\b", node.value)
            if node not in docstrings and " " in node.value and not is_sql:
                yield " ".join(node.value.split())


def mistakes(text: str) -> list[str]:
    """Return each avoided phrase in a text with its surroundings and what to write instead."""
    for kept in EXCEPTIONS:
        text = text.replace(kept, "")
    return [
        f"…{text[max(match.start() - 40, 0) : match.end() + 20]}… (write: {instead})"
        for pattern, instead in AVOIDED.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_files_that_people_read_are_plain_english(file: Path) -> None:
    assert mistakes(prose_of(file)) == []


def test_help_texts_are_plain_english() -> None:
    texts = list(help_texts(main))
    assert len(texts) > 100
    mistakes_by_text = {where: mistakes(" ".join(text.split())) for where, text in texts}
    assert {where: wrong for where, wrong in mistakes_by_text.items() if wrong} == {}


def test_messages_of_the_program_are_plain_english() -> None:
    mistakes_by_file = {
        str(file.relative_to(ROOT)): wrong
        for file in sorted((ROOT / "critterdb").rglob("*.py"))
        if (wrong := mistakes("\n".join(messages(file))))  # no phrase goes over the end of a line
    }
    assert mistakes_by_file == {}


def test_the_check_finds_and_spares_the_right_phrases() -> None:
    assert len(mistakes("A form that is no ASCII is read anew, and stands in the log.")) == 3
    assert mistakes("There is no model yet. It is no longer there, and is not a form.") == []
    assert len(mistakes("Photos may lie deeper, also if that URL gave no picture.")) == 3
    assert mistakes("It may also be a lie, and gives no answer.") == []


def test_exceptions_are_still_needed() -> None:
    everything = " ".join(prose_of(file) for file in files())
    assert [kept for kept in EXCEPTIONS if kept not in everything] == []
