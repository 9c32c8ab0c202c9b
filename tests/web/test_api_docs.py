"""The examples of docs/api.md, asked with curl of a served site."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.datasette_site import add_model, make_site, open_datasette, serving
from tests.support.models import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sh\n(curl .+?)\n```\n\n```json\n(.+?)^```$", PAGE, re.M | re.S)
SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = make_site(tmp_path_factory.mktemp("api") / "mysite")
    add_model(folder, knows_places=True)
    (folder / "cougar.jpg").write_bytes(picture("red"))
    (folder / "meme.jpg").write_bytes(picture("grey"))
    (folder / "notes.txt").write_text("dear diary")
    with serving(folder, SERVE) as address:
        yield address, folder


def shape(value: Any) -> Any:
    """Keys and types; words and truth as they are, figures and names by their kind."""
    if isinstance(value, dict):
        kept = ("ok", "abstained", "reason", "error", "code", "status", "rank")
        return {key: item if key in kept else shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


@pytest.mark.parametrize(
    ("command", "expected"), EXAMPLES, ids=[example[0] for example in EXAMPLES]
)
def test_an_example_gives_what_the_page_says(
    served: tuple[str, Path], command: str, expected: str
) -> None:
    address, folder = served
    words = shlex.split(command.replace("https://critters.example", address))
    done = subprocess.run([*words, "--silent"], cwd=folder, capture_output=True, check=True)
    assert shape(json.loads(done.stdout)) == shape(json.loads(expected))


def test_there_are_examples_of_every_kind() -> None:
    assert len(EXAMPLES) >= 5


async def test_the_details_of_health_are_those_of_the_page(served: tuple[str, Path]) -> None:
    _, folder = served
    datasette = open_datasette(folder)
    for photo in (b"hello", picture("blue")):
        await datasette.client.post("/-/classify", files={"image": photo})
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    details = (await datasette.client.get("/-/critterdb/health", cookies=cookies)).json()
    [example] = [block for block in re.findall(r"^```json\n(.+?)^```$", PAGE, re.M | re.S)
              if '"problem"' in block]  # fmt: skip
    assert shape(details) == shape(json.loads(example))
