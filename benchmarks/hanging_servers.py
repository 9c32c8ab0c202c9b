"""A platform whose server hangs: how long does each call of the bot take until it ends?

    python -m benchmarks.hanging_servers

A server on loopback takes the connection and says nothing, or drips a status line, a header or a
body, a byte every tenth of a second. Each method of each platform's timeline is called against
each of them, with a fresh timeline, all at once. Exit status 1 where a call took over 20 s.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from critterdb.errors import TimelineError
from critterdb.games import Game, Host
from critterdb.platforms.base import Envelope
from critterdb.platforms.registry import open_timeline

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 20.0
DRIPS = {
    "silence": None,
    "status": b"",
    "header": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n",
}
POSTS = {
    "x": "x:123",
    "mastodon": "mastodon:123",
    "bluesky": "bluesky:at://did/app.bsky.feed.post/1",
}
ADDRESSES = {
    "x": "CRITTERDB_X_API",
    "mastodon": "CRITTERDB_MASTODON_URL",
    "bluesky": "CRITTERDB_BLUESKY_URL",
}
SECRETS = (
    "CRITTERDB_X_CONSUMER_KEY",
    "CRITTERDB_X_CONSUMER_SECRET",
    "CRITTERDB_X_ACCESS_TOKEN",
    "CRITTERDB_X_ACCESS_TOKEN_SECRET",
    "CRITTERDB_MASTODON_TOKEN",
    "CRITTERDB_BLUESKY_HANDLE",
    "CRITTERDB_BLUESKY_PASSWORD",
)


def serve(start: bytes | None) -> str:
    """A server that dawdles in one way; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def treat(connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            connection.sendall(start or b"")
            while True:
                time.sleep(0.1)
                if start is not None:
                    connection.sendall(b"x")
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            threading.Thread(target=treat, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def calls(platform: str) -> dict[str, Callable[[Any], object]]:
    post = POSTS[platform]
    game = Game("g", "tag", hosts=[Host(platform, "host")])
    envelope = Envelope("3aaaaaaaaaaaa", '{"status": "hello"}')
    return {
        "handle": lambda timeline: timeline.handle(),
        "read": lambda timeline: timeline.read(game, {}),
        "read_host_messages": lambda timeline: timeline.read_host_messages(game, [post]),
        "find_existing": lambda timeline: timeline.find_existing([post]),
        "find_replies": lambda timeline: timeline.find_replies({post: envelope}),
        "prepare": lambda timeline: timeline.prepare(post, "hello", datetime.now(UTC)),
        "send": lambda timeline: timeline.send(post, "hello", envelope),
    }


def measure(platform: str, address: str, method: str) -> float:
    os.environ[ADDRESSES[platform]] = address
    timeline = open_timeline(platform)
    start = time.monotonic()
    with contextlib.suppress(TimelineError):
        calls(platform)[method](timeline)
    return time.monotonic() - start


def main() -> int:
    os.environ |= dict.fromkeys(SECRETS, "secret")
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    servers = {kind: serve(start) for kind, start in DRIPS.items()}
    for name in ADDRESSES.values():
        os.environ[name] = servers["silence"]
    for platform in POSTS:
        open_timeline(platform)  # whatever is imported, once, before the processes part
    rows = [(platform, method) for platform in POSTS for method in calls(platform)]
    # A process each: within one, a timeline waits for the first look at another's account.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(len(rows) * len(servers), mp_context=context) as pool:
        jobs = {
            (platform, method, kind): pool.submit(measure, platform, address, method)
            for platform, method in rows
            for kind, address in servers.items()
        }
    print(f"| platform | call | {' | '.join(DRIPS)} |")
    print("| --- | --- |" + " --- |" * len(DRIPS))
    longest = 0.0
    for platform, method in rows:
        times = [jobs[platform, method, kind].result() for kind in DRIPS]
        longest = max(longest, *times)
        print(f"| {platform} | {method} | " + " | ".join(f"{t:.1f} s" for t in times) + " |")
    print(f"\nThe longest took {longest:.1f} s.")
    return int(longest > LONGEST_S)


if __name__ == "__main__":
    sys.exit(main())
