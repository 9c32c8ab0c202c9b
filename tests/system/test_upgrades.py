"""A site and models made at commit b670562 go on: same rows, same answers, trained, published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import rows
from tests.support.old_site import ARCHIVE, OldSite, unpack_old_site

CLOSE = 1e-3  # of a score or novelty, for processors that add up in another order


@pytest.fixture
def old(tmp_path: Path) -> OldSite:
    return unpack_old_site(tmp_path)


def invoke(old: OldSite, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--db", str(old.folder / DATABASE_NAME), *arguments])


def run(old: OldSite, *arguments: str) -> str:
    done = invoke(old, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def assert_alike(value: Any, expected: Any) -> None:
    """Equal, but for the last digits of numbers; keys that are new are allowed."""
    if isinstance(expected, dict):
        assert expected.keys() <= value.keys()
        for name, part in expected.items():
            assert_alike(value[name], part)
    elif isinstance(expected, list):
        assert len(value) == len(expected)
        for item, expected_item in zip(value, expected, strict=True):
            assert_alike(item, expected_item)
    elif isinstance(expected, float):
        assert value == pytest.approx(expected, abs=CLOSE)
    else:
        assert value == expected


def test_the_fixture_is_small() -> None:
    assert ARCHIVE.stat().st_size < 1_000_000


def test_it_opens_and_migrates_without_losing_a_row(old: OldSite) -> None:
    open_database(old.folder / DATABASE_NAME).close()
    status = run(old, "status")
    assert "coats" in status
    for table, count in old.expected["rows"].items():
        assert rows(old.folder, f"SELECT count(*) AS n FROM {table}") == [{"n": count}], table
    assert rows(old.folder, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert rows(old.folder, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_its_models_give_the_same_answers(old: OldSite, kind: str) -> None:
    expected = old.expected["answers"][kind]
    pictures = [str(old.pictures / answer["source"]) for answer in expected]
    model_id = old.expected["models"][kind]
    for model in (model_id, str(old.folder / "models" / f"{model_id}.onnx")):
        answers = json.loads(run(old, "classify", "--json", "--model", model, *pictures))
        for answer in answers:
            answer["source"] = Path(answer["source"]).name
        assert {answer["reason"] for answer in expected} >= {None, "not_a_critter"}
        assert_alike(answers, expected)
        assert {answer["model"]["id"] for answer in answers} == {model_id}


def test_it_is_measured_the_same(old: OldSite) -> None:
    pytest.importorskip("torch")
    measured = json.loads(run(old, "evaluate", old.expected["models"]["float32"], "--json"))
    assert_alike(measured, old.expected["evaluate"])


def test_it_trains_again_to_the_same_model(old: OldSite) -> None:
    """The same photos, splits, vectors and seed: figures, thresholds and scores are the same."""
    pytest.importorskip("torch")
    expected = old.expected["train_again"]
    options = ("--size", "48", "--min-photos", "5", "--seed", "3", "--json")
    figures = json.loads(run(old, "train", *options))
    assert_alike(figures, expected["figures"])
    [row] = rows(
        old.folder,
        "SELECT temperature, threshold, novelty_threshold FROM models "
        f"WHERE id = '{figures['model']}'",
    )
    assert_alike(list(row.values()), expected["thresholds"])
    scores = rows(
        old.folder,
        "SELECT photo_id, scores, novelty FROM predictions WHERE source = 'evaluation' "
        f"AND model_id = '{figures['model']}' ORDER BY photo_id",
    )
    for row, (photo_id, stored, novelty) in zip(scores, expected["scores"], strict=True):
        assert row["photo_id"] == photo_id
        assert_alike(json.loads(row["scores"]), json.loads(stored))
        assert row["novelty"] == pytest.approx(novelty, abs=CLOSE)


def test_its_bot_replies_to_no_post_a_second_time(
    old: OldSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old.folder)
    replies = Path("posts.jsonl.replies.jsonl").read_text("utf-8")
    run(old, "bot", "--on", "jsonl:posts.jsonl", "--post")
    assert Path("posts.jsonl.replies.jsonl").read_text("utf-8") == replies


def test_it_publishes_its_photos_and_models(old: OldSite, tmp_path: Path) -> None:
    report = json.loads(run(old, "publish", str(tmp_path / "public"), "--json"))
    assert report["photo_files"] == old.expected["rows"]["photos"]
    assert report["model_files"] >= 1
    assert (tmp_path / "public" / "plugins" / "critterdb_plugin.py").is_file()
