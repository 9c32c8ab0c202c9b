"""What accounts say of themselves in their profiles: that they are bots, or that they want none.

Mastodon and Bluesky mark bots. X marks them for people and not for programs, so there the words of
the profile have to do: only what an account plainly says of itself counts, because a person who is
taken for a bot gets no answer.
"""

from __future__ import annotations

import re
import unicodedata

from .text import has_tag, tags_in

NO_BOT = "nobot"
ROBOT = "\N{ROBOT FACE}"

# A name whose last word is Bot: CatBot, cat_bot, "Cat Bot 2". Not Talbot, nor MrRobot.
_NAMED_BOT = re.compile(r"(?:(?<![^\W\d_])(?:bot|Bot|BOT)|(?<=[a-z])Bot)[\W\d_]*$")
_ENDS_IN_BOT = re.compile(r"(?<!ro)bot[\W\d_]*$", re.IGNORECASE)

_CLAUSE = re.compile(r"[.!?;:,|()\n•·~]+|\s[-–—/]+\s")
_BOT = r"(?:ro)?bot"
_IS_A_BOT = re.compile(
    rf"""
    ^(?:\S+\ )? (?:i\ am|i'm|im|this\ is|we\ are)\ (?:just\ |only\ )?
        an?\ (?:[\w'-]+\ ){{0,3}} {_BOT}\b
    | ^(?:an?\ |the\ |your\ |just\ a\ )? (?:[\w'-]+\ ){{0,2}} bot
        (?= $ | \ (?:that|which|who|by|for|from|account|made|run|created|built|operated|powered
            |posting|tweeting|sharing)\b)
    | \bautomated\ (?:by|account|posts?|feed|tweets?)\b | \b(?:am\ automated\b|is\ automated$)
    """,
    re.VERBOSE,
)
_OF_OTHERS = re.compile(
    rf"""
    \b(?: i(?!\ am) | my | our | of | behind | part | half | makes? | builds? | runs? | writes?
        | maker | creator | developer | want | love | like | hate | see | try | ask )
    \ (?:[\w'-]+\ ){{0,2}} {_BOT}s?\b
    """,
    re.VERBOSE,
)
# In doubt an account is a person: answering a bot costs a cent and caps end it, while taking a
# person for a bot is a slight that nobody notices.
_NOT_A_BOT = re.compile(
    r"\b(?:not|no|never|isn't|ain't|nor|anti|without|block\w*|non)[ -](?:[\w'-]+[ -]){0,2}"
    rf"{_BOT}s?\b|\b{_BOT}s? (?:\w+ )*blocked\b"
)
_ONE_MORE_SIGN = re.compile(
    r"\b(?:bot|automated|automatically|hourly|every (?:\w+ )?(?:hour|minute)s?)\b"
)


def says_it_is_a_bot(handle: str, name: str, description: str) -> bool:
    """Whether a profile plainly says that a program runs the account.

    Its handle or name ends in *Bot* as a word, its description says that it is one or automated, or
    it shows a robot's face and one more sign. Whoever says *not a bot* anywhere is a person.
    """
    words = _folded(description)
    clauses = [clause.strip() for clause in _CLAUSE.split(words) if clause.strip()]
    if any(_NOT_A_BOT.search(text) for text in (*clauses, _folded(name))):
        return False
    if any(_NAMED_BOT.search(text) for text in (handle, name.replace(ROBOT, ""))):
        return True
    if any(_IS_A_BOT.search(clause) and not _OF_OTHERS.search(clause) for clause in clauses):
        return True
    own = [clause for clause in clauses if not _OF_OTHERS.search(clause)]
    return ROBOT in name + description and bool(
        _ENDS_IN_BOT.search(handle) or any(_ONE_MORE_SIGN.search(clause) for clause in own)
    )


def wants_no_bot(text: str) -> bool:
    """Whether a profile's text bears the hashtag #nobot."""
    return has_tag(tags_in(text), NO_BOT)


def _folded(text: str) -> str:
    """Small letters and plain apostrophes, without emoji."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    kept = "".join(
        " " if unicodedata.category(character) == "So" else character for character in text
    )
    return re.sub(r"[^\S\n]+", " ", kept).strip()
