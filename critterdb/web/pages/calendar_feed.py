"""The calendar as an Atom feed (RFC 4287), an entry for each round to come."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from critterdb.storage.timestamps import utc_text

from .atom import ATOM, BEGINNING, Feed, add_element
from .ics import description_of, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb.bot.calendar.events import Event

ATOM_TYPE = "application/atom+xml; charset=utf-8"


def calendar_feed(
    feed: Feed,
    events: Sequence[Event],
    page: Callable[[Event], str],
    when: Callable[[Event], str],
) -> str:
    """Return events as a feed; `page` gives an event's URL, and `when` its time in words."""
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    add_element(root, "title", feed.title)
    add_element(root, "id", feed.page)
    add_element(root, "link", href=feed.page)
    add_element(root, "link", href=feed.address, rel="self", type="application/atom+xml")
    newest = max((utc_text(event.known_since) for event in events), default=BEGINNING)
    add_element(root, "updated", newest)
    add_element(add_element(root, "author"), "name", feed.title)
    for event in events:
        entry = add_element(root, "entry")
        add_element(entry, "title", f"{title_of(event)} {when(event)}")
        add_element(entry, "id", f"{page(event)}#{event.uid}")
        add_element(entry, "link", href=page(event))
        add_element(entry, "updated", utc_text(event.known_since))
        add_element(entry, "summary", f"{when(event)}. {description_of(event)}")
        add_element(entry, "category", term=event.game.slug)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
