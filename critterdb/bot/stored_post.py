"""A post as its row holds it: never its words, only where it is and whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .accounts import Account, opted_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.storage.database import SiteDatabase

COLUMNS = (
    "id",
    "platform",
    "game",
    "author",
    "author_id",
    "posted_at",
    "seen_at",
    "summoned",
    "deleted_at",
    "photos_post_id",
    "photos_author",
    "photos_author_id",
    "photos_deleted_at",
    "tries",
)


@dataclass(frozen=True)
class StoredPost:
    """A row of `posts`; times are UTC ISO 8601 ending in Z.

    The `photos_*` fields are None where the photos are the post's own. `tries` counts the rounds
    in which its photos could not be fetched.
    """

    id: str
    platform: str
    game: str
    author: str
    author_id: str | None
    posted_at: str
    seen_at: str
    summoned: bool
    deleted_at: str | None
    photos_post_id: str | None
    photos_author: str | None
    photos_author_id: str | None
    photos_deleted_at: str | None
    tries: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StoredPost:
        """Make a post from a row that has at least COLUMNS."""
        values = {name: row[name] for name in COLUMNS}
        return cls(**{**values, "summoned": bool(row["summoned"])})

    @property
    def account(self) -> Account:
        return Account(self.platform, self.author, self.author_id)

    @property
    def is_gone(self) -> bool:
        """Whether the post was deleted, or the other post whose photos it asks about."""
        return self.deleted_at is not None or self.photos_deleted_at is not None

    def is_opted_out(self, db: SiteDatabase) -> bool:
        """Whether its author opted out, or the person whose photos it asks about."""
        return opted_out(db, self.platform, self.author, self.author_id) or (
            self.photos_author is not None
            and opted_out(db, self.platform, self.photos_author, self.photos_author_id)
        )


def columns_of(table: str = "posts") -> str:
    """Return the columns of a post for a SELECT that joins other tables."""
    return ", ".join(f"{table}.{name}" for name in COLUMNS)
