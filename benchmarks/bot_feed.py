"""A mixed feed of a thousand posts on a stand-in X: is exactly who may be answered, each once?

    python benchmarks/bot_feed.py [--posts 1000] [--seed 0]

Every case of reading and of welcome is in it, as tests/support_feed.py lists them. A second feed
holds only posts that nobody summoned the bot to, and counts the requests that tried to write. Exit
status 1 where anything is not as expected.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
os.environ["CRITTERDB_REPLIES_PER_DAY"] = "1000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    wrong = play_mixed(options.posts, options.seed)
    writes = play_unsummoned(options.posts // 3, options.seed)
    print(f"requests that tried to write, with nobody asking: {writes}")
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(bool(wrong or writes))


def play_mixed(posts: int, seed: int) -> list[str]:
    from support_feed import SENT, play_feed

    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder)) as stage:
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
    from support_feed import ON_X, UNSUMMONED, Feed

    with tempfile.TemporaryDirectory() as folder, stage_in(Path(folder)) as stage:
        feed = Feed(stage, seed)
        feed.fill(posts, {name: ON_X[name] for name in UNSUMMONED})
        for _ in range(2):
            stage.play()
        return int(stage.server.writes)


class stage_in:
    """A site in a folder, and a stand-in X with the settings under which the bot plays there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self):
        from support_models import make_tiny_model
        from support_platforms import Stage
        from support_x import BOT, GAME, HASHTAG, add_host

        from critterdb.schema import DATABASE_NAME, open_database
        from critterdb.standins.x import StandInX

        self.db = open_database(self.folder / DATABASE_NAME, create=True)
        make_tiny_model(self.db, GAME, hashtag=HASHTAG)
        add_host(self.db)
        self.x = StandInX(BOT)
        self.x.start()
        os.environ.update(self.x.environment())
        return Stage(self.db, self.x, "x")

    def __exit__(self, *error):
        self.x.stop()
        self.db.close()


if __name__ == "__main__":
    main()
