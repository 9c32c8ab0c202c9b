"""What the bot says: friendly, honest about doubt, without hashtags, links or names of people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from itertools import product

from .answering import COARSER, NOT_A_CRITTER, Classification

MAX_LENGTH = 280  # characters

# Platforms refuse a text that the same account posted before, so each answer has many forms.
_OPENERS = (
    "",
    "Hello! ",
    "Let me look… ",
    "Thanks for asking! ",
    "Nice one. ",
    "Good question! ",
    "Hm, let me see. ",
    "Here is my guess. ",
)
_BODIES = {
    "sure": (
        "I think this is {a_name} ({percent} sure).",
        "This looks like {a_name} to me; I am {percent} sure.",
        "My guess is {a_name}, with {percent} confidence.",
        "I would say {a_name} ({percent}).",
        "That looks like {a_name}. How sure am I? {percent}.",
    ),
    COARSER: (
        "I cannot tell the exact kind, but I think it belongs to {name} ({percent} sure).",
        "Something within {name}, I think ({percent}); closer I cannot tell.",
        "I am {percent} sure that this belongs to {name}, but not which one it is.",
        "As far as I can see, this belongs to {name} ({percent}). More I cannot say.",
    ),
    "unsure": (
        "I cannot tell. Closest is {a_name}, but I am only {percent} sure.",
        "This one is too hard for me. {A_name}, perhaps? Only {percent} sure.",
        "I am not sure enough to say. My best idea is {a_name}, at {percent}.",
        "I would rather not guess: {a_name} comes closest, with just {percent}.",
    ),
    NOT_A_CRITTER: (
        "I do not see a critter that I know in this picture.",
        "This is like nothing that I have learnt, so I will not guess.",
        "I cannot find any of my critters here. Is there one?",
        "This does not look like any critter that I know.",
    ),
}
_CLOSERS = (
    " I am a bot and can be wrong.",
    " (A bot's guess: trust people more.)",
    " I am only a bot, so do check.",
    " Just a bot's opinion.",
    " I am a bot. What do you think?",
)


def choose_wording(
    classification: Classification, post_id: str, taken: Collection[str] = ()
) -> str:
    """The text of a reply, at most 280 characters; the same for the same post and `taken`.

    `taken` are the texts that the account used within a day; the choice falls on none of them
    while there is another.
    """
    kind = classification.reason or "sure"
    forms = list(product(_OPENERS, _BODIES[kind], _CLOSERS))
    start = int.from_bytes(hashlib.sha256(post_id.encode()).digest()[:8], "big") % len(forms)
    words = _words(classification)
    texts = [_fill(*form, words=words) for form in forms[start:] + forms[:start]]
    return next((text for text in texts if text not in taken), texts[0])


def _words(classification: Classification) -> dict[str, str]:
    chosen = classification.answer or classification.predictions[0]
    name = _harmless(chosen["common_name"] or chosen["name"])
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return {
        "name": name,
        "a_name": f"{article} {name}",
        "A_name": f"{article.title()} {name}",
        "percent": _percent(chosen["score"]),
    }


def _percent(score: float) -> str:
    # "100% sure" is what no model is.
    return f"{min(round(score * 100), 99)}%"


def _harmless(name: str) -> str:
    """A name that cannot become a hashtag, a mention or a link."""
    return re.sub(r"\s+", " ", re.sub(r"[#＃@＠/]|\.(?=\w)", " ", name)).strip()[:100]


def _fill(opener: str, body: str, closer: str, *, words: dict[str, str]) -> str:
    return (opener + body.format(**words) + closer)[:MAX_LENGTH]
