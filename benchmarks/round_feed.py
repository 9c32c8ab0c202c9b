"""Rounds with a thousand posts on a stand-in server: is the leaderboard what a count by hand says?

    python -m benchmarks.round_feed [x|mastodon|bluesky] [--posts 1001] [--rounds 12] [--seed 0]

Guesses, second ones, late ones, edits, deletions, opt-ins and opt-outs, as
tests/support/round_feed.py lists them. Exit status 1 where anything is not as expected.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["CRITTERDB_REPLIES_PER_DAY"] = "1000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="?", default="x", choices=("x", "mastodon", "bluesky"))
    parser.add_argument("--posts", type=int, default=1001)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    wrong = play(options.platform, options.posts, options.rounds, options.seed)
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(bool(wrong))


def play(platform: str, posts: int, rounds: int, seed: int) -> list[str]:
    from critterdb.storage.database import DATABASE_NAME, open_database
    from tests.support.bot_harness import GAME, HASHTAG
    from tests.support.models import make_tiny_model
    from tests.support.platforms import STAND_INS
    from tests.support.round_feed import complaints, play_feed
    from tests.support.rounds import RoundsHarness

    with tempfile.TemporaryDirectory() as folder, STAND_INS[platform]() as server:
        db = open_database(Path(folder) / DATABASE_NAME, create=True)
        make_tiny_model(db, GAME, hashtag=HASHTAG)
        os.environ.update(server.environment())
        os.environ["XDG_STATE_HOME"] = folder
        stage = RoundsHarness(db, server, platform, hours_ago=rounds + 30)
        feed = play_feed(stage, posts, rounds=rounds, seed=seed)
        wrong = complaints(feed)
        for name, number in sorted(feed.kinds.items()):
            print(f"{name.replace('_', ' '):<28}{number:>5}")
        guesses = db["guesses"].count
        db.close()
    print(f"{feed.posts} posts in {rounds} rounds, {guesses} guesses count")
    print(f"{len(feed.stopped)} accounts that said stop or are bots; not as expected: {len(wrong)}")
    for line in wrong[:20]:
        print("  ", line)
    return wrong


if __name__ == "__main__":
    main()
