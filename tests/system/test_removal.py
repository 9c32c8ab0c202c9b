"""`critterdb models remove` and `games remove`: what goes, what stays, and what must not go."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.games import Game, save_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    MODEL_ID,
    SEEN_AT,
    add_model,
    add_photo,
    add_post,
    jpeg,
    make_site,
    rows,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = ("games", "models", "predictions", "observations", "photos", "observers", "embeddings")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photo 1 is in the game cougarornot, photo 2 in the game mine, photo 3 in both."""
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    shas = [
        add_photo(folder, n, jpeg(colour)) for n, colour in ((1, "red"), (2, "lime"), (3, "blue"))
    ]
    with closing(open_database(folder / DATABASE_NAME)) as db:
        save_game(db, Game("mine"))
        save_game(db, Game("empty"))
        for game, photo in (("cougarornot", 1), ("mine", 2), ("cougarornot", 3), ("mine", 3)):
            row = {"game": game, "observation_id": photo, "seen_at": SEEN_AT}
            db["game_observations"].insert(row)
        for sha256 in shas:
            vector = {"sha256": sha256, "backbone": "b", "vector": b"12", "dimensions": 1}
            db["embeddings"].insert(vector)
        db["syncs"].insert({"game": "mine", "source": "x", "started_at": SEEN_AT})
        db["splits"].insert({"game": "mine", "observation_id": 2, "part": "train"})
        db["cursors"].insert(
            {"name": "inaturalist:mine:id_above", "value": "2", "updated_at": SEEN_AT}
        )
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def counts(folder: Path) -> dict[str, int]:
    sql = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in EVERYTHING)
    [row] = rows(folder, f"SELECT {sql}")
    assert rows(folder, "PRAGMA foreign_key_check") == []
    return row


def photo_files(folder: Path) -> int:
    return len(list((folder / "photos").glob("*/*")))


def test_a_game_goes_with_what_is_its_alone(folder: Path) -> None:
    done = run("games", "remove", "mine", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 observation that no other game has, with 1 photo" in done.stdout
    assert "1 observation that other games have too, are kept" in done.stdout
    left = counts(folder)
    assert (left["games"], left["observations"], left["photos"], left["embeddings"]) == (2, 2, 2, 2)
    assert photo_files(folder) == 2
    assert rows(folder, "SELECT * FROM cursors") == rows(folder, "SELECT * FROM syncs") == []


def test_a_game_goes_with_its_models(folder: Path) -> None:
    red = folder / "red.jpg"
    red.write_bytes(jpeg("red"))
    assert run("classify", str(red)).exit_code == 0
    done = run("games", "remove", "cougarornot", "--yes")
    assert done.exit_code == 0, done.output
    assert f"the model {MODEL_ID}: its file" in done.stdout
    assert "1 answer" in done.stdout
    left = counts(folder)
    assert (left["games"], left["models"], left["predictions"], left["photos"]) == (2, 0, 0, 2)
    assert not (folder / f"models/{MODEL_ID}.onnx").exists()
    assert red.exists()


def test_nothing_is_removed_without_consent(folder: Path) -> None:
    before = counts(folder)
    for command in (("games", "remove", "mine"), ("models", "remove", MODEL_ID)):
        done = run(*command)
        assert done.exit_code == 1
        assert "Nothing was changed" in done.stderr
        assert "--yes" in done.stderr
    assert counts(folder) == before
    assert photo_files(folder) == 3


def test_an_empty_game_needs_no_consent(folder: Path) -> None:
    assert run("games", "remove", "empty").exit_code == 0
    assert counts(folder)["games"] == 2


@pytest.mark.parametrize(
    ("slug", "words"),
    [("crowornot", "preset that this site does not use"), ("mime", "Did you mean mine?")],
)
def test_a_game_that_is_not_there(folder: Path, slug: str, words: str) -> None:
    done = run("games", "remove", slug, "--yes")
    assert done.exit_code == 1
    assert words in done.stderr


def test_the_bot_s_history_stays(folder: Path) -> None:
    add_post(folder, "x:1", "https://pictures.example/1.jpg")
    before = counts(folder)
    done = run("games", "remove", "cougarornot", "--yes")
    assert done.exit_code == 1
    assert "1 post" in done.stderr
    assert "bot's history" in done.stderr
    assert counts(folder) == before


def test_a_model_goes_with_its_answers(folder: Path) -> None:
    (folder / "red.jpg").write_bytes(jpeg("red"))
    run("classify", "red.jpg")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["reviews"].insert({"prediction_id": 1, "verdict": "right", "created_at": SEEN_AT})
    done = run("models", "remove", "cougarornot", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 answer, 1 review by people" in done.stdout
    assert "uses it and will have no model left" in done.stdout
    left = counts(folder)
    assert (left["models"], left["predictions"], left["photos"], left["embeddings"]) == (0, 0, 3, 3)
    assert not list((folder / "models").glob("*.onnx"))
    assert "Train one with" in run("classify", "red.jpg").stderr


def test_a_model_in_use_stays_while_there_is_another(folder: Path) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["models"].insert({**db["models"].get(MODEL_ID), "id": "other", "path": "models/o.onnx"})
    done = run("models", "remove", MODEL_ID, "--yes")
    assert done.exit_code == 1
    assert f"cougarornot uses {MODEL_ID}" in done.stderr
    assert run("models", "remove", "other", "--yes").exit_code == 0
    assert (folder / f"models/{MODEL_ID}.onnx").exists()


def test_a_model_that_answered_posts_stays(folder: Path) -> None:
    add_post(folder, "x:1", "https://pictures.example/1.jpg")
    (folder / "red.jpg").write_bytes(jpeg("red"))
    run("classify", "red.jpg")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["replies"].update("x:1", {"prediction_id": 1})
    done = run("models", "remove", MODEL_ID, "--yes")
    assert done.exit_code == 1
    assert "answered 1 post in the bot's history" in done.stderr
    assert counts(folder)["models"] == 1
