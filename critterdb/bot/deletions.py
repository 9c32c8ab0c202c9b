"""Posts that are gone from their platform are marked as gone here: looked for once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from critterdb.storage.database import SiteDatabase
from critterdb.timelines import Timeline, parse_time, utc_text

EVERY = timedelta(hours=20)  # once a day, also where rounds come at odd times
LOOK_BACK = timedelta(days=7)
MOST_POSTS = 200  # a day: some platforms charge for each


def mark_deleted(db: SiteDatabase, timeline: Timeline, now: datetime) -> int:
    """Ask once a day which of the posts of the last week are still there; mark the others.

    Returns how many were marked. Raises TimelineError.
    """
    name = f"{timeline.platform}:deletions"
    for row in db["cursors"].rows_where("name = ?", [name]):
        # A look that lies ahead was noted by a clock that was wrong.
        if timedelta(0) <= now - parse_time(row["value"]) < EVERY:
            return 0
    post_ids = [
        row["id"]
        for row in db.query(
            """
            SELECT id FROM posts
            WHERE platform = ? AND deleted_at IS NULL AND seen_at BETWEEN ? AND ?
            ORDER BY seen_at DESC LIMIT ?
            """,
            [timeline.platform, utc_text(now - LOOK_BACK), utc_text(now - EVERY), MOST_POSTS],
        )
    ]
    if not post_ids:
        return 0
    gone = sorted(set(post_ids) - timeline.find_existing(post_ids))
    with db.atomic():
        for post_id in gone:
            db["posts"].update(post_id, {"deleted_at": utc_text(now)})
        row = {"name": name, "value": utc_text(now), "updated_at": utc_text(now)}
        db["cursors"].upsert(row, pk="name")
    return len(gone)
