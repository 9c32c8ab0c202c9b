"""One atomic writer: whole or not at all, under a name of its own, never through a link."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.storage.atomic_files import OWNER_ONLY, replacing, write_atomically
from critterdb.storage.database import DATABASE_NAME, open_database

if TYPE_CHECKING:
    from pathlib import Path


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.bin"
    write_atomically(file, b"one")
    write_atomically(file, b"two", mode=OWNER_ONLY)
    assert (file.read_bytes(), mode(file)) == (b"two", 0o600)
    assert list(file.parent.iterdir()) == [file]


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file.bin"
    write_atomically(file, b"one")

    def fail() -> None:
        with replacing(file) as partial:
            partial.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["metadata.json", "plugins/critterdb_plugin.py"])
def test_init_writes_through_no_link(tmp_path: Path, name: str) -> None:
    """Neither a prepared .part beside the file nor the file itself leads anywhere else."""
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    folder = tmp_path / "site"
    (folder / "plugins").mkdir(parents=True)
    (folder / f"{name}.part").symlink_to(precious)
    if name != "metadata.json":
        (folder / name).symlink_to(precious)
    done = CliRunner().invoke(main, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    assert precious.read_text() == "years of work"
    assert not (folder / name).is_symlink()


def test_backup_writes_through_no_link_and_removes_nothing(site: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    (tmp_path / "copy.db.part").symlink_to(precious)
    target = tmp_path / "copy.db"
    done = CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), "backup", str(target)])
    assert done.exit_code == 0, done.output
    assert precious.read_text() == "years of work"
    assert (tmp_path / "copy.db.part").is_symlink()
    with closing(open_database(target)) as copy:
        assert copy["games"].count == 0


def test_a_backup_is_as_private_as_its_database(site: Path, tmp_path: Path) -> None:
    (site / DATABASE_NAME).chmod(0o600)
    target = tmp_path / "copy.db"
    done = CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), "backup", str(target)])
    assert done.exit_code == 0, done.output
    assert mode(target) == 0o600


def test_a_backup_is_not_written_through_a_dangling_link(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.symlink_to(tmp_path / "elsewhere.db")
    done = CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), "backup", str(target)])
    assert not os.path.lexists(tmp_path / "elsewhere.db")
    assert done.exit_code in (0, 1)
