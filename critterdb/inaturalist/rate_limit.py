"""The pace at which a host is asked, counted in the database's ledger.

The counts live in rows, not in the process: ten short runs, or two at once, obey like one long one.
The limits are those that iNaturalist asks for (100 requests a minute are refused, 60 are asked for,
and people see refusals at exactly 60; over 5 GB of media an hour may mean a lasting block).
"""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from critterdb._version import __version__
from critterdb.errors import SourceError
from critterdb.storage.timestamps import microsecond_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.storage.database import SiteDatabase

# 60 are asked for, and people see refusals at exactly 60.
REQUESTS_PER_MINUTE = 55
REQUESTS_PER_DAY = 10_000
BYTES_PER_HOUR = 5_000_000_000
# iNaturalist asks for at most 24 GB of media a day and 5 GB an hour.
BYTES_PER_DAY = 24_000_000_000
MAX_WAITS = 900  # looks at the ledger before other runs are said to be in the way
# A request reaches the server some time after it was counted, so the minute is taken longer here.
MINUTE = timedelta(seconds=61)

INATURALIST_HOSTS = ("inaturalist.org", "inaturalist-open-data.s3.amazonaws.com")


class Pace:
    """Permission to ask `host`: each request and each byte is a row of `ledger`."""

    def __init__(
        self,
        db: SiteDatabase,
        host: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.db = db
        self.host = host
        self.per_minute = requests_per_minute(host)
        self.requests = 0
        self._sleep = sleep
        self._now = now

    def take_request(self) -> None:
        """Wait until one more request is in order, and count it before it is made.

        Raises SourceError where the day's requests are used up.
        """
        for _ in range(MAX_WAITS):
            wait_s = self._try_request()
            if not wait_s:
                self.requests += 1
                return
            self._sleep(wait_s)
        raise SourceError(
            f"{self.host} is in use by other runs. Wait for them to end and try again"
        )

    def _try_request(self) -> float:
        now = self._now()
        with self.db.atomic():
            if self._sum("requests", now - timedelta(days=1)) >= REQUESTS_PER_DAY:
                raise SourceError(
                    f"The limit of {REQUESTS_PER_DAY:,} requests a day to {self.host} is reached. "
                    "Run the same command again tomorrow: it continues where it stopped"
                )
            # In one transaction with the row below: two processes never take the same last request.
            recent = self._sum("requests", now - MINUTE)
            if recent >= self.per_minute:
                # Jitter, so that two waiting processes do not ask at the same instant.
                return 60 / self.per_minute + random.uniform(0, 0.05)
            self._write(now, requests=1)
        return 0

    def check_bytes(self, ahead: int = 0) -> None:
        """Raise SourceError where the hour or the day has no room for `ahead` bytes more."""
        now = self._now()
        for hours, limit in ((1, BYTES_PER_HOUR), (24, BYTES_PER_DAY)):
            if self._sum("bytes", now - timedelta(hours=hours)) + ahead >= limit:
                raise SourceError(
                    f"iNaturalist's limit of {limit / 1e9:.0f} GB of photos in {hours} h is "
                    "reached. Run the same command again later: it continues where it stopped"
                )

    def count_bytes(self, number: int) -> None:
        """Count bytes that came in, wanted or not."""
        with self.db.atomic():
            self._write(self._now(), bytes=number)

    def _sum(self, column: str, since: datetime) -> int:
        row = self.db.conn.execute(
            f"SELECT coalesce(sum({column}), 0) FROM ledger WHERE host = ? AND at > ?",
            [self.host, microsecond_text(since)],
        ).fetchone()
        return int(row[0])

    def _write(self, now: datetime, requests: int = 0, bytes: int = 0) -> None:
        self.db.conn.execute(
            "INSERT INTO ledger (host, at, requests, bytes) VALUES (?, ?, ?, ?)",
            [self.host, microsecond_text(now), requests, bytes],
        )


def requests_per_minute(host: str) -> int:
    """The pace for a host: CRITTERDB_REQUESTS_PER_MINUTE, but never above 55 for iNaturalist's own.

    Raises SourceError if the setting is not a number.
    """
    asked = os.environ.get("CRITTERDB_REQUESTS_PER_MINUTE", str(REQUESTS_PER_MINUTE))
    if not (asked.isascii() and asked.isdigit()) or not int(asked):
        raise SourceError(
            f"CRITTERDB_REQUESTS_PER_MINUTE is {asked!r}. Set it to a number such as 30"
        )
    return min(int(asked), REQUESTS_PER_MINUTE) if is_inaturalist(host) else int(asked)


def user_agent() -> str:
    """Who is asking: program, version, and the contact that iNaturalist asks for.

    Raises SourceError if the contact does not fit into a header.
    """
    contact = os.environ.get("CRITTERDB_CONTACT", "").strip()
    if not (contact.isascii() and contact.isprintable()):
        raise SourceError(
            "CRITTERDB_CONTACT cannot be sent. Set it to a plain e-mail or web address"
        )
    return f"critterdb/{__version__}" + (f" ({contact})" if contact else "")


def is_inaturalist(host: str) -> bool:
    """Whether a host name is one of iNaturalist's own."""
    return any(host == name or host.endswith("." + name) for name in INATURALIST_HOSTS)
