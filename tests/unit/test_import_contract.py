"""Folders stand in the order in which data flows: each imports only what stands above it.

The check reads the source, so imports inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "critterdb"
# From the foundations to the commands; docs/architecture.md shows the same order.
ROOMS = [
    "_types",
    "_version",
    "errors",
    "packages",
    "system",
    "formatting",
    "storage",
    "licences",
    "games",
    "fetch",
    "imaging",
    "inaturalist",
    "model",
    "dataset",
    "shards",
    "evaluation",
    "training",
    "platforms",
    "bot",
    "site",
    "web",
    "publish",
    "library",
    "fakes",
    "demo",
    "cli",
]
PLATFORM_ROOMS = ("x", "mastodon", "bluesky")
HEAVY = {"torch", "torchvision", "fastai", "timm", "onnx", "onnxscript", "scipy"}
FAKES_MAY_IMPORT = {"critterdb._types", "critterdb.fakes"}
KNOWN_LEAKS_OF_FAKES = {
    ("critterdb.fakes.x_posts", "critterdb.platforms"),
    ("tests.fakes.bluesky", "critterdb.platforms"),
    ("tests.fakes.bluesky_network", "critterdb.platforms"),
}
MAX_MODULES = 10
MAX_FOLDERS = 18

Graph = Mapping[str, set[str]]


def module_name(file: Path, root: Path = ROOT) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Every dotted name that a module imports; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            kept = len(parts) - node.level + (1 if is_package else 0)
            base = [*(parts[:kept] if node.level else []), *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


@cache
def names_in(source: str, module: str, is_package: bool) -> tuple[str, ...]:
    return tuple(imported_names(ast.parse(source), module, is_package))


def import_graph(sources: Mapping[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """Module -> the modules among `sources` that it imports."""
    graph: dict[str, set[str]] = {}
    for module, (source, is_package) in sources.items():
        graph[module] = set()
        for name in names_in(source, module, is_package):
            target = name
            while target and target not in sources:
                target = target.rpartition(".")[0]
            if target and target != module:
                graph[module].add(target)
    return graph


def folded(graph: Graph, fold: Mapping[str, str]) -> dict[str, set[str]]:
    """The same arrows between groups of modules, those inside a group left out."""
    groups: dict[str, set[str]] = {group: set() for group in fold.values()}
    for module, targets in graph.items():
        groups[fold[module]] |= {fold[target] for target in targets} - {fold[module]}
    return groups


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that reach each other."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in graph.get(waiting.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return seen

    reach = {node: reachable(node) for node in graph}
    loops = {
        tuple(sorted({node} | {other for other in reach[node] if node in reach.get(other, ())}))
        for node in graph
        if node in reach[node]
    }
    return [list(circle) for circle in sorted(loops)]


def upward_imports(graph: Graph, order: Iterable[str]) -> list[str]:
    rank = {room: number for number, room in enumerate(order)}
    return [
        f"{room} -> {target}"
        for room, targets in sorted(graph.items())
        for target in sorted(targets)
        if room in rank and target in rank and rank[target] > rank[room]
    ]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def package_sources() -> dict[str, tuple[str, bool]]:
    return {
        module_name(file): (file.read_text("utf-8"), file.name == "__init__.py")
        for file in sorted(PACKAGE.rglob("*.py"))
    }


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return import_graph(package_sources())


def test_a_folder_imports_only_what_stands_above_it(graph: Graph) -> None:
    rooms = folded(graph, {module: room_of(module) for module in graph})
    assert upward_imports(rooms, ROOMS) == []


def test_every_room_has_a_place_in_the_order(graph: Graph) -> None:
    assert {room_of(module) for module in graph} - {"critterdb", "__main__"} == set(ROOMS)


def test_there_is_no_circle_of_modules(graph: Graph) -> None:
    assert circles(graph) == []


def test_there_is_no_circle_of_packages(graph: Graph) -> None:
    rooms = folded(graph, {module: room_of(module) for module in graph})
    assert circles(rooms) == []


def test_only_the_commands_and_the_demo_import_training(graph: Graph) -> None:
    """What serves, classifies and plays works in an installation without torch."""
    importers = {
        room_of(module)
        for module, targets in graph.items()
        if any(room_of(target) == "training" for target in targets)
    }
    assert importers - {"training"} <= {"cli", "demo"}


def test_only_training_imports_its_heavy_packages() -> None:
    importers = {
        module
        for module, (source, is_package) in package_sources().items()
        for name in names_in(source, module, is_package)
        if name.partition(".")[0] in HEAVY
    }
    assert [module for module in sorted(importers) if room_of(module) != "training"] == []


def test_no_platform_imports_another(graph: Graph) -> None:
    for module, targets in graph.items():
        for platform in PLATFORM_ROOMS:
            if not module.startswith(f"critterdb.platforms.{platform}."):
                continue
            others = [f"critterdb.platforms.{name}" for name in PLATFORM_ROOMS if name != platform]
            assert not [t for t in targets if t.startswith(tuple(others))], module


def test_fakes_do_not_import_what_they_fake() -> None:
    """A wrong rule that a fake shares with the program would agree with itself."""
    leaks = set()
    for folder in ("critterdb/fakes", "tests/fakes"):
        for file in sorted((ROOT / folder).glob("*.py")):
            module = module_name(file)
            for name in imported_names(ast.parse(file.read_text("utf-8")), module, False):
                room = ".".join(name.split(".")[:2])
                if name.startswith("critterdb.") and room not in FAKES_MAY_IMPORT:
                    leaks.add((module, room))
    assert leaks <= KNOWN_LEAKS_OF_FAKES


def test_the_check_finds_deferred_and_type_only_imports_and_circles() -> None:
    graph = import_graph(
        {
            "p": ("", True),
            "p.low": ("def f():\n    from .high import thing\n", False),
            "p.high": ("", True),
            "p.high.a": (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B\n",
                False,
            ),
            "p.high.b": ("import p.high.a\nfrom ..low import f\n", False),
        }
    )
    assert graph["p.low"] == {"p.high"}
    assert graph["p.high.b"] == {"p.high.a", "p.low"}
    assert circles(graph) == [["p.high.a", "p.high.b"]]
    rooms = folded(graph, {module: room_of(module) for module in graph})
    assert upward_imports(rooms, ["low", "high"]) == ["low -> high"]
    assert circles(rooms) == [["high", "low"]]


# What docs/architecture.md shows


def read_architecture() -> str:
    return (ROOT / "docs/architecture.md").read_text("utf-8")


def listing() -> tuple[set[str], set[str]]:
    """The modules and the folders of code that `ls critterdb` shows."""
    modules = {file.name for file in PACKAGE.glob("*.py")}
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    return modules, folders


def test_the_top_floor_is_small() -> None:
    modules, folders = listing()
    assert len(modules) <= MAX_MODULES
    assert len(folders) <= MAX_FOLDERS


def test_the_architecture_shows_exactly_the_top_floor() -> None:
    """The first cell of each row in the section on the tree is what `ls critterdb` shows."""
    [section] = re.findall(r"^## The tree$(.+?)^## ", read_architecture(), re.M | re.S)
    shown = set(re.findall(r"^\| `([\w.]+)/?` \|", section, re.M))
    modules, folders = listing()
    assert shown == modules | folders


def test_the_architecture_shows_the_order_of_the_contract() -> None:
    [section] = re.findall(r"^## The order$(.+?)^## ", read_architecture(), re.M | re.S)
    [block] = re.findall(r"^    (_types,.+?cli)$", section, re.M | re.S)
    assert re.findall(r"\w+", block) == ROOMS


def test_errands_lead_to_files_that_exist() -> None:
    [section] = re.findall(r"^## Where to look$(.+?)^## ", read_architecture(), re.M | re.S)
    paths = re.findall(r"`((?:\w+/)+[\w.]*)`", section)
    assert len(paths) >= 8
    assert [path for path in paths if not (PACKAGE / path).exists()] == []
