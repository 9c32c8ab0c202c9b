"""How much the bot may say: replies a day, replies an author, and nothing while it is off."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from critterdb.errors import TimelineError
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.timestamps import utc_text

AUTHOR_CAP = 3  # replies an author a day
DEFAULT_DAY_CAP = 20
DAY = timedelta(days=1)
OFF_FILE = "bot.off"

_OPEN = ("draft", "planned", "sending", "unknown", "sent")


def is_off(db: SiteDatabase) -> bool:
    """Whether CRITTERDB_BOT_OFF, or a file `bot.off` beside the database, forbids sending."""
    by_setting = os.environ.get("CRITTERDB_BOT_OFF", "") not in ("", "0")
    return by_setting or (site_folder(db) / OFF_FILE).exists()


def over_cap(
    db: SiteDatabase, platform: str, author: str, now: datetime, *, leave_out: str = ""
) -> bool:
    """Whether one more reply within 24 hours would be too many, for the author or for all.

    Raises TimelineError where CRITTERDB_REPLIES_PER_DAY is no number.
    """
    to_all, to_author = replies_of_the_day(db, platform, author, now, leave_out=leave_out)
    return to_all >= day_cap() or to_author >= AUTHOR_CAP


def day_cap() -> int:
    """How many replies a day are allowed. Raises TimelineError where the setting is no number."""
    return whole_number("CRITTERDB_REPLIES_PER_DAY", DEFAULT_DAY_CAP)


def replies_of_the_day(
    db: SiteDatabase, platform: str, author: str, now: datetime, *, leave_out: str = ""
) -> tuple[int, int]:
    """Replies within 24 hours, to all and to one author. Drafts count: they may be sent."""
    row = db.execute(
        f"""
        SELECT count(*), coalesce(sum(lower(posts.author) = lower(:author)), 0)
        FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = :platform AND replies.post_id <> :leave_out
            AND replies.status IN {_OPEN}
            AND (
                coalesce(replies.sent_at, replies.planned_at) > :since
                OR replies.status IN ('sending', 'unknown')
            )
        """,
        {
            "author": author,
            "platform": platform,
            "leave_out": leave_out,
            "since": utc_text(now - DAY),
        },
    ).fetchone()
    return int(row[0]), int(row[1])


def whole_number(name: str, default: int) -> int:
    """A setting that is a number. Raises TimelineError where it is something else."""
    text = os.environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise TimelineError(f"{name} is {text!r}. Give a whole number") from error
