"""Which posts belong to a game, and their rows: never their text, only where and whose they are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.games import Game, find_host, fold_handle, same_handle
from critterdb.platforms.text import has_tag
from critterdb.storage.cursors import read_marks, write_mark
from critterdb.storage.timestamps import parse_time, utc_text

from .accounts import OPTED_OUT, Account, known_bots, opt_out, why_opted_out
from .isolation import isolated
from .outbox import save_reply
from .photo_fetches import MAX_PHOTOS_PER_POST
from .reply_limits import AUTHOR_CAP
from .reply_status import PassedOver, ReplyPlan, SkipReason
from .rounds.store import has_rounds, round_posts
from .stored_post import StoredPost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from critterdb.platforms.base import Batch, Post, Timeline
    from critterdb.storage.database import SiteDatabase

DELETIONS_EVERY = timedelta(hours=20)  # once a day, even if rounds start at odd times
# X charges for each look, and most deletions come soon.
# docs/decisions.md#deleted-posts-are-looked-for-once-a-day
DELETIONS_LOOK_BACK = timedelta(days=7)
MAX_POSTS_PER_LOOK = 200  # some platforms charge for each
# More than the author's cap, because some posts may turn out to have no usable photo.
MAX_PENDING_PER_AUTHOR = 2 * AUTHOR_CAP


@dataclass(frozen=True)
class SavedBatch:
    """How many posts are new, and what the posts that could not be stored raised, by class.

    `passed_over` counts the messages that are not posts of the game, by the reason.
    """

    new: int
    errors: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[PassedOver] = field(default_factory=Counter)


@dataclass(frozen=True)
class GameFilter:
    """What tells a game's posts from others: its hosts, other games' tags, its words, bots.

    `round_posts` are the ids of the posts of hosted rounds, if the site `has_rounds`.
    """

    game: Game
    platform: str
    other_tags: tuple[str, ...]
    vocabulary: Vocabulary
    bots: Mapping[str, bool]
    own_handle: str | None = None
    round_posts: frozenset[str] = frozenset()
    has_rounds: bool = False

    @classmethod
    def load(
        cls, db: SiteDatabase, game: Game, platform: str, own_handle: str | None = None
    ) -> GameFilter:
        """Read what decides from the database."""
        others = db["games"].rows_where("slug <> ? AND hashtag IS NOT NULL", [game.slug])
        return cls(
            game,
            platform,
            tuple(row["hashtag"] for row in others),
            load_vocabulary(db, game),
            known_bots(db, platform),
            own_handle,
            round_posts(db, platform),
            has_rounds(db, platform),
        )

    def reason_against(self, post: Post) -> PassedOver | None:
        """Return why a post is not the game's; None for a host's hashtag post or a call to the bot.

        Reposts, other bots, private posts, quotes without photos of their own, near-miss hashtags,
        a host's answers and calls that carry another game's hashtag are not.
        """
        has_our_tag = has_tag(post.hashtags, self.game.hashtag)
        has_other_tag = any(has_tag(post.hashtags, tag) for tag in self.other_tags)
        calls_another = post.summons and not has_our_tag and has_other_tag
        reasons: tuple[tuple[PassedOver, bool], ...] = (
            ("repost", post.is_repost),
            ("by_bot", self.bots.get(fold_handle(post.author), post.by_bot)),
            ("private", post.is_private),
            ("stop", is_stop(post)),
            ("guess", self._is_of_a_round(post)),
            ("other_game", calls_another),
            ("no_hashtag", not post.summons and not has_our_tag),
            ("not_by_host", not post.summons and not self.is_by_host(post)),
        )
        if reason := next((reason for reason, holds in reasons if holds), None):
            return reason
        return "not_a_question" if not post.summons and self._is_an_answer(post) else None

    def _is_of_a_round(self, post: Post) -> bool:
        """Return whether a post opens a hosted round, or answers the post of one."""
        # The bot's own posts may be shown before the outbox knows their ids.
        if self.has_rounds and self.is_own(post):
            return True
        return bool({post.in_reply_to, post.thread} & self.round_posts)

    def _is_an_answer(self, post: Post) -> bool:
        # A host quotes a question to tell the answer; that is not another question.
        if post.quotes and not post.photos:
            return True
        refers = post.in_reply_to or post.quotes
        return bool(refers and self.vocabulary.read(post.text, self.game))

    def is_own(self, post: Post) -> bool:
        """Return whether the bot wrote a post."""
        return self.own_handle is not None and same_handle(post.author, self.own_handle)

    def is_by_host(self, post: Post) -> bool:
        """Return whether a host of the game wrote a post."""
        return find_host(self.game, self.platform, post.author, post.author_id) is not None


def save_batch(
    db: SiteDatabase,
    game: Game,
    platform: str,
    batch: Batch,
    *,
    now: datetime,
    own_handle: str | None = None,
) -> SavedBatch:
    """Store the game's posts with the cursors that cover them.

    The limit of pending posts does not count for `own_handle`, the bot's own: it answers none.
    A post that raises something is counted and passed over, and the cursors still move on: it
    would raise the same in every round.
    """
    game_filter = GameFilter.load(db, game, platform, own_handle)
    errors: Counter[str] = Counter()
    chosen: dict[str, Post] = {}
    passed_over: dict[str, PassedOver] = {}
    new = 0
    with db.atomic():
        for post in batch.posts:
            with isolated(errors), db.atomic():
                note_opt_outs(db, platform, post, now)
                reason = game_filter.reason_against(post)
                if reason:
                    passed_over[post.id] = reason
                else:
                    earlier = chosen.get(post.id)
                    summons = post.summons or bool(earlier and earlier.summons)
                    chosen[post.id] = replace(post, summons=summons)
        # The oldest first, so that the limit of pending posts meets the latest of an author.
        for post in sorted(chosen.values(), key=lambda post: (post.posted_at, post.id)):
            with isolated(errors), db.atomic():
                new += _save_post(db, game_filter, post, now)
        for cursor in batch.cursors:
            write_mark(db, cursor.name, cursor.value, utc_text(now), gap_from=cursor.gap_from)
    return SavedBatch(new, errors, Counter(passed_over.values()))


def count_unseen(db: SiteDatabase, posts: Iterable[Post]) -> int:
    """Count the posts that are not stored: timelines return some again, so as to miss none."""
    return len({post.id for post in posts if not _is_stored(db, post.id)})


def is_stop(post: Post) -> bool:
    """Return whether a message is the one word that opts its author out."""
    # A quote holds the address of what it quotes.
    text = unicodedata.normalize("NFKC", post.text)
    words = re.sub(r"https?://\S+|@[\w.@-]+", " ", text)
    return re.sub(r"[\W_]+", " ", words).strip().casefold() == "stop"


def mark_deleted(db: SiteDatabase, timeline: Timeline, now: datetime) -> int:
    """Ask once a day which posts of the last week still exist; mark the others as deleted.

    The other people's posts whose photos were asked about are among them. Returns how many posts
    were marked. Raises TimelineError.
    """
    name = f"{timeline.platform}:deletions"
    looked_at = read_marks(db, name).get(name)
    # A look in the future was noted by a clock that was wrong.
    if looked_at and timedelta(0) <= now - parse_time(looked_at) < DELETIONS_EVERY:
        return 0
    posts = _posts_to_look_for(db, timeline.platform, now)
    if not posts:
        return 0
    wanted = [post.id for post in posts if post.deleted_at is None]
    wanted += [post.photos_post_id for post in posts if post.photos_post_id]
    # X asks that copies follow deletions, and charges for each look: hence once a day.
    marked = mark_gone(db, set(wanted) - timeline.find_existing(list(dict.fromkeys(wanted))), now)
    with db.atomic():
        write_mark(db, name, utc_text(now), utc_text(now))
    return marked


def mark_gone(db: SiteDatabase, post_ids: set[str], now: datetime) -> int:
    """Mark posts as deleted, also where they are only the source of photos; return how many."""
    marked = 0
    with db.atomic():
        for post_id in sorted(post_ids):
            for column, key in (("deleted_at", "id"), ("photos_deleted_at", "photos_post_id")):
                marked += db.execute(
                    f"UPDATE posts SET {column} = ? WHERE {key} = ? AND {column} IS NULL",
                    [utc_text(now), post_id],
                ).rowcount
    return marked


def _posts_to_look_for(db: SiteDatabase, platform: str, now: datetime) -> list[StoredPost]:
    """Posts of the last week, an author's newest before everybody's second newest, and so on."""
    # Otherwise one author's 200 posts a day would keep everybody else's from being looked for.
    rows = db.query(
        """
        SELECT * FROM posts
        WHERE platform = ? AND seen_at BETWEEN ? AND ? AND (
            deleted_at IS NULL OR photos_post_id IS NOT NULL AND photos_deleted_at IS NULL
        )
        ORDER BY row_number() OVER (
            PARTITION BY coalesce(author_id, lower(author)) ORDER BY seen_at DESC
        ), seen_at DESC
        LIMIT ?
        """,
        [
            platform,
            utc_text(now - DELETIONS_LOOK_BACK),
            utc_text(now - DELETIONS_EVERY),
            MAX_POSTS_PER_LOOK,
        ],
    )
    return [StoredPost.from_row(row) for row in rows]


def note_opt_outs(db: SiteDatabase, platform: str, post: Post, now: datetime) -> None:
    """Note whether the author of a message, or of what it refers to, wants to be left alone."""
    if post.to_bot and is_stop(post):
        opt_out(db, Account(platform, post.author, post.author_id), "said stop", now)
    for shown in _with_parent(post):
        account = Account(platform, shown.author, shown.author_id)
        why = shown.opts_out or why_opted_out(db, account)
        if why is not None:
            opt_out(db, account, why, now)


def _with_parent(post: Post) -> Iterator[Post]:
    yield post
    if post.parent:
        yield post.parent


def _save_post(db: SiteDatabase, game_filter: GameFilter, post: Post, now: datetime) -> bool:
    """Write a post and the addresses of its photos; return whether it is new."""
    if _is_stored(db, post.id):
        if post.summons:
            db["posts"].update(post.id, {"summoned": 1})
        return False
    source = post if post.photos or not post.parent else post.parent
    row = _row(game_filter, post, now)
    if source is not post:
        row |= {
            "photos_post_id": source.id,
            "photos_author": source.author,
            "photos_author_id": source.author_id,
        }
    db["posts"].insert(row)
    stored = StoredPost.from_row(db["posts"].get(post.id))
    if reason := _reason_against_photos(db, game_filter, post, stored):
        save_reply(db, stored, ReplyPlan("skipped", reason), now)
        return True
    db["post_images"].insert_all(
        {"post_id": post.id, "position": position, "url": address}
        for position, address in enumerate(source.photos[:MAX_PHOTOS_PER_POST])
    )
    return True


def _row(game_filter: GameFilter, post: Post, now: datetime) -> dict[str, str | int | None]:
    return {
        "id": post.id,
        "platform": game_filter.platform,
        "game": game_filter.game.slug,
        "url": post.url,
        "author": post.author,
        "author_id": post.author_id,
        "posted_at": post.posted_at,
        "seen_at": utc_text(now),
        "summoned": int(post.summons),
    }


def _reason_against_photos(
    db: SiteDatabase, game_filter: GameFilter, post: Post, stored: StoredPost
) -> SkipReason | None:
    """Return why not even the addresses of the photos are to be kept, if so."""
    if stored.is_opted_out(db):
        return OPTED_OUT
    if game_filter.is_by_host(post) or game_filter.is_own(post):
        return None
    (pending,) = db.execute(
        """
        SELECT count(*) FROM posts
        WHERE platform = ? AND (lower(author) = ? OR author_id = ?) AND id <> ?
            AND id NOT IN (SELECT post_id FROM replies)
        """,
        [stored.platform, fold_handle(stored.author), stored.author_id, stored.id],
    ).fetchone()
    return "cap" if pending >= MAX_PENDING_PER_AUTHOR else None


def _is_stored(db: SiteDatabase, post_id: str) -> bool:
    return bool(db["posts"].count_where("id = ?", [post_id]))
