"""Pages of a static site are made by two processes if there are many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from critterdb.errors import SiteError
from critterdb.publish.static_site import bake as static_bake
from critterdb.publish.static_site import crawl
from critterdb.publish.static_site.bake import publish_static
from critterdb.publish.static_site.crawl import Crawl, PageJob
from critterdb.publish.static_site.second_process import SecondProcess
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.pages import make_furnished_site
from tests.support.processes import is_running
from tests.support.static_site import bake, contents

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WAIT_S = 30
BASE = "https://me.example/repo/"
T = TypeVar("T")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_cache")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("static") / "mysite")


@pytest.fixture(scope="module")
def baked(site: Path) -> Path:
    folder = site.parent / "public"
    bake(site, folder, base_url=BASE)
    return folder


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> list[SecondProcess]:
    """Let a site of any size be made by two processes; the second one is noted here."""
    monkeypatch.setattr(crawl, "PAGES_FOR_TWO", 2)
    monkeypatch.setattr(crawl, "cores", lambda: 2)
    started: list[SecondProcess] = []

    class Noted(SecondProcess):
        def __init__(self, job: PageJob) -> None:
            super().__init__(job)
            started.append(self)

    monkeypatch.setattr(static_bake, "SecondProcess", Noted)
    return started


def test_two_processes_make_the_same_pages(
    site: Path,
    baked: Path,
    tmp_path: Path,
    two_processes: list[SecondProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs: list[object] = []
    monkeypatch.setattr(Crawl, "_accept", noting(Crawl._accept, theirs))
    bake(site, tmp_path / "public", base_url=BASE)
    [process] = two_processes
    assert not process.alive
    assert len(theirs) > 5
    assert contents(tmp_path / "public") == contents(baked)
    assert bake(site, tmp_path / "public", base_url=BASE).written == 0


def noting(function: Callable[..., T], calls: list[object]) -> Callable[..., T]:
    def noted(*arguments: object) -> T:
        calls.append(arguments)
        return function(*arguments)

    return noted


def test_a_second_process_that_dies_is_one_error(
    site: Path, baked: Path, two_processes: list[SecondProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(baked)

    def killed(process: SecondProcess, address: str) -> None:
        os.kill(process.pid, signal.SIGKILL)
        ask(process, address)

    ask = SecondProcess.ask
    monkeypatch.setattr(SecondProcess, "ask", killed)
    with pytest.raises(SiteError, match=r"ended early \(status -9\)"):
        bake(site, baked)
    assert len(two_processes) == 1
    assert contents(baked) == before
    assert list(baked.parent.glob(".public*")) == []


@pytest.mark.any_line
def test_an_error_of_the_second_process_is_that_of_the_run(
    site: Path, baked: Path, two_processes: list[SecondProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(baked)
    send = Connection.send

    def with_another_copy(connection: Connection, sent: object) -> None:
        missing = isinstance(sent, PageJob) and replace(sent, copy=sent.copy / "nowhere")
        send(connection, missing or sent)

    monkeypatch.setattr(Connection, "send", with_another_copy)
    with pytest.raises(SiteError, match=r"There is no database at .*nowhere"):
        bake(site, baked)
    assert len(two_processes) == 1
    assert contents(baked) == before


@pytest.mark.any_line
@pytest.mark.parametrize(("cores", "pages"), [(1, 2), (2, 10_000)])
def test_one_processor_or_few_pages_need_one_process(
    site: Path,
    tmp_path: Path,
    two_processes: list[SecondProcess],
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    pages: int,
) -> None:
    monkeypatch.setattr(crawl, "cores", lambda: cores)
    monkeypatch.setattr(crawl, "PAGES_FOR_TWO", pages)
    bake(site, tmp_path / "public")
    assert two_processes == []


@pytest.mark.any_line
def test_ctrl_c_ends_the_second_process_too(
    site: Path, tmp_path: Path, two_processes: list[SecondProcess]
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def progress(page: int, _: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with closing(open_database(site / DATABASE_NAME)) as db, pytest.raises(KeyboardInterrupt):
        publish_static(db, tmp_path / "public", progress=progress)
    [process] = two_processes
    assert not process.alive
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from critterdb.publish.static_site import bake, crawl
from tests.support.static_site import bake as publish

class Announced(bake.SecondProcess):
    def pages(self, *, wait):
        made = super().pages(wait=wait)
        if made:
            print(self.pid, flush=True)
            time.sleep(60)
        return made

bake.SecondProcess, crawl.PAGES_FOR_TWO, crawl.cores = Announced, 2, lambda: 2
publish(*map(Path, sys.argv[1:]))
"""


def test_the_second_process_ends_with_a_first_that_was_killed(
    site: Path, baked: Path, busy: float
) -> None:
    before = contents(baked)
    command = [sys.executable, "-c", KILLED, str(site), str(baked)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        pid = int(first.stdout.readline())
        assert is_running(pid)
        first.kill()
    ends = time.monotonic() + WAIT_S * busy
    while is_running(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not is_running(pid)
    assert contents(baked) == before
    bake(site, baked, base_url=BASE)
    assert contents(baked) == before
    assert list(baked.parent.glob(".public*")) == []
