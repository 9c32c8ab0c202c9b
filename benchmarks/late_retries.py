"""Replies in doubt for more than an hour: is anybody answered twice, or never?

    python -m benchmarks.late_retries [--posts 200] [--mastodon-mock PYTHON]

Of the first attempts, half stand and their answer is lost, half never arrive. The bot is away for
4,000 seconds; by then no Idempotency-Key is known any more. Then it plays until nothing is open.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

AWAY_S = 4000.0
ROUNDS = 6


def measure(platform: str, server: Any, posts: int, folder: Path) -> dict[str, int]:
    """Play it out on one server; what stands there in the end."""
    from critterdb.storage.database import DATABASE_NAME, open_database
    from tests.support.bot_harness import GAME, HASHTAG
    from tests.support.models import make_tiny_model, picture
    from tests.support.platforms import PlatformHarness

    db = open_database(folder / DATABASE_NAME, create=True)
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    draw = random.Random(0)
    with server:
        os.environ |= server.environment()
        stage = PlatformHarness(db, server, platform)
        asked = [server.add_post(f"user{n}", stage.ask, [picture("red")]) for n in range(posts)]
        server.post_faults.extend(draw.choices(["drop_after", "drop_before"], k=posts))
        stage.play()
        in_doubt = db["replies"].count_where("status = 'unknown'")
        if hasattr(server, "forget_keys"):
            server.forget_keys()
        for number in range(ROUNDS):
            stage.later = AWAY_S * (number + 1)
            stage.play()
        replies = Counter(reply["in_reply_to"] for reply in server.sent)
        twice = db["replies"].count_where("attempts > 1")
        settled = db["replies"].count_where("status = 'sent'")
    return {
        "posts": posts,
        "in doubt": in_doubt,
        "settled": settled,
        "by looking": settled - twice,
        "by a second attempt": twice,
        "duplicates": sum(number - 1 for number in replies.values()),
        "unanswered": sum(not replies[post] for post in asked),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--mastodon-mock", type=Path, metavar="PYTHON")
    options = parser.parse_args()
    from tests.fakes.bluesky import StandInBluesky
    from tests.fakes.mastodon import StandInMastodon

    servers: dict[str, tuple[str, Any]] = {
        "bluesky": ("bluesky", StandInBluesky()),
        "mastodon": ("mastodon", StandInMastodon()),
    }
    if options.mastodon_mock:
        from benchmarks.mock_mastodon import MockMastodon

        mock = MockMastodon(options.mastodon_mock, users=options.posts)
        mock.honours_keys = False
        servers["mastodon-mock"] = ("mastodon", mock)
    os.environ["CRITTERDB_REPLIES_PER_DAY"] = "1000000"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    results: dict[str, dict[str, int]] = {}
    for name, (platform, server) in servers.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = folder
            results[name] = measure(platform, server, options.posts, Path(folder))
    columns = list(next(iter(results.values())))
    print(f"| server | {' | '.join(columns)} |")
    print("| --- |" + " --- |" * len(columns))
    for name, numbers in results.items():
        print(f"| {name} | {' | '.join(str(numbers[column]) for column in columns)} |")
    return int(any(n["duplicates"] or n["unanswered"] for n in results.values()))


if __name__ == "__main__":
    sys.exit(main())
