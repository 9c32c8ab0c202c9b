"""Runtime files come from a registry once, whole, and only as the files that were pinned."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.errors import SiteError, SourceError
from critterdb.fakes.server import Request, StandIn
from critterdb.publish.runtime import classifier, download, fetching
from critterdb.publish.runtime.classifier import OfferedModel, write_classifier
from critterdb.publish.runtime.fetching import (
    cache_folder,
    fetch_runtime,
    problem_files,
    ready_runtime,
)
from critterdb.publish.runtime.pins import GROUPS, NpmPackage, Pins, pins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {"dist/run.mjs": b"export {};", "dist/run-simd.mjs": b"//", "dist/run.wasm": bytes(90_000)}
KEPT = ["runner-1.0/run.mjs", "runner-1.0/run-simd.mjs", "runner-1.0/run.wasm"]


def tarball(files: dict[str, bytes]) -> bytes:
    """A package as npm makes them, not smaller than its files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), 0)


TARBALL = tarball(FILES)
PINS = Pins(
    npm=(
        NpmPackage(
            name="runner",
            version="1.0",
            group="classify",
            license="MIT",
            bytes=len(TARBALL),
            integrity=f"sha512-{base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()}",
            files={name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()},
        ),
    ),
    python="3.14",
    wheels=(),
)


class Registry(StandIn):
    """A registry with one package; its troubles come one a request, then it works."""

    def __init__(self, *troubles: str, data: bytes = TARBALL) -> None:
        super().__init__()
        self.troubles = list(troubles)
        self.data = data
        self.ranges: list[str | None] = []

    def handle(self, request: Request) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        trouble = self.troubles.pop(0) if self.troubles else ""
        if request.path != "/runner/-/runner-1.0.tgz":
            trouble = "404"
        if trouble.isdigit():
            request.answer(b"", status=int(trouble))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = self.data[start:]
        sent = rest[:40_000] if trouble == "drop" else rest
        request.answer(sent, status=206 if asked else 200, length=len(rest))
        request.hang_up()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_WAIT_S", 0.001)


@pytest.fixture
def registry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    with Registry(*getattr(request, "param", ())) as made:
        monkeypatch.setenv("npm_config_registry", f"{made.base}/")
        yield made


@pytest.mark.parametrize("registry", [["drop", "503", "drop"]], indirect=True)
def test_a_download_goes_on_where_it_stopped(registry: Registry, tmp_path: Path) -> None:
    assert fetch_runtime(tmp_path, ("classify",), wanted=PINS) == KEPT
    assert problem_files(tmp_path, "classify", PINS) == []
    assert registry.ranges == [None, "bytes=40000-", "bytes=40000-", "bytes=80000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["runner-1.0"]


def test_nothing_is_fetched_twice(registry: Registry, tmp_path: Path) -> None:
    fetch_runtime(tmp_path, ("classify",), wanted=PINS)
    assert fetch_runtime(tmp_path, ("classify",), wanted=PINS) == []
    assert len(registry.requests) == 1


def test_a_spoilt_file_is_fetched_again(registry: Registry, tmp_path: Path) -> None:
    fetch_runtime(tmp_path, ("classify",), wanted=PINS)
    (tmp_path / KEPT[0]).write_bytes(b"something else")
    assert fetch_runtime(tmp_path, ("classify",), wanted=PINS) == [KEPT[0]]
    assert (tmp_path / KEPT[0]).read_bytes() == FILES["dist/run.mjs"]


@pytest.mark.parametrize("data", [TARBALL[:-1] + b"x", TARBALL + b"more"])
def test_another_file_than_the_pinned_one_is_refused(
    registry: Registry, tmp_path: Path, data: bytes
) -> None:
    registry.data = data
    with pytest.raises(SourceError, match="another file than the one that critterdb expects"):
        fetch_runtime(tmp_path, ("classify",), wanted=PINS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("registry", [["503"] * 9], indirect=True)
def test_a_registry_that_stays_down_is_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"could not be downloaded \(status 503\)"):
        fetch_runtime(tmp_path, ("classify",), wanted=PINS)
    assert len(registry.requests) == download.ATTEMPTS


@pytest.mark.parametrize("registry", [["404"]], indirect=True)
def test_a_registry_without_the_package_is_asked_once(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="npm config get registry"):
        fetch_runtime(tmp_path, ("classify",), wanted=PINS)
    assert len(registry.requests) == 1


def test_a_folder_of_runtime_files_is_checked_and_nothing_is_fetched(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "pins", lambda: PINS)
    folder = tmp_path / "stick"
    with pytest.raises(SiteError, match="lacks runner"):
        ready_runtime("classify", folder)
    assert registry.requests == []
    fetch_runtime(folder, ("classify",))
    assert ready_runtime("classify", folder) == folder


def test_the_command_fills_a_folder_or_the_cache(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "pins", lambda: PINS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = CliRunner().invoke(main, ["runtime"])
    assert done.exit_code == 0, done.output
    assert done.output == f"3 files fetched; {cache_folder()} is complete.\n"
    assert cache_folder() == tmp_path / "cache" / "critterdb" / "runtime"
    again = CliRunner().invoke(main, ["runtime", "--only", "classify"])
    assert again.output == f"0 files fetched; {cache_folder()} is complete.\n"


def test_a_classifier_is_written_with_packed_files_and_the_licence(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of the earlier edition is taken from there, as packing takes a second."""
    (package,) = pins().packages("classify")
    runtime = tmp_path / "runtime"
    for kept in package.kept:
        (runtime / kept).parent.mkdir(parents=True, exist_ok=True)
        (runtime / kept).write_bytes(b"of " + kept.encode())
    file = tmp_path / "m.onnx"
    file.write_bytes(b"a model" * 100)
    offered = [OfferedModel("m", "tints", "#tints", "Is it red?", file)]
    first, second = tmp_path / "first", tmp_path / "second"
    write_classifier(first, offered, runtime)
    (packed,) = (first / "models").iterdir()
    assert gzip.decompress(packed.read_bytes()) == file.read_bytes()
    wasm = first / package.folder / "ort-wasm-simd-threaded.wasm.gz"
    assert gzip.decompress(wasm.read_bytes()).startswith(b"of onnxruntime-web")
    assert "MIT License" in (first / package.folder / "LICENSE.txt").read_text("utf-8")
    monkeypatch.setattr(classifier, "COMPRESSION_LEVEL", 0)
    write_classifier(second, offered, runtime, earlier=first)
    assert (second / "models" / packed.name).read_bytes() == packed.read_bytes()


def test_every_pin_has_a_version_a_hash_and_a_notice() -> None:
    notices = {f"{package.name}.txt" for package in pins().npm}
    folder = files("critterdb.publish.runtime").joinpath("licences")
    assert {notice.name for notice in folder.iterdir()} == notices
    hashes = [sha256 for group in GROUPS for sha256 in pins().files(group).values()]
    assert all(len(sha256) == 64 for sha256 in hashes)
    assert all(wheel.file.split("-")[1] == wheel.version for wheel in pins().wheels)


def test_without_npm_and_a_registry_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="Install npm, or set npm_config_registry"):
        fetching.npm_registry()
