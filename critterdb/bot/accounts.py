"""Accounts on platforms: who wants to be left alone, and which ones a person knows to be bots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from critterdb.errors import GameError
from critterdb.games import HANDLE, PLATFORMS, fold_handle, get_game, same_handle
from critterdb.storage.timestamps import utc_now, utc_text

from .rounds.players import forget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.storage.database import SiteDatabase

OPTED_OUT: Final = "opted_out"
BY_A_PERSON = "a person said so"

Treatment = Literal["left alone", "a bot", "a person"]


@dataclass(frozen=True)
class Account:
    """An account on a platform: its handle, and the platform's id of it where that is known.

    The id stays the same when the handle changes.
    """

    platform: str
    handle: str
    id: str | None = None

    @property
    def key(self) -> str:
        """What tells the account from others of its platform, as far as is known."""
        return self.id or fold_handle(self.handle)


@dataclass(frozen=True)
class KnownAccount:
    """What is known of an account, and since when (UTC)."""

    platform: str
    author: str
    treated_as: Treatment
    why: str | None
    at: str


def opted_out(db: SiteDatabase, platform: str, author: str, author_id: str | None = None) -> bool:
    """Return whether an account opted out, under this handle or under any other."""
    row = db.execute(
        """
        SELECT 1 FROM opt_outs
        WHERE platform = ? AND (lower(author) = ? OR author_id = ?)
        """,
        [platform, fold_handle(author), author_id],
    ).fetchone()
    return row is not None


def opt_out(db: SiteDatabase, account: Account, why: str, now: datetime) -> None:
    """Leave an account alone permanently, and forget it as a player of rounds.

    The first reason stays on record.
    """
    row = {"platform": account.platform, "author": account.handle, "at": utc_text(now), "why": why}
    with db.atomic():
        forget(db, account.platform, account.handle, account.id)
        if not _is_handle_on_record(db, account):
            db["opt_outs"].insert(row | {"author_id": account.id}, ignore=True)
        elif account.id:
            # Somebody left alone by hand, before any post of theirs gave the id.
            db.execute(
                """
                UPDATE opt_outs SET author_id = ?
                WHERE platform = ? AND lower(author) = ? AND author_id IS NULL
                """,
                [account.id, account.platform, fold_handle(account.handle)],
            )


def why_opted_out(db: SiteDatabase, account: Account) -> str | None:
    """Return the recorded reason of an account that opted out under any handle, else None."""
    row = db.execute(
        """
        SELECT coalesce(why, '') FROM opt_outs
        WHERE platform = ? AND (lower(author) = ? OR author_id = ?)
        """,
        [account.platform, fold_handle(account.handle), account.id],
    ).fetchone()
    return None if row is None else str(row[0])


def known_bots(db: SiteDatabase, platform: str) -> Mapping[str, bool]:
    """Return whether an account is a bot, by folded handle, for the accounts a person judged."""
    # In doubt an account counts as a person's, so what people know better is stored.
    rows = db["accounts"].rows_where("platform = ?", [platform])
    return {fold_handle(row["author"]): bool(row["is_bot"]) for row in rows}


def note_account(db: SiteDatabase, name: str, *, is_bot: bool) -> str:
    """Record whether PLATFORM:HANDLE is a bot, whatever its profile says; return its name.

    Raises GameError if that is not an account.
    """
    account = parse_account(name)
    row = {"platform": account.platform, "author": account.handle, "is_bot": is_bot}
    with db.atomic():
        db["accounts"].upsert(row | {"noted_at": utc_now()}, pk=("platform", "author"))
    return f"{account.platform}:{account.handle}"


def leave_alone(db: SiteDatabase, name: str) -> str:
    """Opt PLATFORM:HANDLE out as if it had said stop; return its name.

    Raises GameError if that is not an account.
    """
    account = parse_account(name)
    account_id = _id_on_record(db, account)
    opt_out(
        db, Account(account.platform, account.handle, account_id), BY_A_PERSON, datetime.now(UTC)
    )
    return f"{account.platform}:{account.handle}"


def list_accounts(db: SiteDatabase) -> list[KnownAccount]:
    """List who opted out and how, and which accounts a person judged to be bots or people."""
    rows = db.query(
        """
        SELECT platform, author, 'left alone' AS treated_as, why, at FROM opt_outs
        UNION ALL
        SELECT platform, author, iif(is_bot, 'a bot', 'a person'), ?, noted_at FROM accounts
        ORDER BY platform, author
        """,
        [BY_A_PERSON],
    )
    return [KnownAccount(**row) for row in rows]


def parse_account(text: str) -> Account:
    """Parse PLATFORM:HANDLE, on Mastodon with the server. Raises GameError."""
    platform, _, handle = text.strip().partition(":")
    if platform not in PLATFORMS or not HANDLE.fullmatch(handle):
        known = ", ".join(PLATFORMS)
        raise GameError(
            f"{text} is not an account. Write PLATFORM:HANDLE; the platforms are {known}"
        )
    # Without its domain, a handle means another person on another server.
    if platform == "mastodon" and "@" not in handle.removeprefix("@"):
        raise GameError(f"{text} does not name its server. Write {text}@its.server")
    return Account(platform, handle.removeprefix("@"))


def _is_handle_on_record(db: SiteDatabase, account: Account) -> bool:
    row = db.execute(
        "SELECT 1 FROM opt_outs WHERE platform = ? AND lower(author) = ?",
        [account.platform, fold_handle(account.handle)],
    ).fetchone()
    return row is not None


def _id_on_record(db: SiteDatabase, account: Account) -> str | None:
    """Return the account's id from the newest post with its handle, or from a game's hosts."""
    row = db.execute(
        """
        SELECT id FROM (
            SELECT author AS handle, author_id AS id, platform, seen_at FROM posts
            UNION ALL
            SELECT photos_author, photos_author_id, platform, seen_at FROM posts
        )
        WHERE platform = ? AND lower(handle) = ? AND id IS NOT NULL
        ORDER BY seen_at DESC LIMIT 1
        """,
        [account.platform, fold_handle(account.handle)],
    ).fetchone()
    if row is not None:
        return str(row[0])
    for slug in [game["slug"] for game in db["games"].rows]:
        for host in get_game(db, slug).hosts:
            if host.platform == account.platform and same_handle(host.handle, account.handle):
                return host.account_id
    return None
