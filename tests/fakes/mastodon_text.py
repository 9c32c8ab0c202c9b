"""What the stand-in Mastodon makes of a text: its HTML, its hashtags and mentions."""

from __future__ import annotations

import html
import re
import unicodedata

_TAG = re.compile(r"(?<![\w/&])[#＃](\w+)")
_HANDLE = re.compile(r"(?<![\w/])@(\w+)(@[\w.:-]+\w)?")
_LINK = re.compile(r"(https?://)([^\s<]+)")


def content_of(text: str) -> str:
    """The text as HTML, as Mastodon writes it."""
    escaped = html.escape(text, quote=False).replace("\n", "<br>")
    escaped = _TAG.sub(
        r'<a href="/tags/\1" class="mention hashtag" rel="tag">#<span>\1</span></a>', escaped
    )
    escaped = _HANDLE.sub(
        r'<span class="h-card"><a href="#" class="u-url mention">@<span>\1</span></a></span>',
        escaped,
    )
    escaped = _LINK.sub(
        r'<a href="\1\2" rel="nofollow"><span class="invisible">\1</span><span>\2</span></a>',
        escaped,
    )
    return f"<p>{escaped}</p>"


def handles_in(text: str) -> list[str]:
    """The accounts that it mentions, each once."""
    handles = ["".join(match) for match in _HANDLE.findall(text)]
    return list(dict.fromkeys(handle.lower() for handle in handles))


def tags_in(text: str) -> list[str]:
    """Its hashtags, each once, folded as Mastodon does."""
    tags = _TAG.findall(_LINK.sub(" ", text))
    return list(dict.fromkeys(unicodedata.normalize("NFKC", tag).lower() for tag in tags))


def length_of(text: str) -> int:
    """Its length as Mastodon counts: links are all alike, handles have no domain."""
    return len(_HANDLE.sub(r"@\1", _LINK.sub("x" * 23, text)))
