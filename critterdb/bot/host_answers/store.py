"""The host's answer, found in what the host wrote: a row if it is sure, else a candidate.

Sure is a plain verdict (see parser.py) in a message of a host that replies to the post or quotes
it, or continues such a message of the host's own, or says elsewhere in the thread that it is the
answer. Everything else that names a taxon waits for a person in `answer_candidates`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from critterdb.bot.isolation import isolated
from critterdb.bot.reading.parser import Verdict, plain_words
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.bot.stored_post import StoredPost
from critterdb.formatting import display_name
from critterdb.games import Game, find_host
from critterdb.platforms.text import has_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from critterdb.platforms.base import Post
    from critterdb.storage.database import SiteDatabase

DIRECT, IN_THREAD = "host's words", "host's words in the thread"

# Elsewhere in a thread a host may talk about a player's own cat, so a message that replies to
# nothing of ours must say what it is.
_CALLS_ITSELF_ANSWER = re.compile(r"\b(?:answers?|reveal|verdict|official(?:ly)?|solution)\b")
# "Yours is a bobcat" is about another photo.
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|you're)\b")


@dataclass(frozen=True)
class SavedAnswers:
    """How many posts got an answer, and what messages that could not be used raised, by class."""

    answers: int
    errors: Counter[str] = field(default_factory=Counter)


def save_answers(
    db: SiteDatabase, game: Game, post_ids: Sequence[str], messages: Iterable[Post], found_at: str
) -> SavedAnswers:
    """Write what the hosts' messages, oldest first, say about these posts.

    A message that raises something is counted and passed over.
    """
    vocabulary = load_vocabulary(db, game)
    errors: Counter[str] = Counter()
    before = db["answers"].count
    by_id = {message.id: message for message in messages}
    for message in sorted(by_id.values(), key=_order):
        with isolated(errors), db.atomic():
            verdict = vocabulary.read(message.text, game)
            if verdict is not None:
                finding = Finding(verdict, message, found_at)
                _save_finding(db, game, finding, set(post_ids), by_id)
    return SavedAnswers(int(db["answers"].count - before), errors)


@dataclass(frozen=True)
class Finding:
    """What a host's message says, and when it was found (UTC)."""

    verdict: Verdict
    message: Post
    found_at: str


def _save_finding(
    db: SiteDatabase,
    game: Game,
    finding: Finding,
    post_ids: set[str],
    by_id: Mapping[str, Post],
) -> None:
    """Write an answer if the message is sure and about the photo, else a candidate."""
    message = finding.message
    direct = _answered_posts(message, by_id) & post_ids - {message.id}
    targets = direct or {message.thread or ""} & post_ids - {message.id}
    if _is_for_all(message, game):
        sure = targets
    else:
        # "Nice avatar, it's a bobcat!" to somebody who asked about the host's own photo.
        sure = {post_id for post_id in direct if not _asks_about_hosts_photo(db, game, post_id)}
    if not sure or not finding.verdict.verdict:
        for post_id in sorted(targets):
            _save_candidate(db, post_id, finding)
        return
    for post_id in sorted(sure):
        _save_answer(db, post_id, finding, DIRECT if direct else IN_THREAD)


def _answered_posts(message: Post, by_id: Mapping[str, Post]) -> set[str]:
    """Return what a message replies to or quotes, also through the host's own messages before."""
    answered: set[str] = set()
    current: Post | None = message
    while current:
        refers_to = [
            post_id
            for post_id in (current.in_reply_to, current.quotes)
            if post_id and post_id not in answered
        ]
        answered.update(refers_to)
        current = next((by_id[post_id] for post_id in refers_to if post_id in by_id), None)
    return answered


def _asks_about_hosts_photo(db: SiteDatabase, game: Game, post_id: str) -> bool:
    """Return whether somebody who is not a host asks in a post about a host's photo."""
    post = StoredPost.from_row(db["posts"].get(post_id))
    if find_host(game, post.platform, post.author, post.author_id):
        return False
    if post.photos_author:
        owner = find_host(game, post.platform, post.photos_author, post.photos_author_id)
        return owner is not None
    # Rows from before the owner of a photo was stored.
    for other_id in posts_of_the_photo(db, post_id):
        other = StoredPost.from_row(db["posts"].get(other_id))
        if find_host(game, other.platform, other.author, other.author_id):
            return True
    return False


def _is_for_all(message: Post, game: Game) -> bool:
    """Return whether a message is the answer, and not a word to one of the players."""
    # In the thread a host may speak of a player's own cat, and shows other photos to compare.
    text = plain_words(message.text)
    if message.photos or _TO_SOMEBODY.search(text):
        return False
    return bool(_CALLS_ITSELF_ANSWER.search(text)) or has_tag(message.hashtags, game.hashtag)


def _order(post: Post) -> tuple[str, int, str]:
    # Ids grow in length before they grow in their digits.
    return post.posted_at, len(post.id), post.id


def _save_answer(db: SiteDatabase, post_id: str, finding: Finding, method: str) -> None:
    """Write the answer of a post, and of those that asked about the same photo; the first stays."""
    for asked_id in posts_of_the_photo(db, post_id):
        row = {
            "post_id": asked_id,
            "taxon_id": finding.verdict.taxon_id,
            "verdict": finding.verdict.verdict,
            "source_url": finding.message.url,
            "found_at": finding.found_at,
            "method": method,
        }
        # The first plain answer stays; `critterdb answers settle` corrects it.
        db["answers"].insert(row, ignore=True)


def posts_of_the_photo(db: SiteDatabase, post_id: str) -> list[str]:
    """Return a post and those of its game that show a photo of it: who asked about that post."""
    rows = db.query(
        """
        SELECT DISTINCT others.id FROM posts AS own
        LEFT JOIN post_images AS shown ON shown.post_id = own.id
        JOIN posts AS others ON others.game = own.game AND (
            others.id = own.id
            OR others.id IN (SELECT post_id FROM post_images WHERE url = shown.url)
        )
        WHERE own.id = ?
        """,
        [post_id],
    )
    return [row["id"] for row in rows]


def _save_candidate(db: SiteDatabase, post_id: str, finding: Finding) -> None:
    guess: str | None = finding.verdict.guess or finding.verdict.verdict
    if finding.verdict.taxon_id:
        row = db["taxa"].get(finding.verdict.taxon_id)
        guess = display_name(row["common_name"], row["name"])
    db.execute(
        """
        INSERT OR IGNORE INTO answer_candidates (post_id, source_url, guess, found_at)
        VALUES (?, ?, ?, ?)
        """,
        [post_id, finding.message.url or finding.message.id, guess, finding.found_at],
    )


def is_answered(db: SiteDatabase, post_id: str) -> bool:
    """Return whether the host's answer to a post is known."""
    return bool(db["answers"].count_where("post_id = ?", [post_id]))
