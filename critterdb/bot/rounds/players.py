"""Who is counted by name: players who asked for that, until they say stop."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from critterdb.games import fold_handle
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from datetime import datetime

    from critterdb.platforms.base import Post
    from critterdb.storage.database import SiteDatabase

SOMEBODY = "somebody"
_COUNT_ME_IN = re.compile(r"(?<!not )\bcount\s*me\s*in\b", re.IGNORECASE)
_WISH = re.compile(r"[\s,.;:]*#?\b(?:and\s+|please\s+)?count\s*me\s*in\b", re.IGNORECASE)
# What was tried may stand on the platform as it is, and is looked for by its words.
_SETTLED = "status NOT IN ('sending', 'unknown')"
_GUESSES_ON = """
    SELECT guesses.id FROM guesses
    LEFT JOIN rounds ON rounds.id = guesses.round_id
    LEFT JOIN posts ON posts.id = guesses.post_id
    WHERE rounds.platform = ? OR posts.platform = ?
"""


def asks_to_be_counted(text: str) -> bool:
    """Return whether a message says “count me in”, as words or as a hashtag."""
    return _COUNT_ME_IN.search(text) is not None


def without_wish(text: str) -> str:
    """Return a message without “count me in”, which says nothing about the animal."""
    return _WISH.sub(". ", text)


def opt_in(db: SiteDatabase, platform: str, post: Post, now: datetime) -> None:
    """Note that the author of a message wants to be counted by name."""
    row = {
        "platform": platform,
        "player": post.author,
        "author_id": post.author_id,
        "opted_in_at": utc_text(now),
    }
    db["players"].insert(row, ignore=True)


def follow_handle(db: SiteDatabase, platform: str, post: Post) -> None:
    """Rename a player who took another handle, and forget one whose handle somebody else took."""
    if post.author_id is None:
        return
    # A handle that X freed may be a stranger's by now.
    rows = db["players"].rows_where(
        "platform = ? AND ((player = ?) <> (author_id = ?))",
        [platform, post.author, post.author_id],
    )
    # Who lost the handle goes first: two players may have swapped theirs.
    for row in sorted(rows, key=lambda row: bool(row["author_id"] == post.author_id)):
        if row["author_id"] != post.author_id:
            forget(db, platform, row["player"], row["author_id"])
            continue
        key = [platform, row["player"]]
        db.execute(
            f"UPDATE guesses SET player = ? WHERE player = ? AND id IN ({_GUESSES_ON})",
            [post.author, row["player"], platform, platform],
        )
        db.execute(
            "UPDATE players SET player = ? WHERE platform = ? AND player = ?", [post.author, *key]
        )


def is_counted_by_name(db: SiteDatabase, platform: str, post: Post) -> bool:
    """Return whether the author of a message opted in."""
    return bool(db["players"].count_where("platform = ? AND player = ?", [platform, post.author]))


def forget(db: SiteDatabase, platform: str, handle: str, author_id: str | None) -> None:
    """Remove a player's name from all rows, in the caller's transaction."""
    handles = {handle} | {
        row["player"]
        for row in db["players"].rows_where(
            "platform = ? AND (player = ? OR author_id = ?)", [platform, handle, author_id]
        )
    }
    for name in sorted(handles):
        db["players"].delete_where("platform = ? AND player = ?", [platform, name])
        db.execute(
            f"""
            UPDATE guesses SET player = NULL, message_id = NULL,
                made_at = substr(made_at, 1, 13) || ':00:00Z'
            WHERE player = ? AND id IN ({_GUESSES_ON})
            """,
            [name, platform, platform],
        )
        _leave_out(db, platform, name)


def _leave_out(db: SiteDatabase, platform: str, name: str) -> None:
    """Take a name out of what the bot posted, or is going to post."""
    rows = db["own_posts"].rows_where(f"platform = ? AND names <> '[]' AND {_SETTLED}", [platform])
    for row in list(rows):
        names = json.loads(row["names"])
        kept = [other for other in names if fold_handle(other) != fold_handle(name)]
        if kept != names:
            pattern = re.compile(rf"@{re.escape(name)}(?![\w@-])", re.IGNORECASE)
            changes = {
                "names": json.dumps(kept),
                "text": pattern.sub(SOMEBODY, row["text"]),
                # Prepared with the name in it.
                "send_key": None,
                "send_record": None,
            }
            db["own_posts"].update(row["key"], changes)


def forget_opted_out(db: SiteDatabase, platform: str) -> None:
    """Forget who opted out while a post that names them was being sent."""
    rows = db.query(
        f"""
        SELECT DISTINCT opt_outs.author, opt_outs.author_id FROM own_posts
        JOIN json_each(own_posts.names) AS named
        JOIN opt_outs ON opt_outs.platform = own_posts.platform
            AND lower(opt_outs.author) = lower(named.value)
        WHERE own_posts.platform = ? AND own_posts.names <> '[]' AND own_posts.{_SETTLED}
        """,
        [platform],
    )
    for row in list(rows):
        with db.atomic():
            forget(db, platform, row["author"], row["author_id"])
