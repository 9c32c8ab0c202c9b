"""The handles that a message begins with, which apps put there and nobody wrote.

Whoever answers somebody finds the handles of the whole thread at the start of the text, on X and
on Mastodon; so a handle there says nothing by itself. One further on was written.
"""

from __future__ import annotations

import re

_RUN = re.compile(r"\s*(?:@\w[\w.-]*(?:@[\w.:-]+)?(?:\s+|$))*")


def length_of_run(text: str) -> int:
    """How many characters of a text are handles before its first word."""
    match = _RUN.match(text)
    return match.end() if match else 0


def is_written(text: str, name: str) -> bool:
    """Whether a handle (without @) stands in a text after the handles that it begins with."""
    pattern = rf"(?<![\w@/])@{re.escape(name)}(?![\w@])"
    return re.search(pattern, text[length_of_run(text) :], re.IGNORECASE) is not None
