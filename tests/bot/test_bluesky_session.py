"""The session on Bluesky is kept, renewed, and never for others to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.bluesky.session import LOGINS_PER_5_MINUTES
from critterdb.platforms.registry import open_timeline
from critterdb.storage.database import SiteDatabase, site_folder
from tests.fakes.bluesky import StandInBluesky
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(
    db: SiteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PlatformHarness]:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with StandInBluesky() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield PlatformHarness(db, server, "bluesky")


def kept(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "state").rglob("*") if file.is_file()]


def test_one_login_is_enough_for_many_rounds(stage: PlatformHarness, tmp_path: Path) -> None:
    stage.server.add_post("ann", stage.ask, [picture("red")])
    assert [stage.play().sent for _ in range(3)] == [1, 0, 0]
    assert len(stage.server.logins.times) == 1
    (file,) = kept(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert "standin-app-password" not in file.read_text()
    assert site_folder(stage.db) not in file.parents


@pytest.mark.parametrize(("refresh", "logins"), [(False, 1), (True, 2)])
def test_what_ran_out_is_renewed(stage: PlatformHarness, refresh: bool, logins: int) -> None:
    stage.play()
    stage.server.expire(refresh=refresh)
    stage.server.add_post("ann", stage.ask, [picture("red")])
    assert stage.play().sent == 1
    assert len(stage.server.logins.times) == logins


def test_a_session_that_runs_out_while_sending(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.post_faults.append("expired")
    assert stage.play().sent == 1
    assert stage.answered() == [post]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"tokens": null}', '{"tokens": {"did": 1}, "logins": "odd"}']
)
def test_a_damaged_file_does_not_stop_the_bot(
    stage: PlatformHarness, tmp_path: Path, text: str
) -> None:
    stage.play()
    (file,) = kept(tmp_path)
    file.write_text(text)
    stage.play()
    assert len(stage.server.logins.times) == 2


def test_a_file_that_others_can_read_is_not_used(stage: PlatformHarness, tmp_path: Path) -> None:
    stage.play()
    (file,) = kept(tmp_path)
    file.chmod(0o644)
    stage.play()
    assert len(stage.server.logins.times) == 2
    (file,) = kept(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_folder_each_process_logs_in(stage: PlatformHarness, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    stage.server.add_post("ann", stage.ask, [picture("red")])
    assert stage.play().sent == 1


def test_logins_are_counted_across_processes(stage: PlatformHarness) -> None:
    for _ in range(LOGINS_PER_5_MINUTES):
        stage.server.expire(refresh=True)
        stage.play()
    stage.server.expire(refresh=True)
    with pytest.raises(RateLimitedError, match="too often"):
        open_timeline("bluesky").find_existing(["bluesky:at://x/app.bsky.feed.post/1"])
    assert len(stage.server.logins.times) == LOGINS_PER_5_MINUTES


def test_a_wrong_password_is_named_and_not_said(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_BLUESKY_PASSWORD", "quite-wrong")
    with pytest.raises(TimelineError, match="CRITTERDB_BLUESKY_PASSWORD") as caught:
        stage.play()
    assert "quite-wrong" not in str(caught.value)
