"""A bot that is killed while its platform loses answers: is anybody answered twice, or never?

    python -m benchmarks.bot_kills [x|mastodon|bluesky] [--posts 1000] [--kills 500] [--seed 0]
    python -m benchmarks.bot_kills mastodon --mastodon-mock PYTHON [--forget-keys]

The stand-in server commits and then drops the connection in 20% of sendings, answers 503 in 10% and
429 in 5%, shows the bot's own posts with a delay, and does not refuse equal texts. Each life of the
bot is the real command in a process of its own, ended by SIGKILL at a random moment after its first
request. Exit status 1 where anything is wrong.

With --mastodon-mock the server is the package of that name, installed for another PYTHON; the
accidents then happen on the way to it. With --forget-keys no Idempotency-Key arrives, as if each
attempt were made more than an hour after the one before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="?", default="x", choices=("x", "mastodon", "bluesky"))
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mastodon-mock", type=Path, metavar="PYTHON")
    parser.add_argument("--forget-keys", action="store_true")
    parser.add_argument(
        "--life", type=float, help="Seconds that a life may last; for slow machines."
    )
    options = parser.parse_args()
    from tests.support import kills

    server = None
    if options.mastodon_mock:
        from benchmarks.mock_mastodon import MockMastodon

        server = MockMastodon(options.mastodon_mock, users=options.posts)
        server.honours_keys = not options.forget_keys
    if options.life:
        kills.LIFE_S = options.life

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty() or not done % 50:
            print(f"\r{done} of {total} kills", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        outcome = kills.play_and_kill(
            options.platform,
            Path(folder),
            posts=options.posts,
            kills=options.kills,
            seed=options.seed,
            server=server,
            progress=show,
        )
    print(f"\n{'mastodon-mock' if server else options.platform}, seed {options.seed}")
    for name, number in asdict(outcome).items():
        print(f"{name.replace('_', ' '):<22}{number:>6}")
    sys.exit(not outcome.is_clean())


if __name__ == "__main__":
    main()
