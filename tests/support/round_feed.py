"""A feed of rounds and guesses of every kind, with a count of its own of who was right."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from critterdb.bot.rounds.plan import Said
from critterdb.web.queries.rounds import load_leaderboard
from tests.support.bot_harness import GAME
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT
from tests.support.rounds import add_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.bot.rounds.store import HostedRound
    from tests.support.rounds import RoundsHarness

TAXA = {COUGAR: "cougar", BOBCAT: "bobcat", DOMESTIC_CAT: "domestic cat"}
FORMS = ("{}", "{}!", "It's a {}.", "I think it's a {}", "maybe a {}?", "definitely a {}")
CHATTER = ("so cute!", "what a photo", "hello everybody", "no idea")
HOUR = 60  # minutes; each round is open for 50 of them
GUESSES_FROM, GUESSES_UNTIL = 2, 49
Who = tuple[str, str | None]
"""A kind of guesser, and the name of a player."""


@dataclass
class Tally:
    """What was counted: right guesses and all guesses, by who made them."""

    right: Counter[Who] = field(default_factory=Counter)
    made: Counter[Who] = field(default_factory=Counter)

    def as_dict(self) -> dict[Who, tuple[int, int]]:
        return {who: (self.right[who], self.made[who]) for who in self.made}


@dataclass
class RoundFeed:
    """Rounds one after the other, and what everybody wrote in them."""

    stage: RoundsHarness
    seed: int = 0
    posts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.people = 0
        self.number = 0
        self.truth = COUGAR
        self.below = ""
        self.named: set[str] = set()
        self.stopped: set[str] = set()
        # The guess that counts, by account; and after the round: by round, account and taxon.
        self.last: dict[str, int] = {}
        self.messages: dict[str, str] = {}
        self.rounds: list[tuple[HostedRound, int, Said]] = []
        self.guessed: dict[int, dict[str, int]] = {}
        self.nameless: set[tuple[int, str]] = set()
        self.by_name: dict[int, set[str]] = defaultdict(set)

    def play_round(self, number: int) -> None:
        """One round with this many messages, from its plan to its answer."""
        start = self.number * HOUR
        self.number += 1
        self.truth = self.random.choice([COUGAR, COUGAR, BOBCAT, DOMESTIC_CAT])
        photo = add_photo(self.stage.db, self.number, self.truth)
        said = Said(self.random.choice([COUGAR, BOBCAT, None]), 0.9, "a model", COUGAR)
        hosted = self.stage.plan(photo, start + 1, start + 51, said=said)
        self.stage.play_at(start + 1)
        self.below = self.stage.opening(hosted)
        self.last, self.messages = {}, {}
        before = self.posts
        while self.posts - before < number:
            kind = self.random.choice(KINDS)
            if kind in EDITS and self.stage.on == "bluesky":
                continue
            self.kinds[kind.__name__] += 1
            kind(self, start)
        self.stage.play_at(start + 55)
        assert self.stage.state(hosted) == "revealed"
        self.posts += 2
        self.rounds.append((hosted, self.truth, said))
        self.guessed[hosted.id] = dict(self.last)
        self.by_name[hosted.id] = set(self.last) & self.named

    def person(self, *, known: bool = True) -> str:
        """Somebody: often one who played before."""
        if known and self.people and self.random.random() < 0.6:
            return f"user{self.random.randint(1, self.people)}"
        self.people += 1
        return f"user{self.people}"

    def newcomer(self) -> str:
        return self.person(known=False)

    def say(self, who: str, text: str, minutes: float, below: str | None = None) -> str:
        self.posts += 1
        words = self.stage.in_thread(text, self.stage.bot)
        return self.stage.guess(who, words, below or self.below, minutes)

    def moment(self, start: float, earliest: float = GUESSES_FROM) -> float:
        return start + self.random.uniform(earliest, GUESSES_UNTIL)

    def words(self, taxon: int) -> str:
        return self.random.choice(FORMS).format(TAXA[taxon])

    def taxon(self) -> int:
        return self.random.choice(list(TAXA))

    def fresh(self) -> str:
        """Somebody who has not yet written in this round, and may be counted."""
        while True:
            who = self.person()
            if who not in self.messages and who not in self.stopped:
                return who

    def counted(self) -> Tally:
        """The count by hand, over all rounds."""
        tally = Tally()
        for hosted, truth, said in self.rounds:
            for who, taxon in self.guessed[hosted.id].items():
                keys: list[Who] = [("everybody", None)]
                is_named = who in self.by_name[hosted.id] and who not in self.stopped
                if is_named and (hosted.id, who) not in self.nameless:
                    keys.append(("player", self.stage.author(who)))
                for key in keys:
                    tally.made[key] += 1
                    tally.right[key] += taxon == truth
            for kind, taxon_id in (("bot", said.taxon_id), ("commonest", said.commonest)):
                tally.made[kind, None] += 1
                tally.right[kind, None] += taxon_id == truth
        return tally


def guess(feed: RoundFeed, start: float) -> None:
    who, taxon = feed.fresh(), feed.taxon()
    feed.messages[who] = feed.say(who, feed.words(taxon), feed.moment(start))
    feed.last[who] = taxon


def guess_with_name(feed: RoundFeed, start: float) -> None:
    who, taxon = feed.fresh(), feed.taxon()
    wish = feed.random.choice(["count me in", "#countMeIn", "Count me in!"])
    feed.messages[who] = feed.say(who, f"{feed.words(taxon)} {wish}", feed.moment(start))
    feed.last[who] = taxon
    feed.named.add(who)


def two_guesses(feed: RoundFeed, start: float) -> None:
    who, first, second = feed.fresh(), feed.taxon(), feed.taxon()
    moment = feed.moment(start)
    below = feed.say(who, feed.words(first), moment)
    # Below the post, or below the player's own first guess.
    place = feed.random.choice([None, below])
    feed.messages[who] = feed.say(who, feed.words(second), start + 49.5, place)
    feed.last[who] = second


def late_guess(feed: RoundFeed, start: float) -> None:
    who = feed.fresh()
    feed.messages[who] = feed.say(who, feed.words(feed.taxon()), start + 51.5)


def second_guess_too_late(feed: RoundFeed, start: float) -> None:
    guess(feed, start)
    who = list(feed.last)[-1]
    feed.say(who, feed.words(feed.taxon()), start + 52)


def chatter(feed: RoundFeed, start: float) -> None:
    who = feed.fresh()
    feed.messages[who] = feed.say(who, feed.random.choice(CHATTER), feed.moment(start))


def word_to_a_player(feed: RoundFeed, start: float) -> None:
    guess(feed, start)
    other = list(feed.last)[-1]
    who = feed.fresh()
    words = feed.stage.in_thread(feed.words(feed.taxon()), other)
    feed.messages[who] = feed.say(who, words, start + 49.8, feed.messages[other])


def guess_of_a_bot(feed: RoundFeed, start: float) -> None:
    who = feed.newcomer()
    feed.stage.server.add_user(who, bot=True)
    feed.messages[who] = feed.say(who, feed.words(feed.taxon()), feed.moment(start))
    feed.stopped.add(who)


def hint_of_the_host(feed: RoundFeed, start: float) -> None:
    feed.say("critterbot", "No, not a dog!", feed.moment(start))


def deleted_in_time(feed: RoundFeed, start: float) -> None:
    who = feed.fresh()
    message = feed.say(who, feed.words(feed.taxon()), feed.moment(start))
    feed.stage.server.delete_post(message)
    feed.messages[who] = message


def stop(feed: RoundFeed, start: float) -> None:
    if not feed.last:
        return
    who = feed.random.choice(list(feed.last))
    feed.say(who, "stop", start + 49.9)
    feed.stopped.add(who)
    feed.named.discard(who)
    del feed.last[who]


def edited_in_time(feed: RoundFeed, start: float) -> None:
    who, taxon = feed.fresh(), feed.taxon()
    moment = feed.moment(start)
    message = feed.say(who, feed.words(feed.taxon()), moment)
    words = feed.stage.in_thread(feed.words(taxon), feed.stage.bot)
    feed.stage.edit(who, words, message, (moment, start + 50))
    feed.posts += 1
    feed.messages[who] = message
    feed.last[who] = taxon


def edited_too_late(feed: RoundFeed, start: float) -> None:
    who = feed.fresh()
    moment = feed.moment(start)
    message = feed.say(who, feed.words(feed.taxon()), moment)
    words = feed.stage.in_thread(feed.words(feed.truth), feed.stage.bot)
    feed.stage.edit(who, words, message, (moment, start + 53))
    feed.posts += 1
    feed.messages[who] = message


EDITS = (edited_in_time, edited_too_late)
KINDS: tuple[Callable[[RoundFeed, float], None], ...] = (
    guess,
    guess,
    guess_with_name,
    guess_with_name,
    two_guesses,
    late_guess,
    second_guess_too_late,
    chatter,
    word_to_a_player,
    guess_of_a_bot,
    hint_of_the_host,
    deleted_in_time,
    stop,
    *EDITS,
)


def delete_after_the_answer(feed: RoundFeed, share: float = 0.2) -> None:
    """Let some of the named players delete the message with their guess, and a day go by."""
    rows = feed.stage.rows(
        "SELECT round_id, player, message_id FROM guesses WHERE message_id IS NOT NULL"
    )
    names = {feed.stage.author(f"user{n}"): f"user{n}" for n in range(1, feed.people + 1)}
    for row in rows:
        if feed.random.random() < share:
            feed.stage.delete(row["message_id"].partition(":")[2])
            feed.nameless.add((row["round_id"], names[row["player"]]))
    feed.stage.play_at(feed.number * HOUR + 24 * HOUR)


def play_feed(stage: RoundsHarness, number: int, *, rounds: int, seed: int = 0) -> RoundFeed:
    """Play rounds until there are `number` posts in all."""
    feed = RoundFeed(stage, seed)
    for part in range(rounds):
        feed.play_round(number * (part + 1) // rounds - feed.posts - 2)
    delete_after_the_answer(feed)
    return feed


def complaints(feed: RoundFeed) -> list[str]:
    """Where the leaderboard is not what was counted by hand; and who is named in spite of stop."""
    (board,) = [g for g in load_leaderboard(feed.stage.db)["games"] if g["game"] == GAME]
    shown = {
        (entry["kind"], entry["name"]): (entry["right"], entry["of"])
        for entry in board["tables"][0]["entries"]
    }
    counted = feed.counted().as_dict()
    # The leaderboard names fifty players.
    missing = counted.keys() - shown.keys() if len(counted) < 50 else set()
    wrong = [f"{who}: {shown[who]}, not {counted.get(who)}" for who in shown
             if shown[who] != counted.get(who)]  # fmt: skip
    wrong += [f"{who} is missing" for who in missing]
    named = {row["player"] for row in feed.stage.rows("SELECT player FROM guesses")}
    wrong += [f"{who} said stop" for who in feed.stopped if feed.stage.author(who) in named]
    return wrong
