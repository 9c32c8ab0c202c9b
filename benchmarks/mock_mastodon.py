"""The package mastodon-mock as a server for benchmarks, behind a proxy that has accidents.

It is installed in a virtual environment of its own (`pip install mastodon-mock`), whose Python is
given. Accidents befall what goes through the proxy, as they do on the way to a real instance.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from critterdb.fakes.server import Request, StandIn

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

BOT, BOT_TOKEN = "critterbot", "mock-bot-token"
RESET_AFTER_S = 300
STARTS_WITHIN_S = 30
PASSED_ON = ("authorization", "content-type", "idempotency-key", "user-agent")


class MockMastodon(StandIn):
    """mastodon-mock with an account for the bot and accounts called user0, user1 …

    `post_faults` spoil the next attempts to post, a word each: 503, 429, drop_before (it never
    arrives) or drop_after (it stands, and no answer comes). With `honours_keys` off the
    Idempotency-Key is lost on the way, as if its hour were over. The bot's own statuses are shown
    `delay_s` later.
    """

    def __init__(self, python: Path, users: int = 1000) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.post_faults: deque[str] = deque()
        self.read_faults: deque[str] = deque()
        self.honours_keys = True
        self.delay_s = 0.0
        self.me = {"username": BOT, "acct": BOT}
        self.shown_from: dict[str, float] = {}
        self._behind = f"http://127.0.0.1:{_free_port()}"
        self._tokens = {BOT: BOT_TOKEN} | {f"user{n}": f"mock-token-{n}" for n in range(users)}
        self._process = self._start(python)
        self._client = httpx.Client(base_url=self._behind, timeout=30.0)
        self._local = threading.local()
        self.own_id = self._own_id()

    def environment(self) -> dict[str, str]:
        """Settings under which the bot plays here."""
        return {"CRITTERDB_MASTODON_URL": self.base, "CRITTERDB_MASTODON_TOKEN": BOT_TOKEN}

    def stop(self) -> None:
        super().stop()
        self._process.kill()
        self._process.wait()
        self._client.close()
        self.folder.cleanup()

    @property
    def sent(self) -> list[Json]:
        """All statuses of the bot, as mastodon-mock has them."""
        replies: list[Json] = []
        below: str | None = None
        while True:
            page = self._ask(
                "GET",
                f"/api/v1/accounts/{self.own_id}/statuses",
                params={"limit": 40} | ({"max_id": below} if below else {}),
            )
            if not page:
                return replies
            below = page[-1]["id"]
            replies += [{"id": s["id"], "in_reply_to": s["in_reply_to_id"]} for s in page]

    def add_post(self, author: str, text: str, photos: Sequence[bytes] = ()) -> str:
        """Let somebody post; the id."""
        token = self._tokens[author]
        ids = [
            self._ask(
                "POST",
                "/api/v2/media",
                token,
                files={"file": ("photo.jpg", photo, "image/jpeg")},
                # So that the photo's address leads through the proxy, as on a real instance.
                headers={"Host": urlsplit(self.base).netloc},
            )["id"]
            for photo in photos
        ]
        body = {"status": text, "media_ids": ids}
        return str(self._ask("POST", "/api/v1/statuses", token, json=body)["id"])

    def handle(self, request: Request) -> None:
        is_post = (request.method, request.path) == ("POST", "/api/v1/statuses")
        fault = self._next_fault() if is_post else ""
        if fault == "drop_before":
            request.hang_up()
        elif fault == "503":
            request.answer_json({"error": "Service unavailable"}, status=503)
        elif fault == "429":
            reset = str(int(time.time()) + RESET_AFTER_S)
            limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
            request.answer_json({"error": "Too many requests"}, status=429, headers=limits)
        else:
            self._pass_on(request, fault, is_post)

    def _pass_on(self, request: Request, fault: str, is_post: bool) -> None:
        headers = {name: request.headers[name] for name in PASSED_ON if request.headers[name]}
        headers["Host"] = urlsplit(self.base).netloc
        if not self.honours_keys:
            headers.pop("idempotency-key", None)
        answer = self._thread_client().request(
            request.method, self._behind + request.target, headers=headers, content=request.body
        )
        body = answer.content
        if is_post and answer.status_code == 200:
            with self.lock:
                new = str(answer.json()["id"])
                self.shown_from.setdefault(new, time.monotonic() + self.delay_s)
        elif request.path == f"/api/v1/accounts/{self.own_id}/statuses":
            with self.lock:
                shown = [status for status in answer.json() if self._is_shown(str(status["id"]))]
            body = json.dumps(shown).encode()
        if fault == "drop_after":
            request.hang_up()
            return
        kind = answer.headers.get("content-type", "application/json")
        request.answer(body, kind=kind, status=answer.status_code)

    def _is_shown(self, status_id: str) -> bool:
        return time.monotonic() >= self.shown_from.get(status_id, 0.0)

    def _next_fault(self) -> str:
        with self.lock:
            return self.post_faults.popleft() if self.post_faults else ""

    def _thread_client(self) -> httpx.Client:
        if not hasattr(self._local, "client"):
            self._local.client = httpx.Client(timeout=30.0)
        client: httpx.Client = self._local.client
        return client

    def _own_id(self) -> str:
        return str(self._ask("GET", "/api/v1/accounts/verify_credentials")["id"])

    def _ask(self, method: str, path: str, token: str = BOT_TOKEN, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
        answer = self._client.request(method, path, headers=headers, **options)
        answer.raise_for_status()
        return answer.json()

    def _start(self, python: Path) -> subprocess.Popen[bytes]:
        folder = Path(self.folder.name)
        port = urlsplit(self._behind).port
        accounts = "\n".join(
            f'[[seed.accounts]]\nusername = "{name}"\naccess_token = "{token}"'
            for name, token in self._tokens.items()
        )
        settings = folder / "mock.toml"
        settings.write_text(
            f'domain = "{urlsplit(self.base).netloc}"\nurl_scheme = "http"\n'
            f'media_storage_path = "{folder}/media"\n'
            f'[database]\npath = "{folder}/mock.sqlite"\n{accounts}\n'
        )
        log = (folder / "mock.log").open("wb")
        process = subprocess.Popen(
            [
                *(str(python), "-m", "mastodon_mock", "serve", "--config", str(settings)),
                *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{self._behind}/api/v1/instance")
                return process
            except httpx.TransportError:
                time.sleep(0.1)
        process.kill()
        raise SystemExit(f"mastodon-mock did not start: {(folder / 'mock.log').read_text()}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
