"""A site with three games, for threads of hosts and guesses whose right reading is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from critterdb.bot.host_answers.store import save_answers
from critterdb.games import (
    AMERICAN_CROW,
    BIRDS,
    CAT_FAMILY,
    COUGAR,
    CROW_GENUS,
    PRESETS,
    get_game,
    save_game,
)
from critterdb.platforms.base import Post
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

DATA = Path(__file__).parents[1] / "data"
HOST = "host"
BEGUN = datetime(2026, 11, 20, 12, tzinfo=UTC)

Batch = Literal[
    "work",
    "held",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "author",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
]
"""When a line was written, and whether the reader was improved on it: see docs/benchmarks.md."""

TAXA = (
    (CAT_FAMILY, None, "Felidae", "Felids", "family"),
    (COUGAR, CAT_FAMILY, "Puma concolor", "Cougar", "species"),
    (41970, CAT_FAMILY, "Lynx", "Lynxes", "genus"),
    (41976, 41970, "Lynx rufus", "Bobcat", "species"),
    (118552, CAT_FAMILY, "Felis catus", "Domestic Cat", "species"),
    (CROW_GENUS, BIRDS, "Corvus", "Crows and Ravens", "genus"),
    (AMERICAN_CROW, CROW_GENUS, "Corvus brachyrhynchos", "American Crow", "species"),
    (8010, CROW_GENUS, "Corvus corax", "Common Raven", "species"),
    (8029, CROW_GENUS, "Corvus ossifragus", "Fish Crow", "species"),
    (BIRDS, None, "Aves", "Birds", "class"),
    (5067, BIRDS, "Accipitridae", "Hawks, Eagles, Kites, and Allies", "family"),
    (5112, 5067, "Accipiter cooperii", "Cooper's Hawk", "species"),
    (5110, 5067, "Accipiter striatus", "Sharp-shinned Hawk", "species"),
    (5212, 5067, "Buteo jamaicensis", "Red-tailed Hawk", "species"),
    (4672, BIRDS, "Falco columbarius", "Merlin", "species"),
    (4665, BIRDS, "Falco sparverius", "American Kestrel", "species"),
    (792988, BIRDS, "Dryobates pubescens", "Downy Woodpecker", "species"),
    (792990, BIRDS, "Dryobates villosus", "Hairy Woodpecker", "species"),
)
# A site that plays with birds knows more of them than those that the texts name by themselves; all
# of these count as "other".
OTHER_BIRDS = (
    ("Astur atricapillus", "American Goshawk"),
    ("Circus hudsonius", "Northern Harrier"),
    ("Pandion haliaetus", "Osprey"),
    ("Haliaeetus leucocephalus", "Bald Eagle"),
    ("Aquila chrysaetos", "Golden Eagle"),
    ("Buteo lineatus", "Red-shouldered Hawk"),
    ("Buteo platypterus", "Broad-winged Hawk"),
    ("Buteo swainsoni", "Swainson's Hawk"),
    ("Buteo lagopus", "Rough-legged Hawk"),
    ("Buteo regalis", "Ferruginous Hawk"),
    ("Parabuteo unicinctus", "Harris's Hawk"),
    ("Elanus leucurus", "White-tailed Kite"),
    ("Ictinia mississippiensis", "Mississippi Kite"),
    ("Falco peregrinus", "Peregrine Falcon"),
    ("Falco mexicanus", "Prairie Falcon"),
    ("Falco rusticolus", "Gyrfalcon"),
    ("Cathartes aura", "Turkey Vulture"),
    ("Coragyps atratus", "Black Vulture"),
    ("Dryobates scalaris", "Ladder-backed Woodpecker"),
    ("Dryobates nuttallii", "Nuttall's Woodpecker"),
    ("Melanerpes carolinus", "Red-bellied Woodpecker"),
    ("Melanerpes erythrocephalus", "Red-headed Woodpecker"),
    ("Melanerpes formicivorus", "Acorn Woodpecker"),
    ("Melanerpes lewis", "Lewis's Woodpecker"),
    ("Dryocopus pileatus", "Pileated Woodpecker"),
    ("Picoides dorsalis", "American Three-toed Woodpecker"),
    ("Picoides arcticus", "Black-backed Woodpecker"),
    ("Sphyrapicus varius", "Yellow-bellied Sapsucker"),  # codespell:ignore varius
    ("Sphyrapicus ruber", "Red-breasted Sapsucker"),
    ("Colaptes auratus", "Northern Flicker"),
    ("Strix varia", "Barred Owl"),
    ("Bubo virginianus", "Great Horned Owl"),
    ("Megascops asio", "Eastern Screech-Owl"),
    ("Asio flammeus", "Short-eared Owl"),
    ("Zenaida macroura", "Mourning Dove"),
    ("Columba livia", "Rock Pigeon"),
    ("Cyanocitta cristata", "Blue Jay"),
    ("Lanius borealis", "Northern Shrike"),
    ("Lanius ludovicianus", "Loggerhead Shrike"),
    ("Turdus migratorius", "American Robin"),
    ("Sturnus vulgaris", "European Starling"),
    ("Haemorhous mexicanus", "House Finch"),
    ("Haemorhous purpureus", "Purple Finch"),
    ("Passer domesticus", "House Sparrow"),
    ("Geothlypis trichas", "Common Yellowthroat"),
    ("Quiscalus quiscula", "Common Grackle"),
    ("Molothrus ater", "Brown-headed Cowbird"),
    ("Agelaius phoeniceus", "Red-winged Blackbird"),
    ("Ardea herodias", "Great Blue Heron"),
    ("Branta canadensis", "Canada Goose"),
    ("Anas platyrhynchos", "Mallard"),
)
FIRST_OTHER_BIRD = 900_000
TAXON_IDS = {str(common_name).lower(): taxon_id for taxon_id, _, _, common_name, _ in TAXA}


class Message(NamedTuple):
    """`to` is P for the photo's post, Q for a quote of it, a number for the message there."""

    author: str
    to: str | int
    text: str


@dataclass(frozen=True)
class HostThread:
    """A line of tests/data/host_answers_2.jsonl.

    `expected` is a taxon's name, a verdict, or None if nothing clear was said; `correction` says
    that the host took an earlier answer back.
    """

    game: str
    batch: Batch
    expected: str | None
    correction: bool
    messages: list[Message]


@dataclass(frozen=True)
class Guess:
    """A line of tests/data/guesses.jsonl; `expected` as in HostThread."""

    game: str
    batch: Batch
    text: str
    expected: str | None
    ruled_out: list[str]


class Sentence(NamedTuple):
    """A line of tests/data/host_answers.jsonl: what a host wrote, and what it says.

    `expected` is the name of a taxon, a verdict, or None if a person has to read the message.
    """

    game: str
    text: str
    expected: str | None


def load_threads() -> list[HostThread]:
    threads = [HostThread(**line) for line in _lines("host_answers_2.jsonl")]
    return [
        replace(thread, messages=[Message(*message) for message in thread.messages])
        for thread in threads
    ]


def load_guesses() -> list[Guess]:
    return [Guess(**line) for line in _lines("guesses.jsonl")]


def load_sentences() -> list[Sentence]:
    return [Sentence(**line) for line in _lines("host_answers.jsonl")]


def _lines(name: str) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def add_games(db: SiteDatabase) -> None:
    """Write the three games that are known from the start, and their taxa."""
    for game in PRESETS.values():
        save_game(db, game)
    parents = {taxon_id: parent for taxon_id, parent, *_ in TAXA}
    for taxon_id, parent, name, common_name, rank in TAXA:
        lineage = [taxon_id]
        while parent:
            lineage.insert(0, parent)
            parent = parents[parent]
        row = {"id": taxon_id, "name": name, "common_name": common_name, "rank": rank}
        db["taxa"].upsert({**row, "ancestor_ids": json.dumps(lineage)}, pk="id")
    for taxon_id, (name, common_name) in enumerate(OTHER_BIRDS, FIRST_OTHER_BIRD):
        row = {"id": taxon_id, "name": name, "common_name": common_name, "rank": "species"}
        db["taxa"].upsert({**row, "ancestor_ids": json.dumps([BIRDS, taxon_id])}, pk="id")


def play_thread(db: SiteDatabase, game: Game, number: int, thread: HostThread) -> None:
    """Store the post of a thread and what its messages say, as a round of the bot does."""
    play_threads(db, game, {number: thread})


def play_threads(db: SiteDatabase, game: Game, threads: dict[int, HostThread]) -> None:
    """Store the posts of threads, by number, and what their messages say, in one round."""
    post_ids, by_host = [], []
    for number, thread in threads.items():
        post_id = f"x:{number}"
        row = {"id": post_id, "platform": "x", "game": game.slug, "author": HOST}
        db["posts"].insert({**row, "posted_at": utc_text(BEGUN), "seen_at": utc_text(BEGUN)})
        post_ids.append(post_id)
        by_host += [post for post in thread_posts(post_id, thread) if post.author == HOST]
    saved = save_answers(db, game, post_ids, by_host, utc_text(BEGUN + timedelta(hours=1)))
    assert not saved.errors, saved.errors


def play_all(db: SiteDatabase, threads: list[HostThread]) -> None:
    """Play threads of several games; the number of each is its place in the list."""
    for slug in sorted({thread.game for thread in threads}):
        of_game = {number: thread for number, thread in enumerate(threads) if thread.game == slug}
        play_threads(db, get_game(db, slug), of_game)


def thread_posts(post_id: str, thread: HostThread) -> list[Post]:
    """The messages of a thread as a platform gives them."""
    posts: list[Post] = []
    for position, (author, to, text) in enumerate(thread.messages):
        answered = posts[to] if isinstance(to, int) else None
        posts.append(
            Post(
                f"{post_id}-{position}",
                author,
                utc_text(BEGUN + timedelta(minutes=position + 1)),
                text,
                f"https://x.example/{author}/{post_id[2:]}-{position}",
                in_reply_to=answered.id if answered else None if to == "Q" else post_id,
                quotes=post_id if to == "Q" else None,
                thread=None if to == "Q" else post_id,
                parent=answered if answered and answered.author != HOST else None,
            )
        )
    return posts


def answer_of(db: SiteDatabase, number: int) -> int | str | None:
    """The answer that stands for a thread: a taxon, or else a verdict."""
    for row in db["answers"].rows_where("post_id = ?", [f"x:{number}"]):
        return outcome(row["taxon_id"], row["verdict"])
    return None


def outcome(taxon_id: int | None, verdict: str | None) -> int | str | None:
    """What was read, as the texts have it: a taxon that they name, or else a verdict."""
    if taxon_id and taxon_id in TAXON_IDS.values():
        return taxon_id
    return "other" if taxon_id else verdict


def expected_answer(expected: str | None) -> int | str | None:
    return TAXON_IDS.get(expected or "", expected)
