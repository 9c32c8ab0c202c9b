"""Accounts on platforms: who wants to be left alone, and which ones a person knows to be bots."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from critterdb.errors import GameError
from critterdb.games import HANDLE, PLATFORMS
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now, utc_text

OPTED_OUT = "opted_out"
BY_A_PERSON = "a person said so"


def opted_out(db: SiteDatabase, platform: str, author: str) -> bool:
    """Whether somebody wants nothing to do with the bot."""
    found = db.execute(
        "SELECT 1 FROM opt_outs WHERE platform = ? AND lower(author) = lower(?)",
        [platform, author],
    )
    return found.fetchone() is not None


def opt_out(
    db: SiteDatabase,
    platform: str,
    author: str,
    why: str,
    now: datetime,
    *,
    author_id: str | None = None,
) -> None:
    """Leave somebody alone for good; the first reason stays on record."""
    if opted_out(db, platform, author):
        return
    row = {"platform": platform, "author": author, "at": utc_text(now), "why": why}
    with db.atomic():
        db["opt_outs"].insert(row | {"author_id": author_id}, ignore=True)


def opted_out_before(db: SiteDatabase, platform: str, author_id: str | None) -> str | None:
    """Why, where the same account opted out under any handle."""
    for row in db["opt_outs"].rows_where(
        "platform = ? AND author_id = ?", [platform, author_id], limit=1
    ):
        return str(row["why"])
    return None


def known_bots(db: SiteDatabase, platform: str) -> Mapping[str, bool]:
    """What a person said: by small handle, whether the account is a bot's."""
    rows = db["accounts"].rows_where("platform = ?", [platform])
    return {row["author"].lower(): bool(row["is_bot"]) for row in rows}


def note_account(db: SiteDatabase, account: str, *, is_bot: bool) -> str:
    """Write down whether PLATFORM:HANDLE is a bot's account, whatever its profile says; its handle.

    Raises GameError where that is no account.
    """
    platform, author = parse_account(account)
    row = {"platform": platform, "author": author, "is_bot": is_bot, "noted_at": utc_now()}
    with db.atomic():
        db["accounts"].upsert(row, pk=("platform", "author"))
    return f"{platform}:{author}"


def leave_alone(db: SiteDatabase, account: str) -> str:
    """Opt PLATFORM:HANDLE out, as if it had said stop; its handle. Raises GameError."""
    platform, author = parse_account(account)
    opt_out(db, platform, author, BY_A_PERSON, datetime.now(UTC))
    return f"{platform}:{author}"


def list_accounts(db: SiteDatabase) -> list[dict[str, Any]]:
    """All that is known of accounts: who opted out and how, and who a person said is a bot."""
    return list(
        db.query(
            """
            SELECT platform, author, 'left alone' AS treated_as, why, at FROM opt_outs
            UNION ALL
            SELECT platform, author, iif(is_bot, 'a bot', 'a person'), ?, noted_at FROM accounts
            ORDER BY platform, author
            """,
            [BY_A_PERSON],
        )
    )


def parse_account(text: str) -> tuple[str, str]:
    """Platform and handle out of PLATFORM:HANDLE; on Mastodon with the server. Raises GameError."""
    platform, _, handle = text.strip().partition(":")
    if platform not in PLATFORMS or not HANDLE.fullmatch(handle):
        known = ", ".join(PLATFORMS)
        raise GameError(f"{text} is no account. Write PLATFORM:HANDLE, with one of {known}")
    if platform == "mastodon" and "@" not in handle.removeprefix("@"):
        raise GameError(f"{text} has no server. Write {text}@its.server")
    return platform, handle.removeprefix("@")
