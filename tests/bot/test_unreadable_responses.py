"""Responses of every endpoint in every wrong shape: one clear error, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import RejectedInputError, TimelineError
from critterdb.fetch.fetcher import Fetcher
from critterdb.games import Game, get_game
from critterdb.platforms.base import Envelope, SendResult, Timeline
from critterdb.platforms.registry import open_timeline
from tests.support.bot_harness import GAME, HASHTAG, HOST
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

ENDPOINTS = [
    ("x", "GET /2/users/me"),
    ("x", "GET /2/users/[0-9]+/mentions"),
    ("x", "GET /2/users/[0-9]+/tweets"),
    ("x", "GET /2/tweets/search/recent"),
    ("x", "GET /2/tweets"),
    ("x", "POST /2/tweets"),
    ("mastodon", "GET /api/v1/accounts/verify_credentials"),
    ("mastodon", "GET /api/v2/instance/"),
    ("mastodon", "GET /api/v1/notifications"),
    ("mastodon", "GET /api/v1/timelines/tag/.+"),
    ("mastodon", "GET /api/v1/accounts/lookup"),
    ("mastodon", "GET /api/v1/accounts/relationships"),
    ("mastodon", "GET /api/v1/accounts/[0-9]+/statuses"),
    ("mastodon", "GET /api/v1/statuses"),
    ("mastodon", "GET /api/v1/statuses/[0-9]+"),
    ("mastodon", "GET /api/v1/statuses/[0-9]+/context"),
    ("mastodon", "POST /api/v1/statuses"),
    ("mastodon", "PATCH /api/v1/accounts/update_credentials"),
    ("bluesky", "POST /xrpc/com.atproto.server.createSession"),
    ("bluesky", "GET /xrpc/app.bsky.notification.listNotifications"),
    ("bluesky", "GET /xrpc/app.bsky.feed.getAuthorFeed"),
    ("bluesky", "GET /xrpc/app.bsky.feed.getPosts"),
    ("bluesky", "GET /xrpc/com.atproto.repo.getRecord"),
    ("bluesky", "POST /xrpc/com.atproto.repo.putRecord"),
]
NAMES: tuple[str, ...] = (
    "data",
    "includes",
    "meta",
    "errors",
    "notifications",
    "feed",
    "posts",
    "value",
    "id",
)
NAMES += ("uri", "cursor", "configuration", "ancestors", "account", "did", "accessJwt", "domain")
# What a response loses that is asked for otherwise, or that concerns one status only.
WORKED_AROUND = {
    "GET /api/v1/statuses": "[]",  # asked for one by one
    "GET /api/v1/statuses/[0-9]+/context": "1 unreadable",
}
NEVER_READABLE = [b"", b"null", b"[" * 20_000]
SHAPES: list[object] = [
    [],
    {},
    [None, 1, "x", [], {}, {"id": []}, {"id": {}, "status": 5, "type": "mention"}],
    [{"id": "1", "status": {"id": "1"}, "type": "mention", "account": 5, "uri": 7, "post": []}],
    dict.fromkeys(NAMES, 5),
    {name: [5] for name in NAMES},
    {name: [[]] for name in NAMES},
    {name: [dict.fromkeys(NAMES, 5)] for name in NAMES},
    {name: dict.fromkeys(NAMES, 5) for name in NAMES},
]


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PlatformHarness]:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stage = PlatformHarness(db, server, request.param)
        stage.set_host()
        yield stage


def calls(timeline: Timeline, game: Game, posts: list[str]) -> list[Callable[[], object]]:
    """Everything that the bot asks of a platform."""

    def send() -> SendResult:
        post_id, text = posts[0], "A cougar (91%)."
        return timeline.send(post_id, text, timeline.prepare(post_id, text, datetime.now(UTC)))

    return [
        timeline.handle,
        lambda: timeline.read(game, {}),
        lambda: timeline.read_host_messages(game, posts),
        lambda: timeline.find_existing(posts),
        lambda: timeline.find_replies({posts[0]: Envelope("3abcdefghijk2")}),
        lambda: timeline.fits("A cougar"),
        timeline.label_as_bot,
        send,
    ]


def outcomes(stage: PlatformHarness, posts: list[str]) -> list[str]:
    """What each call raised or returned, in words; the bot has just been started."""
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)
    stage.server.me["bot"] = False
    timeline = open_timeline(stage.on)
    words = []
    for call in calls(timeline, get_game(stage.db, GAME), posts):
        try:
            result = call()
        except TimelineError as error:
            words.append(str(error))
        else:
            unreadable = getattr(result, "unreadable", 0)
            failures = f"{unreadable} unreadable" if unreadable else getattr(result, "failures", "")
            words.append(str(getattr(result, "error", None) or failures))
    return words


def conversation(stage: PlatformHarness) -> list[str]:
    """A host's question and what was written below; the posts that the bot knows."""
    asked = stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")])
    below = stage.server.add_post("ann", f"{stage.ask} a lynx?", in_reply_to=asked)
    deeper = stage.server.add_post("carl", "or a bobcat?", in_reply_to=below)
    stage.server.add_post(HOST, "Hm, a bobcat", in_reply_to=deeper)
    stage.server.add_post("bob", stage.ask, quotes=asked)
    return [f"{stage.on}:{asked}", f"{stage.on}:{below}"]


@pytest.mark.parametrize(("stage", "endpoint"), ENDPOINTS, indirect=["stage"])
def test_a_response_without_json_is_named(stage: PlatformHarness, endpoint: str) -> None:
    posts = conversation(stage)
    platform = {"x": "X", "mastodon": "Mastodon", "bluesky": "Bluesky"}[stage.on]
    for body in NEVER_READABLE:
        stage.server.odd_bodies = {endpoint: body}
        words = outcomes(stage, posts)
        error = f"{platform} returned an unreadable response. Try again later."
        expected = WORKED_AROUND.get(endpoint, error)
        assert any(expected in line for line in words), (body[:20], words)


@pytest.mark.parametrize(("stage", "endpoint"), ENDPOINTS, indirect=["stage"])
def test_json_of_any_shape_raises_nothing_else(stage: PlatformHarness, endpoint: str) -> None:
    posts = conversation(stage)
    for shape in SHAPES:
        stage.server.odd_bodies = {endpoint: json.dumps(shape).encode()}
        outcomes(stage, posts)


@pytest.mark.parametrize("stage", STAND_INS, indirect=True)
@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "http://",
        "https://[bad]/x.jpg",
        "https://[::1",
        "http://℀/x.jpg",
        "http://host:99999/x.jpg",
        "http://host:port/x.jpg",
        "http://\ud800/x.jpg",
        "http://a\x00b/x.jpg",
        "data:image/png;base64,AAAA",
        "http://" + "a" * 70_000,
    ],
)
def test_a_malformed_photo_address_is_rejected(stage: PlatformHarness, address: str) -> None:
    with pytest.raises(RejectedInputError):
        open_timeline(stage.on).fetch_photo(address, Fetcher())
