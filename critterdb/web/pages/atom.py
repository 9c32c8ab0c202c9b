"""The bot's history as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from critterdb.formatting import confidence, where_posted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb.web.queries.posts import Story

ATOM = "http://www.w3.org/2005/Atom"
BEGINNING = "1970-01-01T00:00:00Z"
# What XML 1.0 cannot hold, not even escaped (section 2.2); names of strangers may hold it.
NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Feed:
    """What a feed says of itself: its title, the URL of the page it follows, and its own."""

    title: str
    page: str
    address: str


def atom_feed(feed: Feed, stories: Sequence[Story], story_page: Callable[[str], str]) -> str:
    """Return stories as a feed; `story_page` gives a post's URL, which is its entry's id as well.

    Stories of people who deleted the post or opted out are left out: a reader's program would keep
    what it got.
    """
    stories = [story for story in stories if not story["is_gone"]]
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    add_element(root, "title", feed.title)
    add_element(root, "id", feed.page)
    add_element(root, "link", href=feed.page)
    add_element(root, "link", href=feed.address, rel="self", type="application/atom+xml")
    add_element(root, "updated", max((updated(story) for story in stories), default=BEGINNING))
    add_element(add_element(root, "author"), "name", feed.title)
    for story in stories:
        _add_entry(root, story, story_page(str(story["post_id"])))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _add_entry(root: ElementTree.Element, story: Story, address: str) -> None:
    entry = add_element(root, "entry")
    add_element(entry, "title", headline(story))
    add_element(entry, "id", address)
    add_element(entry, "link", href=address)
    if story["post_url"]:
        add_element(entry, "link", href=story["post_url"], rel="related")
    add_element(entry, "published", story["posted_at"])
    add_element(entry, "updated", updated(story))
    add_element(entry, "summary", summary(story))
    add_element(entry, "category", term=story["game"])


def headline(story: Story) -> str:
    """Return the answer, how sure it was, and a mark for right or wrong."""
    sure = f" ({confidence(story['score'])} sure)" if story["answer"] and story["score"] else ""
    mark = {"right": " ✓", "wrong": " ✗"}.get(story["outcome"], "")
    return f"{story['said']}{sure}{mark}"


def summary(story: Story) -> str:
    """Return the story in a line: whose post, our own words, and the truth.

    The post's own words stay where they are.
    """
    words = [f"A post by @{story['author']} {where_posted(story['platform'])}."]
    if story["reply"] and story["status"] == "sent":
        words.append(f"The bot replied: “{story['reply']}”")
    if story["truth_in_words"]:
        words.append(f"It was: {story['truth_in_words']}.")
    return " ".join(words)


def updated(story: Story) -> str:
    """Return when something last happened to a story."""
    times = (story["posted_at"], story["planned_at"], story["sent_at"], story["found_at"])
    return max(time for time in times if time)


def add_element(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}")
    for key, value in attributes.items():
        element.set(key, NOT_IN_XML.sub("", value))
    element.text = text and NOT_IN_XML.sub("", text)
    return element
