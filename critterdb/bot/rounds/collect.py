"""Read what people answered to a round's post, and keep each account's last guess.

Everything is read again each time and replaces the earlier rows: what was deleted is gone
from them, and of messages nothing is kept but a guess.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from critterdb.bot.accounts import Account, known_bots, opted_out
from critterdb.bot.isolation import isolated
from critterdb.bot.posts import is_stop, note_opt_outs
from critterdb.bot.reading.guesses import read_guess
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.games import find_host, fold_handle, same_handle
from critterdb.storage.cursors import read_marks, write_mark
from critterdb.storage.timestamps import parse_time, utc_text

from .players import asks_to_be_counted, follow_handle, is_counted_by_name, opt_in, without_wish
from .scores import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.bot.reading.guesses import Reading
    from critterdb.bot.round import Round
    from critterdb.platforms.base import Post
    from critterdb.storage.database import SiteDatabase

    from .store import HostedRound

COLLECT_EVERY = timedelta(hours=1)  # while a round is open, for those who look at its page
# X charges half a cent for each post that is read, and a look reads the whole thread.
CHARGES_FOR_READING = ("x",)  # there only once, when the round has closed
# X asks that copies follow deletions, and charges for each look.
DELETIONS_EVERY = timedelta(hours=20)
DELETIONS_LOOK_BACK = timedelta(days=8)
MAX_MESSAGES_PER_LOOK = 200


def is_due(hosted: HostedRound, now: datetime) -> bool:
    """Return whether the guesses of an open round are to be read now."""
    if hosted.closes_by(now):
        return True
    if hosted.platform in CHARGES_FOR_READING:
        return False
    return hosted.collected_at is None or (
        not timedelta(0) <= now - parse_time(hosted.collected_at) < COLLECT_EVERY
    )


def collect(round_: Round, hosted: HostedRound) -> bool:
    """Replace a round's guesses by what stands below its post; close it if it is time.

    Returns false if the platform could not be read.
    """
    # Before the request: what is written while it is answered is later than the closing time.
    now = round_.now()
    post_id = hosted.post_id or ""
    messages = round_.ask(lambda: round_.timeline.own_posts.read_answers(post_id))
    if messages is None:
        return False
    db, errors = round_.db, Counter[str]()
    with db.atomic():
        bots = known_bots(db, hosted.platform)
        players = [post for post in _latest(messages.posts) if _is_player(round_, post, bots)]
        for post in players:
            with isolated(errors), db.atomic():
                _note_wishes(db, hosted.platform, post, now)
        guesses = _last_guesses(round_, hosted, players, errors)
        # To follow single messages, their ids would have to be kept, which lead to their authors.
        # docs/decisions.md#guesses-are-read-again-and-replace-the-earlier-rows
        db["guesses"].delete_where("round_id = ?", [hosted.id])
        db["guesses"].insert_all(_rows(round_, hosted, guesses))
        changes = {"collected_at": utc_text(now), "messages": len(messages.posts)}
        closes = hosted.state == "open" and hosted.closes_by(now)
        state = {"state": "closed"} if closes else {}
        db["rounds"].update(hosted.id, {**changes, **state})
    round_.report.name_errors("Guesses that could not be read", errors)
    return True


def _latest(posts: Iterable[Post]) -> list[Post]:
    """Return the posts without earlier versions of one that was edited."""
    # On X each edit is a post of its own, and all have the first one's id here.
    ordered = sorted(posts, key=lambda post: post.edited_at or post.posted_at)
    return list({post.id: post for post in ordered}.values())


def _is_player(round_: Round, post: Post, bots: Mapping[str, bool]) -> bool:
    """Return whether a message is by somebody who may guess: not a bot, not a host."""
    return not (
        same_handle(post.author, round_.timeline.handle())
        or find_host(round_.game, round_.platform, post.author, post.author_id)
        or bots.get(fold_handle(post.author), post.by_bot)
        or post.is_repost
        or post.is_private
    )


def _note_wishes(db: SiteDatabase, platform: str, post: Post, now: datetime) -> None:
    """Note who wants to be left alone, and who wants to be named."""
    follow_handle(db, platform, post)
    note_opt_outs(db, platform, post, now)
    is_left_alone = opted_out(db, platform, post.author, post.author_id)
    if not is_left_alone and asks_to_be_counted(post.text):
        opt_in(db, platform, post, now)


def _last_guesses(
    round_: Round, hosted: HostedRound, posts: Iterable[Post], errors: Counter[str]
) -> list[tuple[Post, Reading]]:
    """Return each account's last guess that was written, and last edited, in time."""
    db, platform = round_.db, hosted.platform
    vocabulary = load_vocabulary(db, round_.game)
    last: dict[str, tuple[Post, Reading]] = {}
    authors = {post.id: _account(platform, post).key for post in posts}
    for post in sorted(posts, key=lambda post: (post.posted_at, len(post.id), post.id)):
        account = _account(platform, post)
        # A reply to somebody else is a word to that person.
        answers_host = post.in_reply_to == hosted.post_id
        continues = authors.get(post.in_reply_to or "") == account.key
        is_late = max(post.posted_at, post.edited_at or "") > hosted.closes_at
        if is_late or is_stop(post) or not (answers_host or continues):
            continue
        if opted_out(db, platform, post.author, post.author_id):
            continue
        with isolated(errors):
            guess = read_guess(without_wish(post.text), round_.game, vocabulary)
            if guess.verdict:
                last[account.key] = (post, guess)
    return list(last.values())


def _account(platform: str, post: Post) -> Account:
    return Account(platform, post.author, post.author_id)


def _rows(
    round_: Round, hosted: HostedRound, guesses: Iterable[tuple[Post, Reading]]
) -> list[Json]:
    db = round_.db
    judge = Judge.load(db, round_.game, hosted.answer_taxon_id)
    rows = [
        _row(hosted, post, guess, judge, named=is_counted_by_name(db, hosted.platform, post))
        for post, guess in guesses
    ]
    # In the order of the guesses, so that of two in one second the first has the lower number.
    return sorted(rows, key=lambda row: str(row["made_at"]))


def _row(hosted: HostedRound, post: Post, guess: Reading, judge: Judge, *, named: bool) -> Json:
    return {
        "round_id": hosted.id,
        # Whoever guesses has not asked to be in a database that anybody can query.
        # docs/decisions.md#players-are-counted-without-a-name-unless-they-ask
        "player": post.author if named else None,
        "taxon_id": guess.taxon_id,
        "verdict": guess.verdict,
        # With the second, a guess without a name could be found below the post.
        "made_at": post.posted_at if named else f"{post.posted_at[:13]}:00:00Z",
        "right": judge.judge(guess),
        "message_id": post.id if named else None,
    }


def forget_deleted(round_: Round) -> None:
    """Ask once a day which messages of named players still exist; take the names of the others."""
    db, platform, now = round_.db, round_.platform, round_.now()
    name = f"{platform}:guess-deletions"
    looked_at = read_marks(db, name).get(name)
    if looked_at and timedelta(0) <= now - parse_time(looked_at) < DELETIONS_EVERY:
        return
    rows = db.query(
        """
        SELECT guesses.message_id FROM guesses JOIN rounds ON rounds.id = guesses.round_id
        WHERE rounds.platform = ? AND rounds.state = 'revealed' AND rounds.closes_at > ?
            AND guesses.message_id IS NOT NULL
        ORDER BY guesses.made_at DESC LIMIT ?
        """,
        [platform, utc_text(now - DELETIONS_LOOK_BACK), MAX_MESSAGES_PER_LOOK],
    )
    wanted = [row["message_id"] for row in rows]
    existing = round_.ask(lambda: round_.timeline.find_existing(wanted)) if wanted else set()
    if existing is None:
        return
    with db.atomic():
        for message_id in set(wanted) - existing:
            db.execute(
                "UPDATE guesses SET player = NULL, message_id = NULL, "
                "made_at = substr(made_at, 1, 13) || ':00:00Z' WHERE message_id = ?",
                [message_id],
            )
        write_mark(db, name, utc_text(now), utc_text(now))
