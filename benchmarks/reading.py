"""How well people are read: hosts' answers in threads, and guesses of players.

    python -m benchmarks.reading [--misread BATCH]

`found` are clear answers that are read right, `wrong` readings that are not what was meant. Each
batch was written before the reader was changed for it; docs/benchmarks.md has the figures of then.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from critterdb.bot.reading.guesses import read_guess
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.formatting import table_lines
from critterdb.games import get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.readings import (
    Batch,
    add_games,
    answer_of,
    expected_answer,
    load_guesses,
    load_threads,
    outcome,
    play_all,
)

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

Counts = dict[tuple[str, str], Counter[str]]
BATCHES: tuple[Batch, ...] = get_args(Batch)


def judge(counts: Counter[str], expected: int | str | None, read: int | str | None) -> bool:
    """Count a reading; return whether it is right."""
    counts["all"] += 1
    counts["clear"] += expected is not None
    counts["found"] += expected is not None and read == expected
    counts["wrong"] += read is not None and read != expected
    return read == expected


def read_threads(db: SiteDatabase, counts: Counts) -> list[str]:
    """Read the hosts' threads; return those that were misread."""
    misread = []
    threads = load_threads()
    play_all(db, threads)
    for number, thread in enumerate(threads):
        read, expected = answer_of(db, number), expected_answer(thread.expected)
        kind = "corrections" if thread.correction else "hosts"
        if not judge(counts.setdefault((kind, thread.batch), Counter()), expected, read):
            texts = [f"{author}: {text}" for author, _, text in thread.messages]
            misread.append(f"{thread.batch} {texts} means {thread.expected}, read {read}")
    return misread


def read_guesses(db: SiteDatabase, counts: Counts) -> list[str]:
    """Read the players' guesses; return those that were misread."""
    misread = []
    games = {game: get_game(db, game) for game in {guess.game for guess in load_guesses()}}
    vocabularies = {slug: load_vocabulary(db, game) for slug, game in games.items()}
    for guess in load_guesses():
        reading = read_guess(guess.text, games[guess.game], vocabularies[guess.game])
        read = outcome(reading.taxon_id, reading.verdict)
        tally = counts.setdefault(("guesses", guess.batch), Counter())
        if not judge(tally, expected_answer(guess.expected), read):
            misread.append(f"{guess.batch} {guess.text!r} means {guess.expected}, read {read}")
    return misread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--misread", choices=BATCHES, help="list what was misread in one batch")
    options = parser.parse_args()
    counts: Counts = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_database(Path(folder) / DATABASE_NAME, create=True)) as db,
    ):
        add_games(db)
        misread = read_threads(db, counts) + read_guesses(db, counts)
    for line in misread:
        if line.split()[0] == options.misread:
            print(line)
    columns = ["all", "clear", "found", "wrong"]
    rows = [
        {"what": what, "batch": batch, **{column: counted[column] for column in columns}}
        for (what, batch), counted in sorted(counts.items())
    ]
    print("\n".join(table_lines(rows, ["what", "batch", *columns])))


if __name__ == "__main__":
    main()
