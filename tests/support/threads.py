"""Sixty threads of #cougarOrNot as such games are played: a photo, guesses, chatter, the answer.

Written for these tests, after the manner of the game's hosts and players. A thread is the colour of
its photo (what the tiny model sees in it), the truth, and what was written below the photo: who,
to what (P the photo's post, Q a quote of it, a number the message at that place), and the words.
The truth is a name, `other` (not a cougar, and no more is said), `inconclusive`, or None where the
host never says.
"""

from __future__ import annotations

from typing import NamedTuple

COUGAR, BOBCAT, CAT = "Puma concolor", "Lynx rufus", "Felis catus"


class Thread(NamedTuple):
    colour: str
    truth: str | None
    messages: list[tuple[str, str | int, str]]


THREADS = [
    # The plain ones.
    Thread("green", BOBCAT, [("host", "P", "It's a bobcat!")]),
    Thread(
        "green", BOBCAT, [("ann", "P", "cougar!"), ("host", "P", "Answer: BOBCAT #cougarOrNot")]
    ),
    Thread(
        "red", COUGAR, [("bob", "P", "Bobcat?"), ("host", "P", "COUGAR!!! 🎉 Look at that tail.")]
    ),
    Thread("blue", CAT, [("host", "Q", "Today's answer is a house cat. Sorry, everyone.")]),
    Thread("green", BOBCAT, [("host", "Q", "This week's cat is a bobcat, photographed in Utah.")]),
    Thread("red", BOBCAT, [("host", "P", "Bobcat. Short tail, spots on the belly, ear tufts.")]),
    Thread("blue", "other", [("host", "P", "Not a cougar! Thanks for playing.")]),
    Thread("green", CAT, [("host", "P", "It's not a cougar, it's somebody's house cat 😹")]),
    Thread("yellow", "inconclusive", [("host", "P", "I have looked for an hour: inconclusive.")]),
    Thread("red", COUGAR, [("host", "P", "Yep, that's a mountain lion.")]),
    # Guesses of players that are not answers, whatever they say.
    Thread(
        "green",
        BOBCAT,
        [
            ("ann", "P", "It's a cougar, 100%"),
            ("bob", "P", "House cat."),
            ("host", 1, "Ooh, interesting!"),
            ("ann", "P", "Answer: cougar"),
            ("host", "P", "And the answer is… bobcat!"),
        ],
    ),
    Thread("red", None, [("ann", "P", "Definitely a cougar"), ("bob", 0, "It's a bobcat, Ann")]),
    Thread("green", None, [("host", "P", "Answer in an hour!"), ("ann", 0, "It's a bobcat")]),
    Thread("blue", None, [("host", "P", "So many guesses! Keep them coming."), ("cy", "P", "Cat")]),
    # Talk of the host that names animals before the answer comes.
    Thread(
        "green",
        BOBCAT,
        [
            ("host", "P", "Hint: cougars have long tails."),
            ("host", "P", "Lots of votes for cougar so far. Hmm…"),
            ("host", "P", "OK! It is a bobcat. Well done to all of you who said so."),
        ],
    ),
    Thread(
        "red",
        COUGAR,
        [
            ("host", "P", "Could be a bobcat? Could be a cougar? I'll tell you at 5."),
            ("host", "P", "It's a cougar! See how long that tail is compared to a bobcat's?"),
        ],
    ),
    Thread(
        "blue",
        CAT,
        [
            ("ann", "P", "bobcat"),
            ("host", 0, "Why do you think it's a bobcat?"),
            ("ann", 1, "the ears"),
            ("host", "P", "Time's up: this is a domestic cat. A bobcat would have a shorter tail."),
        ],
    ),
    Thread(
        "green",
        BOBCAT,
        [
            ("dan", "P", "too small for a cougar"),
            ("host", 0, "Good thinking, but how do you know the size?"),
            ("host", "P", "Dan is right, this is far too small for a cougar: it's a bobcat."),
        ],
    ),
    Thread(
        "yellow",
        BOBCAT,
        [
            ("host", "P", "Remember, a cougar can be as long as a sofa."),
            ("host", "Q", "Many of you said cougar, but look at the bobbed tail: bobcat it is!"),
        ],
    ),
    # Answers in other words.
    Thread("green", BOBCAT, [("host", "P", "If you guessed bobcat, you were right!")]),
    Thread("green", BOBCAT, [("host", "Q", "Congrats to everyone who said bobcat!")]),
    Thread("blue", CAT, [("host", "P", "Ladies and gentlemen, meet Mr. Whiskers, a house cat.")]),
    Thread("red", COUGAR, [("host", "P", "Ladies and gentlemen: Puma concolor.")]),
    Thread("green", BOBCAT, [("host", "P", "Turns out to be a beautiful young male bobcat")]),
    Thread("red", COUGAR, [("host", "P", "You're looking at a cougar kitten, spots and all")]),
    Thread("blue", "other", [("host", "P", "Nope! No cougar here, folks.")]),
    Thread("grey", "other", [("host", "P", "Ha, it's a golden retriever!")]),
    Thread("green", "other", [("host", "P", "That's a coyote. Not a cat at all!")]),
    Thread("blue", "other", [("host", "Q", "This is definitely NOT a cougar.")]),
    Thread("green", "other", [("host", "P", "Answer: NOT! #cougarOrNot")]),
    Thread("green", BOBCAT, [("host", "P", "NOT a cougar, but a bobcat. Aren't they lovely?")]),
    Thread("red", COUGAR, [("host", "P", "For once it IS a cougar! My first in two years.")]),
    Thread("yellow", "inconclusive", [("host", "P", "Too blurry to tell, I'm afraid.")]),
    Thread("grey", "inconclusive", [("host", "Q", "We'll never know. I can't tell, honestly.")]),
    Thread("green", BOBCAT, [("host", "P", "No doubt about it: bobcat")]),
    Thread("blue", CAT, [("host", "P", "It’s a tabby cat who wanted to be in the game.")]),
    # Two thoughts in one message.
    Thread("green", BOBCAT, [("host", "P", "I thought cougar at first, but it's a bobcat.")]),
    Thread("red", COUGAR, [("host", "P", "No bobcat this time. It's a cougar.")]),
    Thread("blue", CAT, [("host", "P", "Neither cougar nor bobcat: house cat!")]),
    Thread("green", BOBCAT, [("host", "P", "Cougar? Nope. Bobcat? Yes! It's a bobcat.")]),
    Thread(
        "green",
        BOBCAT,
        [("host", "P", "It's a bobcat! Next week: another round of cougar or not. Don't miss it.")],
    ),
    Thread(
        "red", COUGAR, [("host", "P", "Last week's was a bobcat. This one is a cougar, at last!")]
    ),
    Thread(
        "green",
        BOBCAT,
        [("host", "P", "Bobcats have short tails, cougars long ones. This is a bobcat.")],
    ),
    # Answers deeper in the thread.
    Thread(
        "green",
        BOBCAT,
        [
            ("host", "P", "Ready for the answer?"),
            ("host", 0, "Are you sure?"),
            ("host", 1, "It's a bobcat."),
        ],
    ),
    Thread(
        "red",
        COUGAR,
        [("ann", "P", "Tell us!"), ("host", 0, "OK, the answer: cougar! #cougarOrNot")],
    ),
    Thread(
        "blue",
        CAT,
        [
            ("ann", "P", "My own cat looks like that"),
            ("host", 0, "Yours is a very fine bobcat impersonator"),
            ("host", "P", "House cat!"),
        ],
    ),
    Thread(
        "green",
        None,
        [("ann", "P", "And this one from my yard?"), ("host", 0, "That's a house cat")],
    ),
    Thread(
        "green",
        BOBCAT,
        [
            ("ann", "P", "Bobcat."),
            ("host", 0, "Correct!"),
            ("host", "Q", "It was a bobcat all along."),
        ],
    ),
    # What waits for a person.
    Thread("green", None, [("host", "P", "Probably a bobcat, but don't quote me.")]),
    Thread("yellow", None, [("host", "P", "Either a bobcat or a house cat, take your pick")]),
    Thread("green", None, [("host", "P", "I'd say bobcat, what about you?")]),
    Thread("red", None, [("host", "P", "I wish it were a cougar.")]),
    # Corrections: the first plain answer stands, and a person may change it.
    Thread(
        "green",
        BOBCAT,
        [("host", "P", "It's a bobcat."), ("host", "P", "And what a pretty one, isn't it?")],
    ),
    # Long ones.
    Thread(
        "red",
        COUGAR,
        [
            ("ann", "P", "Cat"),
            ("bob", "P", "Dog"),
            ("cy", "P", "Is that a chupacabra?"),
            ("host", 2, "Ha! No chupacabras in Minnesota, as far as we know."),
            ("dan", "P", "mountain lion, we have them here"),
            ("host", 4, "Lucky you! I have never seen a mountain lion that close."),
            ("host", "P", "Thanks for all the guesses! 41 said bobcat, 30 said cougar."),
            ("host", "P", "And the 30 win: this week's animal is a cougar."),
        ],
    ),
    Thread(
        "green",
        BOBCAT,
        [
            ("host", "P", "Photo by @ann in Idaho. Zoom in on the ears!"),
            ("ann", 0, "I know what it is :)"),
            ("host", 1, "No telling, Ann!"),
            (
                "host",
                "P",
                "Here's your answer, friends. It's a bobcat — see the white spots on the ears?",
            ),
        ],
    ),
    Thread(
        "blue",
        CAT,
        [
            ("bob", "P", "lynx?"),
            ("host", 0, "There are no lynx in Kansas, alas"),
            ("host", "P", "Kansas, a porch, a bowl of food: house cat."),
        ],
    ),
    Thread(
        "green",
        BOBCAT,
        [
            ("host", "P", "Poll says: 60% cougar, 40% bobcat. The poll is wrong!"),
            ("host", "P", "Bobcat, my friends, a bobcat with a very full belly."),
        ],
    ),
    Thread(
        "yellow",
        "inconclusive",
        [
            ("host", "P", "Hmm. Hmmmm. This one is hard."),
            ("host", "P", "Could be a bobcat, could be a house cat. Verdict: inconclusive."),
        ],
    ),
    Thread(
        "red",
        COUGAR,
        [
            ("host", "P", "Wildlife agency got back to me!"),
            ("host", "P", "They confirm: adult female cougar, collared last winter."),
        ],
    ),
    Thread(
        "blue",
        "other",
        [
            ("ann", "P", "cougar kitten"),
            ("host", "P", "I asked two colleagues, and we agree that this is not a cougar."),
        ],
    ),
]
