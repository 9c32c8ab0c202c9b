"""A picture beside a reply: off by default, never a copy of a photo, and still one reply ever."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import place_photo
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.models import COUGAR, make_tiny_model, picture
from tests.support.platforms import STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.media import Upload

pytestmark = pytest.mark.slow

RED = (215, 25, 25)


@pytest.fixture(params=["mastodon", "bluesky"])
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PlatformHarness]:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CRITTERDB_BOT_PICTURES", "1")
    monkeypatch.setenv("CRITTERDB_RECONCILE_SECONDS", "0")
    monkeypatch.setattr("critterdb.platforms.mastodon.media.POLL_S", 0.01)
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield PlatformHarness(db, server, request.param)


def ask(stage: PlatformHarness, colour: str = "red", seed: int = 0) -> str:
    post: str = stage.server.add_post("ann", stage.ask, [picture(colour, seed=seed)])
    return post


def sent_pictures(stage: PlatformHarness) -> list[Upload]:
    [reply] = stage.server.sent
    pictures: list[Upload] = reply["pictures"]
    return pictures


def has_colour(data: bytes, colour: tuple[int, int, int], within: int = 40) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)
    return bool((np.abs(pixels - np.array(colour)) <= within).all(axis=2).any())


def test_pictures_are_off_unless_they_are_turned_on(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRITTERDB_BOT_PICTURES")
    ask(stage)
    assert stage.play().sent == 1
    assert sent_pictures(stage) == []
    assert stage.server.uploads == {}


def test_a_reply_shows_where_the_evidence_is_without_the_author_s_photo(
    stage: PlatformHarness,
) -> None:
    stage.server.polls = 3
    post = ask(stage)
    assert stage.play().sent == 1
    [upload] = sent_pictures(stage)
    assert upload.kind == "image/png"
    image = Image.open(io.BytesIO(upload.data))
    assert image.info == {}
    assert image.width > image.height
    assert not has_colour(upload.data, RED)
    assert "without the photo" in upload.alt
    assert "Cougar" in upload.alt
    assert "evidence is" in upload.alt
    assert stage.reply(post)["status"] == "sent"
    assert stage.play().sent == 0
    assert len(stage.server.uploads) == 1


def test_a_licensed_photo_of_the_site_is_shown_with_its_credit(stage: PlatformHarness) -> None:
    data = picture("red", seed=7)
    _add_licensed_photo(stage.db, data, "cc-by")
    ask(stage, seed=7)
    stage.play()
    [upload] = sent_pictures(stage)
    assert upload.kind == "image/jpeg"
    assert has_colour(upload.data, RED)
    assert "(c) Ann, some rights reserved" in upload.alt
    assert Image.open(io.BytesIO(upload.data)).getexif() == {}


@pytest.mark.parametrize("license_code", [None, "cc-by-nd"])
def test_a_photo_whose_licence_forbids_changes_is_not_shown(
    stage: PlatformHarness, license_code: str | None
) -> None:
    data = picture("red", seed=7)
    _add_licensed_photo(stage.db, data, license_code)
    ask(stage, seed=7)
    stage.play()
    [upload] = sent_pictures(stage)
    assert not has_colour(upload.data, RED)


def _add_licensed_photo(db: SiteDatabase, data: bytes, license_code: str | None) -> None:
    sha256, path = place_photo(site_folder(db), data, "jpg", "photos")
    with db.atomic():
        db["observations"].insert({"id": 1, "taxon_id": COUGAR})
        db["photos"].insert(
            {
                "id": 1,
                "observation_id": 1,
                "license_code": license_code,
                "attribution": "(c) Ann, some rights reserved",
                "sha256": sha256,
                "path": path,
            }
        )


@pytest.mark.parametrize("colour", ["yellow", "grey"])
def test_no_answer_has_no_picture(stage: PlatformHarness, colour: str) -> None:
    ask(stage, colour)
    assert stage.play().sent == 1
    assert sent_pictures(stage) == []


@pytest.mark.parametrize("fault", ["503", "drop_before", "drop_after", "html", "odd"])
def test_an_upload_that_fails_costs_the_picture_and_not_the_reply(
    stage: PlatformHarness, fault: str
) -> None:
    stage.server.post_faults.append(fault)
    ask(stage)
    assert stage.play().sent == 1
    assert sent_pictures(stage) == []


def test_a_picture_that_is_never_processed_is_left_out(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stage.on != "mastodon":
        pytest.skip("Bluesky takes a picture at once")
    monkeypatch.setattr("critterdb.platforms.mastodon.media.POLLS", 2)
    stage.server.polls = 100
    ask(stage)
    assert stage.play().sent == 1
    assert sent_pictures(stage) == []


def test_an_upload_that_is_limited_waits_for_its_time(stage: PlatformHarness) -> None:
    stage.server.post_faults.append("429")
    post = ask(stage)
    assert stage.play().sent == 0
    assert stage.reply(post)["status"] == "planned"
    stage.later = 3600
    assert stage.play().sent == 1
    assert len(sent_pictures(stage)) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_reply_that_was_lost_after_its_upload_is_there_once(
    stage: PlatformHarness, fault: str
) -> None:
    """As if the process were killed between the upload and the answer to the post."""
    stage.server.post_faults.extend(["", fault])
    post = ask(stage)
    stage.play()
    for _ in range(4):
        stage.later += 120
        stage.play()
    assert stage.reply(post)["status"] == "sent"
    assert len(sent_pictures(stage)) == 1
    assert len(stage.server.uploads) == 1


def test_an_upload_that_the_platform_removed_meanwhile_costs_the_picture_only(
    stage: PlatformHarness,
) -> None:
    stage.server.post_faults.extend(["", "drop_before"])
    post = ask(stage)
    stage.play()
    stage.server.forget_uploads()
    for _ in range(4):
        stage.later += 120
        stage.play()
    assert stage.reply(post)["status"] == "sent"
    assert sent_pictures(stage) == []
