"""What the bot says: one of its sentences, chosen by the post, with the answer filled in.

The sentences themselves are words.toml's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator

from critterdb.model.decision import COARSER, NOT_A_CRITTER, UNSURE, Classification

from .phrases import Words, load_words

MAX_LENGTH = 280  # characters, where no platform says otherwise
LONGEST_NAME = 60  # characters
RUNNER_UP_FROM = 0.10  # a second label below this share is not worth a word

_SAYINGS = {COARSER: "coarser", UNSURE: "unsure", NOT_A_CRITTER: "nothing"}


def fits_anywhere(text: str) -> bool:
    """Whether a text is short enough for the shortest platform."""
    return len(text) <= MAX_LENGTH


def choose_wording(
    classification: Classification,
    post_id: str,
    taken: Collection[str] = (),
    *,
    words: Words | None = None,
    fits: Callable[[str], bool] = fits_anywhere,
) -> str:
    """The text of a reply; the same for the same post and `taken`.

    `taken` are the texts that the account used of late: platforms refuse equal ones. The
    choice falls on none of them while there is another.
    """
    words = words or load_words("")
    values = _values(classification, words)
    sayings = words.says[_saying(classification)]
    text = ""
    for opener, saying, closer in _forms(post_id, words, sayings):
        text = _shortened(opener, saying.format(**values), closer, fits)
        if text not in taken:
            break
    return text


def _forms(post_id: str, words: Words, sayings: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Every opener, sentence and closer together, from where the post says on."""
    openers, closers = words.openers, words.closers
    number = len(openers) * len(sayings) * len(closers)
    start = int.from_bytes(hashlib.sha256(post_id.encode()).digest()[:8], "big")
    for step in range(number):
        rest, closer = divmod((start + step) % number, len(closers))
        opener, saying = divmod(rest, len(sayings))
        yield openers[opener], sayings[saying], closers[closer]


def _shortened(opener: str, sentence: str, closer: str, fits: Callable[[str], bool]) -> str:
    """As much of it as the platform has room for; the sentence goes before the manners."""
    for text in (opener + sentence + closer, sentence + closer, sentence):
        if fits(text):
            return text
    while sentence and not fits(f"{sentence}…"):
        sentence = sentence[:-1]
    return f"{sentence}…"


def _saying(classification: Classification) -> str:
    if classification.reason:
        return _SAYINGS[classification.reason]
    others = classification.predictions[1:2]
    return "runner_up" if others and others[0]["score"] >= RUNNER_UP_FROM else "sure"


def _values(classification: Classification, words: Words) -> dict[str, str]:
    chosen = classification.answer or classification.predictions[0]
    second = (classification.predictions[1:2] or [chosen])[0]
    name = _harmless(chosen["common_name"] or chosen["name"])
    runner_up = _harmless(second["common_name"] or second["name"])
    return {
        "name": name,
        "a_name": f"{_article(name)} {name}",
        "A_name": f"{_article(name).title()} {name}",
        "percent": _percent(chosen["score"]),
        "runner_up": runner_up,
        "a_runner_up": f"{_article(runner_up)} {runner_up}",
        "runner_up_percent": _percent(second["score"]),
        "critter": words.critter,
        "a_critter": f"{_article(words.critter)} {words.critter}",
    }


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"


def _percent(score: float) -> str:
    # "100% sure" is what no model is.
    return f"{min(round(score * 100), 99)}%"


def _harmless(name: str) -> str:
    """A name that cannot become a hashtag, a mention or a link."""
    plain = re.sub(r"\s+", " ", re.sub(r"[#＃@＠/]|\.(?=\w)", " ", name)).strip()
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"
