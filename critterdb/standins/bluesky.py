"""A stand-in Bluesky: repository and views in one server, with its limits and accidents."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..timelines.bluesky_records import timestamp_id
from ..timelines.graphemes import count_graphemes
from .bluesky_login import PASSWORD, Logins
from .bluesky_records import content_id, embeds, full_name
from .bluesky_records import facets as mark_up
from .platform import AFTER, PlatformStandIn
from .server import Request

Json = dict[str, Any]

POSTS, PROFILE, REPOSTS = "app.bsky.feed.post", "app.bsky.actor.profile", "app.bsky.feed.repost"
MOST_URIS, MOST_ITEMS = 25, 100
RESET_AFTER_S = 300


class StandInBluesky(PlatformStandIn):
    """Bluesky with an account for the bot; its views are late with what the bot posts.

    Faults are those of every platform and `expired`. `sent` lists the records that the bot made,
    `changed` those that it put another one over. The repository shows all at once.
    """

    def __init__(self, handle: str = "critterbot.test", *, page_size: int = MOST_ITEMS) -> None:
        super().__init__(page_size=page_size)
        self.accounts: dict[str, Json] = {}
        self.notes: dict[str, str] = {}  # descriptions, which only whole profiles have
        self.records: dict[str, Json] = {}
        self.blocks: set[tuple[str, str]] = set()
        self.reply_disabled: set[str] = set()
        self.changed: list[str] = []
        self.logins = Logins()
        self._clock = 0
        self.me = self.add_user(handle)

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

    def expire(self, *, refresh: bool = False) -> None:
        """Let the access tokens run out; with `refresh` the others too."""
        self.logins.expire(refresh=refresh)

    def add_user(self, handle: str, *, bot: bool = False, note: str | None = None) -> Json:
        """The account with this name, made where there is none."""
        name = full_name(handle)
        did = self._did(name) or "did:plc:" + hashlib.sha256(name.encode()).hexdigest()[:24]
        account = self.accounts.setdefault(did, {"did": did, "handle": name, "labels": []})
        if bot:
            account["labels"] = [{"src": did, "uri": did, "val": "bot", "cts": _iso(_now())}]
        if note is not None:
            self.notes[did] = note
        return account

    def rename(self, handle: str, new: str) -> None:
        """Let somebody take another handle."""
        self.add_user(handle)["handle"] = full_name(new)

    def block(self, handle: str) -> None:
        """Let somebody block the bot."""
        self.blocks.add((self.add_user(handle)["did"], self.me["did"]))

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
                return self._put(did, REPOSTS, {"subject": self._reference(reposts)}, moment)
            record: Json = {"$type": POSTS, "text": text, "createdAt": _iso(moment)}
            marked = mark_up(text, lambda name: self.add_user(name)["did"]) if facets else []
            record |= {"facets": marked} if marked else {}
            if in_reply_to:
                parent = self._reference(in_reply_to)
                above = self.records[in_reply_to]["value"].get("reply") or {}
                record["reply"] = {"parent": parent, "root": above.get("root") or parent}
            addresses = [self.add_file(p) if isinstance(p, bytes) else p for p in photos]
            quoted = (self._reference(quotes), self._view(quotes)) if quotes else None
            embed, view = embeds(addresses, media, quoted)
            record |= {"embed": embed} if embed else {}
            return self._put(did, POSTS, record, moment, view=view)

    def delete_post(self, uri: str) -> None:
        with self.lock:
            del self.records[uri]

    def handle(self, request: Request) -> None:
        if self.serve_file(request):
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
                self._serve_page(request, "notifications", self._notifications())
            case "app.bsky.feed.getAuthorFeed":
                did = self._did(query.get("actor", ""))
                if did is None:
                    _refuse(request, 400, "InvalidRequest", "Profile not found")
                    return
                self._serve_page(request, "feed", self._feed(did))
            case "app.bsky.feed.getPosts":
                uris = [each for key, each in _pairs(request) if key == "uris"]
                if len(uris) > MOST_URIS:
                    _refuse(request, 400, "InvalidRequest", "Error: too many uris")
                    return
                with self.lock:
                    shown = [self._view(each) for each in uris if self._is_shown(each)]
                request.answer_json({"posts": shown}, headers=_limits())
            case "com.atproto.repo.getRecord":
                uri = f"at://{query['repo']}/{query['collection']}/{query['rkey']}"
                with self.lock:
                    found = self.records.get(uri)
                if found is None:
                    _refuse(request, 400, "RecordNotFound", f"Could not locate record: {uri}")
                    return
                request.answer_json(
                    {"uri": uri, "cid": found["cid"], "value": found["value"]}, headers=_limits()
                )
            case _:
                _refuse(request, 501, "MethodNotImplemented", "Method Not Implemented")

    def _write(self, request: Request, name: str) -> None:
        fault = self.next_fault(self.post_faults)
        if fault not in AFTER and self.spoil(request, fault):
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
            self.sent.append({"id": uri, "text": record["text"], "in_reply_to": parent})
        if collection == PROFILE:
            values = (record.get("labels") or {}).get("values") or []
            self.me["labels"] = [{"src": did, "uri": did, "val": each["val"]} for each in values]
        return self._put(did, collection, record, _now(), rkey=body["rkey"])

    def _objection(self, body: Json) -> tuple[str, str] | None:
        record = body.get("record") or {}
        if body.get("repo") not in (self.me["did"], self.me["handle"]):
            return "InvalidRequest", "Could not find repo"
        if not re.fullmatch(r"[A-Za-z0-9._:~-]{1,512}", str(body.get("rkey"))):
            return "InvalidRequest", "Invalid rkey"
        if record.get("$type") != body.get("collection"):
            return "InvalidRequest", "Invalid $type"
        text = str(record.get("text") or "")
        if count_graphemes(text) > 300:
            return "InvalidRecord", "Record/text must not be longer than 300 graphemes"
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
        if not 1 <= most <= MOST_ITEMS:
            _refuse(request, 400, "InvalidRequest", "Error: limit is out of bounds")
            return
        page = items[start : start + min(most, self.page_size)]
        body: Json = {name: page}
        if start + len(page) < len(items):
            body["cursor"] = str(start + len(page))
        request.answer_json(body, headers=_limits())

    def _notifications(self) -> list[Json]:
        own = self.me["did"]
        found = []
        with self.lock:
            for uri, kept in self._newest_first(POSTS):
                reason = self._reason(kept["value"])
                if kept["did"] == own or not reason:
                    continue
                found.append(
                    {
                        "uri": uri,
                        "cid": kept["cid"],
                        "author": self._profile(kept["did"])
                        | {"description": self.notes.get(kept["did"], "")},
                        "reason": reason,
                        "record": kept["value"],
                        "isRead": False,
                        "indexedAt": kept["indexedAt"],
                        "labels": [],
                    }
                )
        return found

    def _reason(self, record: Json) -> str | None:
        own = self.me["did"]
        reply = ((record.get("reply") or {}).get("parent") or {}).get("uri", "")
        features = [each for facet in record.get("facets") or [] for each in facet["features"]]
        if f"//{own}/" in reply:
            return "reply"
        if any(each.get("did") == own for each in features):
            return "mention"
        quoted = (record.get("embed") or {}).get("record") or {}
        quoted = quoted.get("record") or quoted
        return "quote" if f"//{own}/" in str(quoted.get("uri")) else None

    def _feed(self, did: str) -> list[Json]:
        items: list[Json] = []
        with self.lock:
            for uri, kept in self._newest_first(POSTS, REPOSTS):
                if kept["did"] != did or not self._is_shown(uri):
                    continue
                if "subject" in kept["value"]:
                    reason = {
                        "$type": "app.bsky.feed.defs#reasonRepost",
                        "by": self._profile(did),
                        "indexedAt": kept["indexedAt"],
                    }
                    subject = kept["value"]["subject"]["uri"]
                    items.append({"post": self._view(subject), "reason": reason})
                else:
                    items.append({"post": self._view(uri)})
        return items

    def _newest_first(self, *collections: str) -> list[tuple[str, Json]]:
        chosen = [(u, k) for u, k in self.records.items() if k["collection"] in collections]
        return sorted(chosen, key=lambda each: (each[1]["indexedAt"], each[0]), reverse=True)

    def _is_shown(self, uri: str) -> bool:
        kept = self.records.get(uri)
        if kept is None:
            return False
        is_new = time.monotonic() - kept["put_at"] < self.delay_s
        return not (is_new and kept["did"] == self.me["did"])

    def _view(self, uri: str) -> Json:
        kept = self.records[uri]
        view = {
            "uri": uri,
            "cid": kept["cid"],
            "author": self._profile(kept["did"]),
            "record": kept["value"],
            "indexedAt": kept["indexedAt"],
            "viewer": {"replyDisabled": True} if uri in self.reply_disabled else {},
            "labels": [],
        }
        return view | ({"embed": kept["view"]} if kept["view"] else {})

    def _profile(self, did: str) -> Json:
        blocks = (did, self.me["did"]) in self.blocks
        return {**self.accounts[did], "viewer": {"muted": False, "blockedBy": blocks}}

    def _put(
        self,
        did: str,
        collection: str,
        value: Json,
        moment: datetime,
        *,
        view: Json | None = None,
        rkey: str | None = None,
    ) -> str:
        if rkey is None:
            self._clock += 1
            rkey = timestamp_id(int(moment.timestamp() * 1_000_000) + self._clock, 0)
        uri = f"at://{did}/{collection}/{rkey}"
        self.records[uri] = {
            "did": did,
            "collection": collection,
            "cid": content_id(value),
            "value": value,
            "view": view,
            "indexedAt": _iso(moment),
            "put_at": time.monotonic(),
        }
        return uri

    def _reference(self, uri: str) -> Json:
        return {"uri": uri, "cid": self.records[uri]["cid"]}

    def _did(self, actor: str) -> str | None:
        if actor in self.accounts:
            return actor
        for did, account in self.accounts.items():
            if account["handle"] == actor.lower():
                return did
        return None

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


def _pairs(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.target).query)


def _now() -> datetime:
    return datetime.now(UTC)


def _iso(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
