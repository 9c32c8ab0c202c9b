"""Logins of the stand-in Bluesky: tokens that run out, and only so many logins."""

from __future__ import annotations

import secrets
import threading
import time

PASSWORD = "standin-app-password"
LOGINS = ((300, 30), (86_400, 300))  # seconds, logins


class Logins:
    """The tokens of one account; `times` are those of its logins."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self._lock = threading.Lock()

    def are_too_many(self) -> bool:
        """Count one more login; whether that is over the limits."""
        now = time.time()
        with self._lock:
            self.times.append(now)
            return any(
                sum(t > now - seconds for t in self.times) > most for seconds, most in LOGINS
            )

    def take(self, refresh: str) -> bool:
        """Use up a refresh token; whether it was good."""
        with self._lock:
            is_known = refresh in self.refresh
            self.refresh.discard(refresh)
            return is_known

    def give(self) -> dict[str, str]:
        """New tokens, by the names that a session gives them."""
        access, refresh = (f"standin-{kind}-{secrets.token_hex(8)}" for kind in ("access", "again"))
        with self._lock:
            self.access.add(access)
            self.refresh.add(refresh)
        return {"accessJwt": access, "refreshJwt": refresh}

    def expire(self, *, refresh: bool) -> None:
        """Let the access tokens run out; with `refresh` the others too."""
        with self._lock:
            self.access.clear()
            if refresh:
                self.refresh.clear()

    def secrets(self) -> set[str]:
        """Whatever must stand in no log, row or error."""
        with self._lock:
            return {PASSWORD, *self.access, *self.refresh}
