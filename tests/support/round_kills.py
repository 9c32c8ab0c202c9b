"""Hosted rounds of a bot that is killed again and again: what was posted, when, and how often."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.timestamps import parse_time, utc_text
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.kills import (
    CLIENTS,
    OWN_POSTS_SHOWN_AFTER_S,
    SETTINGS,
    Accidents,
    kill_at_random,
    play,
)
from tests.support.models import COUGAR, make_tiny_model
from tests.support.platforms import STAND_INS
from tests.support.rounds import RoundsHarness, add_photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPEN_S = 30  # a round that is open for less may be missed by a bot that is dead
LIFE_S, NEAR_S = 1.5, 0.05
ENDING_S = 300  # after the last round was to close
OPENING, REVEAL = "reply with your guess", "it was a Cougar"


@dataclass(frozen=True)
class RoundKillCounts:
    """What stood in the end, of so many rounds; all but the first five are faults."""

    rounds: int
    kills: int
    kills_while_sending: int
    seconds: int
    posts: int
    doubled: int
    forgotten: int
    early: int
    wrong_scores: int
    unsettled: int

    def is_clean(self) -> bool:
        faults = asdict(self)
        for name in ("rounds", "kills", "kills_while_sending", "seconds", "posts"):
            del faults[name]
        return not any(faults.values())


def play_and_kill_rounds(
    platform: str,
    folder: Path,
    *,
    rounds: int,
    kills: int,
    seed: int = 0,
    open_s: float = OPEN_S,
    progress: Callable[[int, int], None] | None = None,
) -> RoundKillCounts:
    """Let rounds open and close, one after the other, while the bot is killed `kills` times.

    A bot that is dead for `open_s` misses a round, which is cancelled and counts as forgotten.
    """
    begun, draw = time.monotonic(), random.Random(seed)
    server = STAND_INS[platform]()
    db = open_database(folder / DATABASE_NAME, create=True)
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    accidents = server.post_faults = Accidents(seed)
    server.delay_s, server.refuses_duplicates = OWN_POSTS_SHOWN_AFTER_S, False
    module: Any = sys.modules[type(server).__module__]
    reset_before, module.RESET_AFTER_S = module.RESET_AFTER_S, 1
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["critterdb.bot.play", "onnxruntime", "critterdb.cli", *CLIENTS])
    while_sending = done = 0
    with server:
        stage = RoundsHarness(db, server, platform)
        environment = SETTINGS | server.environment() | {"XDG_STATE_HOME": str(folder / "state")}

        def start(*options: str) -> Any:
            arguments = (platform, str(folder / DATABASE_NAME), environment, *options)
            process = context.Process(target=play, args=arguments)
            process.start()
            return process

        while done < kills:
            for number in range(db["rounds"].count + 1, rounds * (done + 1) // kills + 1):
                _plan(stage, number, open_s=min(open_s, 2 * kills + 6))
            _guess(stage, draw)
            requests = len(server.requests)
            process = start("--every", "1s")
            kill_at_random(server, requests, process, draw, (LIFE_S, NEAR_S))
            done += 1
            while_sending += db["own_posts"].count_where("status = 'sending'")
            if progress:
                progress(done, kills)
        accidents.is_over = True
        ends = time.monotonic() + open_s + ENDING_S
        while time.monotonic() < ends:
            _guess(stage, draw)
            start().join()
            if not db["rounds"].count_where("state NOT IN ('revealed', 'cancelled')"):
                break
            time.sleep(0.3)
        counts = _count(stage, platform, done, while_sending, begun)
    module.RESET_AFTER_S = reset_before
    db.close()
    return counts


def _plan(stage: RoundsHarness, number: int, *, open_s: float) -> None:
    """A round that opens in a second; the command would not plan one as short as this."""
    add_photo(stage.db, number)
    now = datetime.now(UTC)
    stage.db["rounds"].insert(
        {
            "id": number,
            "game": GAME,
            "platform": stage.on,
            "host": stage.bot_handle,
            "photo_id": number,
            "opens_at": utc_text(now + timedelta(seconds=1)),
            "closes_at": utc_text(now + timedelta(seconds=1 + open_s)),
            "answer_taxon_id": COUGAR,
            "alt_text": "An animal.",
            "credit": "Ann",
            "planned_at": utc_text(now),
        }
    )


def _guess(stage: RoundsHarness, draw: random.Random) -> None:
    """Somebody answers the posts that stand; each is answered once, rightly or not."""
    for post in list(stage.server.sent):
        if OPENING in post["text"] and "guessed" not in post:
            post["guessed"] = draw.random() < 0.5
            text = "cougar" if post["guessed"] else "bobcat"
            moment = datetime.now(UTC)
            post["guessed_at"] = utc_text(moment)
            stage.server.add_post("ann", text, in_reply_to=post["id"], posted_at=moment)


def _made_at(stage: RoundsHarness, post: dict[str, Any]) -> datetime:
    """When the server made a post."""
    if stage.on == "bluesky":
        return parse_time(stage.server.records[post["id"]]["indexedAt"])
    posts = stage.server.posts if stage.on == "x" else stage.server.statuses
    return parse_time(posts[post["id"]]["created_at"])


def _count(
    stage: RoundsHarness, platform: str, kills: int, while_sending: int, begun: float
) -> RoundKillCounts:
    rows = {row["id"]: row for row in stage.db["rounds"].rows}
    posts: Counter[tuple[int, str]] = Counter()
    early = wrong = 0
    guesses: dict[int, dict[str, Any]] = {}
    for post in stage.server.sent:
        number = int(post["text"].partition("Round ")[2].partition(":")[0])
        kind = OPENING if OPENING in post["text"] else REVEAL
        posts[number, kind] += 1
        row, made_at = rows[number], _made_at(stage, post)
        due = row["opens_at"] if kind == OPENING else row["closes_at"]
        # The server writes whole seconds or milliseconds.
        early += made_at + timedelta(seconds=1) <= parse_time(due)
        if kind == OPENING:
            guesses[number] = post
        else:
            wrong += _score(guesses.get(number, {}), row["closes_at"]) not in post["text"]
    wanted = [(number, kind) for number in rows for kind in (OPENING, REVEAL)]
    return RoundKillCounts(
        rounds=len(rows),
        kills=kills,
        kills_while_sending=while_sending,
        seconds=round(time.monotonic() - begun),
        posts=len(stage.server.sent),
        doubled=sum(number - 1 for number in posts.values()),
        forgotten=sum(not posts[key] for key in wanted),
        early=early,
        wrong_scores=wrong,
        unsettled=sum(row["state"] != "revealed" for row in rows.values())
        + stage.db["own_posts"].count_where("status <> 'sent'"),
    )


def _score(opening: dict[str, Any], closes_at: str) -> str:
    if opening.get("guessed_at", "9") > closes_at:
        return "Nobody guessed"
    return f"Right guesses: {int(opening['guessed'])} of 1"
