"""A mixed feed of a thousand posts on a stand-in server: is exactly who may be answered, each once?

    python -m benchmarks.bot_feed [x|mastodon|bluesky] [--posts 1000] [--seed 0]

Every case of reading and of welcome is in it, as tests/support/feed.py lists them. On X a second
feed holds only posts that nobody summoned the bot to, and counts the requests that tried to write.
Exit status 1 where anything is not as expected.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.platforms import PlatformHarness

os.environ["CRITTERDB_REPLIES_PER_DAY"] = "1000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="?", default="x", choices=("x", "mastodon", "bluesky"))
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    wrong = play_mixed(options.platform, options.posts, options.seed)
    writes = 0
    if options.platform == "x":
        writes = play_unsummoned(options.posts // 3, options.seed)
        print(f"requests that tried to write, with nobody asking: {writes}")
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(bool(wrong or writes))


def play_mixed(platform: str, posts: int, seed: int) -> list[str]:
    from tests.support.feed import SENT, play_feed

    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder), platform) as stage:
        feed, wrong = play_feed(stage, posts, rounds=8, seed=seed)
        answered = sum(expected == SENT for expected in feed.expected.values())
        for name, number in sorted(feed.kinds.items()):
            print(f"{name.replace('_', ' '):<28}{number:>5}")
        print(f"{len(feed.expected)} posts, {answered} to be answered")
        print(f"{len(stage.server.sent)} replies; not as expected: {len(wrong)}")
        for line in wrong[:20]:
            print("  ", line)
    return wrong


def play_unsummoned(posts: int, seed: int) -> int:
    from tests.support.feed import ON, UNSUMMONED, Feed

    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder), "x") as stage:
        feed = Feed(stage, seed)
        feed.fill(posts, {name: ON["x"][name] for name in UNSUMMONED})
        for _ in range(2):
            stage.play()
        return int(stage.server.writes)


class stage_in:
    """A site in a folder, and a stand-in server with its settings."""

    def __init__(self, folder: Path, platform: str) -> None:
        self.folder = folder
        self.platform = platform

    def __enter__(self) -> PlatformHarness:
        from critterdb.storage.database import DATABASE_NAME, open_database
        from tests.support.bot_harness import GAME, HASHTAG
        from tests.support.models import make_tiny_model
        from tests.support.platforms import STAND_INS, PlatformHarness

        self.db = open_database(self.folder / DATABASE_NAME, create=True)
        make_tiny_model(self.db, GAME, hashtag=HASHTAG)
        self.server = STAND_INS[self.platform]()
        self.server.start()
        os.environ.update(self.server.environment())
        os.environ["XDG_STATE_HOME"] = str(self.folder)
        stage = PlatformHarness(self.db, self.server, self.platform)
        stage.set_host()
        return stage

    def __exit__(self, *error: object) -> None:
        self.server.stop()
        self.db.close()


if __name__ == "__main__":
    main()
