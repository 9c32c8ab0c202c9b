"""What hosts may write, and what can be told from it: what is sure is found, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from critterdb.bot.host_answers.parser import Verdict, read_answer
from critterdb.bot.host_answers.store import Vocabulary, load_vocabulary
from critterdb.games import Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, FELIDAE, make_tiny_model

Read = tuple[Game, Vocabulary]


@pytest.fixture(scope="module")
def cougar_or_not(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The game, and its words."""
    db = open_database(tmp_path_factory.mktemp("words") / DATABASE_NAME, create=True)
    make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
    game = get_game(db, "cougarornot")
    yield game, load_vocabulary(db, game)
    db.close()


def told(found: Verdict | None) -> int | str | None:
    """A taxon where one is named, else the verdict."""
    return (found.taxon_id or found.verdict) if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was a bobcat this time around. Great job!", BOBCAT),
        ("ANSWER: cougar. Note the long tail with dark tip.", COUGAR),
        ("The answer is...drumroll...BOBCAT!", BOBCAT),
        ("Answer: it's a housecat, folks", DOMESTIC_CAT),
        ("NOT a cougar. House cat. Thanks for playing!", DOMESTIC_CAT),
        ("Definitely a bobcat, you can see the bobbed tail", BOBCAT),
        ("If this was a cougar, you'd see a long tail. Bobcat!", BOBCAT),
        ("Nope, bobcat.", BOBCAT),
        ("Cougar it is not. It's a bobcat!", BOBCAT),
        ("It is not a bobcat.", None),
        ("I don't think it's a cougar", None),
        ("We can't tell from this photo, so inconclusive", "inconclusive"),
        ("Is it a cougar? Tune in later to find out!", None),
        ("Can't tell you yet!", None),
        ("So many bobcat guesses!", None),
        ("Some say cougar, some say bobcat. Who is right?", None),
        ("A cougar walked past my camera last night", None),
        ("It's a dog. A very good dog.", "other"),
        ("That is a deer, my friends", "other"),
        ("Those of you who said cougar: sorry, it's a bobcat.", BOBCAT),
        ("Everyone who answered house cat gets a gold star", DOMESTIC_CAT),
        ("It's a... cougar!!!", COUGAR),
        ("cougar", COUGAR),
        ("Yes! Cougar!", COUGAR),
        ("Yes, it's a real cougar. An adult male, I'd say.", COUGAR),
        ("This looks like a bobcat, but it's a lynx", None),
        ("No, not a cougar.", "other"),
        ("That tail! Cougar for sure.", COUGAR),
        ("You guessed it: bobcat", BOBCAT),
        ("As most of you guessed, it's a bobcat", BOBCAT),
        ("It's a bobcat and not a cougar", BOBCAT),
        ("I was hoping for a cougar but alas a bobcat", BOBCAT),
        ("It's not, I repeat, a cougar", "other"),
        ("Reveal time. Mountain lion. Look at that tail!", COUGAR),
        ("We have a winner: house cat", DOMESTIC_CAT),
        ("It's the neighbour's cat, a big tabby", DOMESTIC_CAT),
        ("Not this week. Bobcat.", BOBCAT),
        ("Biologists agree: bobcat, adult.", BOBCAT),
        ("Unclear. Could be bobcat or house cat; I'm calling it inconclusive", "inconclusive"),
        ("A mountain lion would be twice as big. Bobcat!", BOBCAT),
        ("I can see why people say cougar, but this is a bobcat kitten", BOBCAT),
        ("this cat is 100% bobcat", BOBCAT),
        ("Bobcat all day long", BOBCAT),
        ("That would be a bobcat", None),
        ("It's no cougar.", "other"),
        ("Sorry cougar fans, it's a bobcat", BOBCAT),
        ("bobcat > cougar", None),
        ("Not a cougar, not a bobcat: it's a fox!", "other"),
        ("Too dark to say. Sorry!", "inconclusive"),
        ("Have you ever seen a cougar this fat? Me neither, it's a bobcat", BOBCAT),
        ("It's a cougar... just kidding! It's a bobcat.", None),
        ("It's a cougar! (Kidding. Bobcat.)", None),
        ("Totally a cougar. Said no one ever.", None),
        ("Bobcat? Not even close", None),
        ("There's a cougar in this photo somewhere, I promise", COUGAR),
        ("I love that everybody thinks it's a cougar", None),
        ("People keep telling me it's a cougar. It is not.", None),
        ("The owner says it's a bobcat hybrid", None),
        ("Someone emailed me that it's a cougar", None),
        ("My 5 year old said it's a bobcat", None),
        ("Some of you are convinced it's a cougar.", None),
        ("It's a cougar, according to the person who sent it. I disagree.", None),
        ("They told me it's a cougar but it is a bobcat", BOBCAT),
        ("You all think this is a bobcat", None),
        ("Everyone's sure it's a cougar...", None),
        ("If it's a cougar I'll eat my hat", None),
        ("I know, I know: it's a bobcat AGAIN", BOBCAT),
        ("Spoiler: it's a bobcat", BOBCAT),
        ("The DNR says it's a cougar", None),
        ("Ok it's time! bobcat it is", BOBCAT),
        ("Cougar? No. House cat? No. Bobcat? YES!", BOBCAT),
        ("Cougar or not? NOT. Bobcat.", BOBCAT),
        ("The cougar is real!", None),
        ("Real answer: a house cat", DOMESTIC_CAT),
        ("I'm afraid this is just a house cat", DOMESTIC_CAT),
        ("Unfortunately not a cougar", "other"),
        ("What a beautiful cougar!", None),
        ("It's a bobcat-sized house cat", DOMESTIC_CAT),
        ("It's half bobcat, half house cat", None),
        ("Wrong! It's a bobcat", BOBCAT),
        ("Correct, bobcat", BOBCAT),
        ("Hint: it's a cougar relative", None),
        ("It's a cougar relative", None),
        ("It's a cougar skull", None),
        ("This is cougar country", None),
        ("Bobcat or cougar, it's a tough one", None),
        ("Who said it's a bobcat?", None),
        ("I am told it's a cougar", None),
        ("Next clue: it's a cat", None),
        ("Alright, answer time! This one's a bobcat :)", BOBCAT),
        ("Big reveal: COUGAR! Thanks to Mark for the photo.", COUGAR),
        ("For those playing along at home... bobcat", BOBCAT),
        ("Answer: no. It's a bobcat.", BOBCAT),
        ("#cougarOrNot answer: yes! A gorgeous cougar from Montana.", COUGAR),
        ("This is indeed a cougar", COUGAR),
        ("Bobcat!! Note: no long tail. Cougars always have one.", BOBCAT),
        ("House cat, as many suspected.", DOMESTIC_CAT),
        ("Domestic cat. Sorry to disappoint!", DOMESTIC_CAT),
        ("I'm going to have to call this one inconclusive", "inconclusive"),
        ("We're not able to tell. Inconclusive!", "inconclusive"),
        ("It's a mama bobcat with two kittens", BOBCAT),
        ("Young cougar, maybe 6 months old", COUGAR),
        ("Young cougar! Around 6 months old.", COUGAR),
        ("And it's... not a cougar! It's a bobcat, our most frequent guest.", BOBCAT),
        ("Today's cat: bobcat", BOBCAT),
        ("Friday's answer: bobcat", BOBCAT),
        ("I bet you all thought cougar. It's a bobcat.", BOBCAT),
        ("Just a regular old house cat this time!", DOMESTIC_CAT),
        ("Nope nope nope. Not a cougar", "other"),
        ("A dog! Can you believe it?", "other"),
        ("You are all correct, it's a bobcat", BOBCAT),
        ("This one fooled a lot of people: it is a house cat", DOMESTIC_CAT),
        ("It IS a cougar", COUGAR),
        ("its a bobcat", BOBCAT),
        ("Bobcat. Next!", BOBCAT),
        ("That's a big ol' bobcat", BOBCAT),
        ("Thanks everyone! It was, of course, a bobcat.", BOBCAT),
        ("The winner is bobcat", BOBCAT),
        ("The critter in question was a bobcat", BOBCAT),
        ("Solution: Lynx rufus, the bobcat", BOBCAT),
        ("Puma concolor, aka mountain lion!", COUGAR),
        ("Mountain lion, without a doubt", COUGAR),
        ("This animal is a cougar, you can tell by the tail", COUGAR),
        ("Tail too short for cougar = bobcat", None),
        ("Tail too short for a cougar, so bobcat", BOBCAT),
        ("Bobcat, not cougar.", BOBCAT),
        ("cougar, not bobcat", COUGAR),
        ("It's a bobcat (Lynx rufus).", BOBCAT),
        ("Verdict: bobcat.", BOBCAT),
        ("Good eye, Sam! It's a house cat", DOMESTIC_CAT),
        ("OK so this was a tricky one. The ears say bobcat, and bobcat it is.", BOBCAT),
        ("Ears say bobcat, tail says cougar. What do you say?", None),
        ("A classic bobcat booty", None),
        ("Classic bobcat.", BOBCAT),
        ("Not sure yet, will ask a colleague about the bobcat theory", None),
        ("I've seen a cougar only once", None),
        ("Cougar, according to the rangers", None),
        ("Fun fact: the cougar holds the record for most names", None),
        ("Did you know? A cougar can jump 5 m", None),
        ("Not telling whether it's a cougar", None),
        ("The cougar season has begun!", None),
        ("Bobcat fans rejoice", None),
        ("Love this bobcat pic from last year", None),
        ("Here is a bobcat for comparison", None),
        ("For comparison, this is a cougar", None),
        ("Compare with this bobcat from Tuesday", None),
        ("Here's what a bobcat looks like", None),
        ("This is what a cougar looks like", None),
        ("See this cougar track?", None),
        ("Guess again! It's not a bobcat.", None),
        ("No cougars were harmed in this game", None),
        ("It's not a cougar kitten", "other"),
        ("When it's a cougar you will know", None),
        ("Until proven otherwise it's a bobcat", None),
        ("It's a bobcat until proven otherwise", None),
        ("Let's say it's a bobcat", None),
        ("Imagine it's a cougar", None),
        ("Why it's a bobcat: a thread", None),
        ("How to tell it's a bobcat", None),
        ("Good morning! It's a bobcat kind of day", None),
        ("It's a cougar kind of day", None),
        ("It's cougar time! Guess below", None),
        ("It's #cougarOrNot time", None),
        ("It's bobcat week", None),
        ("Not a single person said cougar", None),
        ("Glad it's not a cougar in my yard", None),
        ("It's a BOBCAT! Thanks for playing #CougarOrNot this week!", BOBCAT),
        ("ANSWER: NOT! This is a beautiful bobcat", BOBCAT),
        ("That, my friends, is a cougar!", COUGAR),
        (
            "The answer to this week's #cougarOrNot is... house cat! Orange tabby, to be exact",
            DOMESTIC_CAT,
        ),
        ("Ding ding ding! Bobcat!", BOBCAT),
        ("Yep, house cat.", DOMESTIC_CAT),
        ("NOT! It's a bobcat - look at that short tail and the spots", BOBCAT),
        ("We have ourselves a COUGAR", COUGAR),
        ("Correct answer: COUGAR", COUGAR),
        ("It is, indeed, a bobcat", BOBCAT),
        ("I'm 95% sure that's a bobcat", None),
        ("Looks like a bobcat to me", None),
        ("My vote is bobcat", None),
        ("Bobcat for the win!", BOBCAT),
        ("Winner winner bobcat dinner", None),
        ("Cougar? Nah. That's a bobcat", BOBCAT),
        ("Not today, cougar fans: bobcat", BOBCAT),
        ("Nope! Just your friendly neighborhood bobcat", BOBCAT),
        ("It's actually a domestic cat", DOMESTIC_CAT),
        ("It's none other than a bobcat", BOBCAT),
        ("You got it! Bobcat.", BOBCAT),
        ("Surprise! It's a cougar", COUGAR),
        ("An honest-to-goodness cougar", COUGAR),
        ("What you're seeing is a bobcat", BOBCAT),
        ("That there is a bobcat", BOBCAT),
        ("Bobcat butt!", None),
        ("A lovely bobcat, if I may say so", BOBCAT),
        ("Bobcat.\\n\\nNotice the ruff around the face", BOBCAT),
        ("House cat 🐈", DOMESTIC_CAT),
        ("🐆? No, 🐱: it's a house cat", DOMESTIC_CAT),
        ("It's one very fluffy bobcat!", BOBCAT),
        ("Bobcat (and a well-fed one)", BOBCAT),
        ("This was a bobcat from Texas", BOBCAT),
        ("The animal in this week's pic is a house cat", DOMESTIC_CAT),
        ("Sorry not sorry: bobcat", BOBCAT),
        ("Many guessed house cat but this is in fact a bobcat", BOBCAT),
        ("Fooled ya! Coyote!", "other"),
        ("Photo from my friend; it's a cougar he treed last fall", COUGAR),
        ("While it might look like a cougar, it's a bobcat", BOBCAT),
        ("Despite the long tail, this is a house cat", DOMESTIC_CAT),
        ("At first glance a cougar. But no: bobcat.", None),
        ("So, cougar or not? NOT!", None),
        ("Final answer: bobcat.", BOBCAT),
        ("Drum roll please. Bobcat!", BOBCAT),
        ("It had me fooled too: bobcat", BOBCAT),
        ("Bobcat, I'm certain", BOBCAT),
        ("I'm certain it's a bobcat", BOBCAT),
        ("It's a bobcat, I think", None),
        ("It's a bobcat?", None),
        ("Everyone got it: bobcat!", BOBCAT),
        ("Nobody got it! House cat.", DOMESTIC_CAT),
        ("Most of you got it right: bobcat", BOBCAT),
        ("Half of you got it wrong: it's a bobcat", BOBCAT),
        ("wow only 3 people said bobcat and they were right", BOBCAT),
        ("That's right, a mountain lion aka cougar", COUGAR),
        ("Not a mountain lion, but a bobcat! (Lynx rufus)", BOBCAT),
        ("Pretty sure bobcat", None),
        ("I'm calling it: bobcat", BOBCAT),
        ("Going with inconclusive on this one, folks", "inconclusive"),
        ("Nobody could tell. Inconclusive!", "inconclusive"),
        ("The photo is too blurry for an ID", "inconclusive"),
        ("Can't be identified from this angle", "inconclusive"),
        ("I asked three experts: 2 say bobcat, 1 says house cat. Inconclusive", "inconclusive"),
        ("No idea, sorry!", "inconclusive"),
        ("Answer: who knows!", None),
        ("It's a lynx of some kind, can't say which", None),
        ("Definitely felid, definitely not cougar", "other"),
        ("Cougar: no. Bobcat: yes.", BOBCAT),
        ("It's a no from me: bobcat", BOBCAT),
        ("Cougar = no, dog = yes", "other"),
        ("Not even a cat! Raccoon.", "other"),
        ("not a cat, it's a red fox", "other"),
        ("A feral cat on a fence", DOMESTIC_CAT),
        ("It's my cat Milo!", None),
        ("It is a kitty cat of the domestic variety", None),
        ("100% cougar", COUGAR),
        ("Cougar confirmed!", COUGAR),
        ("Confirmed cougar.", COUGAR),
        ("Confirmed by the DNR: cougar", COUGAR),
        ("That cougar is huge", None),
        ("It's a cougar - and a big one", COUGAR),
        ("ok ok it's a bobcat, you win", BOBCAT),
        ("Bobcat! @ann @bob @cy got it", BOBCAT),
        ("house cat!! can you believe it?", DOMESTIC_CAT),
        ("Who had bobcat? You win!", None),
        ("If you picked cougar, you win!", COUGAR),
        ("Sorry to everyone who said cougar", None),
        ("Sorry, cougar guessers!", None),
        ("You were all wrong, it's a house cat", DOMESTIC_CAT),
        ("Everybody who said cougar was wrong. It's a house cat.", DOMESTIC_CAT),
        ("Only Sue got this right. Bobcat!", BOBCAT),
        ("A cougar it is", COUGAR),
        ("And yes it is a cougar", COUGAR),
        ("Cat experts agree, this is a bobcat", BOBCAT),
    ],
)
def test_what_a_host_says(cougar_or_not: Read, text: str, expected: int | str | None) -> None:
    game, words = cougar_or_not
    assert told(words.read(text, game)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("It's a puma!", COUGAR), ("It's a Puma concolor", COUGAR), ("It's one of the felinae", None)],
)
def test_names_of_a_genus_and_of_its_species(
    tmp_path: Path, text: str, expected: int | None
) -> None:
    with closing(open_database(tmp_path / DATABASE_NAME, create=True)) as db:
        make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
        for taxon_id, name, rank in ((1, "Felinae", "subfamily"), (2, "Puma", "genus")):
            lineage = json.dumps([FELIDAE, 1, taxon_id])
            row = {"id": taxon_id, "name": name, "rank": rank, "ancestor_ids": lineage}
            db["taxa"].insert(row)
        db["taxa"].update(COUGAR, {"ancestor_ids": json.dumps([FELIDAE, 1, 2, COUGAR])})
        game = get_game(db, "cougarornot")
        assert told(load_vocabulary(db, game).read(text, game)) == expected


CROW, RAVEN, FISH_CROW = 8021, 8010, 8029
CORVIDS = {
    "american crow": CROW,
    "crow": CROW,
    "common raven": RAVEN,
    "raven": RAVEN,
    "fish crow": FISH_CROW,
    "grackle": 0,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a crow!", CROW),
        ("CROW. American Crow, to be precise.", CROW),
        ("No! It's a raven: look at the beak", RAVEN),
        ("Not a crow. Grackle!", "other"),
        ("It's a Fish Crow, you can't tell without the call", FISH_CROW),
        ("Answer: NO", "other"),
        ("Crow or no? Answer tonight", None),
        ("Crows have square tails, ravens wedges.", None),
        ("It's a raven, not a crow", RAVEN),
        ("Sorry, not a crow this time", "other"),
    ],
)
def test_a_game_of_crows(text: str, expected: int | str | None) -> None:
    game = Game("crowornot", hashtag="CrowOrNo", target_taxon_id=CROW)
    assert told(read_answer(text, game, CORVIDS, {CROW})) == expected


BIRDS = {"cooper's hawk": 5112, "sharp-shinned hawk": 5110, "merlin": 4672, "hawk": 5067}
LINEAGE = {5112: {5067}, 5110: {5067}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a Cooper’s Hawk!", 5112),
        ("A hawk. More precisely: a Cooper's Hawk.", 5112),
        ("Sharp-shinned Hawk, not Cooper's Hawk", 5110),
        ("Merlin!", 4672),
        ("Sharp-shinned or Cooper's Hawk?", None),
        ("Not a Merlin", None),
    ],
)
def test_a_game_without_a_target(text: str, expected: int | None) -> None:
    game = Game("trickybirdid", hashtag="TrickyBirdID")
    assert told(read_answer(text, game, BIRDS, set(), LINEAGE)) == expected


@pytest.mark.parametrize("name", ["cougar ", "mt lion ", "cougar, ", "it's a cougar and "])
def test_a_message_that_repeats_a_name_is_read_quickly(cougar_or_not: Read, name: str) -> None:
    game, words = cougar_or_not
    started = time.monotonic()
    found = words.read((name * 25_000)[:25_000], game)
    assert time.monotonic() - started < 1  # 0.02 s on an idle machine
    assert found is not None
    assert found.verdict is None


def test_the_start_of_a_long_message_is_read(cougar_or_not: Read) -> None:
    game, words = cougar_or_not
    story = "We saw it near the creek. " * 100
    assert told(words.read(f"It's a bobcat! {story}", game)) == BOBCAT
    assert words.read(f"{story} It's a bobcat!", game) is None


@pytest.mark.parametrize("spaces", [1996, 1997, 1998, 1999])
def test_no_part_of_a_word_counts_where_a_message_is_cut(cougar_or_not: Read, spaces: int) -> None:
    game, words = cougar_or_not
    assert words.read(f"{'.' * (spaces - 1)} cats and dogs", game) is None
