"""What one message of a host says about an animal, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.bot.reading.affirmations import (
    affirms,
    denies,
    is_half_right,
    is_open,
    praises,
    reveals,
    says_well_done,
    was_right,
    with_yes_in_words,
)
from critterdb.bot.reading.choices import chosen
from critterdb.bot.reading.corrections import (
    apologises,
    confirms,
    revises,
    takes_back,
    without_correction,
    without_echo,
)
from critterdb.bot.reading.guesses import Reading, read_guess
from critterdb.bot.reading.parser import OTHER_ANIMAL, Verdict, plain_words
from critterdb.games import Game, find_host
from critterdb.platforms.text import has_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.bot.reading.vocabulary import Vocabulary
    from critterdb.platforms.base import Post

# Elsewhere in a thread a host may talk about a player's own cat, so a message that replies to
# nothing of ours must say what it is.
_CALLS_ITSELF_ANSWER = re.compile(r"\b(?:answers?|reveal|verdict|official(?:ly)?|solution)\b")
# "Yours is a bobcat" is about another photo.
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|you're)\b")
_ABOUT_THEIRS = re.compile(
    r"(?:^|[.!?] )yours\b|\byours(?:'s| is| was| looks?| could| must| has| seems| might)\b"
    r"|\b(?:as for|about|in|of|that's|love|like|see) yours\b"
    r"|(?<!apologies to )(?<!apologise to )(?<!apologize to )(?<!sorry to )(?<!thank )"
    r"(?<!tell )(?<!thanks to )(?<!love to )\byour (?:\w+ )?(?:cat|kitty|one"
    r"|photo|picture|pic|animal|visitor|camera|garden"
    r"|yard|avatar)\b|\bnice avatar\b"
)
_OF_OURS = re.compile(r"\b(?:ours|mine|my (?:photo|picture|pic|post|one))\b(?![^.!]*\?)")
# What a player shows or tells of, beside the host's photo.
_OF_THEIR_OWN = re.compile(
    r"\b(?:mine|ours|this one|(?:here(?:'s| is| are)|see) (?:my|mine|one of|our|a pic)"
    r"|for comparison|attached|yesterday|last (?:night|week|year)|(?:i|we) (?:saw|met"
    r"|(?:have|had)(?! (?:many|lots|them|those|these|such|plenty|no|seen|to|a lot|not"
    r"|the same)\b)|took)"
    r"|(?:in|from|on|behind|near) (?:my|our)\b(?! (?:screen|phone|laptop|tablet|computer|opinion"
    r"|view|eyes?"
    r"|mind|book|humble|bingo|list|guess|life|experience|state|country|county|area|language"
    r"|head)\b)"
    r"|(?<!like )(?<!that's )(?<!thats )(?<!is )(?:my|our) (?:(?!say|says|said|think|thinks|vote"
    r"|voted|guess)\w+ ){0,2}(?:cat|cats|kitty|dog|photo"
    r"|picture|pics?|garden|yard|camera|avatar|porch|neighbou?rs?(?:'s)?|crow|raven|hawk|bird"
    r"|feeder|bobcat|cougar|fox|coyote|house"
    r"|trail cam|backyard))\b"
)
# "We have one that looks just like this" is about ours all the same.
_LIKE_OURS = re.compile(r"\b(?:just|looks?(?: \w+)?) like (?:this|that|yours|it|him|her)\b")
_ASKS_ELSE = re.compile(
    r"\b(?:females?|males?|sex|boy|girl|old|age|where|when|who|whose|weight?|heavy|pregnant|why"
    r"|how many"
    r"|how (?:big|large|old|tall|long|far|much)|eating|doing|alive|healthy|hurt|sick)\b[^.!]*\?"
)
_SPOILS_A_YES = ("a joke", "takes itself back", "two names", "still open", "a shrug")


@dataclass(frozen=True)
class Method:
    """How an answer was found, as the column says it, and how often such answers are right."""

    name: str
    confidence: float


# Of the answers of each kind in half of tests/data/host_answers_2.jsonl and in the sentences of
# host_answers.jsonl none is wrong; what is rarer there has less to show for it.
DIRECT = Method("host's words", 0.99)
IN_THREAD = Method("host's words in the thread", 0.97)
TO_A_PLAYER = Method("host's words to a player", 0.93)  # who guessed nothing
TO_A_GUESS = Method("host's words to a player", 0.95)
CONFIRMED = Method("host's yes to a player", 0.9)
CORRECTED = Method("host's correction", 0.97)
TAKEN_BACK = Method("host took it back", 0.9)  # there is no answer after it
CONFIDENCE_RESPELLED = 0.9  # a factor, if a typo or an emoji was read as a name
CONFIDENCE_WAITING = 0.5  # what waits is right about as often as wrong


@dataclass(frozen=True)
class Finding:
    """What a host's message says, and when it was found (UTC).

    `guess` is what the message of a player says that it answers. `is_confirmation` says that the
    verdict is that guess.
    """

    message: Post
    verdict: Verdict | None
    found_at: str
    is_for_all: bool = False
    is_correction: bool = False
    apologises: bool = False
    takes_back: bool = False
    is_confirmation: bool = False
    guess: Reading | None = None

    @property
    def url(self) -> str | None:
        return self.message.url

    @property
    def said_at(self) -> str:
        return self.message.posted_at

    def method(
        self,
        *,
        is_direct: bool,
        is_below: bool,
        is_answered: bool,
        is_revision: bool = False,
        goes_on: bool = False,
    ) -> Method | None:
        """Return how an answer to a post is found here; None if a person has to read it.

        `is_direct` if it answers the post itself, `is_below` if it stands somewhere below it,
        `is_answered` if the post has an answer already, `is_revision` if it speaks of that one,
        `goes_on` if it replies to words of the host's own.
        """
        if self.verdict is None or self.verdict.verdict is None:
            is_taken_back = self.takes_back and (is_direct or (is_below and self._is_of_ours()))
            return TAKEN_BACK if is_taken_back else None
        is_correction = self.is_correction or is_revision
        if is_answered and is_direct and (is_correction or self.apologises):
            return CORRECTED
        is_ours = is_below and self._is_to_all() and not self._is_about_players_own()
        is_owned_up = is_below and self._is_of_ours() and (self.apologises or self.takes_back)
        if is_answered and is_correction and (is_ours or is_owned_up):
            return CORRECTED
        if is_direct:
            return DIRECT
        if self.is_for_all:
            return IN_THREAD
        if not is_ours:
            return None
        if self.message.parent is None:
            return IN_THREAD if goes_on and not self.verdict.is_bare else None
        if self.guess is None:
            return TO_A_PLAYER
        return CONFIRMED if self.is_confirmation else TO_A_GUESS

    def names_and_replaces(self, taxon_id: int | None) -> bool:
        """Whether a message that names an earlier answer states another one."""
        verdict = self.verdict
        if verdict is None or not verdict.verdict:
            return False
        earlier = taxon_id or OTHER_ANIMAL
        named = verdict.denied if verdict.is_bare else verdict.taxa
        return earlier in named and earlier != (verdict.taxon_id or OTHER_ANIMAL)

    def confidence(self, method: Method | None) -> float:
        """Return how often readings such as this one are right."""
        confidence = method.confidence if method else CONFIDENCE_WAITING
        is_respelled = self.verdict is not None and self.verdict.is_respelled
        return confidence * (CONFIDENCE_RESPELLED if is_respelled else 1)

    def _is_to_all(self) -> bool:
        return not self.message.photos and not _ABOUT_THEIRS.search(plain_words(self.message.text))

    def _is_of_ours(self) -> bool:
        """Whether the message is to all, and answers no photo of a player's own."""
        parent = self.message.parent
        is_photo = parent is not None and parent.photos and parent.author != self.message.author
        return self._is_to_all() and not is_photo

    def _is_about_players_own(self) -> bool:
        """Whether the message answers one that shows or tells of another animal."""
        player = self.message.parent
        if player is None:
            return False
        if player.photos:
            return True
        if _OF_OURS.search(plain_words(self.message.text)):
            return False
        return _is_of_their_own(player.text)


def find(
    message: Post,
    game: Game,
    vocabulary: Vocabulary,
    found_at: str,
    answered: Sequence[Post] = (),
) -> Finding | None:
    """Return what a host's message says about the animal, or None if it says nothing.

    `answered` are the messages of players that hosts answered in this round.
    """
    guess = _guess_answered(message, game, vocabulary)
    verdict, is_confirmation = _read(message, game, vocabulary, guess)
    if verdict and verdict.verdict == "inconclusive" and _asks_something_else(message):
        verdict = replace(verdict, verdict=None, guess="inconclusive", reason="a shrug")
    if verdict is None:
        verdict = _credited(message, answered, game, vocabulary)
        is_confirmation = verdict is not None
    is_to_a_guess = guess is not None or _answers_players_own(message)
    is_taken_back = takes_back(message.text, is_to_a_guess=is_to_a_guess)
    if verdict is None and not is_taken_back:
        return None
    return Finding(
        message,
        verdict,
        found_at,
        is_for_all=_is_for_all(message, game),
        is_correction=_is_correction(message.text) or is_taken_back,
        apologises=apologises(message.text),
        takes_back=is_taken_back,
        is_confirmation=is_confirmation,
        guess=guess,
    )


def _read(
    message: Post, game: Game, vocabulary: Vocabulary, guess: Reading | None
) -> tuple[Verdict | None, bool]:
    """Return what a message says, and whether it says so only by a yes to the guess."""
    text = message.text
    if message.parent and not affirms(words_of(text)):
        text = without_echo(text, message.parent.text)
    verdict = vocabulary.read(text, game)
    corrected = without_correction(text)
    if corrected is not None:
        reading = vocabulary.read(corrected, game)
        verdict = reading if reading and reading.verdict else verdict
    if verdict and verdict.verdict:
        return verdict, False
    if guess and guess.verdict and _is_confirmed(text, guess, verdict, _author(message)):
        return Verdict(guess.verdict, guess.taxon_id), True
    if verdict and verdict.leaning and _is_told(text, guess):
        return verdict.leaning, False
    if (
        message.parent
        and guess
        and guess.reason == "two names"
        and not (verdict and verdict.leaning)
    ):
        choice = chosen(plain_words(text), message.parent.text, game, vocabulary)
        return (Verdict(choice.verdict, choice.taxon_id), True) if choice else (verdict, False)
    return verdict, False


def _author(message: Post) -> str:
    """The name of the player that a host answers, in lower case without a server."""
    return message.parent.author.lower().partition("@")[0] if message.parent else ""


def _asks_something_else(message: Post) -> bool:
    """Whether a host answers a question that is not what animal it is: its sex, the place."""
    return bool(message.parent and _ASKS_ELSE.search(plain_words(message.parent.text)))


def _credited(
    message: Post, answered: Sequence[Post], game: Game, vocabulary: Vocabulary
) -> Verdict | None:
    """Return the earlier guess of a player who was right: "you were right"."""
    player = message.parent
    if player is None or not was_right(words_of(message.text)):
        return None
    for post in sorted(answered, key=lambda post: post.posted_at, reverse=True):
        is_theirs = post.author == player.author and post.thread == player.thread
        if is_theirs and post.posted_at < player.posted_at:
            guess = read_guess(post.text, game, vocabulary)
            if guess.verdict:
                return Verdict(guess.verdict, guess.taxon_id)
    return None


def _is_confirmed(text: str, guess: Reading, verdict: Verdict | None, author: str = "") -> bool:
    """Whether a reply says yes to a guess, and names nothing that speaks against it."""
    words = words_of(text)
    if author and re.search(
        rf"\b(?:sorry|unlucky|bad luck|hard luck),? {re.escape(author)}\b", words
    ):
        return False  # "Ida and Jon have it, sorry Kip"
    if confirms(text) and verdict is None and not (is_open(words) or is_half_right(words)):
        return True
    taxon_id = guess.taxon_id or OTHER_ANIMAL
    if verdict is None:
        return affirms(words) or says_well_done(words)
    leaning = verdict.leaning.taxon_id or OTHER_ANIMAL if verdict.leaning else taxon_id
    if taxon_id in verdict.denied or leaning != taxon_id or verdict.reason in _SPOILS_A_YES:
        return False
    if verdict.taxa <= {taxon_id}:
        return affirms(words) or (praises(words) and verdict.leaning is not None)
    return verdict.reason != "hedged" and affirms(words)


def _is_told(text: str, guess: Reading | None) -> bool:
    """Whether what surrounds a sentence of an unknown form says that it is the answer."""
    words = words_of(text)
    return reveals(words) or affirms(words) or (guess is not None and denies(words))


def _guess_answered(message: Post, game: Game, vocabulary: Vocabulary) -> Reading | None:
    """Return what a player guesses in the message that a host's answers, if it is about animals."""
    player = message.parent
    if player is None or player.photos:
        return None
    platform = player.id.partition(":")[0]
    if find_host(game, platform, player.author, player.author_id):
        return None
    if _is_of_their_own(player.text):
        return None  # even if the host then speaks of both
    guess = read_guess(player.text, game, vocabulary)
    return guess if guess.reason != "no name" or guess.verdict else None


def _answers_players_own(message: Post) -> bool:
    """Whether a message answers a player who shows or tells of another animal."""
    player = message.parent
    if player is None or player.author == message.author:
        return False
    return bool(player.photos) or _is_of_their_own(player.text)


def _is_of_their_own(text: str) -> bool:
    """Whether a player tells of another animal than the one in the host's photo."""
    words = plain_words(text)
    return bool(_OF_THEIR_OWN.search(words)) and not _LIKE_OURS.search(words)


def _is_correction(text: str) -> bool:
    return without_correction(text) is not None or revises(text)


def words_of(text: str) -> str:
    """The text as affirmations.py reads it."""
    return plain_words(with_yes_in_words(text))


def _is_for_all(message: Post, game: Game) -> bool:
    """Return whether a message is the answer, and not a word to one of the players."""
    # In the thread a host may speak of a player's own cat, and shows other photos to compare.
    text = plain_words(message.text)
    if message.photos or _TO_SOMEBODY.search(text):
        return False
    return bool(_CALLS_ITSELF_ANSWER.search(text)) or has_tag(message.hashtags, game.hashtag)
