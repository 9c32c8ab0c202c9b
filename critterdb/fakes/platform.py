"""What the stand-in platforms share: files to serve, and accidents to have."""

from __future__ import annotations

import re
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from .server import Request, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb._types import Json

# Accidents after which the post stands all the same.
FAULTS_AFTER_COMMIT = ("drop_after", "stall_after", "503_after")
# Longer than the deadline of a call (15 s).
STALL_S = 30


class PlatformStandIn(StandIn):
    """A platform with an account for the bot.

    `read_faults` and `post_faults` spoil the next requests, a word each: 401, 402, 408, 429, 500,
    503, html, odd (JSON, but not what was asked for), drop_before (the connection goes and nothing
    was done), drop_after or 503_after (what was posted stands all the same) or stall_after (it
    stands, and no answer comes). `sent` lists what the bot posted; it is shown `delay_s` later.
    """

    def __init__(self, *, page_size: int) -> None:
        super().__init__()
        self.page_size = page_size
        self.files: dict[str, tuple[bytes, str]] = {}
        self.sent: list[Json] = []
        self.read_faults: deque[str] = deque()
        self.post_faults: deque[str] = deque()
        self.delay_s = 0.0
        self.odd_bodies: dict[str, bytes] = {}
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        """The address that the bot is to be given."""
        return self.base

    def stop(self) -> None:
        self.stopped.set()
        super().stop()

    @property
    def writes(self) -> int:
        """How many requests tried to write."""
        with self.lock:
            return sum(not line.startswith("GET ") for line in self.requests)

    def refuse(self, request: Request, status: int) -> None:
        """Answer with an error as this platform words it, a 429 with its limits."""
        raise NotImplementedError

    def add_file(self, data: bytes, name: str | None = None, kind: str = "image/jpeg") -> str:
        """Serve bytes under /media/NAME; the address."""
        name = name or f"{len(self.files) + 1}.jpg"
        self.files[name] = (data, kind)
        return f"{self.base}/media/{name}"

    def add_files(self, pictures: Iterable[bytes | str]) -> list[str]:
        """The addresses of pictures; those that are bytes are served from here."""
        return [
            picture if isinstance(picture, str) else self.add_file(picture) for picture in pictures
        ]

    def serve_prepared(self, request: Request) -> bool:
        """Answer a request for a file, or for what has a body in `odd_bodies`; whether it was one.

        The keys of `odd_bodies` are regular expressions of `METHOD PATH`.
        """
        for pattern, body in self.odd_bodies.items():
            if re.fullmatch(pattern, f"{request.method} {request.path}"):
                request.answer(body)
                return True
        if not request.path.startswith("/media/"):
            return False
        data, kind = self.files.get(request.path.removeprefix("/media/"), (b"", "text/plain"))
        request.answer(data, kind=kind, status=200 if data else 404)
        return True

    def next_fault(self, faults: deque[str]) -> str:
        """The next accident; nothing if there is none."""
        with self.lock:
            return faults.popleft() if faults else ""

    def spoil(self, request: Request, fault: str) -> bool:
        """Let an accident happen to a request; whether there was one."""
        if fault[:3].isdigit():
            self.refuse(request, int(fault[:3]))
        elif fault == "html":
            request.answer(b"<html><body>Over capacity</body></html>", kind="text/html")
        elif fault == "odd":
            request.answer_json({"notifications": {"a": 1}, "feed": "x", "posts": 5})
        elif fault == "stall_after":
            self.stopped.wait(STALL_S)
        elif fault.startswith("drop"):
            request.hang_up()
        return bool(fault)


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """What an address asks for, with names that come more than once."""
    return parse_qsl(urlsplit(request.target).query)


def iso_time(moment: datetime) -> str:
    """A time as Mastodon and Bluesky write it."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
