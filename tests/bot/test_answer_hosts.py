"""Hosts as they write: jokes, teams, quotes, second thoughts, and both names in one message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from critterdb.bot.host_answers.store import Vocabulary, load_vocabulary
from critterdb.games import Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, make_tiny_model

Read = tuple[Game, Vocabulary]

NOT_SURE = """\
WSU Cougar here: who do you think it is?
No idea!
No idea.
I don't know!
not a bobcat, sadly
Trick question: it's both, a bobcat and a house cat
Cougar? Bobcat? House cat? You'll see at noon.
Go Cougars! Big game tonight. Answer tomorrow.
Cougar football tonight! It's game time
The Cougar Marching Band says hi
I drive a Mercury Cougar
My Mercury Cougar just broke down, answer later
It's a Bobcat excavator
It's a Bobcat! (the skid steer kind)
It's a Ford Puma
Macs ran on Jaguar, Panther, and Lynx was a browser
My neighbour wrote "definitely a cougar". My neighbour is wrong.
Quoting my advisor: it's a bobcat if I ever saw one
"It's a bobcat" they said. It is not a bobcat.
Both cougar and bobcat live here, but this is the latter
Two cats today! Left: cougar, right: bobcat
Left one is a bobcat, right one is a house cat
A bobcat chasing a house cat!
It's a cougar carrying a house cat
Yes. It is.
Nope!
NOT
Not.
Not a cat at all
I'd love to tell you it's a cougar. It's not. Bobcat.
Wait, what? It's a cougar?
It's a cougar! Wait, no. Bobcat.
It's a cougar. No wait
It's a cougar! Or so I thought.
It's a cougar! Just checking if you're awake. Answer at 5
It's a cougar! Nah.
It's a cougar! Nope!
It's a cougar... is what my dad would say.
It's a cougar (it isn't)
It's a cougar! Gotcha. Bobcat!
It's a cougar! Made you look
It's a cougar! haha no
It's a cougar /s
It's a cougar lol
It's a cougar, obviously 🙃
60% bobcat, 30% cougar, 10% house cat. Results are in, reveal soon!
The people have spoken: cougar. The people are wrong.
The people have spoken: bobcat. And the people are right!
You said cougar. I say bobcat.
You say cougar, the DNA says bobcat
DNA says bobcat!
The experts say bobcat
I'd bet my degree on bobcat
Bobcat, and I'd bet my degree on it
@ann nope, not a bobcat!
Bob, cat lover, sent this one
Thanks Bob! Cat pictures are the best
It's raining cats and dogs. Answer tomorrow!
Curiosity killed the cat
Copycat
She's a cougar, said my friend about his new boss
My mom is a cougar
Is it a cougar or just a lady at the bar?
B O B C A T
b-o-b-c-a-t
It's a bobcat. Or is it?
It's a bobcat, isn't it?
Bobcat, right?
It's a bobcat - change my mind
Unpopular opinion: it's a bobcat
I'm told by @expert that it's a bobcat
Correction: it's a house cat
We'll call it a bobcat for now
Tentatively: bobcat
Bobcat (tentative)
Bobcat?
Bobcat!?
Bobcat, most likely.
In all likelihood a bobcat
A bobcat, by the looks of it
Anyone who says cougar needs glasses
Technically a house cat, spiritually a cougar
A cougar at heart, a house cat by birth
Emotional support cougar
This is my emotional support bobcat
Not a cougar... or is it?
I won't say it's not a cougar
Never said it was a cougar
Nobody said it was a bobcat, but it is
Answer's up on the blog: https://a.example/bobcat
Read about bobcat vs cougar here: https://x.example
Happy Friday! Today it's a bobcat or a cougar. You decide
If you see a cougar, don't run
Cougar attack in the news, please stay safe
It's a cougar warning sign
It's a bobcat's den
Hmm, can't tell. Any experts out there?
I can't tell either, help!
Can you tell? I can't tell!
The photo doesn't show enough to tell
Inconclusive... for now
Inconclusive? We'll see!
Short tail, spotted coat, ear tufts... you know what that means
Bobcats! Two of them.
It's two bobcats
A family of cougars
If I had to choose, bobcat
I would've said cougar, but the lab says bobcat
Not to be confused with a bobcat
Often mistaken for a cougar: the house cat
Winner gets a plush cougar!
My cougar mug says hi. Answer later today
Cougar Ridge Trail camera, 5 am. Answer tonight.
Taken at Bobcat Ridge
Taken near Cougar Mountain, Issaquah
Thanks to the Wildcat Research team for this photo
Thank you Puma Program for the pic!
It's a cougar according to 80% of you. 80% of you are wrong!
@ann no, a bobcat has a short tail
@ann if it were a cougar, the tail would show
@ann I think so too: bobcat
How do we know it's not a cougar? The tail.
How do we know it's a bobcat? The ears!
Why is it a bobcat? See the ears.
What makes this a bobcat: short tail, ruff.
Today you're all winners, because it's a bobcat and a house cat
I have bad news for team cougar
Good news, team bobcat: you win
Team bobcat wins!
Score: bobcat 1, cougar 0
Bobcats 24, Cougars 17. What a game!
Bobcat 7 - cougar 0 this year
BOBCAT. Again. Always a bobcat.
cat. house. domestic.
A couch cougar
The elusive porch panther!
It's a tiny house panther 😂
A mountain lion was seen in town last night, be careful
Our verdict? Not a bobcat.
Stop guessing cougar, people!
Please stop calling every cat a cougar
It will be a cougar next time, I promise
One day it'll be a cougar. Not today.
Someday a cougar. Today a house cat.
I can't tell you how much I love this bobcat
I can't tell you what it is until 5
We can't be sure, but probably a bobcat
This one will remain a mystery
Unsure. The tail is hidden.
No idea what happened to the photo, sorry!
Don't know. What do you think?
Oh no, it's a cougar in my kitchen! Just kidding, answer below
When in doubt, bobcat
When you hear hoofbeats think house cat, not cougar
Would a cougar do this? (picture of a cat in a box)
Replying to @ann: a bobcat's tail is short
"Bobcat" is what 70% of you answered
I see a lot of "bobcat" in the replies
lots of bobcat in the replies, a few cougar
bobcat seems to be the crowd favourite
Sometimes a cat is just a cat
Not our usual bobcat. Stay tuned
It's the same bobcat as last week
It's the bobcat from last week again
Update on the cougar from last week: it's doing fine
Everyone asked about the cougar in Monday's news
Tune in: cougar documentary tonight on PBS
I'm writing a book called It's a Cougar
My talk "Cougar or not" starts at noon
Now hiring: bobcat biologist
Donate to save the cougar!
Save the cougar
Bobcat trapping season opens Monday
A bobcat can be yours for the low low price of $0. No wait, don't.
If you answered anything but cougar: you're right
Those who said house cat get a cookie. Everyone else: bobcat
C'est un lynx
hmm bobcat
um, bobcat?
erm. cougar?
definitely maybe a cougar
It's as much a cougar as I am
It's no more a cougar than my toaster
It's more house cat than cougar
It's less cougar, more bobcat
It's between a bobcat and a house cat
It's either a bobcat or nothing
It's a toss-up: bobcat, house cat
cougar/bobcat
bobcat & house cat
cougar + bobcat hybrid
A cougar? In Ohio? No way.
It's a unicorn
It's Bigfoot!
It's a boy!
""".splitlines()


@pytest.fixture(scope="module")
def cougar_or_not(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The game, and its words."""
    db = open_database(tmp_path_factory.mktemp("words") / DATABASE_NAME, create=True)
    make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
    game = get_game(db, "cougarornot")
    yield game, load_vocabulary(db, game)
    db.close()


@pytest.mark.parametrize("text", [*NOT_SURE, "It's a cougar!\n\n(Look again. No tail.)"])
def test_what_a_person_has_to_read(cougar_or_not: Read, text: str) -> None:
    game, words = cougar_or_not
    found = words.read(text, game)
    assert found is None or found.verdict is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trick question: domestic cat", DOMESTIC_CAT),
        ("Trick question! It's a dog.", "other"),
        ("Go Cougs! It's a bobcat though", BOBCAT),
        ("BYU cougar fans, look away: it's a bobcat", BOBCAT),
        ("As a proud BYU Cougar I wish it were one. Bobcat.", BOBCAT),
        ("Wearing my Puma shoes today. Answer: bobcat", BOBCAT),
        ("It's a bobcat with a rabbit in its mouth", BOBCAT),
        ("It's a bobcat, not a cougar or a house cat", BOBCAT),
        ("Neither! It's a house cat", DOMESTIC_CAT),
        ("Neither a cougar nor a bobcat: plain old house cat", DOMESTIC_CAT),
        ("It's neither a bobcat nor a cougar", "other"),
        ("Sadly not a cougar. Happily a bobcat.", BOBCAT),
        ("Plot twist: house cat", DOMESTIC_CAT),
        ("Plot twist! House cat!", DOMESTIC_CAT),
        ("Drumroll... it's a HOUSE CAT 🥁", DOMESTIC_CAT),
        ("Could it be? It is! A cougar!", COUGAR),
        ("Is it a cougar? It is!", COUGAR),
        ("Is it a cougar? It is not.", "other"),
        ("Is it a cougar? Yes!", COUGAR),
        ("Is it a cougar? No!", "other"),
        ("Cougar or not? Yes cougar!", COUGAR),
        ("Not even close to a cougar, bobcat", BOBCAT),
        ("I wish I could say cougar, but it's a bobcat", BOBCAT),
        ("Wait for it... bobcat!", BOBCAT),
        ("bobcat (lynx rufus) adult female", BOBCAT),
        ("Bobcat. See the ear tufts?", BOBCAT),
        ("Bobcat, 100%", BOBCAT),
        ("Bobcat! 98% of you got it right", BOBCAT),
        ("Only 12% said bobcat. Bobcat it is!", BOBCAT),
        ("@ann nailed it, bobcat!", BOBCAT),
        ("The cat's out of the bag: bobcat", BOBCAT),
        ("Let the cat out of the bag: it's a bobcat", BOBCAT),
        ("Here kitty kitty! It's a cougar.", COUGAR),
        ("Cougar kittens have spots, but this one is a bobcat", BOBCAT),
        ("One word: bobcat", BOBCAT),
        ("UPDATE: bobcat, not house cat. My mistake!", BOBCAT),
        ("Edit: it's a house cat", DOMESTIC_CAT),
        ("I was wrong, it's a house cat", DOMESTIC_CAT),
        ("Whatever it is, it's no cougar", "other"),
        ("Anything but a cougar", "other"),
        ("It was a cougar all along", COUGAR),
        ("Turns out it was a bobcat all along", BOBCAT),
        ("Guess what? It's a bobcat.", BOBCAT),
        ("Guess who? A bobcat!", BOBCAT),
        ("Okay fine it's a house cat", DOMESTIC_CAT),
        ("fine. bobcat. happy now?", BOBCAT),
        ("Reminder: a cougar's tail is as long as its body. Bobcat!", BOBCAT),
        ("Next week, a cougar, I promise. Today: bobcat", BOBCAT),
        ("Last week: cougar. This week: bobcat.", BOBCAT),
        ("Last week's answer was bobcat. Today's is house cat.", DOMESTIC_CAT),
        ("Today's cat is a cougar. Happy Friday!", COUGAR),
        ("Tough one. The jury's still out!", "inconclusive"),
        ("Even the experts can't agree. Inconclusive.", "inconclusive"),
        ("We will never know.", "inconclusive"),
        ("Not enough to go on, calling it inconclusive", "inconclusive"),
        ("So is it inconclusive? No! Bobcat.", BOBCAT),
        ("It's a bobcat — inconclusive was not an option!", BOBCAT),
        ("It's not inconclusive, it's a bobcat", BOBCAT),
        ("Reveal! Our mystery guest is a bobcat. Thanks for playing along", BOBCAT),
        ("Reveal: it's a house cat named Biscuit", DOMESTIC_CAT),
        ("I know you wanted a cougar. It's a house cat. I'm sorry.", DOMESTIC_CAT),
        ("House cat! House cat! House cat!", DOMESTIC_CAT),
        ("The tail gives it away: cougar", COUGAR),
        ("The tail gives it away. Definitely cougar.", COUGAR),
        ("No tail, no cougar. Bobcat!", BOBCAT),
        ("Long tail, tawny coat, big paws... cougar!", COUGAR),
        ("Short tail, spotted coat: bobcat, of course", BOBCAT),
        ("It's a cougar cub! Look at those spots!", COUGAR),
        ("Everyone was so sure it was a cougar. House cat!", DOMESTIC_CAT),
        ("Y'all are too good. Bobcat.", BOBCAT),
        ("Nobody believed me, but it IS a cougar.", COUGAR),
        ("Believe it or not, a house cat", DOMESTIC_CAT),
        ("Believe it or not: cougar!", COUGAR),
        ("Hard to believe but that is a house cat", DOMESTIC_CAT),
        ("Is it a bird? Is it a plane? It's a bobcat!", BOBCAT),
        ("80% of you are right: it's a bobcat", BOBCAT),
        ("Correct answer was bobcat. Well done @ann", BOBCAT),
        ("Yes @ann, it's a bobcat, well spotted", BOBCAT),
        ("No @ann, it's not a cougar", "other"),
        ("@ann that's what I thought too! But it's a bobcat", BOBCAT),
        ("Bad news for team cougar: it's a bobcat", BOBCAT),
        ("Cougar. Period.", COUGAR),
        ("COUGAR!!!! 🐾🐾🐾", COUGAR),
        ("Felis catus, aka the couch cougar", DOMESTIC_CAT),
        ("Porch panther, aka house cat", DOMESTIC_CAT),
        ("Sleep well: it was just a fox", "other"),
        ("It was a dog all along 🐕", "other"),
        ("It's official: no cougar", "other"),
        ("It's official: not a cougar!", "other"),
        ("Official verdict from the agency: bobcat", BOBCAT),
        ("The agency's verdict: cougar!", COUGAR),
        ("Our verdict? Bobcat.", BOBCAT),
        ("You can stop guessing, it's a bobcat", BOBCAT),
        ("Will it ever be a cougar? Not this time, bobcat.", BOBCAT),
        ("It's an inconclusive one! We don't see the tail.", "inconclusive"),
        ("We asked around and nobody can tell. So: inconclusive.", "inconclusive"),
        ("Too far away to say for sure", "inconclusive"),
        ("I don't know how they do it, but it's a bobcat and it's up a pole", BOBCAT),
        ("No idea how it got there, but it's a bobcat", BOBCAT),
        ("Who knows? I do! It's a bobcat.", BOBCAT),
        ("Ok here we go. Drum roll. It's a bobcat, and she's gorgeous.", BOBCAT),
        ("Well done everyone, that's a bobcat alright", BOBCAT),
        ("Hate to break it to you: house cat.", DOMESTIC_CAT),
        ("No cougar today, I'm afraid. Just Mr Whiskers, the neighbor's house cat.", DOMESTIC_CAT),
        ("Sigh. House cat.", DOMESTIC_CAT),
        ("Yes!!! Finally a cougar!!!", COUGAR),
        ("FINALLY! A cougar!", COUGAR),
        ("First cougar of the year!", COUGAR),
        ("Our first cougar in 3 years!!", COUGAR),
        ("The fourth bobcat in a row, sorry", BOBCAT),
        ("Another bobcat!", BOBCAT),
        ("Guys. GUYS. It's a cougar.", COUGAR),
        ("This is NOT a drill: it's a cougar!", COUGAR),
        ("Is this my cat? No, this is a bobcat.", BOBCAT),
        ("Crowd favourite: bobcat. Truth: house cat.", DOMESTIC_CAT),
        ("The truth: bobcat", BOBCAT),
        ("Not our usual bobcat! This one is a cougar!", COUGAR),
        ("Three words: not a cougar", "other"),
        ("nope nope nope bobcat", BOBCAT),
        ("so... bobcat", BOBCAT),
        ("bobcat obviously", BOBCAT),
        ("obviously a bobcat", BOBCAT),
        ("clearly not a cougar", "other"),
        ("A cougar in Ohio! (Escaped from a zoo)", COUGAR),
        ("It's a cheetah! Obviously. In Nebraska.", "other"),
    ],
)
def test_what_is_plain(cougar_or_not: Read, text: str, expected: int | str) -> None:
    game, words = cougar_or_not
    found = words.read(text, game)
    assert found is not None
    assert (found.taxon_id or found.verdict) == expected


@pytest.mark.parametrize("text", ["No idea!", "I don't know!", "Inconclusive... for now"])
def test_a_shrug_waits_for_a_person(cougar_or_not: Read, text: str) -> None:
    game, words = cougar_or_not
    found = words.read(text, game)
    assert found is not None
    assert (found.verdict, found.guess) == (None, "inconclusive")
