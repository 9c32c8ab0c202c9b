"""docs/ and the README are true of the program: generated parts, commands, links, completeness."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from PIL import Image

from critterdb.cli import main
from critterdb.errors import REFUSAL_STATUS
from critterdb.web.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.storage.database import SiteDatabase

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
OF_TODAY = [name for name in NAMES if name != "CHANGELOG.md"]  # which describes the past
ALL_DOCS = "\n".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# Names in the code that are parts of variables' names, or click's own.
NO_VARIABLES = {"CRITTERDB_COMPLETE"}


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_generated_parts_are_up_to_date() -> None:
    files = [str(page) for page in DOCS.glob("*.md") if "[[[cog" in page.read_text("utf-8")]
    assert len(files) >= 3
    command = [sys.executable, "-m", "cogapp", "--check", "-I", str(DOCS), *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\nRun: make docs"


# Links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    names = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        names.add(words.replace(" ", "-"))
    return names


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    text = FENCE.sub("", page.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    for target in targets:
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


def test_every_page_is_in_the_index() -> None:
    index = read("docs/README.md")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_pictures_are_shown_somewhere_and_described() -> None:
    text = ALL_DOCS + read("README.md")
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name})" in text, picture.name
    assert not re.findall(r"!\[\s*\]", text)


def test_badges_say_what_the_project_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DOCS / "badges.py"), str(tmp_path)], check=True)
    drawn = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_bytes() for file in (DOCS / "images").glob("badge-*.svg")}
    assert len(drawn) == 3
    assert kept == drawn, "Run: make docs"


def test_the_animation_is_short_enough_to_load() -> None:
    file = DOCS / "images" / "demo.gif"
    assert file.stat().st_size < 1_500_000
    with Image.open(file) as image:
        assert getattr(image, "n_frames", 1) > 10


# Commands


def code_lines(text: str) -> Iterator[str]:
    """Lines of code blocks, indented or fenced, those that go on in the next one joined."""
    joined = text.replace("\\\n", " ")
    fenced = False
    for line in joined.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()


def commands_in(text: str) -> list[list[str]]:
    """Every call of critterdb in a page: in code blocks, and whole between backticks."""
    lines = list(code_lines(text))
    lines += re.findall(r"`(critterdb [^`\n]+)`", FENCE.sub("", text))
    commands = []
    for line in lines:
        for part in re.split(r"&&|;|\|", line.partition(" #")[0]):
            words = part.replace("[", " ").replace("]", " ").strip()
            words = re.sub(r"^\$ |^(\w+=\S+ )+|^eval \"\$\(|\)\"$", "", words)
            words = re.sub(
                r"^sudo |^\S+/bin/(?=critterdb )|^ExecStart=\S+/(?=critterdb )", "", words
            )
            if words.startswith("critterdb "):
                commands.append(shlex.split(words)[1:])
    return commands


def check_command(words: list[str]) -> str | None:
    """What is wrong with a call, as far as names of commands and options go."""
    command: click.Command = main
    rest = list(words)
    while rest:
        options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            if name in ("--help", "-h", "--version"):
                continue
            if name not in options:
                return f"{command.name} has no option {name}"
            option = options[name]
            takes_value = isinstance(option, click.Option) and not option.is_flag
            if takes_value and "=" not in word and rest:
                rest.pop(0)
        elif isinstance(command, click.Group):
            child = command.commands.get(word)
            if child is None:
                is_placeholder = word.isupper() or "…" in word or "..." in word
                return None if is_placeholder else f"there is no command {word}"
            command = child
    return None


@pytest.mark.parametrize("name", OF_TODAY)
def test_every_call_in_a_page_has_real_commands_and_options(name: str) -> None:
    wrong = {" ".join(words): check_command(words) for words in commands_in(read(name))}
    assert {call: why for call, why in wrong.items() if why} == {}


def test_the_check_of_calls_finds_mistakes() -> None:
    page = (
        "    critterdb publsh x\n    critterdb sync --limt 3 && critterdb --db x train --seed 1\n"
    )
    assert [check_command(words) for words in commands_in(page)] == [
        "there is no command publsh",
        "sync has no option --limt",
        None,
    ]


def test_make_targets_in_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = {
        target
        for name in NAMES
        for line in [*code_lines(read(name)), *re.findall(r"`(make [^`]+)`", read(name))]
        for target in re.findall(r"^make ([a-z]+)", line)
    }
    assert named <= targets
    assert {"demo", "test", "docs"} <= named


# Completeness


def every_command(command: click.Command, path: str = "critterdb") -> Iterator[tuple[str, str]]:
    """(command, option) for each option of each command."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from ((path, name) for name in (*parameter.opts, *parameter.secondary_opts))
        else:
            yield path, parameter.make_metavar(click.Context(command)).strip("[]. ")
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, f"{path} {name}")


def test_no_command_or_option_is_missing() -> None:
    sections = dict(re.findall(r"^## (critterdb[^\n]*)\n\n```text\n(.+?)```", read("docs/cli.md"),
                               re.MULTILINE | re.DOTALL))  # fmt: skip
    for command, option in every_command(main):
        assert option in sections[command], (command, option)


def test_no_table_or_column_is_missing(db: SiteDatabase) -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.+?)(?=^#|\Z)", read("docs/schema.md"),
                               re.MULTILINE | re.DOTALL))  # fmt: skip
    shadow = re.compile(r"_fts(_\w+)?$")
    for name in db.table_names() + db.view_names():
        if shadow.search(name):
            continue
        for column in db[name].columns:
            assert re.search(rf"^\| `{column.name}` \| .* \| .+ \|$", sections[name], re.M), (
                name,
                column.name,
            )


def test_no_setting_is_missing_and_defaults_are_right() -> None:
    documented = dict(
        re.findall(r"^\| `(\w+)` \| `(.+?)` \|", read("docs/settings.md"), re.MULTILINE)
    )
    for field in fields(Settings):
        default = getattr(Settings(), field.name)
        if isinstance(default, frozenset):
            default = list(default)
        assert documented.get(field.name) == json.dumps(default), field.name


def variables_in_the_code() -> set[str]:
    """Environment variables that the program or its tests read, whole names only."""
    names = set()
    for folder in ("critterdb", "plugins", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            source = file.read_text("utf-8")
            if "CRITTERDB_" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names |= set(re.findall(r"\bCRITTERDB_[A-Z_]*[A-Z]\b(?!_)", node.value))
    return names - NO_VARIABLES


def test_no_environment_variable_is_missing() -> None:
    documented = set(re.findall(r"`(CRITTERDB_\w+)`", read("docs/settings.md")))
    assert variables_in_the_code() == documented


def test_no_code_of_the_endpoint_is_missing() -> None:
    for code, status in REFUSAL_STATUS.items():
        assert re.search(rf"^\| `{code}` \| {status} \|", ALL_DOCS, re.MULTILINE), code


def test_figures_of_the_readme_are_measured() -> None:
    """Each is in the benchmarks to the digit; milliseconds may be named in a heading there."""
    text = FENCE.sub("", read("README.md"))  # what commands print is an example
    figures = re.findall(r"\b[\d.,]+(?: [MG]B| ms| s|%| photos)\b|\b[\d.]+%", text)
    measured = set(re.findall(r"[\d.,]*\d(?: [MG]B| photos|%)?", read("docs/benchmarks.md")))
    assert len(figures) >= 5
    claimed = [re.sub(r" m?s$", "", figure) for figure in figures]
    assert [figure for figure in claimed if figure not in measured] == []


# Decisions


def test_each_decision_is_a_dated_record() -> None:
    """Context, decision and consequence, in that order, below a heading of its own."""
    page = FENCE.sub("", read("docs/decisions.md"))
    records = re.split(r"^### ", page, flags=re.MULTILINE)[1:]
    assert len(records) >= 150
    for record in records:
        title, _, text = record.partition("\n\n")
        assert re.match(r"\d{4}-\d\d-\d\d\n", text), title
        assert re.findall(r"^- \*\*(\w+)\*\*: ", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequence",
        ], title
    titles = [record.partition("\n")[0] for record in records]
    assert len(set(titles)) == len(titles)


def test_links_of_the_code_to_decisions_lead_somewhere() -> None:
    for folder in ("critterdb", "tests", "benchmarks", "plugins"):
        for file in (ROOT / folder).rglob("*.py"):
            for anchor in re.findall(r"decisions\.md#([\w-]+)", file.read_text("utf-8")):
                assert anchor in anchors(DOCS / "decisions.md"), (file.name, anchor)


# The units of systemd


def units() -> list[str]:
    return re.findall(r"^```ini\n(.+?)^```$", read("docs/deployment.md"), re.MULTILINE | re.DOTALL)


def test_units_of_systemd_are_understood(tmp_path: Path) -> None:
    assert len(units()) == 2
    verify = shutil.which("systemd-analyze")
    for number, unit in enumerate(units()):
        assert check_command(re.search(r"^ExecStart=(.+)$", unit, re.M)[1].split()[1:]) is None  # type: ignore[index]
        if not verify:
            continue
        # The program is not at /srv here.
        text = re.sub(r"/srv/critters/venv/bin/critterdb", sys.executable, unit)
        file = tmp_path / f"critterdb{number}.service"
        file.write_text(text.replace("/etc/critterdb/bot.env", "/dev/null"))
        done = subprocess.run([verify, "verify", str(file)], capture_output=True, text=True)
        assert file.name not in done.stderr, done.stderr


def test_the_page_on_security_tells_the_limits_in_force() -> None:
    from critterdb.fetch import fetcher, result_cache
    from critterdb.imaging import decode, sandbox

    page = " ".join(read("docs/security.md").split())
    for sentence in (
        f"{fetcher.TIMEOUT_S:g} s for everything",
        f"{fetcher.MAX_BYTES // 1_000_000} MB on the wire",
        f"headers of a response may have {fetcher.MAX_HEAD_BYTES // 1024} KB",
        f"{fetcher.MAX_UNDER_WAY} fetches and "
        f"{fetcher.MAX_BYTES_UNDER_WAY // 1_000_000} MB at a time",
        f"at most {fetcher.MAX_REDIRECTS} redirects",
        f"{result_cache.REMEMBER_ENTRIES} entries and "
        f"{result_cache.REMEMBER_BYTES // 1_000_000} MB",
        f"{decode.MAX_IMAGE_PIXELS // 1_000_000} megapixels, at least {decode.MIN_SIDE} pixels",
        f"at most {decode.MAX_ASPECT}:1",
        f"{sandbox.CPU_S:g} s of processor time",
        f"{sandbox.memory_bytes(decode.MAX_IMAGE_PIXELS) // 1_000_000} MB of address space",
    ):
        assert sentence in page
