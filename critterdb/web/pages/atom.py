"""The bot's history as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from critterdb.web.queries.posts import Story

ATOM = "http://www.w3.org/2005/Atom"
BEGINNING = "1970-01-01T00:00:00Z"
# What XML 1.0 has no room for, not even escaped (section 2.2); names of strangers may hold it.
NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom_feed(
    stories: Sequence[Story], *, title: str, page: str, feed: str, story: Callable[[str], str]
) -> str:
    """Stories as a feed; `story` gives a post's page, which is its entry's id as well."""
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    _add(root, "title", title)
    _add(root, "id", page)
    _add(root, "link", href=page)
    _add(root, "link", href=feed, rel="self", type="application/atom+xml")
    _add(root, "updated", max((updated(each) for each in stories), default=BEGINNING))
    author = _add(root, "author")
    _add(author, "name", title)
    for each in stories:
        entry = _add(root, "entry")
        _add(entry, "title", headline(each))
        _add(entry, "id", story(each["post_id"]))
        _add(entry, "link", href=story(each["post_id"]))
        if each["post_url"] and not each["deleted_at"]:
            _add(entry, "link", href=each["post_url"], rel="related")
        _add(entry, "published", each["posted_at"])
        _add(entry, "updated", updated(each))
        _add(entry, "summary", summary(each))
        _add(entry, "category", term=each["game"])
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def headline(story: Story) -> str:
    sure = f" ({story['score']:.0%} sure)" if story["answer"] and story["score"] else ""
    verdict = {"right": " ✓", "wrong": " ✗"}.get(story["outcome"], "")
    return f"{story['said']}{sure}{verdict}"


def summary(story: Story) -> str:
    """The story in a line: whose post, our own words, and the truth, but never the post's words."""
    words = [f"A post by @{story['author']} on {story['platform']}."]
    if story["reply"] and story["status"] == "sent":
        words.append(f"The bot replied: “{story['reply']}”")
    if story["truth_in_words"]:
        words.append(f"It was: {story['truth_in_words']}.")
    return " ".join(words)


def updated(story: Story) -> str:
    times = (story["posted_at"], story["planned_at"], story["sent_at"], story["found_at"])
    return max(time for time in times if time)


def _add(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}")
    for key, value in attributes.items():
        element.set(key, NO_XML.sub("", value))
    element.text = text and NO_XML.sub("", text)
    return element
