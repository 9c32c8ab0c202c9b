"""Killed at random moments while its platform loses answers, the bot answers everybody once.

`benchmarks/bot_kills.py` does the same five hundred times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kills import play_and_kill

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("platform", ["x", "mastodon", "bluesky"])
def test_everybody_is_answered_once_whatever_dies(platform: str, tmp_path: Path) -> None:
    """With pictures, which are uploaded before the reply, where the platform takes them."""
    pictures = {"CRITTERDB_BOT_PICTURES": "1"}
    outcome = play_and_kill(platform, tmp_path, posts=20, kills=8, seed=3, settings=pictures)
    assert outcome.is_clean(), outcome
    assert (outcome.replies, outcome.kills) == (20, 8)
