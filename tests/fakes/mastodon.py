"""A stand-in Mastodon: what the bot uses of its API, with its limits and accidents.

The package `mastodon-mock` is the more complete one; this one also loses answers, forgets
Idempotency-Keys, delays what it shows, and blocks.
"""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from critterdb.fakes.platform import FAULTS_AFTER_COMMIT, PlatformStandIn, iso_time, query_pairs
from tests.fakes.mastodon_text import content_of, handles_in, length_of, tags_in
from tests.fakes.media import MASTODON_BYTES, Upload, multipart_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from critterdb._types import Json
    from critterdb.fakes.server import Request

MAX_ITEMS, MAX_LOOKUPS, MAX_CHARACTERS = 40, 20, 500
RESET_AFTER_S = 300
TOKEN = "standin-mastodon-token"
KEYS_LAST_S = 3600.0


class StandInMastodon(PlatformStandIn):
    """An instance with an account for the bot; `forget_keys` lets an hour go by."""

    def __init__(
        self, handle: str = "critterbot", *, page_size: int = MAX_ITEMS, is_modern: bool = True
    ) -> None:
        super().__init__(page_size=page_size)
        # Others know no quotes, look up neither names nor many statuses, and have one version.
        self.is_modern = is_modern
        self.shows_many = True
        self.accounts: dict[str, Json] = {}
        self.statuses: dict[str, Json] = {}
        self.notifications: list[Json] = []
        self.blocks: set[str] = set()
        # Statuses at which it fails, with the HTTP status; a list with one of them fails too.
        self.failing: dict[str, int] = {}
        self.keys: dict[str, tuple[str, float]] = {}
        self.uploads: dict[str, Upload] = {}
        self.polls = 0  # questions until an upload is processed
        self.requests_left: int | None = None  # before everything is a 429
        self._count = 0
        self.me = self.add_user(handle)

    @property
    def domain(self) -> str:
        """The part of local handles that is left out."""
        return urlsplit(self.base).netloc

    def environment(self) -> dict[str, str]:
        """Settings under which the bot plays here."""
        return {"CRITTERDB_MASTODON_URL": self.url, "CRITTERDB_MASTODON_TOKEN": TOKEN}

    def secrets(self) -> set[str]:
        """Whatever must stand in no log, row or error."""
        return {TOKEN}

    def forget_uploads(self) -> None:
        """A server removes what no status used for a day."""
        with self.lock:
            self.uploads = {name: kept for name, kept in self.uploads.items() if kept.is_used}

    def forget_keys(self) -> None:
        """Idempotency-Keys hold for an hour."""
        with self.lock:
            self.keys.clear()

    def add_user(self, handle: str, *, bot: bool = False, note: str = "") -> Json:
        """The account with this name, made where there is none."""
        acct = handle.lower().lstrip("@")
        account = self.accounts.setdefault(
            acct,
            {
                "id": str(1000 + len(self.accounts)),
                "username": acct.partition("@")[0],
                "acct": acct,
                "bot": False,
                "note": "",
                "fields": [],
                "url": f"{self.base}/@{acct}",
            },
        )
        account["bot"] |= bot
        account["note"] = note or account["note"]
        return account

    def block(self, handle: str) -> None:
        """Let somebody block the bot."""
        self.blocks.add(self.add_user(handle)["id"])

    def add_post(
        self,
        author: str,
        text: str,
        photos: Sequence[bytes | str] = (),
        *,
        in_reply_to: str | None = None,
        quotes: str | None = None,
        reposts: str | None = None,
        posted_at: datetime | None = None,
        media: str = "photo",
        edit_of: str | None = None,
        edited_at: datetime | None = None,
        visibility: str = "public",
    ) -> str:
        """Let somebody post, with photos as bytes or addresses; the id.

        Where `media` is video or gifv, `photos` are the preview frames. An edit keeps its id.
        """
        moment = posted_at or datetime.now(UTC)
        addresses = self.add_files(photos)
        with self.lock:
            account = self.add_user(author)
            above = self.statuses.get(in_reply_to or "")
            mentioned = [self.add_user(handle) for handle in handles_in(text)]
            status: Json = {
                "id": edit_of or self._new_id(moment),
                "created_at": iso_time(moment),
                "edited_at": iso_time(edited_at or datetime.now(UTC)) if edit_of else None,
                "account": account,
                "content": content_of(text),
                "visibility": visibility,
                "in_reply_to_id": in_reply_to,
                "in_reply_to_account_id": above["account"]["id"] if above else None,
                "reblog": self.statuses[reposts] if reposts else None,
                "media_attachments": [_attachment(address, media) for address in addresses],
                "mentions": [
                    {key: user[key] for key in ("id", "username", "acct", "url")}
                    for user in mentioned
                ],
                "tags": [{"name": tag, "url": f"{self.base}/tags/{tag}"} for tag in tags_in(text)],
                "put_at": time.monotonic(),
            }
            status["url"] = status["uri"] = f"{account['url']}/{status['id']}"
            if quotes and self.is_modern:
                status["quote"] = {"state": "accepted", "quoted_status": self.statuses[quotes]}
            self.statuses[status["id"]] = status
            if not edit_of:
                self._notify(status)
        return str(status["id"])

    def delete_post(self, status_id: str) -> None:
        with self.lock:
            del self.statuses[status_id]

    def handle(self, request: Request) -> None:
        parts = request.path.strip("/").split("/")
        if self.serve_prepared(request):
            return
        if self._is_over_limit():
            self.refuse(request, 429)
        elif request.headers.get("Authorization") != f"Bearer {TOKEN}":
            request.answer_json({"error": "The access token is invalid"}, status=401)
        elif request.method != "GET":
            self._write(request, parts[2:])
        elif self.spoil(request, self.next_fault(self.read_faults)):
            return
        elif parts[1] == "v2" and not self.is_modern:
            _refuse(request, 404, "Not Found")
        else:
            self._read(request, parts[2:])

    def _is_over_limit(self) -> bool:
        with self.lock:
            if self.requests_left is None:
                return False
            self.requests_left -= 1
            return self.requests_left < 0

    def _read(self, request: Request, parts: list[str]) -> None:
        match parts:
            case ["instance"]:
                request.answer_json(self._instance(), headers=_limits())
            case ["notifications"]:
                types = [value for key, value in query_pairs(request) if key == "types[]"]
                if not self.is_modern and "quote" in types:
                    _refuse(request, 422, "Unknown notification type")
                    return
                kept = [n for n in self.notifications if not types or n["type"] in types]
                self._serve_page(request, kept)
            case ["timelines", "tag", tag]:
                public = self._shown(lambda status: status["visibility"] == "public")
                name = unicodedata.normalize("NFKC", tag).lower()
                self._serve_page(
                    request, [s for s in public if any(t["name"] == name for t in s["tags"])]
                )
            case ["accounts", *rest]:
                self._read_accounts(request, rest)
            case ["statuses", *rest]:
                self._read_statuses(request, rest)
            case ["media", media_id]:
                self._serve_media(request, media_id)
            case _:
                _refuse(request, 404, "Record not found")

    def _read_accounts(self, request: Request, parts: list[str]) -> None:
        match parts:
            case ["verify_credentials"]:
                request.answer_json(self.me, headers=_limits())
            case ["lookup"] if self.is_modern:
                acct = request.query["acct"].lower().removesuffix(f"@{self.domain}")
                account = self.accounts.get(acct)
                if account:
                    request.answer_json(account, headers=_limits())
                else:
                    _refuse(request, 404, "Record not found")
            case ["search"]:
                name = request.query["q"].lower().removesuffix(f"@{self.domain}")
                matching = [a for acct, a in self.accounts.items() if acct.startswith(name)]
                request.answer_json(matching, headers=_limits())
            case ["relationships"]:
                ids = [value for key, value in query_pairs(request) if key.startswith("id")]
                relationships = [
                    {"id": account_id, "blocked_by": account_id in self.blocks}
                    for account_id in ids
                ]
                request.answer_json(relationships, headers=_limits())
            case [account_id, "statuses"]:
                own = self._shown(lambda status: bool(status["account"]["id"] == account_id))
                self._serve_page(request, [s for s in own if not s["reblog"]])
            case _:
                _refuse(request, 404, "Record not found")

    def _read_statuses(self, request: Request, parts: list[str]) -> None:
        match parts:
            case [] if self.is_modern:
                ids = [value for key, value in query_pairs(request) if key == "id[]"]
                if len(ids) > MAX_LOOKUPS:
                    _refuse(request, 422, "Validation failed: too many ids")
                    return
                if failing := self.failing.keys() & ids:
                    self.refuse(request, self.failing[failing.pop()])
                    return
                shown = self._shown(lambda s: s["id"] in ids and not self._blocks(s))
                shown = shown if self.shows_many else []
                request.answer_json(_public(shown), headers=_limits())
            case [status_id]:
                self._serve_one(request, status_id, lambda status: _public([status])[0])
            case [status_id, "context"]:
                self._serve_one(request, status_id, self._context)
            case _:
                _refuse(request, 404, "Record not found")

    def _instance(self) -> Json:
        limits = {"max_characters": MAX_CHARACTERS, "characters_reserved_per_url": 23}
        return {
            "domain": self.domain,
            "uri": self.domain,
            "configuration": {"statuses": limits},
        }

    def _write(self, request: Request, parts: list[str]) -> None:
        if parts == ["accounts", "update_credentials"]:
            self.me["bot"] = "bot" in request.body.decode() and "bot=0" not in request.body.decode()
            request.answer_json(self.me, headers=_limits())
            return
        fault = self.next_fault(self.post_faults)
        if fault not in FAULTS_AFTER_COMMIT and self.spoil(request, fault):
            return
        if parts == ["media"] and request.path.startswith("/api/v2/"):
            self._upload(request, fault)
            return
        if parts != ["statuses"]:
            _refuse(request, 404, "Record not found")
            return
        pairs = parse_qsl(request.body.decode())
        body, media = dict(pairs), [value for name, value in pairs if name == "media_ids[]"]
        problem = self._objection(body) or self._objection_to_media(media)
        if problem:
            _refuse(request, *problem)
            return
        key = request.headers.get("Idempotency-Key", "")
        with self.lock:
            status_id, kept_at = self.keys.get(key, ("", 0.0))
            is_known = status_id in self.statuses and time.monotonic() - kept_at < KEYS_LAST_S
        if not is_known:
            status_id = self.add_post(
                self.me["acct"],
                body["status"],
                in_reply_to=body.get("in_reply_to_id"),
                visibility=body.get("visibility", "public"),
            )
            with self.lock:
                self.sent.append(
                    {
                        "id": status_id,
                        "text": body["status"],
                        "in_reply_to": body.get("in_reply_to_id"),
                        "visibility": body.get("visibility"),
                        "pictures": [self.uploads[name] for name in media],
                    }
                )
                for name in media:
                    self.uploads[name].is_used = True
        # The key is written after the status: between the two an answer can be lost.
        if self.spoil(request, fault):
            return
        with self.lock:
            if key:
                self.keys[key] = (status_id, time.monotonic())
            answer = _public([self.statuses[status_id]])[0]
        request.answer_json(answer, headers=_limits())

    def _upload(self, request: Request, fault: str) -> None:
        """Take a file that is processed later: 202, and no address yet."""
        fields = multipart_fields(request)
        data, kind = fields.get("file", (b"", ""))  # none from a bot that died while it sent
        if kind not in ("image/png", "image/jpeg") or len(data) > MASTODON_BYTES:
            _refuse(request, 422, "Validation failed: File is not supported")
            return
        with self.lock:
            alt = fields.get("description", (b"", ""))[0].decode()
            name = str(9000 + len(self.uploads))
            self.uploads[name] = Upload(data, kind, alt, self.polls)
        if not self.spoil(request, fault):
            self._answer_media(request, name, 202)

    def _serve_media(self, request: Request, name: str) -> None:
        if name not in self.uploads:
            _refuse(request, 404, "Record not found")
            return
        with self.lock:
            self.uploads[name].polls -= 1
        self._answer_media(request, name, 206)

    def _answer_media(self, request: Request, name: str, unready: int) -> None:
        is_ready = self.uploads[name].polls <= 0
        address = f"{self.base}/media/{name}.png" if is_ready else None
        body = {"id": name, "type": "image", "url": address, "description": self.uploads[name].alt}
        request.answer_json(body, status=200 if is_ready else unready, headers=_limits())

    def _objection_to_media(self, media: list[str]) -> tuple[int, str] | None:
        if any(name not in self.uploads for name in media):
            return 422, "Validation failed: Media attachments not found"
        if any(self.uploads[name].polls > 0 for name in media):
            return 422, "Cannot attach files that have not finished processing"
        return None

    def _objection(self, body: Json) -> tuple[int, str] | None:
        text = body.get("status", "")
        if not text.strip():
            return 422, "Validation failed: Text can't be blank"
        if length_of(text) > MAX_CHARACTERS:
            return 422, f"Validation failed: Text character limit of {MAX_CHARACTERS} exceeded"
        parent = body.get("in_reply_to_id")
        if parent and (parent not in self.statuses or self._blocks(self.statuses[parent])):
            return 404, "The post you are trying to reply to does not appear to exist"
        return None

    def _blocks(self, status: Json) -> bool:
        return status["account"]["id"] in self.blocks

    def _shown(self, wanted: Callable[[Json], bool]) -> list[Json]:
        """Statuses in the order of their ids; the bot's own ones only after a while."""
        now = time.monotonic()
        with self.lock:
            chosen = [
                status
                for status in self.statuses.values()
                if wanted(status)
                and (
                    status["account"]["id"] != self.me["id"]
                    or now - status["put_at"] >= self.delay_s
                )
            ]
        return sorted(chosen, key=lambda status: int(status["id"]))

    def _serve_one(self, request: Request, status_id: str, show: Callable[[Json], object]) -> None:
        if status_id in self.failing:
            self.refuse(request, self.failing[status_id])
            return
        matches = self._shown(lambda status: bool(status["id"] == status_id))
        if matches and not self._blocks(matches[0]):
            request.answer_json(show(matches[0]), headers=_limits())
        else:
            _refuse(request, 404, "Record not found")

    def _context(self, status: Json) -> Json:
        above: list[Json] = []
        parent = self.statuses.get(status["in_reply_to_id"] or "")
        while parent:
            above.insert(0, parent)
            parent = self.statuses.get(parent["in_reply_to_id"] or "")
        below, ids = [], {status["id"]}
        for reply in sorted(self.statuses.values(), key=lambda known: int(known["id"])):
            if reply["in_reply_to_id"] in ids:
                ids.add(reply["id"])
                below.append(reply)
        return {"ancestors": _public(above), "descendants": _public(below)}

    def _serve_page(self, request: Request, items: list[Json]) -> None:
        """A page, newest first: the newest, or with `min_id` the one that follows it."""
        query = request.query
        most = min(int(query.get("limit", "20")), MAX_ITEMS, self.page_size)
        below = int(query.get("max_id", 1 << 70))
        chosen = [item for item in items if int(item["id"]) < below]
        if "min_id" in query:
            page = [item for item in chosen if int(item["id"]) > int(query["min_id"])][:most]
        else:
            since = int(query.get("since_id", 0))
            page = [item for item in chosen if int(item["id"]) > since][-most:]
        request.answer_json(_public(reversed(page)), headers=_limits())

    def _notify(self, status: Json) -> None:
        own = self.me["id"]
        quoted = (status.get("quote") or {}).get("quoted_status") or {}
        if status["account"]["id"] == own or status["account"]["id"] in self.blocks:
            return
        if any(mention["id"] == own for mention in status["mentions"]):
            kind = "mention"
        elif (quoted.get("account") or {}).get("id") == own:
            kind = "quote"
        else:
            return
        self._count += 1
        self.notifications.append(
            {
                "id": str(self._count),
                "type": kind,
                "created_at": status["created_at"],
                "account": status["account"],
                "status": status,
            }
        )

    def refuse(self, request: Request, status: int) -> None:
        headers = _limits(0 if status == 429 else 290)
        request.answer_json({"error": "Something went wrong"}, status=status, headers=headers)

    def _new_id(self, moment: datetime) -> str:
        number = int(moment.timestamp() * 1000) << 16
        while str(number) in self.statuses:
            number += 1
        return str(number)


def _attachment(address: str, kind: str) -> Json:
    if kind == "photo":
        return {"id": "1", "type": "image", "url": address, "preview_url": address}
    return {"id": "1", "type": kind, "url": f"{address}.mp4", "preview_url": address}


def _public(statuses: Iterable[Json]) -> list[Json]:
    return [{k: v for k, v in status.items() if k != "put_at"} for status in statuses]


def _limits(remaining: int = 290) -> dict[str, str]:
    reset = datetime.now(UTC) + timedelta(seconds=RESET_AFTER_S)
    return {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": reset.isoformat().replace("+00:00", "Z"),
    }


def _refuse(request: Request, status: int, message: str) -> None:
    request.answer_json({"error": message}, status=status, headers=_limits())
