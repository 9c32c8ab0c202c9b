"""What one message of a host says about an animal, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.bot.reading.corrections import (
    apologises,
    confirms,
    takes_back,
    without_correction,
)
from critterdb.bot.reading.guesses import Reading, read_guess
from critterdb.bot.reading.parser import Verdict, plain_words
from critterdb.games import Game, find_host
from critterdb.platforms.text import has_tag

if TYPE_CHECKING:
    from critterdb.bot.reading.vocabulary import Vocabulary
    from critterdb.platforms.base import Post

# Elsewhere in a thread a host may talk about a player's own cat, so a message that replies to
# nothing of ours must say what it is.
_CALLS_ITSELF_ANSWER = re.compile(r"\b(?:answers?|reveal|verdict|official(?:ly)?|solution)\b")
# "Yours is a bobcat" is about another photo.
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|you're)\b")
_ABOUT_THEIRS = re.compile(
    r"\byours\b|\byour (?:\w+ )?(?:cat|kitty|one|photo|picture|pic|animal|visitor|camera|garden"
    r"|yard|avatar)\b|\bnice avatar\b"
)
# What a player shows or tells of, beside the host's photo.
_OF_THEIR_OWN = re.compile(
    r"\b(?:mine|ours|this one|yesterday|last (?:night|week|year)|(?:i|we) (?:saw|met|have|had|took)"
    r"|(?:in|from|on|behind|near) (?:my|our)"
    r"|(?:my|our) (?:\w+ )?(?:cat|cats|kitty|dog|photo|picture"
    r"|pic|garden|yard|camera|avatar|porch|neighbou?rs?(?:'s)?))\b"
)


@dataclass(frozen=True)
class Method:
    """How an answer was found, as the column says it, and how often such answers are right."""

    name: str
    confidence: float


# Of the answers of each kind in half of tests/data/host_answers_2.jsonl and in the sentences of
# host_answers.jsonl none is wrong; what is rarer there has less to show for it.
DIRECT = Method("host's words", 0.99)
IN_THREAD = Method("host's words in the thread", 0.97)
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

    def method(self, *, is_direct: bool, is_below: bool, is_answered: bool) -> Method | None:
        """Return how an answer to a post is found here; None if a person has to read it.

        `is_direct` if it answers the post itself, `is_below` if it stands somewhere below it,
        `is_answered` if the post has an answer already.
        """
        if self.verdict is None or self.verdict.verdict is None:
            return TAKEN_BACK if self.takes_back and is_direct else None
        if is_answered and is_direct and (self.is_correction or self.apologises):
            return CORRECTED
        if is_answered and is_below and self.is_correction and self._is_to_all():
            return CORRECTED
        if is_direct:
            return DIRECT
        if self.is_for_all:
            return IN_THREAD
        if not is_below or self.guess is None or not self._is_to_all():
            return None
        return CONFIRMED if self.is_confirmation else TO_A_GUESS

    def confidence(self, method: Method | None) -> float:
        """Return how often readings such as this one are right."""
        confidence = method.confidence if method else CONFIDENCE_WAITING
        is_respelled = self.verdict is not None and self.verdict.is_respelled
        return confidence * (CONFIDENCE_RESPELLED if is_respelled else 1)

    def _is_to_all(self) -> bool:
        return not self.message.photos and not _ABOUT_THEIRS.search(plain_words(self.message.text))


def find(message: Post, game: Game, vocabulary: Vocabulary, found_at: str) -> Finding | None:
    """Return what a host's message says about the animal, or None if it says nothing."""
    verdict = vocabulary.read(message.text, game)
    corrected = without_correction(message.text)
    if corrected is not None:
        reading = vocabulary.read(corrected, game)
        verdict = reading if reading and reading.verdict else verdict
    guess = _guess_answered(message, game, vocabulary)
    is_confirmation = False
    if guess and guess.verdict and not verdict and confirms(message.text):
        verdict, is_confirmation = Verdict(guess.verdict, guess.taxon_id), True
    is_taken_back = takes_back(message.text)
    if verdict is None and not is_taken_back:
        return None
    return Finding(
        message,
        verdict,
        found_at,
        is_for_all=_is_for_all(message, game),
        is_correction=corrected is not None or is_taken_back,
        apologises=apologises(message.text),
        takes_back=is_taken_back,
        is_confirmation=is_confirmation,
        guess=guess,
    )


def _guess_answered(message: Post, game: Game, vocabulary: Vocabulary) -> Reading | None:
    """Return what a player guesses in the message that a host's answers, if it is about animals."""
    player = message.parent
    if player is None or player.photos:
        return None
    platform = player.id.partition(":")[0]
    if find_host(game, platform, player.author, player.author_id):
        return None
    if _OF_THEIR_OWN.search(plain_words(player.text)):
        return None
    guess = read_guess(player.text, game, vocabulary)
    return guess if guess.reason != "no name" or guess.verdict else None


def _is_for_all(message: Post, game: Game) -> bool:
    """Return whether a message is the answer, and not a word to one of the players."""
    # In the thread a host may speak of a player's own cat, and shows other photos to compare.
    text = plain_words(message.text)
    if message.photos or _TO_SOMEBODY.search(text):
        return False
    return bool(_CALLS_ITSELF_ANSWER.search(text)) or has_tag(message.hashtags, game.hashtag)
