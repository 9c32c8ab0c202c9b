"""Announce the next planned rounds on the bot's own account, if the site wants that.

Each round is announced once, within a day before it opens. An announcement goes through the outbox
of the bot's own posts, so that being killed at any moment neither doubles nor loses it.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from critterdb.formatting import where_posted
from critterdb.platforms.base import REPLAYED
from critterdb.storage.database import site_folder
from critterdb.storage.timestamps import utc_text

from . import platform_state
from .calendar.events import site_catalogue, upcoming
from .rounds import own_posts
from .rounds.store import has_rounds

if TYPE_CHECKING:
    from critterdb._types import Json

    from .calendar.events import Event
    from .round import Round

VARIABLE = "CRITTERDB_ANNOUNCE"
AHEAD = timedelta(hours=24)

_WAITING = """
SELECT own_posts.key, own_posts.text, rounds.state = 'planned' AND opens_at > :now AS is_ahead
FROM own_posts JOIN rounds ON rounds.id = own_posts.round_id
WHERE own_posts.platform = :platform AND own_posts.game = :game
    AND own_posts.kind = 'announcement' AND own_posts.status IN ('draft', 'planned')
ORDER BY opens_at, own_posts.key
"""


def is_announcing() -> bool:
    """Return whether CRITTERDB_ANNOUNCE turns announcements on."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def announce_rounds(round_: Round) -> None:
    """Post what is to be announced of a game's rounds, or show it as a draft."""
    if not is_announcing():
        return
    db, platform = round_.db, round_.platform
    # Where rounds are hosted too, what is in doubt was looked for with them.
    if not has_rounds(db, platform):
        round_.ask(lambda: own_posts.reconcile(round_))
    now = round_.now()
    for event in upcoming(db, site_catalogue(db, site_folder(db)), now):
        is_own = event.game.game == round_.game.slug and event.state == "planned"
        if is_own and event.starts and now < event.starts <= now + AHEAD:
            _plan(round_, event)
    values = {"now": utc_text(now), "platform": platform, "game": round_.game.slug}
    for row in list(db.query(_WAITING, values)):
        if round_.stopping():
            return
        _post(round_, row)


def _plan(round_: Round, event: Event) -> None:
    text = announcement(event)
    if not round_.timeline.fits(text):
        text = announcement(event, short=True)
    row = {
        "key": f"round-{event.round_id}-announcement-{round_.platform}",
        "platform": round_.platform,
        "game": round_.game.slug,
        "round_id": event.round_id,
        "kind": "announcement",
        "text": text,
        "status": "planned" if round_.sends else "draft",
    }
    with round_.db.atomic():
        own_posts.plan(round_.db, row, round_.now())


def announcement(event: Event, *, short: bool = False) -> str:
    """Return what the bot says of a round to come: no link, and nobody is called by a handle."""
    assert event.starts
    assert event.platform
    hashtag = f"#{event.game.hashtag}" if event.game.hashtag else event.game.slug
    local = event.local_start or event.starts
    zone = str(event.game.rhythm.zone).rpartition("/")[2].replace("_", " ")
    at = f"{event.starts:%H:%M} UTC"
    if local.utcoffset() != event.starts.utcoffset():
        at = f"{local:%H:%M} {zone} time ({at})"
    question = "" if short or not event.game.question else f" {event.game.question}"
    place = "" if event.platform == REPLAYED else f" {where_posted(event.platform)}"
    # No link: on X, a post with one costs 20 cents.
    return f"Next round of {hashtag}{place}: {local:%A} {local.day} {local:%B}, {at}.{question}"


def _post(round_: Round, row: Json) -> None:
    db, key, report = round_.db, row["key"], round_.report
    if not round_.sends:
        if row["is_ahead"]:
            report.round_drafts.append(f"announcement: {row['text']}")
        return
    if not row["is_ahead"]:
        with db.atomic():
            own_posts.skip(db, key, "cancelled")
        return
    standing = platform_state.standing(db, round_.platform)
    if standing.sends_later(round_.now()):
        report.failures.append(f"Announcements: posting resumes at {standing.send_from}")
        return
    result = own_posts.send(round_, key)
    report.rounds["announced"] += result.status == "sent"
    if result.error and result.status != "sent":
        report.failures.append(result.error)
