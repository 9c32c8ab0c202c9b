"""Which posts belong to a game, and their rows: never their text, only where and whose they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from critterdb.bot.host_answers.store import load_vocabulary
from critterdb.games import Game, hosts_on
from critterdb.platforms.base import Batch, Post, Timeline
from critterdb.platforms.text import has_tag
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import parse_time, utc_text

from .accounts import OPTED_OUT, known_bots, opt_out, opted_out, opted_out_before
from .outbox import save_reply

EVERY = timedelta(hours=20)  # once a day, also where rounds come at odd times
LOOK_BACK = timedelta(days=7)
MAX_POSTS = 200  # a day: some platforms charge for each


def read_cursors(db: SiteDatabase, platform: str) -> Mapping[str, str]:
    """How far each source of a platform has been read."""
    rows = db["cursors"].rows_where("name LIKE ?", [f"{platform}:%"])
    return {row["name"]: row["value"] for row in rows}


def save_batch(db: SiteDatabase, game: Game, platform: str, batch: Batch, *, now: datetime) -> int:
    """Store the game's posts with the cursors that cover them; how many are new."""
    chosen = choose_posts(db, game, platform, batch.posts)
    with db.atomic():
        for post in batch.posts:
            if post.to_bot and is_stop(post):
                opt_out(db, platform, post.author, "said stop", now, author_id=post.author_id)
            for each in filter(None, (post, post.parent)):
                why = each.opts_out or opted_out_before(db, platform, each.author_id)
                if why:
                    opt_out(db, platform, each.author, why, now, author_id=each.author_id)
        new = sum(_save_post(db, game, platform, post, now) for post in chosen)
        for cursor in batch.cursors:
            row = {"name": cursor.name, "value": cursor.value, "updated_at": utc_text(now)}
            # A gap stays on record when later readings are whole.
            row |= {"gap_from": cursor.gap_from} if cursor.gap_from else {}
            db["cursors"].upsert(row, pk="name")
    return new


def unseen(db: SiteDatabase, posts: Iterable[Post]) -> int:
    """How many of these are not stored: timelines show some again, to miss none."""
    return len({p.id for p in posts if not db["posts"].count_where("id = ?", [p.id])})


def choose_posts(db: SiteDatabase, game: Game, platform: str, posts: Iterable[Post]) -> list[Post]:
    """The game's own among posts, each once: hashtag posts of its hosts, and calls to the bot.

    Reposts, other bots, private posts, quotes without photos of their own, near-miss hashtags, a
    host's answers and calls that carry another game's hashtag are not.
    """
    hosts = {handle.lower() for handle in hosts_on(game, platform)}
    others = [row["hashtag"] for row in db["games"].rows_where("slug <> ?", [game.slug])]
    words, bots = load_vocabulary(db, game), known_bots(db, platform)
    chosen: dict[str, Post] = {}
    for post in posts:
        by_bot = bots.get(post.author.lower(), post.by_bot)
        if post.is_repost or by_bot or post.is_private or is_stop(post):
            continue
        ours = has_tag(post.hashtags, game.hashtag)
        by_host = ours and post.author.lower() in hosts
        if by_host and not post.summons:
            if post.quotes and not post.photos:
                continue
            if (post.in_reply_to or post.quotes) and words.read(post.text, game):
                continue
        elif not post.summons or (not ours and any(has_tag(post.hashtags, tag) for tag in others)):
            continue
        earlier = chosen.get(post.id)
        summons = post.summons or bool(earlier and earlier.summons)
        chosen[post.id] = replace(post, summons=summons)
    return list(chosen.values())


def is_stop(post: Post) -> bool:
    """Whether a message is the one word that opts its author out."""
    # A quote bears the address of what it quotes.
    text = unicodedata.normalize("NFKC", post.text)
    words = re.sub(r"https?://\S+|@[\w.@-]+", " ", text)
    return re.sub(r"[\W_]+", " ", words).strip().casefold() == "stop"


def _save_post(db: SiteDatabase, game: Game, platform: str, post: Post, now: datetime) -> bool:
    if db["posts"].count_where("id = ?", [post.id]):
        if post.summons:
            db["posts"].update(post.id, {"summoned": 1})
        return False
    db["posts"].insert(
        {
            "id": post.id,
            "platform": platform,
            "game": game.slug,
            "url": post.url,
            "author": post.author,
            "posted_at": post.posted_at,
            "seen_at": utc_text(now),
            "summoned": int(post.summons),
        }
    )
    source = post if post.photos or not post.parent else post.parent
    if any(opted_out(db, platform, each.author) for each in (post, source)):
        save_reply(db, post.id, game.slug, status="skipped", reason=OPTED_OUT, now=now)
        return True
    db["post_images"].insert_all(
        {"post_id": post.id, "position": position, "url": address}
        for position, address in enumerate(source.photos)
    )
    return True


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
            [timeline.platform, utc_text(now - LOOK_BACK), utc_text(now - EVERY), MAX_POSTS],
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
