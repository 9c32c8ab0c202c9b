"""Whether a host's reply says that the player is right, and whether the game is still open.

Both are for lower-case text as `plain_words` gives it. A reply is only a yes if nothing in it
asks, hints, promises the answer for later, or calls the guess half right.
"""

from __future__ import annotations

import re

from . import affirmation_patterns as patterns


def with_yes_in_words(text: str) -> str:
    """The text with pictures that mean yes as words."""
    return patterns.YES_IN_PICTURES.sub(" , correct! ", patterns.THUMBS_UP.sub(" correct, ", text))


def is_open(message: str) -> bool:
    """Whether a message says that the game goes on: it asks players, hints, or promises."""
    if goes_on(message) or patterns.WONDERS.search(message):
        return True
    sentences = patterns.SENTENCE.findall(message)
    return asks_players(message) or any(
        patterns.QUESTION.search(each)
        and len(each) > patterns.MAX_ASIDE_CHARACTERS
        and not patterns.RHETORICAL.search(each)
        for each in sentences
    )


def goes_on(message: str) -> bool:
    """Whether a message hints, counts votes or promises the answer for later."""
    return bool(patterns.LATER.search(patterns.NO_HINT.sub(" ", message)))


def asks_players(message: str) -> bool:
    """Whether a message asks players something that matters: what they see, or guess."""
    return any(
        patterns.QUESTION.search(each)
        and patterns.TO_PLAYERS.search(each)
        and not patterns.RHETORICAL.search(each)
        for each in patterns.SENTENCE.findall(message)
    )


def affirms(message: str) -> bool:
    """Whether a reply to a guess says that it is right, in whatever else it says."""
    message = patterns.TAG_QUESTION.sub(".", message)
    sentences = patterns.SENTENCE.findall(message)
    if is_sure_at_once(sentences) and not goes_on(message):
        return True
    if is_open(message) or patterns.HALF_RIGHT.search(message):
        return False
    for number, sentence in enumerate(sentences):
        _, but, last = sentence.rpartition(" but ")
        if (
            but and "?" not in last and (patterns.WHOLE_YES.fullmatch(last) or _credits(last))
        ):  # "took you long enough, but yes"
            return True
        following = sentences[number + 1] if number + 1 < len(sentences) else ""
        is_sure = patterns.SURE_YES.match(sentence.strip()) and not re.search(
            r"\b(?:but|except)\b", sentence
        )
        if not is_sure and (patterns.BUT.search(sentence) or patterns.TURNS.match(following)):
            continue
        if "?" not in sentence and _says_yes(sentence):
            return True
    return False


def is_sure_at_once(sentences: list[str]) -> bool:
    """Whether the first sentence is a yes and nothing else: "Correct! Did you see the tail?"."""
    if not sentences or "?" in sentences[0] or patterns.BUT.search(sentences[0]):
        return False
    is_yes = patterns.WHOLE_YES.fullmatch(sentences[0]) and patterns.SURE_YES.search(sentences[0])
    return bool(is_yes) and not patterns.TURNS.match("".join(sentences[1:2]))


def says_well_done(message: str) -> bool:
    """Whether a message praises the player for what was done, and takes nothing off it."""
    if is_open(message) or patterns.HALF_RIGHT.search(message) or patterns.BUT.search(message):
        return False
    sentences = patterns.SENTENCE.findall(message)
    return bool(sentences) and bool(patterns.WELL_DONE.fullmatch(sentences[0]))


def _says_yes(sentence: str) -> bool:
    if _credits(sentence):
        return True
    first, *others = [
        part for piece in patterns.PART.split(sentence) if (part := piece.strip(" .!\n"))
    ] or [""]
    praises_first = patterns.PRAISE.fullmatch(first) or patterns.WELL_DONE.fullmatch(first)
    if others and (len(first.split()) == 1 or praises_first):
        first, others = (
            (first, others) if patterns.WHOLE_YES.fullmatch(first) else (others[0], others[1:])
        )
    if not patterns.WHOLE_YES.fullmatch(first):
        return False
    return bool(patterns.SURE_YES.search(first)) or not any(
        _is_a_statement(part) for part in others
    )


def was_right(message: str) -> bool:
    """Whether a message tells a player that an earlier guess was right."""
    return bool(patterns.WAS_RIGHT.search(message)) and not is_open(message)


def _credits(sentence: str) -> bool:
    """Whether a sentence says that one player is right: "Ann has it"."""
    if patterns.NOT_FOR_BEING_RIGHT.search(sentence):
        return False
    match = patterns.IS_RIGHT.search(sentence)
    if match is None:
        return False
    said = sentence[: match.end()]
    if match[0].startswith("your "):
        said = re.split(r"[,;:]", said)[-1]
    return not patterns.NOT_ONE_PERSON.search(said)


def _is_a_statement(part: str) -> bool:
    """Whether more is said after a yes than praise, a name or a mark: "yes, it's hard to see"."""
    is_long = len(part.split()) > 1 and not part.startswith("and ")
    return is_long and not patterns.WHOLE_YES.fullmatch(part) and not patterns.PRAISE.search(part)


def reveals(message: str) -> bool:
    """Whether a message speaks of the game as over: the answer, thanks, who was fooled."""
    return bool(patterns.REVEALS.search(message)) and not is_open(message)


def denies(message: str) -> bool:
    """Whether a reply tells the player that the guess is wrong, or nearly right."""
    return bool(patterns.DENIES.search(message)) and not is_open(message)


def is_half_right(message: str) -> bool:
    """Whether a message calls a guess close, or right for now."""
    return bool(patterns.HALF_RIGHT.search(message))


def praises(message: str) -> bool:
    """Whether a message praises somebody, which is a yes beside the name that was guessed."""
    return bool(patterns.PRAISE.search(message))
