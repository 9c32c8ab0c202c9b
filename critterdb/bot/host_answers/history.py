"""The answer that stands for a post, and those before it: each stays as a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase

BY_A_PERSON = "a person"  # such an answer is never replaced by what a host writes


@dataclass(frozen=True)
class Standing:
    """What is known of a post's answer: its row, if one stands, and what was read last.

    `read_until` is when the host wrote the last message that gave, corrected or took back an
    answer, and `read_urls` are the addresses of those messages.
    """

    answer: Row | None
    read_until: str
    read_urls: frozenset[str]

    @classmethod
    def of(cls, db: SiteDatabase, post_id: str) -> Standing:
        """Read what is known of a post's answer."""
        answer = next(db["answers"].rows_where("post_id = ?", [post_id]), None)
        earlier = list(db["superseded_answers"].rows_where("post_id = ?", [post_id]))
        times = [row["corrected_at"] or "" for row in earlier]
        urls = {url for row in earlier for url in (row["source_url"], row["corrected_url"]) if url}
        if answer:
            # Rows from before it was stored when the host said it have only when it was found.
            times.append(answer["said_at"] or answer["found_at"])
            urls |= {answer["source_url"]} - {None}
        return cls(answer, max(times, default=""), frozenset(urls))

    def has_read(self, posted_at: str, source: str) -> bool:
        """Whether a message has had its say: it is an earlier one, or was corrected since.

        The message that the answer comes from is read again, because its author may edit it.
        """
        if self.is_from(source):
            return False
        return posted_at < self.read_until or source in self.read_urls

    def is_from(self, source: str | None) -> bool:
        """Whether the answer comes from the message at this address."""
        return (
            source is not None and self.answer is not None and self.answer["source_url"] == source
        )


def supersede(
    db: SiteDatabase,
    answer: Row,
    now: str,
    *,
    corrected_at: str | None = None,
    corrected_url: str | None = None,
) -> None:
    """Keep an answer that is about to be replaced or removed; call it in a transaction."""
    db["superseded_answers"].insert(
        {
            **answer,
            "superseded_at": now,
            "corrected_at": corrected_at,
            "corrected_url": corrected_url,
        }
    )
