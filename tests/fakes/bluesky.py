"""A stand-in Bluesky: repository and views in one server, with its limits and accidents."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import regex

from critterdb.fakes.platform import FAULTS_AFTER_COMMIT, PlatformStandIn, iso_time, query_pairs
from tests.fakes.bluesky_login import PASSWORD, Logins
from tests.fakes.bluesky_network import LIKES, POSTS, PROFILE, REPOSTS, FakeNetwork
from tests.fakes.bluesky_records import content_id, embeds, full_name
from tests.fakes.bluesky_records import facets as mark_up
from tests.fakes.media import BLUESKY_BYTES, Upload, blob_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Json
    from critterdb.fakes.server import Request

MAX_URIS, MAX_ITEMS = 25, 100
RESET_AFTER_S = 300


class StandInBluesky(PlatformStandIn):
    """Bluesky with an account for the bot; its views are late with what the bot posts.

    Faults are those of every platform and `expired`. `sent` lists the records that the bot made,
    `changed` those that it put another one over. The repository shows all at once.
    """

    def __init__(self, handle: str = "critterbot.test", *, page_size: int = MAX_ITEMS) -> None:
        super().__init__(page_size=page_size)
        self.known = FakeNetwork(handle)
        self.me, self.records = self.known.me, self.known.records
        self.reply_disabled = self.known.reply_disabled
        self.changed: list[str] = []
        self.uploads: dict[str, Upload] = {}
        self.logins = Logins()

    def environment(self) -> dict[str, str]:
        """Settings under which the bot plays here."""
        return {
            "CRITTERDB_BLUESKY_URL": self.url,
            "CRITTERDB_BLUESKY_HANDLE": str(self.me["handle"]),
            "CRITTERDB_BLUESKY_PASSWORD": PASSWORD,
        }

    def secrets(self) -> set[str]:
        """Whatever must stand in no log, row or error."""
        return self.logins.secrets()

    def forget_uploads(self) -> None:
        """A server removes what no record names."""
        with self.lock:
            self.uploads = {link: kept for link, kept in self.uploads.items() if kept.is_used}

    def expire(self, *, refresh: bool = False) -> None:
        """Let the access tokens run out; with `refresh` the others too."""
        self.logins.expire(refresh=refresh)

    def add_user(self, handle: str, *, bot: bool = False, note: str | None = None) -> Json:
        """The account with this name, made where there is none."""
        account = self.known.add_user(handle)
        if bot:
            self.known.label(account["did"], "bot")
        if note is not None:
            self.known.notes[account["did"]] = note
        return account

    def rename(self, handle: str, new: str) -> None:
        """Let somebody take another handle."""
        self.add_user(handle)["handle"] = full_name(new)

    def block(self, handle: str) -> None:
        """Let somebody block the bot."""
        self.known.blocks.add((self.add_user(handle)["did"], self.me["did"]))

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
        facets: bool = True,
    ) -> str:
        """Let somebody post, with photos as bytes or addresses; the uri.

        Where `media` is video or gif, `photos` are the preview frames. Without `facets` the text's
        hashtags and mentions are not marked as such.
        """
        did = self.add_user(author)["did"]
        moment = posted_at or _now()
        with self.lock:
            if reposts:
                subject = {"subject": self.known.reference(reposts)}
                return self.known.put(did, REPOSTS, subject, moment)
            record: Json = {"$type": POSTS, "text": text, "createdAt": iso_time(moment)}
            marked = mark_up(text, lambda name: self.add_user(name)["did"]) if facets else []
            record |= {"facets": marked} if marked else {}
            if in_reply_to:
                parent = self.known.reference(in_reply_to)
                above = self.records[in_reply_to]["value"].get("reply") or {}
                record["reply"] = {"parent": parent, "root": above.get("root") or parent}
            addresses = self.add_files(photos)
            quoted = (self.known.reference(quotes), self.known.view(quotes)) if quotes else None
            embed, view = embeds(addresses, media, quoted)
            record |= {"embed": embed} if embed else {}
            return self.known.put(did, POSTS, record, moment, view=view)

    def add_like(self, author: str) -> None:
        """Let somebody like a post of the bot's."""
        did = self.add_user(author)["did"]
        with self.lock:
            self.known.put(did, LIKES, {"$type": LIKES}, datetime.now(UTC))

    def delete_post(self, uri: str) -> None:
        with self.lock:
            del self.records[uri]

    def handle(self, request: Request) -> None:
        if self.serve_prepared(request):
            return
        name = request.path.rpartition("/")[2]
        if name == "com.atproto.server.createSession":
            self._log_in(request)
        elif name == "com.atproto.server.refreshSession":
            self._renew(request)
        elif self._token(request) not in self.logins.access:
            expired = bool(self._token(request))
            _refuse(request, 400 if expired else 401, "ExpiredToken" if expired else "AuthMissing")
        elif request.method == "POST":
            self._write(request, name)
        elif not self.spoil(request, self.next_fault(self.read_faults)):
            self._read(request, name)

    def _read(self, request: Request, name: str) -> None:
        query = request.query
        match name:
            case "app.bsky.notification.listNotifications":
                wanted = {value for key, value in query_pairs(request) if key == "reasons"}
                with self.lock:
                    items = self.known.notifications()
                items = [item for item in items if not wanted or item["reason"] in wanted]
                self._serve_page(request, "notifications", items)
            case "app.bsky.feed.getAuthorFeed":
                did = self.known.did_of(query.get("actor", ""))
                if did is None:
                    _refuse(request, 400, "InvalidRequest", "Profile not found")
                    return
                with self.lock:
                    items = self.known.feed(did, self.delay_s)
                self._serve_page(request, "feed", items)
            case "app.bsky.feed.getPosts":
                uris = [uri for key, uri in query_pairs(request) if key == "uris"]
                if len(uris) > MAX_URIS:
                    _refuse(request, 400, "InvalidRequest", "Error: too many uris")
                    return
                with self.lock:
                    shown = [
                        self.known.view(uri)
                        for uri in uris
                        if self.known.is_shown(uri, self.delay_s)
                    ]
                request.answer_json({"posts": shown}, headers=_limits())
            case "app.bsky.feed.getPostThread":
                with self.lock:
                    is_there = self.known.is_shown(query["uri"], self.delay_s)
                    thread = self.known.thread(query["uri"]) if is_there else None
                if thread is None:
                    _refuse(request, 400, "NotFound", f"Post not found: {query['uri']}")
                    return
                request.answer_json({"thread": thread}, headers=_limits())
            case "com.atproto.repo.getRecord":
                uri = f"at://{query['repo']}/{query['collection']}/{query['rkey']}"
                with self.lock:
                    kept = self.records.get(uri)
                if kept is None:
                    _refuse(request, 400, "RecordNotFound", f"Could not locate record: {uri}")
                    return
                request.answer_json(
                    {"uri": uri, "cid": kept["cid"], "value": kept["value"]}, headers=_limits()
                )
            case _:
                _refuse(request, 501, "MethodNotImplemented", "Method Not Implemented")

    def _write(self, request: Request, name: str) -> None:
        fault = self.next_fault(self.post_faults)
        if fault not in FAULTS_AFTER_COMMIT and self.spoil(request, fault):
            return
        if name == "com.atproto.repo.uploadBlob":
            self._upload(request, fault)
            return
        if name != "com.atproto.repo.putRecord":
            _refuse(request, 501, "MethodNotImplemented", "Method Not Implemented")
            return
        body = request.json()
        problem = self._objection(body)
        if problem:
            _refuse(request, 400, *problem)
            return
        with self.lock:
            uri = self._put_own(body)
            answer = {"uri": uri, "cid": self.records[uri]["cid"], "validationStatus": "valid"}
        if not self.spoil(request, fault):
            request.answer_json(answer, headers=_limits())

    def _upload(self, request: Request, fault: str) -> None:
        kind = str(request.headers.get("Content-Type"))
        if len(request.body) > BLUESKY_BYTES:
            _refuse(request, 413, "PayloadTooLarge", "request entity too large")
            return
        upload = Upload(request.body, kind)
        blob = blob_of(upload)
        with self.lock:
            self.uploads.setdefault(blob["ref"]["$link"], upload)
        if not self.spoil(request, fault):
            request.answer_json({"blob": blob}, headers=_limits())

    def _put_own(self, body: Json) -> str:
        """The record under its key; the identical one again changes nothing."""
        did, collection, record = self.me["did"], body["collection"], body["record"]
        uri = f"at://{did}/{collection}/{body['rkey']}"
        old = self.records.get(uri)
        if old and old["cid"] == content_id(record):
            return uri
        if old:
            self.changed.append(uri)
        elif collection == POSTS:
            parent = ((record.get("reply") or {}).get("parent") or {}).get("uri")
            pictures = [self.uploads[_link(image)] for image in _images(record)]
            self.sent.append(
                {"id": uri, "text": record["text"], "in_reply_to": parent, "pictures": pictures}
            )
        for image in _images(record):
            self.uploads[_link(image)].is_used = True
            self.uploads[_link(image)].alt = image["alt"]
        if collection == PROFILE:
            values = (record.get("labels") or {}).get("values") or []
            self.known.label(did, *(value["val"] for value in values))
        return self.known.put(did, collection, record, _now(), rkey=body["rkey"])

    def _objection(self, body: Json) -> tuple[str, str] | None:
        record = body.get("record") or {}
        if body.get("repo") not in (self.me["did"], self.me["handle"]):
            return "InvalidRequest", "Could not find repo"
        if not re.fullmatch(r"[A-Za-z0-9._:~-]{1,512}", str(body.get("rkey"))):
            return "InvalidRequest", "Invalid rkey"
        if record.get("$type") != body.get("collection"):
            return "InvalidRequest", "Invalid $type"
        text = str(record.get("text") or "")
        if len(regex.findall(r"\X", text)) > 300 or len(text.encode()) > 3000:
            return "InvalidRecord", "Record/text must not be longer than 300 graphemes"
        if any(_link(image) not in self.uploads for image in _images(record)):
            return "InvalidRequest", "Could not find blob"
        if body["collection"] == POSTS and not record.get("createdAt"):
            return "InvalidRecord", 'Record must have the property "createdAt"'
        if "swapRecord" in body:
            uri = f"at://{self.me['did']}/{body['collection']}/{body['rkey']}"
            if (self.records.get(uri) or {}).get("cid") != body["swapRecord"]:
                return "InvalidSwap", "Record was at another version"
        return None

    def _log_in(self, request: Request) -> None:
        if self.logins.are_too_many():
            _refuse(request, 429, "RateLimitExceeded", "Rate Limit Exceeded", _limits(0))
        elif request.json() != {"identifier": self.me["handle"], "password": PASSWORD}:
            _refuse(request, 401, "AuthenticationRequired", "Invalid identifier or password")
        else:
            self._give_session(request)

    def _renew(self, request: Request) -> None:
        if self.logins.take(self._token(request)):
            self._give_session(request)
        else:
            _refuse(request, 400, "ExpiredToken", "Token has been revoked")

    def _give_session(self, request: Request) -> None:
        names = {"did": self.me["did"], "handle": self.me["handle"]}
        request.answer_json(names | self.logins.give(), headers=_limits())

    @staticmethod
    def _token(request: Request) -> str:
        return str(request.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _serve_page(self, request: Request, name: str, items: list[Json]) -> None:
        """Newest first; the cursor says where the page before ended."""
        start = int(request.query.get("cursor", "0"))
        most = int(request.query.get("limit", "50"))
        if not 1 <= most <= MAX_ITEMS:
            _refuse(request, 400, "InvalidRequest", "Error: limit is out of bounds")
            return
        page = items[start : start + min(most, self.page_size)]
        body: Json = {name: page}
        if start + len(page) < len(items):
            body["cursor"] = str(start + len(page))
        request.answer_json(body, headers=_limits())

    def spoil(self, request: Request, fault: str) -> bool:
        if fault == "expired":
            self.expire()
            _refuse(request, 400, "ExpiredToken", "Token has expired")
            return True
        return super().spoil(request, fault)

    def refuse(self, request: Request, status: int) -> None:
        names = {401: "AuthMissing", 429: "RateLimitExceeded"}
        headers = _limits(0) if status == 429 else None
        _refuse(request, status, names.get(status, "UpstreamFailure"), headers=headers)


def _images(record: Json) -> list[Json]:
    images: list[Json] = (record.get("embed") or {}).get("images") or []
    return images


def _link(image: Json) -> str:
    return str(image["image"]["ref"]["$link"])


def _limits(remaining: int = 2990) -> dict[str, str]:
    return {
        "RateLimit-Limit": "3000",
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(int(time.time()) + RESET_AFTER_S),
        "RateLimit-Policy": "3000;w=300",
    }


def _refuse(
    request: Request,
    status: int,
    name: str,
    message: str = "",
    headers: dict[str, str] | None = None,
) -> None:
    request.answer_json({"error": name, "message": message}, status=status, headers=headers)


def _now() -> datetime:
    return datetime.now(UTC)
