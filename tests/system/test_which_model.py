"""Which model and which game a command means, where a site has several."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.games import PRESETS, Game, get_game, save_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import jpeg, make_site
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = "cougarornot-colours", "tints-colours"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with two games that have a model, and one that has none."""
    folder = make_site(tmp_path / "mysite")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        for slug in ("cougarornot", "tints"):
            save_game(db, PRESETS[slug] if slug in PRESETS else Game(slug))
            make_tiny_model(db, slug)
        save_game(db, Game("empty"))
    (folder / "red.jpg").write_bytes(jpeg("red"))
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def model_used(done: Result) -> str:
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)[0]["model"]["id"])


def test_several_models_are_named_with_the_options_that_choose(folder: Path) -> None:
    done = run("classify", "red.jpg")
    assert done.exit_code == 1
    assert "--game (cougarornot, tints)" in done.stderr
    assert f"--model ({FIRST}, {SECOND})" in done.stderr


@pytest.mark.parametrize(
    ("options", "model"),
    [
        (("--game", "tints"), SECOND),
        (("--game", "Tints"), SECOND),
        (("--model", "tin"), SECOND),
        (("--model", FIRST), FIRST),
        (("--model", "cougar", "--game", "cougarornot"), FIRST),
    ],
)
def test_a_game_or_the_beginning_of_an_id_chooses_a_model(
    folder: Path, options: tuple[str, ...], model: str
) -> None:
    assert model_used(run("classify", "red.jpg", "--json", *options)) == model
    for command in (("similar", "red.jpg"), ("duplicates",)):
        done = run(*command, *options)
        assert done.exit_code == 0, done.output
    shown = json.loads(run("models", "show", options[1].lower()).stdout)
    assert shown["id"] == model


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--game", "tnits"), "Did you mean tints?"),
        (("--game", "empty"), "empty has no model yet. Train one with: critterdb train empty"),
        (("--model", "cougarornot-colour-"), f"Did you mean {FIRST}?"),
        (("--model", "tints", "--game", "cougarornot"), "is a model of tints, not of cougarornot"),
    ],
)
def test_a_wrong_choice_is_one_clear_error(
    folder: Path, options: tuple[str, ...], words: str
) -> None:
    for command in (("classify", "red.jpg"), ("similar", "red.jpg"), ("duplicates",)):
        done = run(*command, *options)
        assert done.exit_code == 1
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_ambiguous_beginning_lists_the_models(folder: Path) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db:
        row = db["models"].get(SECOND)
        db["models"].insert({**row, "id": "tints-colours-2"})
    done = run("models", "use", "tints")
    assert f"Several models begin with tints: {SECOND}, tints-colours-2" in done.stderr
    assert run("models", "use", SECOND).exit_code == 0


def test_models_of_one_game_are_listed(folder: Path) -> None:
    assert FIRST in run("models").stdout
    said = run("models", "--game", "tints").stdout
    assert SECOND in said
    assert FIRST not in said
    [listed] = json.loads(run("models", "--game", "tints", "--json").stdout)
    assert (listed["id"], listed["game"]) == (SECOND, "tints")


def test_the_only_usable_game_is_chosen(folder: Path) -> None:
    """A game without photos is none to train, and one without a model none to play."""
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["observations"].insert({"id": 1})
        db["photos"].insert({"id": 1, "observation_id": 1, "path": "photos/x", "sha256": "x"})
        seen = {"game": "empty", "observation_id": 1, "seen_at": "2026-11-27T00:00:00Z"}
        db["game_observations"].insert(seen)
        assert get_game(db, needs="photos").slug == "empty"
        assert get_game(db, needs="taxon").slug == "cougarornot"
        db["games"].update("tints", {"model_id": None})
        assert get_game(db, needs="model").slug == "cougarornot"
    (folder / "posts.jsonl").write_text("")
    assert run("bot", "--on", "jsonl:posts.jsonl").exit_code == 0
    assert model_used(run("classify", "red.jpg", "--json")) == FIRST


def test_looking_at_a_preset_does_not_make_a_game(folder: Path) -> None:
    shown = json.loads(run("games", "show", "crowornot").stdout)
    assert shown["hashtag"] == "CrowOrNo"
    slugs = [game["slug"] for game in json.loads(run("games", "--json").stdout)]
    assert slugs == ["cougarornot", "empty", "tints"]
