"""A login session that is kept: Bluesky allows 30 logins in 5 minutes and 300 a day.

It is stored in a file that only its owner can read, in the user's state folder and never beside the
database, because sites are copied and published. Without such a file, each process logs in itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.errors import RateLimitedError
from critterdb.games import fold_handle
from critterdb.platforms.sources import UnreadableResponseError
from critterdb.storage.atomic_files import OWNER_ONLY, write_atomically

if TYPE_CHECKING:
    from critterdb._types import Json

# A bot that cron starts every minute could use up the account's logins, and lock its owner out.
LOGINS_PER_5_MINUTES, LOGINS_PER_DAY = 10, 100  # a third of what Bluesky allows
FIVE_MINUTES_S, DAY_S = 300.0, 86_400.0

_KEPT = ("did", "handle", "accessJwt", "refreshJwt")


class Session:
    """Tokens of one account on one server, and when it logged in."""

    def __init__(self, address: str, handle: str) -> None:
        digest = hashlib.sha256(f"{address} {fold_handle(handle)}".encode()).hexdigest()[:16]
        self.path = state_folder() / f"bluesky-{digest}.json"
        kept = self._read()
        tokens, logins = kept.get("tokens"), kept.get("logins")
        self.tokens: Json | None = tokens if _is_whole(tokens) else None
        self._logins = [t for t in logins or () if isinstance(t, float)]

    def keep(self, body: Json) -> Json:
        """Store the tokens of a login's response, and return them.

        Raises UnreadableResponseError if it has none.
        """
        if not _is_whole(body):
            raise UnreadableResponseError("Bluesky")
        self.tokens = {name: body[name] for name in _KEPT if name in body}
        self._write()
        return self.tokens

    def forget(self) -> None:
        """Drop the tokens, which the server no longer accepts."""
        self.tokens = None
        self._write()

    def spend_login(self) -> None:
        """Count one login. Raises RateLimitedError if it would be too many."""
        now = time.time()
        self._logins = [login for login in self._logins if now - DAY_S < login <= now]
        recent = [login for login in self._logins if login > now - FIVE_MINUTES_S]
        free_at = 0.0
        if len(self._logins) >= LOGINS_PER_DAY:
            free_at = self._logins[-LOGINS_PER_DAY] + DAY_S
        elif len(recent) >= LOGINS_PER_5_MINUTES:
            free_at = recent[-LOGINS_PER_5_MINUTES] + FIVE_MINUTES_S
        if free_at:
            raise RateLimitedError(
                "critterdb logged in to Bluesky too often, and waits before the next login. "
                "Check that the folder of its session file is writable",
                datetime.fromtimestamp(free_at, UTC),
            )
        self._logins.append(now)
        self._write()

    def _read(self) -> Json:
        try:
            if self.path.stat().st_mode & 0o077:
                return {}
            kept = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self) -> None:
        """Whole or not at all, and for its owner only."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            session = json.dumps({"tokens": self.tokens, "logins": self._logins})
            # docs/decisions.md#the-bluesky-session-is-outside-the-site
            write_atomically(self.path, session.encode(), mode=OWNER_ONLY)


def _is_whole(tokens: object) -> bool:
    if not isinstance(tokens, dict):
        return False
    return all(isinstance(tokens.get(name), str) for name in _KEPT)


def state_folder() -> Path:
    """The folder in which this user's programs keep what should outlive them."""
    of_service = os.environ.get("STATE_DIRECTORY")  # set by systemd, several with colons
    if of_service:
        return Path(of_service.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "critterdb"
