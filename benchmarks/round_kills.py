"""A bot that is killed while hosted rounds open, close and are revealed: is all of it done once?

    python -m benchmarks.round_kills [x|mastodon|bluesky] [--rounds 100] [--kills 500]
        [--open 30] [--seed 0]

Accidents and kills are those of benchmarks/bot_kills.py: the stand-in server commits and then drops
the connection in 20% of sendings, answers 503 in 10% and 429 in 5%, and shows the bot's own posts
with a delay. In each round somebody guesses. A round is open for --open seconds: on a busy machine
a bot that lives for a second may miss one, which is cancelled and counts as forgotten. Exit status
1 where anything is doubled, forgotten, early or counted wrong.
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
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--open", type=float, default=30, help="Seconds that a round is open.")
    options = parser.parse_args()
    from tests.support.round_kills import play_and_kill_rounds

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty() or not done % 50:
            print(f"\r{done} of {total} kills", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        counts = play_and_kill_rounds(
            options.platform,
            Path(folder),
            rounds=options.rounds,
            kills=options.kills,
            seed=options.seed,
            open_s=options.open,
            progress=show,
        )
    print(f"\n{options.platform}, seed {options.seed}")
    for name, number in asdict(counts).items():
        print(f"{name.replace('_', ' '):<22}{number:>6}")
    sys.exit(not counts.is_clean())


if __name__ == "__main__":
    main()
