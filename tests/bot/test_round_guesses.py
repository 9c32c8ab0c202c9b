"""Which guesses count, and whose names are kept; `benchmarks/round_feed.py` has the long feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.round_feed import complaints, play_feed
from tests.support.round_kills import play_and_kill_rounds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rounds import RoundsHarness

pytestmark = pytest.mark.slow


def test_the_leaderboard_is_what_a_count_by_hand_says(stage: RoundsHarness) -> None:
    feed = play_feed(stage, 100, rounds=2)
    assert complaints(feed) == []
    assert len(feed.kinds) >= 11
    # Of messages nothing is kept but a guess.
    texts = [row["text"] for row in stage.rows("SELECT text FROM own_posts")]
    assert len(texts) == 4
    assert stage.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("platform", ["x", "mastodon", "bluesky"])
def test_killed_at_any_moment_a_round_is_posted_and_revealed_once(
    platform: str, tmp_path: Path
) -> None:
    counts = play_and_kill_rounds(platform, tmp_path, rounds=1, kills=5, seed=1)
    assert counts.is_clean(), counts
    assert (counts.posts, counts.kills) == (2, 5)
