"""What a player's message guesses: the one place where the words of players are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from critterdb.bot.host_answers.parser import OTHER_ANIMAL

if TYPE_CHECKING:
    from critterdb.bot.host_answers.store import Vocabulary
    from critterdb.games import Game

GuessVerdict = Literal["target", "other", "taxon"]
NOT = "not "


@dataclass(frozen=True)
class Guess:
    """A guess: the target of the game, another animal than that, or a taxon."""

    verdict: GuessVerdict
    taxon_id: int | None


def read_guess(text: str, game: Game, vocabulary: Vocabulary) -> Guess | None:
    """Return what a player guesses, or None if that is not plain. The text is not kept."""
    reading = vocabulary.read(text, game)
    if reading is None or reading.verdict == "inconclusive":
        return None
    if reading.verdict is not None:
        taxon_id = reading.taxon_id or None
        if reading.verdict == "target":
            taxon_id = taxon_id or game.target_taxon_id
        return Guess(reading.verdict, taxon_id)
    # "Maybe a bobcat?" is not an answer of a host, but it is a guess of a player.
    return _guess_of(reading.guess or "", game, vocabulary)


def _guess_of(words: str, game: Game, vocabulary: Vocabulary) -> Guess | None:
    is_denied = words.startswith(NOT)
    taxon_id = vocabulary.names.get(words.removeprefix(NOT))
    if taxon_id is None:
        return None
    if is_denied:
        return Guess("other", None) if taxon_id in vocabulary.target else None
    if game.target_taxon_id is None:
        return Guess("taxon", taxon_id) if taxon_id != OTHER_ANIMAL else None
    verdict: GuessVerdict = "target" if taxon_id in vocabulary.target else "other"
    return Guess(verdict, taxon_id or None)
