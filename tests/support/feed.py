"""A mixed feed: every case of reading and of welcome, with what is to come of it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.bot_harness import GAME, HOST
from tests.support.models import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.platforms import PlatformHarness

COLOURS = ("red", "green", "blue", "yellow", "grey")
SENT = ("sent", None)
NO_ROW = None
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})

Expected = tuple[str, str | None] | None


# No photo is fetched for a post that will get no reply anyway.
DECIDED_BEFORE_FETCHING = ("opted_out", "too_old", "cap", "own_post")


@dataclass
class Feed:
    """Posts on a stage's server, and what is expected of each by its bare id."""

    stage: PlatformHarness
    seed: int = 0
    expected: dict[str, Expected] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.people = 0
        self.photos = 0
        server, stage = self.stage.server, self.stage
        self.own_post = server.add_post(stage.bot, "I am a bot.")
        server.add_post("silent", f"@{stage.bot} Stop!")
        # A second game, whose hashtag is not ours.
        stage.db["games"].insert({"slug": "others", "hashtag": "otherTag"}, ignore=True)

    def consenting_host(self) -> str:
        """One more host of the game, who wants replies unasked."""
        name, games = self.person(), self.stage.db["games"]
        self.stage.server.add_user(name)
        hosts = json.loads(games.get(GAME)["hosts"])
        host = {"platform": self.stage.on, "handle": self.stage.author(name), "consents": True}
        games.update(GAME, {"hosts": json.dumps([*hosts, host])})
        return name

    def person(self) -> str:
        self.people += 1
        return f"user{self.people}"

    def photo(self) -> bytes:
        self.photos += 1
        return picture(self.random.choice(COLOURS), seed=self.photos)

    def add(
        self, expected: Expected, author: str, text: str, photos: int = 0, **refers: Any
    ) -> str:
        """One post, and what is to come of it; `shown` counts images that are its parent's."""
        shown = refers.pop("shown", 0)
        pictures = [self.photo() for _ in range(photos)]
        post = self.stage.server.add_post(author, text, pictures, **refers)
        first = refers.get("edit_of") or post
        self.expected[first] = expected
        self.images[first] = photos or shown
        return str(post)

    def fill(self, number: int, kinds: Mapping[str, Callable[[Feed], None]]) -> None:
        """Add posts of all kinds, each at least once, until there are `number`."""
        names = [name for name in kinds if name not in self.kinds]
        while names or len(self.expected) < number:
            name = names.pop() if names else self.random.choice(list(kinds))
            kinds[name](self)
            self.kinds[name] = self.kinds.get(name, 0) + 1


def mention(feed: Feed) -> None:
    feed.add(SENT, feed.person(), feed.stage.ask, 1)


def mention_with_four(feed: Feed) -> None:
    feed.add(SENT, feed.person(), feed.stage.ask, 4)


def mention_below_a_photo(feed: Feed) -> None:
    shown = feed.add(NO_ROW, feed.person(), "look at this", 2)
    feed.add(SENT, feed.person(), feed.stage.ask, in_reply_to=shown, shown=2)


def mention_that_quotes(feed: Feed) -> None:
    shown = feed.add(NO_ROW, feed.person(), "look at this", 1)
    feed.add(SENT, feed.person(), feed.stage.ask, quotes=shown, shown=1)


def quote_of_the_bot(feed: Feed) -> None:
    feed.add(SENT, feed.person(), "and mine?", 1, quotes=feed.own_post)


def chatter_below_a_call(feed: Feed) -> None:
    asking = feed.person()
    shown = feed.add(SENT, asking, feed.stage.ask, 1)
    words = feed.stage.in_thread("how cute", asking, feed.stage.bot)
    feed.add(NO_ROW, feed.person(), words, 1, in_reply_to=shown)


def host_unasked(feed: Feed) -> None:
    feed.add(("skipped", "not_summoned"), HOST, f"So? {feed.stage.tag}", 1)


def host_who_asks(feed: Feed) -> None:
    # Each time another of the hosts, so that nobody's cap is reached.
    feed.add(SENT, feed.person(), f"{feed.stage.ask} {feed.stage.tag}", 1)


def wide_hashtag(feed: Feed) -> None:
    tag = feed.stage.tag.translate(WIDE)
    feed.add(("skipped", "not_summoned"), HOST, f"So? {tag} !", 1)


def mixed_case(feed: Feed) -> None:
    feed.add(("skipped", "not_summoned"), HOST, f"So? {feed.stage.tag.swapcase()}", 1)


def near_miss(feed: Feed) -> None:
    tag = feed.stage.tag
    texts = (f"{tag}Friday", f"{tag}_2", f"word{tag}", f"https://a.example/?x={tag}", tag[1:])
    feed.add(NO_ROW, HOST, f"So? {feed.random.choice(texts)}", 1)


def stranger_with_the_hashtag(feed: Feed) -> None:
    feed.add(NO_ROW, feed.person(), f"mine {feed.stage.tag}", 1)


def repost(feed: Feed) -> None:
    shown = feed.add(NO_ROW, feed.person(), "a cat", 1)
    feed.stage.server.add_post(HOST, f"RT {feed.stage.tag}", reposts=shown)


def quote_without_photos(feed: Feed) -> None:
    shown = feed.add(NO_ROW, feed.person(), "a cat", 1)
    feed.add(NO_ROW, HOST, f"see {feed.stage.tag}", quotes=shown)


def own_post(feed: Feed) -> None:
    # Only X lists an account's own posts among its mentions.
    expected = ("skipped", "own_post") if feed.stage.on == "x" else NO_ROW
    feed.add(expected, feed.stage.bot, f"I am @{feed.stage.bot}", 1)


def opted_out(feed: Feed) -> None:
    feed.add(("skipped", "opted_out"), "Silent", feed.stage.ask, 1)


def photo_of_the_opted_out(feed: Feed) -> None:
    shown = feed.add(NO_ROW, "silent", "mine", 1)
    feed.add(("skipped", "opted_out"), feed.person(), feed.stage.ask, in_reply_to=shown)


def without_photo(feed: Feed) -> None:
    feed.add(("skipped", "no_photo"), feed.person(), feed.stage.ask)


def broken_photo(feed: Feed) -> None:
    post = feed.stage.server.add_post(feed.person(), feed.stage.ask, [b"no picture at all"])
    feed.expected[post], feed.images[post] = ("skipped", "no_photo"), 0


def fourth_of_a_day(feed: Feed) -> None:
    author = feed.person()
    for _ in range(3):
        feed.add(SENT, author, feed.stage.ask, 1)
    feed.add(("skipped", "cap"), author, feed.stage.ask, 1)


def other_games(feed: Feed) -> None:
    feed.add(NO_ROW, feed.person(), f"{feed.stage.ask} #OtherTag", 1)


def edited(feed: Feed) -> None:
    author = feed.person()
    first = feed.add(SENT, author, feed.stage.ask, 1)
    data = list(feed.stage.server.files.values())[-1][0]
    feed.stage.server.add_post(author, f"{feed.stage.ask}!", [data], edit_of=first)


def video(feed: Feed) -> None:
    feed.add(SENT, feed.person(), feed.stage.ask, 1, media="video")


def answered(feed: Feed) -> None:
    shown = feed.add(("skipped", "answered"), HOST, feed.stage.tag, 1)
    feed.stage.server.add_post(HOST, "It's a bobcat!", in_reply_to=shown)
    feed.add(("skipped", "answered"), feed.person(), feed.stage.ask, in_reply_to=shown)


def too_old(feed: Feed) -> None:
    moment = datetime.now(UTC) - timedelta(hours=49 + feed.random.random() * 40)
    feed.add(("skipped", "too_old"), feed.person(), feed.stage.ask, 1, posted_at=moment)


def host_who_consents(feed: Feed) -> None:
    feed.add(SENT, feed.consenting_host(), f"So? {feed.stage.tag}", 1)


def host_who_consents_in_wide_letters(feed: Feed) -> None:
    tag = feed.stage.tag.translate(WIDE)
    feed.add(SENT, feed.consenting_host(), f"So? {tag} !", 1)


def host_who_consents_and_quotes(feed: Feed) -> None:
    shown = feed.add(NO_ROW, feed.person(), "a cat", 1)
    feed.add(SENT, feed.consenting_host(), f"mine {feed.stage.tag}", 1, quotes=shown)


def other_bot(feed: Feed) -> None:
    author = feed.person()
    feed.stage.server.add_user(author, bot=True)
    feed.add(NO_ROW, author, feed.stage.ask, 1)


def blocks_the_bot(feed: Feed) -> None:
    author = feed.person()
    feed.add(("skipped", "opted_out"), author, feed.stage.ask, 1)
    feed.stage.server.block(author)


def photo_of_who_blocks_the_bot(feed: Feed) -> None:
    author = feed.person()
    shown = feed.add(NO_ROW, author, "mine", 1)
    feed.stage.server.block(author)
    # Where the server hides the post from the bot, there is nothing to ask about.
    reason = "no_photo" if feed.stage.on == "mastodon" else "opted_out"
    feed.add(("skipped", reason), feed.person(), f"Hey {feed.stage.ask}", in_reply_to=shown)


def nobot_in_the_profile(feed: Feed) -> None:
    author = feed.person()
    feed.stage.server.add_user(author, note="no bots please #NoBot")
    feed.add(("skipped", "opted_out"), author, feed.stage.ask, 1)


def private_call(feed: Feed) -> None:
    feed.add(NO_ROW, feed.person(), feed.stage.ask, 1, visibility="direct")


def name_without_a_facet(feed: Feed) -> None:
    feed.add(NO_ROW, feed.person(), feed.stage.ask, 1, facets=False)


def gif_by_link(feed: Feed) -> None:
    feed.add(SENT, feed.person(), feed.stage.ask, 1, media="gif")


def gifv(feed: Feed) -> None:
    feed.add(SENT, feed.person(), feed.stage.ask, 1, media="gifv")


OLD = {"too_old": too_old}  # to be there before the first round
ON_ALL = (
    mention,
    mention_with_four,
    mention_below_a_photo,
    mention_that_quotes,
    quote_of_the_bot,
    chatter_below_a_call,
    host_unasked,
    host_who_asks,
    wide_hashtag,
    mixed_case,
    near_miss,
    stranger_with_the_hashtag,
    repost,
    quote_without_photos,
    own_post,
    opted_out,
    photo_of_the_opted_out,
    without_photo,
    broken_photo,
    fourth_of_a_day,
    other_games,
    video,
    answered,
    other_bot,
    nobot_in_the_profile,
)
ELSEWHERE = (
    host_who_consents,
    host_who_consents_in_wide_letters,
    host_who_consents_and_quotes,
    blocks_the_bot,
    photo_of_who_blocks_the_bot,
)
ON = {
    platform: {kind.__name__: kind for kind in kinds}
    for platform, kinds in {
        "x": (*ON_ALL, edited),
        "mastodon": (*ON_ALL, *ELSEWHERE, edited, private_call, gifv),
        "bluesky": (*ON_ALL, *ELSEWHERE, name_without_a_facet, gif_by_link),
    }.items()
}
UNSUMMONED = ("host_unasked", "wide_hashtag", "mixed_case", "near_miss", "repost", "other_games")


def play_feed(
    stage: PlatformHarness, number: int, *, rounds: int = 4, seed: int = 0
) -> tuple[Feed, list[str]]:
    """Let a feed come in over some rounds; the feed, and in words what is not as expected."""
    feed = Feed(stage, seed)
    feed.fill(max(number // 30, 1), OLD)
    for part in range(rounds):
        feed.fill(number * (part + 1) // rounds, ON[stage.on])
        stage.play()
    stage.play()
    return feed, complaints(feed)


def complaints(feed: Feed) -> list[str]:
    """Where rows and replies are not what the feed's cases ask for."""
    stage, problems = feed.stage, []
    rows = {
        row["post_id"].partition(":")[2]: (row["status"], row["reason"])
        for row in stage.rows("SELECT * FROM replies WHERE game = ?", GAME)
    }
    for post, expected in feed.expected.items():
        if rows.get(post) != expected:
            problems.append(f"{post}: {rows.get(post)} instead of {expected}")
    wanted = sorted(post for post, expected in feed.expected.items() if expected == SENT)
    if stage.answered() != wanted:
        problems.append(f"{len(stage.answered())} replies instead of {len(wanted)}")
    for post, expected in feed.expected.items():
        looks = expected and expected[1] not in DECIDED_BEFORE_FETCHING
        images = feed.images[post] if looks else 0
        (row,) = stage.rows(
            "SELECT count(image_sha256) AS images, count(*) AS number FROM predictions "
            "WHERE post_id = ?",
            f"{stage.on}:{post}",
        )
        if row["images"] != images or row["number"] != images + (images > 1):
            problems.append(f"{post} {expected}: {row['images']} predictions instead of {images}")
    return problems
