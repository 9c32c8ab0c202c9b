"""How much the bot may say: replies a day, an author and a server, and nothing while it is off."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.errors import TimelineError
from critterdb.games import fold_handle
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from .accounts import Account

# Caps count a rolling day, and drafts too, because drafts may be sent.
# A person who plays a whole afternoon gets three answers, and others of that day get theirs.
# docs/decisions.md#caps-cover-a-rolling-24-hours-and-count-drafts
AUTHOR_CAP = 3  # replies an author a day
DEFAULT_DAY_CAP = 20
# Seven accounts with three calls each would use up the whole day, and no host would be answered.
HOSTS_SHARE = 4  # one in 4 of the day's replies is reserved for consenting hosts
SERVER_SHARE = 2  # at most one in 2 of them goes to one server of the fediverse
DAY = timedelta(days=1)
OFF_FILE = "bot.off"

# A reply in doubt counts as if it had been sent.
_OPEN = ("draft", "planned", "sending", "unknown", "sent")


@dataclass(frozen=True)
class Asker:
    """Somebody who may get a reply.

    `consenting_hosts` are the folded handles of the game's hosts who want replies unasked;
    `is_host` says that the asker is one of them.
    """

    account: Account
    is_host: bool = False
    consenting_hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class DayUsage:
    """Replies within 24 hours. Drafts count: they may be sent.

    `to_author` includes the refused ones: each was an attempt that the author caused.
    """

    to_all: int
    to_author: int
    to_hosts: int
    to_server: int


def is_off(db: SiteDatabase) -> bool:
    """Return whether CRITTERDB_BOT_OFF, or a file `bot.off` beside the database, stops sending."""
    by_setting = os.environ.get("CRITTERDB_BOT_OFF", "") not in ("", "0")
    return by_setting or (site_folder(db) / OFF_FILE).exists()


def over_cap(db: SiteDatabase, asker: Asker, now: datetime, *, leave_out: str = "") -> bool:
    """Return whether one more reply within 24 hours would be too many, not counting `leave_out`.

    Raises TimelineError if CRITTERDB_REPLIES_PER_DAY is not a number.
    """
    usage, cap = usage_of_the_day(db, asker, now, leave_out=leave_out), day_cap()
    if usage.to_all >= cap or usage.to_author >= AUTHOR_CAP:
        return True
    if asker.is_host:
        return False
    reserve = cap // HOSTS_SHARE if asker.consenting_hosts else 0
    to_others = usage.to_all - usage.to_hosts
    return to_others >= cap - reserve or usage.to_server >= max(AUTHOR_CAP, cap // SERVER_SHARE)


def day_cap() -> int:
    """Return how many replies a day are allowed.

    Raises TimelineError if CRITTERDB_REPLIES_PER_DAY is not a number.
    """
    return whole_number("CRITTERDB_REPLIES_PER_DAY", DEFAULT_DAY_CAP)


def usage_of_the_day(
    db: SiteDatabase, asker: Asker, now: datetime, *, leave_out: str = ""
) -> DayUsage:
    """Count the replies within 24 hours on the asker's platform, except that to `leave_out`."""
    row = db.execute(
        f"""
        WITH counted AS (
            SELECT lower(posts.author) AS author, posts.author_id,
                replies.status <> 'refused' AS is_open
            FROM replies JOIN posts ON posts.id = replies.post_id
            WHERE posts.platform = :platform AND replies.post_id <> :leave_out
                AND replies.status IN {(*_OPEN, "refused")}
                AND (
                    coalesce(replies.sent_at, replies.attempt_ended_at, replies.planned_at) > :since
                    OR replies.status IN ('sending', 'unknown')
                )
        )
        SELECT
            coalesce(sum(is_open), 0),
            coalesce(sum(author = :author OR author_id IS :author_id AND :author_id <> ''), 0),
            coalesce(sum(is_open AND author IN (SELECT value FROM json_each(:hosts))), 0),
            coalesce(sum(is_open AND substr(author, -length(:server)) = :server), 0)
        FROM counted
        """,
        {
            "author": fold_handle(asker.account.handle),
            "author_id": asker.account.id,
            "platform": asker.account.platform,
            "hosts": json.dumps(asker.consenting_hosts),
            "server": _server_of(asker.account),
            "leave_out": leave_out,
            "since": utc_text(now - DAY),
        },
    ).fetchone()
    return DayUsage(*map(int, row))


def whole_number(name: str, default: int) -> int:
    """Return a setting that is a whole number. Raises TimelineError if it is not."""
    text = os.environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise TimelineError(f"{name} is {text!r}. Give a whole number") from error


def _server_of(account: Account) -> str | None:
    """Return `@server` of an account of the fediverse, where anybody can run a server."""
    _, at, server = fold_handle(account.handle).rpartition("@")
    return f"@{server}" if at and account.platform == "mastodon" else None
