"""The HTML of statuses and profiles → text, whatever a stranger's server lets through.

The parser of the standard library raises AssertionError on `<![(` and takes a time that grows with
the square of what it is given; this one takes every character once.
"""

from __future__ import annotations

import html
import re

# Any server of the fediverse can send any page; parsing costs time by its length.
MAX_LENGTH = 50_000  # characters that are read; posts have 500, of some servers 5,000

_BLOCKS = frozenset({"p", "div", "li", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})

_TAG_NAME = re.compile(r"</?[a-zA-Z][^\s/>]*+")
# To the end of a tag: a > in quotes does not end it.
_REST_OF_TAG = re.compile(r"""[^>"']*+(?:(?:"[^"]*+"|'[^']*+')[^>"']*+)*+>""")
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?+""")

_CLOSING = {tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in ("script", "style")}


def text_of(content: str) -> tuple[str, str]:
    """The text of a status's HTML, and the same without the links in it."""
    reader = _Text()
    reader.read(content[:MAX_LENGTH])
    return "".join(reader.all).strip(), "".join(reader.spoken).strip()


class _Text:
    """Gathers text. Links to pages are told from mentions and hashtags by their class."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.spoken: list[str] = []
        self._is_link = False
        self._hidden: str | None = None  # the tag that hides what is in it
        self._depth = 0

    def read(self, content: str) -> None:
        position = 0
        while (start := content.find("<", position)) >= 0:
            self._add(html.unescape(content[position:start]))
            position = self._read_markup(content, start)
        self._add(html.unescape(content[position:]))

    def _read_markup(self, content: str, start: int) -> int:
        """Read what begins with the < at `start`; where it ends."""
        name = _TAG_NAME.match(content, start)
        if name:
            rest = _REST_OF_TAG.match(content, name.end())
            if rest:
                self._read_tag(name[0].removeprefix("<").lower(), rest[0])
            end = rest.end() if rest else -1
            if rest and self._hidden in ("script", "style"):
                closing = _CLOSING[self._hidden].search(content, end)
                end = closing.start() if closing else len(content)
        elif content.startswith("<!--", start):
            end = _after("-->", content, start + 4)
        elif content.startswith(("<!", "<?", "</"), start):
            end = _after(">", content, start)
        else:
            self._add("<")
            return start + 1
        if end < 0:
            # Nothing closes it. To look through what follows again would not be linear.
            self._add(html.unescape(content[start:]))
            return len(content)
        return end

    def _read_tag(self, name: str, rest: str) -> None:
        if name.startswith("/"):
            self._end(name[1:])
        else:
            attributes = {
                match[1].lower(): match[2] or match[3] or match[4] or "" for match in _pairs(rest)
            }
            self._start(name, {key: html.unescape(value) for key, value in attributes.items()})

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        classes = set(attributes.get("class", "").split())
        if self._hidden:
            self._depth += tag == self._hidden
        elif tag in ("script", "style") or "quote-inline" in classes:
            self._hidden, self._depth = tag, 1
        elif tag == "br":
            self._add("\n")
        elif tag == "a":
            is_tag = "tag" in attributes.get("rel", "").split()
            self._is_link = not (is_tag or classes & {"mention", "hashtag", "u-url"})

    def _end(self, tag: str) -> None:
        if self._hidden:
            self._depth -= tag == self._hidden
            if not self._depth:
                self._hidden = None
        elif tag == "a":
            self._is_link = False
        elif tag in _BLOCKS:
            self._add("\n")

    def _add(self, text: str) -> None:
        if not self._hidden:
            self.all.append(text)
            self.spoken.append("" if self._is_link else text)


def _pairs(rest: str) -> list[re.Match[str]]:
    return list(_ATTRIBUTE.finditer(rest))


def _after(mark: str, content: str, start: int) -> int:
    start = content.find(mark, start)
    return start + len(mark) if start >= 0 else -1
