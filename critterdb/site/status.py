"""Summarize what a site holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict, cast

from critterdb.bot.calendar.catalogue import load_catalogue
from critterdb.bot.platform_state import PlatformStatus, standings
from critterdb.storage.database import (
    SiteDatabase,
    has_wal_bug,
    site_folder,
    sqlite3,
)


class LastSync(TypedDict):
    """The newest row of `syncs`."""

    game: str
    started_at: str
    finished_at: str | None
    error: str | None


class SiteStatus(TypedDict):
    """How a site is; `critterdb status --json` prints it. `games` maps slugs to model ids.

    `catalogue` says what cannot be used of the site's catalogue.toml.
    """

    database: str
    rows: dict[str, int]
    games: dict[str, str | None]
    sqlite: str
    last_sync: LastSync | None
    outbox: dict[str, int]
    bot: dict[str, PlatformStatus]
    catalogue: list[str]


def site_status(db: SiteDatabase) -> SiteStatus:
    """What the database holds, by table; the SQLite in use; the last sync; the outbox by status."""
    tables = ("observations", "photos", "models", "predictions", "posts", "replies")
    last_sync = next(
        db.query("SELECT game, started_at, finished_at, error FROM syncs ORDER BY id DESC LIMIT 1"),
        None,
    )
    version = sqlite3.sqlite_version
    return {
        "database": db.conn.execute("PRAGMA database_list").fetchone()[2],
        "rows": {name: db[name].count for name in tables},
        "games": {
            row["slug"]: row["model_id"]
            for row in db.query("SELECT slug, model_id FROM games ORDER BY slug")
        },
        "sqlite": f"{version}{' (can corrupt a WAL: upgrade it)' if has_wal_bug(version) else ''}",
        "last_sync": cast("LastSync | None", last_sync),
        "outbox": {
            row["status"]: row["number"]
            for row in db.query(
                "SELECT status, count(*) AS number FROM replies GROUP BY status ORDER BY status"
            )
        },
        "bot": standings(db, datetime.now(UTC)),
        "catalogue": list(load_catalogue(site_folder(db)).problems),
    }


def next_command(db: SiteDatabase) -> str:
    """Return the command that a site's owner would run next, as far as its rows tell."""
    if any(db.query("SELECT 1 FROM games WHERE model_id IS NOT NULL LIMIT 1")):
        return "critterdb serve"
    if any(db.query("SELECT 1 FROM photos LIMIT 1")):
        return "critterdb train"
    return "critterdb sync cougarornot"
