"""A bot that is killed again and again while its platform has accidents, and what is left of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import STAND_INS

if TYPE_CHECKING:
    from collections.abc import Callable

ACCIDENTS = {"drop_after": 0.20, "503": 0.10, "429": 0.05}  # shares of all sendings
OWN_POSTS_SHOWN_AFTER_S = 0.4
RECONCILE_S = 1  # more than the delay, as the default minute is more than X's
COLOURS = ("red", "green", "blue", "yellow")
LIFE_S = 0.6  # the longest life of a process that is to be killed, from its first request on
SHARE_AT_WRITING, NEAR_S = 0.5, 0.02  # kills close to the first sending of a life
ENDING_ROUNDS = 400
CLIENTS = ("tweepy", "mastodon", "atproto_client")  # imported once and not in every process
# Where a platform has a file of its own for its session, it is in the site's folder here.
SETTINGS = {"CRITTERDB_REPLIES_PER_DAY": "1000000", "CRITTERDB_RECONCILE_SECONDS": str(RECONCILE_S)}


@dataclass(frozen=True)
class KillCounts:
    """What stood in the end: on the server, and in the database beside it."""

    posts: int
    kills: int
    kills_while_sending: int
    seconds: int
    replies: int
    duplicates: int
    unanswered: int
    sent_without_id: int
    with_foreign_id: int
    unsettled: int
    gaps: int

    def is_clean(self) -> bool:
        faults = asdict(self)
        for name in ("posts", "kills", "kills_while_sending", "seconds", "replies"):
            del faults[name]
        return not any(faults.values())


class Accidents(deque[str]):
    """What befalls the next sendings: never empty, drawn with a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.is_over = False
        self._draw()

    def popleft(self) -> str:
        word = super().popleft()
        self._draw()
        return word

    def _draw(self) -> None:
        words, shares = list(ACCIDENTS), list(ACCIDENTS.values())
        words.append("")
        shares.append(1 - sum(shares))
        self.append("" if self.is_over else self.random.choices(words, shares)[0])


def play(platform: str, database: str, environment: dict[str, str], *options: str) -> None:
    """The real command in a process of its own."""
    os.environ.update(environment)
    log = Path(database).with_name("bot.log")
    sys.stdout = sys.stderr = log.open("a", buffering=1)
    from critterdb.cli import main

    main(["--db", database, "bot", GAME, "--on", platform, "--post", *options])


def play_and_kill(
    platform: str,
    folder: Path,
    *,
    posts: int,
    kills: int,
    seed: int = 0,
    server: Any = None,
    settings: dict[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> KillCounts:
    """Let people ask, `posts` in all, while the bot is killed `kills` times; then let it finish."""
    begun = time.monotonic()
    draw = random.Random(seed)
    server = server or STAND_INS[platform]()
    db = open_database(folder / DATABASE_NAME, create=True)
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    accidents = server.post_faults = Accidents(seed)
    server.delay_s = OWN_POSTS_SHOWN_AFTER_S
    server.refuses_duplicates = False
    module = sys.modules[type(server).__module__]
    reset_before, module.RESET_AFTER_S = module.RESET_AFTER_S, 1  # type: ignore[attr-defined]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["critterdb.bot.play", "onnxruntime", "critterdb.cli", *CLIENTS])
    bot = server.me.get("username") or server.me.get("handle")
    pictures = [picture(colour, seed=n) for n, colour in enumerate(COLOURS)]
    asked: list[str] = []
    while_sending = done = 0
    with server:
        environment = SETTINGS | (settings or {}) | server.environment()
        environment |= {"XDG_STATE_HOME": str(folder / "state")}

        def start(*options: str) -> Any:
            arguments = (platform, str(folder / DATABASE_NAME), environment, *options)
            process = context.Process(target=play, args=arguments)
            process.start()
            return process

        while done < kills:
            for _ in range(len(asked), posts * (done + 1) // kills):
                number = len(asked)
                photos = [pictures[number % len(pictures)]]
                asked.append(server.add_post(f"user{number}", f"@{bot} what is this?", photos))
            requests = len(server.requests)
            process = start("--every", "1s")
            kill_at_random(server, requests, process, draw, (LIFE_S, NEAR_S))
            done += 1
            while_sending += db["replies"].count_where("status = 'sending'")
            if progress:
                progress(done, kills)
        accidents.is_over = True
        for _ in range(ENDING_ROUNDS):
            start().join()
            if not db["replies"].count_where("status IN ('planned', 'sending', 'unknown')"):
                break
            time.sleep(0.2)
        outcome = _count(db, platform, server, asked, done, while_sending, begun)
    module.RESET_AFTER_S = reset_before  # type: ignore[attr-defined]
    db.close()
    return outcome


def kill_at_random(
    server: Any, since: int, process: Any, draw: random.Random, longest_s: tuple[float, float]
) -> None:
    """Kill a process some time after its first request since then, half of the times at a sending.

    `longest_s` are the longest waits: after its first request, and after it tries to write.
    """
    life_s, near_s = longest_s
    wants_writing = draw.random() < SHARE_AT_WRITING
    wait_for_request(server, since, process, is_writing=wants_writing)
    time.sleep(draw.uniform(0, near_s if wants_writing else life_s))
    if not process.is_alive():
        raise RuntimeError("the bot died by itself; see bot.log")
    process.kill()
    process.join()


def wait_for_request(server: Any, since: int, process: Any, *, is_writing: bool) -> None:
    """Until the process asks for something; or for a while until it tries to write."""
    while len(server.requests) == since and process.is_alive():
        time.sleep(0.001)
    end = time.monotonic() + LIFE_S
    while is_writing and time.monotonic() < end:
        if any(not request.startswith("GET ") for request in server.requests[since:]):
            return
        time.sleep(0.0005)


def _count(
    db: Any,
    platform: str,
    server: Any,
    asked: list[str],
    kills: int,
    while_sending: int,
    begun: float,
) -> KillCounts:
    replies = Counter(reply["in_reply_to"] for reply in server.sent)
    ids = {reply["in_reply_to"]: f"{platform}:{reply['id']}" for reply in server.sent}
    rows = {row["post_id"].partition(":")[2]: row for row in db["replies"].rows}
    return KillCounts(
        posts=len(asked),
        kills=kills,
        kills_while_sending=while_sending,
        seconds=round(time.monotonic() - begun),
        replies=len(server.sent),
        duplicates=sum(number - 1 for number in replies.values()),
        unanswered=sum(not replies[post] for post in asked),
        sent_without_id=sum(r["status"] == "sent" and not r["reply_id"] for r in rows.values()),
        with_foreign_id=sum(
            rows[post]["reply_id"] != ids.get(post) for post in asked if post in rows
        ),
        unsettled=sum(row["status"] != "sent" for row in rows.values()),
        gaps=len(set(asked) - set(rows)) + db["cursors"].count_where("gap_from IS NOT NULL"),
    )


def as_json(outcome: KillCounts) -> str:
    return json.dumps(asdict(outcome))
