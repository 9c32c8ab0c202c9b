"""A sync and a bot as processes that do nothing but write, as the real ones do, and say so.

    python support/writing.py sync|bot DATABASE FIRST|- RATE

Each write is a transaction of the real writers: an observation with its photo, or a post with its
reply. It reads a counter that both share before it writes it, which is what deferred transactions
cannot do together. After each commit a line of JSON goes to standard output. Where FIRST is - it is
read from standard input, so that a process can stand by until it is wanted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from critterdb.bot.outbox import save_reply
from critterdb.bot.posts import save_batch
from critterdb.bot.reply_status import ReplyPlan
from critterdb.bot.round import utc_clock
from critterdb.bot.stored_post import StoredPost
from critterdb.games import get_game
from critterdb.inaturalist.observations import save_observations
from critterdb.inaturalist.responses import read_observations, read_taxa
from critterdb.inaturalist.taxa import save_taxa
from critterdb.platforms.base import Batch, Cursor, Post
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.storage.timestamps import utc_now
from tests.support.inaturalist import TAXA, observation

SHARED_COUNTER = "writes:all"


def counter(db: SiteDatabase, name: str) -> int:
    for row in db["cursors"].rows_where("name = ?", [name]):
        return int(row["value"])
    return 0


def count_up(db: SiteDatabase, name: str) -> None:
    row = {"name": name, "value": str(counter(db, name) + 1), "updated_at": utc_now()}
    db["cursors"].upsert(row, pk="name")


def sync(db: SiteDatabase, game: str, number: int) -> None:
    save_taxa(db, read_taxa(TAXA))
    save_observations(db, game, read_observations([observation(number)]))


def bot(db: SiteDatabase, game: str, number: int) -> None:
    now = utc_clock()
    post = Post(
        id=f"x:{number}",
        author="host",
        posted_at=utc_now(),
        hashtags=("tints",),
        summons=True,
        photos=(f"https://pictures.example/{number}.jpg",),
    )
    batch = Batch([post], [Cursor("x:mentions", str(number))])
    save_batch(db, get_game(db, game), "x", batch, now=now)
    stored = StoredPost.from_row(db["posts"].get(post.id))
    save_reply(db, stored, ReplyPlan("draft", text=f"A guess, {number}"), now)


WRITERS = {"sync": sync, "bot": bot}


def main(kind: str, path: Path, first: str, rate: float) -> None:
    db = open_database(path)
    game = get_game(db).slug
    number = int(sys.stdin.readline() if first == "-" else first)
    due = time.perf_counter()
    while True:
        number += 1
        started = time.perf_counter()
        with db.atomic():
            count_up(db, SHARED_COUNTER)
            WRITERS[kind](db, game, number)
            count_up(db, f"writes:{kind}")
        took = time.perf_counter() - started
        print(json.dumps({"number": number, "took": took}), flush=True)
        due = max(due + 1 / rate, time.perf_counter() - 1)
        time.sleep(max(0, due - time.perf_counter()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
