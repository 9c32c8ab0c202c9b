"""What a player wrote that a host answers: a guess, a question, or news of another animal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from critterdb.bot.reading import learned
from critterdb.bot.reading.clues import Answered, names_in
from critterdb.bot.reading.guesses import Reading, guess_by_rules
from critterdb.bot.reading.parser import OTHER_ANIMAL, plain_words
from critterdb.games import Game, find_host

if TYPE_CHECKING:
    from critterdb.bot.reading.vocabulary import Vocabulary
    from critterdb.platforms.base import Post

# What a player shows or tells of, beside the host's photo.
_OF_THEIR_OWN = re.compile(
    r"\b(?:mine|ours|this one(?! (?:is|has|was|looks|does\w*|here)\b)|(?:here(?:'s| is| are)"
    r"|see) (?:my|mine|one of|our|a pic)"
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


def guess_answered(message: Post, game: Game, vocabulary: Vocabulary) -> Reading | None:
    """Return what a player guesses in the message that a host's answers, if it is about animals."""
    player = message.parent
    if player is None or player.photos:
        return None
    platform = player.id.partition(":")[0]
    if find_host(game, platform, player.author, player.author_id):
        return None
    if is_of_their_own(player.text):
        return None  # even if the host then speaks of both
    guess = guess_by_rules(player.text, game, vocabulary)
    return guess if guess.reason != "no name" or guess.verdict else None


def player_answered(
    message: Post, guess: Reading | None, vocabulary: Vocabulary
) -> Answered | None:
    """Return the player's message that a host's answers, as the learned reader takes it."""
    player = message.parent
    if player is None:
        return None
    words = learned.words_of_player(player.text, vocabulary)
    taxon_id = guess.taxon_id or OTHER_ANIMAL if guess and guess.verdict else None
    names = frozenset(name.taxon_id for name in names_in(words, vocabulary))
    return Answered(taxon_id, names, "?" in words, answers_players_own(message))


def answers_players_own(message: Post) -> bool:
    """Whether a message answers a player who shows or tells of another animal."""
    player = message.parent
    if player is None or player.author == message.author:
        return False
    return bool(player.photos) or is_of_their_own(player.text)


def is_of_their_own(text: str) -> bool:
    """Whether a player tells of another animal than the one in the host's photo."""
    words = plain_words(text)
    return bool(_OF_THEIR_OWN.search(words)) and not _LIKE_OURS.search(words)
