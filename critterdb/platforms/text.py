"""Hashtags, matched exactly: #cougarOrNotFriday is another game than #cougarOrNot."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Apps put the handles of a thread before every reply; a bot that counted them would join every
# conversation below its name.
_RUN = re.compile(r"\s*(?:@\w[\w.-]*(?:@[\w.:-]+)?(?:\s+|$))*")

_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w&/])[#＃](\w+)")


def fold_tag(tag: str) -> str:
    """A hashtag in the form in which two are compared: without # and case."""
    return unicodedata.normalize("NFKC", tag).strip().lstrip("#").casefold()


def has_tag(tags: Iterable[str], wanted: str | None) -> bool:
    """Whether `wanted` is among a post's hashtags, whole and by itself."""
    return bool(wanted) and fold_tag(wanted or "") in {fold_tag(tag) for tag in tags}


def tags_in(text: str) -> tuple[str, ...]:
    """Return the hashtags of a text, for sources that do not list them themselves.

    A tag starts the text or follows a character other than letters, digits, & and /. As on the
    platforms, it is not part of a link and contains more than digits.
    """
    return tuple(tag for tag in _TAG.findall(_LINK.sub(" ", text)) if not tag.isdecimal())


def length_of_run(text: str) -> int:
    """How many characters of a text are handles before its first word."""
    match = _RUN.match(text)
    return match.end() if match else 0


def is_written(text: str, name: str) -> bool:
    """Whether a handle (without @) is in a text after the handles that it begins with."""
    pattern = rf"(?<![\w@/])@{re.escape(name)}(?![\w@])"
    return re.search(pattern, text[length_of_run(text) :], re.IGNORECASE) is not None


def bare_words(text: str) -> str:
    """A text's letters and digits alone: what is left of it however a platform shows it."""
    plain = unicodedata.normalize("NFKC", _LINK.sub(" ", html.unescape(text)))
    return re.sub(r"[\W_]+", "", plain).casefold()
