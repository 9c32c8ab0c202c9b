"""A row whose path is not that of a photo is counted as unreadable; it stops no run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.dataset.examples import UNREADABLE
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.old_site import OldSite, unpack_old_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BAD_PATHS = ("../../etc/passwd", "photos/ab/missing.jpg")


@pytest.fixture
def old(tmp_path: Path) -> OldSite:
    return unpack_old_site(tmp_path)


def spoil(old: OldSite, part: str) -> None:
    """Let two photos of a part have a path that is none, and make int8 begin from nothing."""
    db = open_database(old.folder / DATABASE_NAME)
    rows = db.query(
        "SELECT photos.id FROM photos JOIN splits USING (observation_id) "
        "WHERE part = ? ORDER BY sha256 LIMIT 2",
        [part],
    )
    for photo_id, path in zip([row["id"] for row in rows], BAD_PATHS, strict=True):
        db["photos"].update(photo_id, {"path": path})
    db["embeddings"].delete_where("backbone LIKE '%int8%'")
    db.close()
    for file in (old.folder / "models" / "backbones").glob("*int8*"):
        file.unlink()


def run(old: OldSite, *arguments: str) -> dict[str, Any]:
    command = ["--db", str(old.folder / DATABASE_NAME), *arguments, "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_evaluate_counts_them(old: OldSite) -> None:
    spoil(old, "test")
    result = run(old, "evaluate", old.expected["models"]["float32"])
    assert result["photos"] == old.expected["evaluate"]["photos"] - len(BAD_PATHS)
    assert result["left_out"] == {UNREADABLE: len(BAD_PATHS)}


def test_int8_counts_them(old: OldSite) -> None:
    spoil(old, "train")
    result = run(old, "train", "--size", "48", "--min-photos", "5", "--int8")
    assert result["left_out"][UNREADABLE] == len(BAD_PATHS)
    assert result["photos"] > 5


def test_fine_tuning_counts_them(old: OldSite) -> None:
    """They have vectors already, of the time when their paths were good."""
    options = ("--size", "64", "--min-photos", "5")  # a size at which the site has no miniature
    run(old, "train", *options)
    spoil(old, "train")
    result = run(old, "train", *options, "--fine-tune", "1")
    assert result["left_out"][UNREADABLE] == len(BAD_PATHS)
    assert result["photos"] > 5
