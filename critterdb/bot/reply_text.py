"""What the bot says: one of its sentences, chosen by the post, with the answer filled in.

The sentences are in words.toml.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from critterdb.formatting import taxon_name
from critterdb.model.decision import COARSER, NOT_A_CRITTER, UNSURE, Classification

from .phrases import Words, load_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from critterdb.model.label_sets import LabelSet

MAX_LENGTH = 280  # characters, where no platform says otherwise
MAX_NAME_LENGTH = 60  # characters
# "Or a bobcat, 3%" reads as doubt where there is none.
MIN_RUNNER_UP_SHARE = 0.10  # a second label below this share is not worth a word

# A sentence with more names reads as a list.
MAX_NAMES_IN_SET = 3

_SAYINGS = {COARSER: "coarser", UNSURE: "unsure", NOT_A_CRITTER: "nothing"}


def fits_anywhere(text: str) -> bool:
    """Return whether a text is short enough for the platform with the least room."""
    return len(text) <= MAX_LENGTH


def choose_wording(
    classification: Classification,
    post_id: str,
    taken: Collection[str] = (),
    *,
    words: Words | None = None,
    fits: Callable[[str], bool] = fits_anywhere,
    label_set: LabelSet | None = None,
) -> str:
    """Return the text of a reply, always the same for the same post and `taken`.

    `label_set` are labels of which one is right: they are named if the answer is not sure.

    `taken` are the texts that the account used recently: platforms refuse equal ones, so none of
    them is chosen while there is another.
    """
    words = words or load_words("")
    values = _values(classification, words)
    saying_name = _saying(classification)
    if label_set and _names_few(classification, label_set):
        saying_name, values = "either", {**values, **_set_values(label_set)}
    sayings = words.says[saying_name]
    text = ""
    for opener, saying, closer in _forms(post_id, words, sayings):
        text = _shortened(opener, saying.format(**values), closer, fits)
        if text not in taken:
            break
    return text


def _forms(post_id: str, words: Words, sayings: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield every combination of opener, sentence and closer, starting at one set by the post."""
    openers, closers = words.openers, words.closers
    number = len(openers) * len(sayings) * len(closers)
    # 12 openers, 8 sentences and 12 closers make over a thousand forms, more than a week's replies.
    start = int.from_bytes(hashlib.sha256(post_id.encode()).digest()[:8], "big")
    for step in range(number):
        rest, closer = divmod((start + step) % number, len(closers))
        opener, saying = divmod(rest, len(sayings))
        yield openers[opener], sayings[saying], closers[closer]


def _shortened(opener: str, sentence: str, closer: str, fits: Callable[[str], bool]) -> str:
    """Return as much as the platform has room for; opener and closer go before the sentence."""
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
    return "runner_up" if others and others[0]["score"] >= MIN_RUNNER_UP_SHARE else "sure"


def _names_few(classification: Classification, label_set: LabelSet) -> bool:
    """Whether a set says more than the answer does, in few enough names for a sentence."""
    is_open = classification.reason in (COARSER, UNSURE)
    return is_open and 2 <= len(label_set["taxa"]) <= MAX_NAMES_IN_SET


def _set_values(label_set: LabelSet) -> dict[str, str]:
    names = [_harmless(taxon_name(taxon)) for taxon in label_set["taxa"]]
    *others, last = [f"{_article(name)} {name}" for name in names]
    words = f"{', '.join(others)} or {last}"
    return {"a_set": words, "A_set": words[0].upper() + words[1:]}


def _values(classification: Classification, words: Words) -> dict[str, str]:
    chosen = classification.answer or classification.predictions[0]
    second = (classification.predictions[1:2] or [chosen])[0]
    name = _harmless(taxon_name(chosen))
    runner_up = _harmless(taxon_name(second))
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


def with_article(name: str) -> str:
    """Return a taxon's name for a sentence, such as `an American Crow`; it can reach nobody."""
    harmless = _harmless(name)
    return f"{_article(harmless)} {harmless}"


def sure_percent(score: float) -> str:
    """Return a confidence as the bot says it."""
    return _percent(score)


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"


def _percent(score: float) -> str:
    # A softmax rounds to 100% long before a model is certain.
    return f"{min(round(score * 100), 99)}%"


def _harmless(name: str) -> str:
    """Return a name that cannot become a hashtag, a mention or a link."""
    plain = re.sub(r"\s+", " ", re.sub(r"[#＃@＠/]|\.(?=\w)", " ", name)).strip()
    return plain if len(plain) <= MAX_NAME_LENGTH else plain[: MAX_NAME_LENGTH - 1] + "…"
