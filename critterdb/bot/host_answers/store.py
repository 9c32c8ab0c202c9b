"""The host's answer, found in what the host wrote: a row if it is sure, else a candidate.

Sure is a plain verdict (see reading/parser.py) in a message of a host that replies to the post or
quotes it, or continues such a message of the host's own, or answers a player's guess below it, or
says elsewhere in the thread that it is the answer. A later message that says it corrects an answer
takes its place. Everything else that names a taxon waits for a person in `answer_candidates`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from critterdb.bot.isolation import isolated
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.bot.stored_post import StoredPost
from critterdb.formatting import display_name
from critterdb.games import Game, find_host

from .findings import CORRECTED, TAKEN_BACK, Finding, Method, find
from .history import BY_A_PERSON, Standing, supersede

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from critterdb._types import Row
    from critterdb.bot.reading.parser import Verdict
    from critterdb.platforms.base import Post
    from critterdb.storage.database import SiteDatabase


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
    players = [message.parent for message in by_id.values() if message.parent]
    for message in sorted(by_id.values(), key=_order):
        with isolated(errors), db.atomic():
            finding = find(message, game, vocabulary, found_at, players)
            if finding is not None:
                _save_finding(db, game, finding, set(post_ids), by_id)
    return SavedAnswers(max(0, int(db["answers"].count - before)), errors)


def _save_finding(
    db: SiteDatabase,
    game: Game,
    finding: Finding,
    post_ids: set[str],
    by_id: Mapping[str, Post],
) -> None:
    """Apply what a message says to each post that it is about."""
    message = finding.message
    direct = _answered_posts(message, by_id) & post_ids - {message.id}
    for post_id in sorted(direct or {message.thread or ""} & post_ids - {message.id}):
        asks_about_hosts = post_id in direct and _asks_about_hosts_photo(db, game, post_id)
        is_direct = post_id in direct and not asks_about_hosts
        for asked_id in posts_of_the_photo(db, post_id):
            standing = Standing.of(db, asked_id)
            if not standing.has_read(message.posted_at, message.url or message.id):
                own = by_id.get(message.in_reply_to or "")
                challenged = by_id.get((message.parent and message.parent.in_reply_to) or "")
                method = finding.method(
                    is_direct=is_direct,
                    is_below=not asks_about_hosts,
                    is_answered=standing.answer is not None,
                    is_revision=_is_revision(finding, standing, own or challenged),
                    goes_on=own is not None,
                )
                is_about_ours = finding.is_about_ours(is_direct=is_direct)
                reason = _apply(
                    db, asked_id, finding, standing, method, is_about_ours=is_about_ours
                )
                # Settling one settles every post that shows the photo: one in the queue is enough.
                if reason and asked_id == post_id:
                    _save_candidate(db, post_id, finding, reason)


def _apply(
    db: SiteDatabase,
    post_id: str,
    finding: Finding,
    standing: Standing,
    method: Method | None,
    *,
    is_about_ours: bool,
) -> str | None:
    """Write an answer, or put it in the place of another; else say why a person has to decide."""
    answer, verdict = standing.answer, finding.verdict
    if answer is None:
        if method and method is not TAKEN_BACK:
            _save_answer(db, post_id, finding, method)
            return None
        return (verdict.reason or "elsewhere in the thread") if verdict else None
    if method and verdict and _says_the_same(answer, verdict):
        return None
    if answer["method"] == BY_A_PERSON:
        return "corrects an answer" if finding.is_correction or finding.takes_back else None
    if method is TAKEN_BACK:
        _supersede(db, answer, finding)
        db["answers"].delete_where("post_id = ?", [post_id])
        return "takes an answer back"
    if (
        method
        and verdict
        and (method is CORRECTED or _is_finer(answer, verdict) or standing.is_from(finding.url))
    ):
        _supersede(db, answer, finding)
        _save_answer(db, post_id, finding, method)
        return None
    if is_about_ours and finding.casts_doubt_on(answer["taxon_id"]):
        # What is published may be wrong: it waits until somebody has read both.
        _supersede(db, answer, finding)
        db["answers"].delete_where("post_id = ?", [post_id])
        return "corrects an answer"
    if verdict and (method or finding.is_correction):
        return "corrects an answer" if finding.is_correction else "contradicts an answer"
    return None


def _is_revision(finding: Finding, standing: Standing, own: Post | None) -> bool:
    """Whether a message states another answer below the one that stands, or beside its name.

    `own` are the host's own words that it answers, or that the player before it answered.
    """
    verdict, answer = finding.verdict, standing.answer
    if answer is None or verdict is None or answer["verdict"] == "inconclusive":
        return False
    if own is not None and standing.is_from(own.url):
        return True
    return finding.names_and_replaces(answer["taxon_id"])


def _supersede(db: SiteDatabase, answer: Row, finding: Finding) -> None:
    by = {"corrected_at": finding.said_at, "corrected_url": finding.url}
    supersede(db, answer, finding.found_at, **by)


def _says_the_same(answer: Mapping[str, object], verdict: Verdict) -> bool:
    """Whether a verdict adds nothing to an answer: the same, or only "not a cougar" again."""
    if answer["verdict"] != verdict.verdict:
        return False
    if verdict.taxon_id is None:
        return not verdict.is_named or answer["taxon_id"] is None
    return verdict.taxon_id == answer["taxon_id"]


def _is_finer(answer: Mapping[str, object], verdict: Verdict) -> bool:
    """Whether a verdict says more than an answer that left it open: "not a cougar", then a fox."""
    left_open = answer["verdict"] == "inconclusive" or answer["taxon_id"] is None
    return left_open and answer["verdict"] in ("inconclusive", verdict.verdict)


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


def _order(post: Post) -> tuple[str, int, str]:
    # Ids grow in length before they grow in their digits.
    return post.posted_at, len(post.id), post.id


def _save_answer(db: SiteDatabase, post_id: str, finding: Finding, method: Method) -> None:
    verdict = finding.verdict
    row = {
        "post_id": post_id,
        "taxon_id": verdict.taxon_id if verdict else None,
        "verdict": verdict.verdict if verdict else None,
        "source_url": finding.message.url,
        "found_at": finding.found_at,
        "method": finding.how(method),
        "said_at": finding.said_at,
        "confidence": finding.confidence(method),
    }
    db["answers"].upsert(row, pk="post_id")


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


def _save_candidate(db: SiteDatabase, post_id: str, finding: Finding, reason: str) -> None:
    """Leave a message to a person, with what it seems to say and why it is not sure."""
    verdict = finding.verdict
    guess: str | None = (verdict.guess or verdict.verdict) if verdict else None
    if verdict and verdict.taxon_id:
        row = db["taxa"].get(verdict.taxon_id)
        guess = display_name(row["common_name"], row["name"])
    db.execute(
        """
        INSERT OR IGNORE INTO answer_candidates
            (post_id, source_url, guess, found_at, reason, confidence)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        [
            *(post_id, finding.url or finding.message.id, guess, finding.found_at),
            *(reason, finding.confidence(None)),
        ],
    )


def is_answered(db: SiteDatabase, post_id: str) -> bool:
    """Return whether the host's answer to a post is known."""
    return bool(db["answers"].count_where("post_id = ?", [post_id]))
