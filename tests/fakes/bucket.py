"""A stand-in for the bucket of open data: it counts bytes by second, and is busy when told to."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from critterdb.fakes.server import Request, StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping


class StandInBucket(StandIn):
    """Serves photos by number; each word of `faults` (503, drop, cut) spoils one request."""

    def __init__(self, photos: Mapping[int, bytes]) -> None:
        super().__init__()
        self.photos = dict(photos)
        self.faults: deque[str] = deque()
        self.bytes_by_second: Counter[int] = Counter()

    def handle(self, request: Request) -> None:
        with self.lock:
            fault = self.faults.popleft() if self.faults else ""
        parts = request.path.split("/")
        data = self.photos.get(int(parts[2])) if len(parts) == 4 else None
        if fault == "503":
            request.answer(b"SlowDown", status=503)
        elif fault == "drop":
            request.hang_up()
        elif fault == "cut" and data:
            request.answer(data[: len(data) // 2], kind="image/jpeg", length=len(data))
            request.hang_up()
        elif data is None:
            request.answer(b"AccessDenied", status=403)
        else:
            with self.lock:
                self.bytes_by_second[int(time.monotonic())] += len(data)
            request.answer(data, kind="image/jpeg")
