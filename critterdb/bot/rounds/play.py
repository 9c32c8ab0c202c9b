"""What the bot does for hosted rounds: open, collect, close, tell the answer.

Each step starts from rows, and what it posts goes through the outbox, so that a process killed at
any moment leaves nothing to be posted twice, early or never.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from critterdb.bot import platform_state
from critterdb.bot.phrases import load_words
from critterdb.errors import GameError, TimelineError
from critterdb.formatting import where_posted
from critterdb.games import same_handle
from critterdb.storage.database import site_folder
from critterdb.storage.timestamps import parse_time

from . import own_posts
from .collect import collect, forget_deleted, is_due
from .picture import postable_photo, round_picture
from .players import forget_opted_out
from .scores import round_score
from .store import HostedRound, active_rounds, has_rounds, load_round
from .texts import Voice, opening_text, reveal_text

if TYPE_CHECKING:
    from critterdb.bot.round import Round
    from critterdb.platforms.base import ReplyPicture, SendResult

# X shows own posts up to a minute late.
SHOWN_WITHIN = timedelta(minutes=4)
DELETED = "its post was deleted"
MISSED = "the bot did not run while the round was to be open"
POSTED = ("sending", "unknown", "sent")
DONE: dict[own_posts.Kind, str] = {
    "opening": "opened",
    "reveal": "revealed",
    "correction": "corrected",
    "cancellation": "cancelled",
}


def play_hosted_rounds(round_: Round) -> None:
    """Do for the hosted rounds of a game and platform what is due now."""
    db, platform = round_.db, round_.platform
    if not has_rounds(db, platform):
        return
    # Without this look, what is in doubt might be posted a second time.
    if round_.ask(lambda: own_posts.reconcile(round_)) is None:
        return
    for hosted in active_rounds(db, round_.game.slug, platform):
        if round_.stopping():
            return
        if _is_on_own_account(round_, hosted):
            _advance(round_, hosted)
    _post_notices(round_)
    if not round_.stopping():
        forget_deleted(round_)
    forget_opted_out(db, platform)


def _is_on_own_account(round_: Round, hosted: HostedRound) -> bool:
    """Return whether the bot is signed in as the round's host; report it if the round is due."""
    own, wanted = round_.timeline.handle(), round_.timeline.full_handle(hosted.host)
    if same_handle(own, wanted):
        return True
    if hosted.opens_by(round_.now()):
        round_.report.failures.append(
            f"Round {hosted.id} is to be posted by @{hosted.host} "
            f"{where_posted(hosted.platform)}, and the bot is signed in as @{own}. "
            "Sign in as the host, or cancel the round"
        )
    return False


def _advance(round_: Round, hosted: HostedRound) -> None:
    """Take a round as far as it can go now."""
    now = round_.now()
    if hosted.state == "planned" and hosted.opens_by(now):
        _open(round_, hosted)
        hosted = load_round(round_.db, hosted.id)
    if hosted.state == "open" and is_due(hosted, now):
        if hosted.closes_by(now) and _is_deleted(round_, hosted):
            _give_up(round_, hosted, DELETED)
        else:
            collect(round_, hosted)
        hosted = load_round(round_.db, hosted.id)
        if hosted.state == "closed":
            round_.report.rounds["closed"] += 1
    if hosted.state == "closed":
        _reveal(round_, hosted)


def _open(round_: Round, hosted: HostedRound) -> None:
    db, now = round_.db, round_.now()
    key = own_posts.key_of(hosted.id, "opening")
    row = own_posts.find(db, key)
    if row and row["status"] in POSTED:
        return
    if hosted.closes_by(now):
        # A dry run changes nothing that another run would do.
        if round_.sends:
            _give_up(round_, hosted, MISSED)
        return
    try:
        if hosted.photo_id is not None:
            postable_photo(db, hosted.photo_id)
    except GameError as error:
        if round_.sends:
            _give_up(round_, hosted, str(error))
        return
    if row is None:
        text = opening_text(_voice(round_), round_.game, hosted)
        _plan(round_, hosted, "opening", text)
    _post(round_, hosted, "opening")


def _is_deleted(round_: Round, hosted: HostedRound) -> bool:
    """Return whether the host deleted the post of a round, which is one way to cancel it."""
    post_id = hosted.post_id or ""
    row = own_posts.find(round_.db, own_posts.key_of(hosted.id, "opening"))
    if row is None or round_.now() - parse_time(row["sent_at"]) < SHOWN_WITHIN:
        return False
    existing = round_.ask(lambda: round_.timeline.find_existing([post_id]))
    return existing is not None and post_id not in existing


def _give_up(round_: Round, hosted: HostedRound, why: str) -> None:
    """Cancel a round whose post does not stand."""
    db = round_.db
    with db.atomic():
        own_posts.skip(db, own_posts.key_of(hosted.id, "opening"), "cancelled")
        db["guesses"].delete_where("round_id = ?", [hosted.id])
        db.execute(
            "UPDATE rounds SET state = 'cancelled', note = ? "
            "WHERE id = ? AND state IN ('planned', 'open')",
            [why, hosted.id],
        )
    round_.report.failures.append(f"Round {hosted.id} was cancelled: {why}")


def _reveal(round_: Round, hosted: HostedRound) -> None:
    db, key = round_.db, own_posts.key_of(hosted.id, "reveal")
    row = own_posts.find(db, key)
    if row and row["status"] in POSTED:
        return
    if row is None:
        score = round_score(db, hosted.id)
        text, names = reveal_text(db, _voice(round_), hosted, score)
        _plan(round_, hosted, "reveal", text, names)
    _post(round_, hosted, "reveal")


def _post_notices(round_: Round) -> None:
    """Post the corrections and cancellations that wait, below what they are about."""
    rows = round_.db.query(
        """
        SELECT round_id, kind FROM own_posts
        WHERE platform = ? AND game = ? AND kind IN ('correction', 'cancellation')
            AND status IN ('draft', 'planned') AND in_reply_to IS NOT NULL
        ORDER BY planned_at, key
        """,
        [round_.platform, round_.game.slug],
    )
    for row in list(rows):
        hosted = load_round(round_.db, row["round_id"])
        if _is_on_own_account(round_, hosted):
            _post(round_, hosted, row["kind"])


def _plan(
    round_: Round,
    hosted: HostedRound,
    kind: own_posts.Kind,
    text: str,
    names: list[str] | None = None,
) -> None:
    row = {
        "key": own_posts.key_of(hosted.id, kind),
        "platform": hosted.platform,
        "game": hosted.game,
        "round_id": hosted.id,
        "kind": kind,
        "in_reply_to": None if kind == "opening" else hosted.post_id,
        "text": text,
        "names": json.dumps(names or []),
        "status": "planned" if round_.sends else "draft",
    }
    with round_.db.atomic():
        own_posts.plan(round_.db, row, round_.now())


def _post(round_: Round, hosted: HostedRound, kind: own_posts.Kind) -> None:
    """Post what a round has to say, or show it as a draft."""
    key = own_posts.key_of(hosted.id, kind)
    if not round_.sends:
        row = round_.db["own_posts"].get(key)
        round_.report.round_drafts.append(f"round {hosted.id}, {kind}: {row['text']}")
        return
    standing = platform_state.standing(round_.db, round_.platform)
    if standing.sends_later(round_.now()):
        round_.report.failures.append(
            f"Round {hosted.id}, {kind}: posting resumes at {standing.send_from}"
        )
        return

    def picture() -> ReplyPicture:
        try:
            return round_picture(round_.db, hosted)
        except GameError as error:
            raise TimelineError(str(error)) from error

    result = own_posts.send(round_, key, picture if kind == "opening" else None)
    _report(round_, hosted, kind, result)


def _report(round_: Round, hosted: HostedRound, kind: own_posts.Kind, result: SendResult) -> None:
    if result.status == "sent":
        round_.report.rounds[DONE[kind]] += 1
    elif result.error:
        round_.report.failures.append(f"Round {hosted.id}, {kind}: {result.error}")
    if result.retry_at:
        reason = result.error or "the platform limits the rate of posts"
        platform_state.pause_sending(
            round_.db, round_.platform, result.retry_at, round_.now(), reason
        )
    if result.status == "refused" and kind == "opening":
        _give_up(round_, hosted, f"the platform refused its post: {result.error}")


def _voice(round_: Round) -> Voice:
    words = load_words(round_.game.slug, site_folder(round_.db))
    return Voice(words, round_.timeline.fits)
