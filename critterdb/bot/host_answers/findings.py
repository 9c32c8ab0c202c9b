"""What one message of a host says about an animal, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.bot.reading import learned
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
from critterdb.bot.reading.guesses import Reading, guess_by_rules
from critterdb.bot.reading.parser import OTHER_ANIMAL, Verdict, plain_words, verdict_of
from critterdb.bot.reading.patterns import REPORT
from critterdb.platforms.text import has_tag

from .players import answers_players_own, guess_answered, is_of_their_own, player_answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.bot.reading.vocabulary import Vocabulary
    from critterdb.games import Game
    from critterdb.platforms.base import Post

# Elsewhere in a thread a host may talk about a player's own cat, so a message that replies to
# nothing of ours must say what it is.
_CALLS_ITSELF_ANSWER = re.compile(r"\b(?:answers?|reveal|verdict|official(?:ly)?|solution)\b")
# "Yours is a bobcat" is about another photo.
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|you're)\b")
_ABOUT_THEIRS = re.compile(
    r"(?:^|[.!?] )yours\b(?! (?:is|was) the\b)|\byours(?:'s| is| was| looks?| could| must| has"
    r"| seems| might)\b(?! the\b)"
    r"|\b(?:as for|about|in|of|that's|love|like|see) yours\b"
    r"|(?<!apologies to )(?<!apologise to )(?<!apologize to )(?<!sorry to )(?<!thank )"
    r"(?<!tell )(?<!thanks to )(?<!love to )\byour (?:\w+ )?(?:cat|kitty|one"
    r"|photo|picture|pic|animal|visitor|camera|garden"
    r"|yard|avatar)\b|\bnice avatar\b"
)
_OF_OURS = re.compile(r"\b(?:ours|mine|my (?:photo|picture|pic|post|one))\b(?![^.!]*\?)")
_ASKS_ELSE = re.compile(
    r"\b(?:females?|males?|sex|boy|girl|old|age|where|when|who|whose|weight?|heavy|pregnant|why"
    r"|how many"
    r"|how (?:big|large|old|tall|long|far|much)|eating|doing|alive|healthy|hurt|sick)\b[^.!]*\?"
)
_LEAVES_OPEN = ("a joke", "too coarse", "a shrug")
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
CONFIDENCE_LEARNED = 0.9  # a factor, if a model read what the rules left open
CONFIDENCE_WAITING = 0.5  # what waits is right about as often as wrong


@dataclass(frozen=True)
class Finding:
    """What a host's message says, and when it was found (UTC).

    `guess` is what the message of a player says that it answers. `is_confirmation` says that the
    verdict is that guess, `is_learned` that the rules left it open.
    """

    message: Post
    verdict: Verdict | None
    found_at: str
    is_for_all: bool = False
    is_correction: bool = False
    apologises: bool = False
    takes_back: bool = False
    is_confirmation: bool = False
    is_learned: bool = False
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
        is_correction = self.is_correction or (is_revision and not self.is_learned)
        if is_answered and is_direct and (is_correction or self.apologises):
            return CORRECTED
        is_ours = is_below and self._is_to_all() and not self._is_about_players_own()
        is_owned_up = is_below and self._is_of_ours() and (self.apologises or self.takes_back)
        is_announced = is_below and self.is_for_all
        if is_answered and is_correction and (is_ours or is_owned_up or is_announced):
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

    def is_about_ours(self, *, is_direct: bool) -> bool:
        """Whether a message is about the host's own photo, which it answers if `is_direct`."""
        return self._is_of_ours() and (is_direct or not self._is_about_players_own())

    def casts_doubt_on(self, taxon_id: int | None) -> bool:
        """Whether a message with a word of regret names another animal than an earlier answer."""
        verdict = self.verdict
        if verdict is None or not (self.is_correction or self.apologises):
            return False
        is_chat = self.message.parent or REPORT.search(plain_words(self.message.text))
        if verdict.reason == "only mentioned" and is_chat and not self.takes_back:
            return False  # "Sorry Bo. A dog would have a longer snout."
        others = verdict.taxa - verdict.denied - {taxon_id or OTHER_ANIMAL}
        return bool(others) or (taxon_id or OTHER_ANIMAL) in verdict.denied

    def confidence(self, method: Method | None) -> float:
        """Return how often readings such as this one are right."""
        confidence = method.confidence if method else CONFIDENCE_WAITING
        is_respelled = self.verdict is not None and self.verdict.is_respelled
        if self.is_learned:
            confidence *= CONFIDENCE_LEARNED
        return confidence * (CONFIDENCE_RESPELLED if is_respelled else 1)

    def how(self, method: Method) -> str:
        """Return how an answer was found, as the column says it."""
        return f"{method.name}, as others put it" if self.is_learned else method.name

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
        return is_of_their_own(player.text)


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
    guess = guess_answered(message, game, vocabulary)
    verdict, is_confirmation = read_by_rules(message, game, vocabulary, guess, answered)
    opinion = _opinion(message, guess, vocabulary)
    likely = None
    if not (verdict and verdict.verdict):
        likely = _likely(message, game, vocabulary, opinion, verdict)
        verdict = likely or verdict
    is_to_a_guess = guess is not None or answers_players_own(message)
    is_taken_back = takes_back(message.text, is_to_a_guess=is_to_a_guess)
    seems_taken_back = opinion.takes_back and not (verdict and verdict.verdict)
    if verdict is None and not is_taken_back and not seems_taken_back:
        return None
    return Finding(
        message,
        verdict,
        found_at,
        is_for_all=_is_for_all(message, game),
        is_correction=_is_correction(message.text) or is_taken_back or opinion.changes,
        apologises=apologises(message.text),
        takes_back=is_taken_back or seems_taken_back,
        is_confirmation=is_confirmation,
        is_learned=likely is not None,
        guess=guess,
    )


def read_by_rules(
    message: Post,
    game: Game,
    vocabulary: Vocabulary,
    guess: Reading | None,
    answered: Sequence[Post] = (),
) -> tuple[Verdict | None, bool]:
    """Return what a message plainly says, and whether it says so only by a yes to a guess."""
    verdict, is_confirmation = _read(message, game, vocabulary, guess)
    if verdict and verdict.verdict == "inconclusive" and _asks_something_else(message):
        verdict = replace(verdict, verdict=None, guess="inconclusive", reason="a shrug")
    if verdict is None:
        verdict = _credited(message, answered, game, vocabulary)
        is_confirmation = verdict is not None
    return verdict, is_confirmation


def _opinion(message: Post, guess: Reading | None, vocabulary: Vocabulary) -> learned.Opinion:
    if learned.is_off():
        return learned.Opinion()
    to = player_answered(message, guess, vocabulary)
    return learned.judge_host(message.text, to, vocabulary, learned.shipped_judges())


def _likely(
    message: Post,
    game: Game,
    vocabulary: Vocabulary,
    opinion: learned.Opinion,
    unclear: Verdict | None,
) -> Verdict | None:
    """Return what a message says that the rules leave open, if the learned reader is sure."""
    if unclear and unclear.reason in _LEAVES_OPEN:
        return None
    taxon_id = opinion.taxon_id
    if taxon_id is None:
        nobody_knows = opinion.nobody_knows and not _asks_something_else(message)
        verdict = Verdict("inconclusive") if nobody_knows else None
    elif unclear and taxon_id in unclear.denied:
        return None
    else:
        verdict = verdict_of(taxon_id, game, vocabulary.target, vocabulary.lineage)
    if verdict is None or unclear is None:
        return verdict
    return replace(verdict, taxa=unclear.taxa, denied=unclear.denied)


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
            guess = guess_by_rules(post.text, game, vocabulary)
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
