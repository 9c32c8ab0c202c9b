"""What a stand-in Bluesky knows: accounts, records, and the views that it makes of them."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from critterdb.fakes.platform import iso_time
from tests.fakes.bluesky_records import content_id, full_name, timestamp_id

if TYPE_CHECKING:
    from critterdb._types import Json

POSTS, PROFILE, REPOSTS = "app.bsky.feed.post", "app.bsky.actor.profile", "app.bsky.feed.repost"
LIKES = "app.bsky.feed.like"


class FakeNetwork:
    """Accounts by their ids, records by their addresses, as the bot's account sees them.

    `notes` are the accounts' descriptions, which only whole profiles show. The views are `delay_s`
    late with what the bot posts.
    """

    def __init__(self, handle: str) -> None:
        self.accounts: dict[str, Json] = {}
        self.notes: dict[str, str] = {}
        self.records: dict[str, Json] = {}
        self.blocks: set[tuple[str, str]] = set()
        self.reply_disabled: set[str] = set()
        self.me = self.add_user(handle)
        self.own = str(self.me["did"])
        self._clock = 0

    def add_user(self, handle: str) -> Json:
        """The account with this name, made where there is none."""
        name = full_name(handle)
        did = self.did_of(name) or "did:plc:" + hashlib.sha256(name.encode()).hexdigest()[:24]
        return self.accounts.setdefault(did, {"did": did, "handle": name, "labels": []})

    def did_of(self, actor: str) -> str | None:
        """An account's id, for that or its handle."""
        if actor in self.accounts:
            return actor
        for did, account in self.accounts.items():
            if account["handle"] == actor.lower():
                return did
        return None

    def put(
        self,
        did: str,
        collection: str,
        value: Json,
        moment: datetime,
        *,
        view: Json | None = None,
        rkey: str | None = None,
    ) -> str:
        """Write a record down; its address."""
        if rkey is None:
            self._clock += 1
            rkey = timestamp_id(int(moment.timestamp() * 1_000_000) + self._clock)
        uri = f"at://{did}/{collection}/{rkey}"
        self.records[uri] = {
            "did": did,
            "collection": collection,
            "cid": content_id(value),
            "value": value,
            "view": view,
            "indexedAt": iso_time(moment),
            "put_at": time.monotonic(),
        }
        return uri

    def label(self, did: str, *values: str) -> None:
        """Let an account say of itself what it is."""
        at = iso_time(datetime.now(UTC))
        labels = [{"src": did, "uri": did, "val": value, "cts": at} for value in values]
        self.accounts[did]["labels"] = labels

    def reference(self, uri: str) -> Json:
        """A record's address and version."""
        return {"uri": uri, "cid": self.records[uri]["cid"]}

    def view(self, uri: str) -> Json:
        """A post as it is shown."""
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

    def thread(self, uri: str) -> Json:
        """A post with all that is below it."""
        below = [
            other
            for other, kept in self.records.items()
            if ((kept["value"].get("reply") or {}).get("parent") or {}).get("uri") == uri
        ]
        return {
            "$type": "app.bsky.feed.defs#threadViewPost",
            "post": self.view(uri),
            "replies": [self.thread(other) for other in below],
        }

    def is_shown(self, uri: str, delay_s: float) -> bool:
        """Whether a post is there, and no longer too new to be shown."""
        kept = self.records.get(uri)
        if kept is None:
            return False
        is_new = time.monotonic() - kept["put_at"] < delay_s
        return not (is_new and kept["did"] == self.own)

    def notifications(self) -> list[Json]:
        """Who mentioned, quoted, answered or liked the bot, newest first."""
        items = []
        for uri, kept in self._newest_first(POSTS, LIKES):
            reason = "like" if kept["collection"] == LIKES else self._reason(kept["value"])
            if kept["did"] == self.own or not reason:
                continue
            description = {"description": self.notes.get(kept["did"], "")}
            items.append(
                {
                    "uri": uri,
                    "cid": kept["cid"],
                    "author": self._profile(kept["did"]) | description,
                    "reason": reason,
                    "record": kept["value"],
                    "isRead": False,
                    "indexedAt": kept["indexedAt"],
                    "labels": [],
                }
            )
        return items

    def feed(self, did: str, delay_s: float) -> list[Json]:
        """What an account posted or showed again, newest first."""
        items: list[Json] = []
        for uri, kept in self._newest_first(POSTS, REPOSTS):
            if kept["did"] != did or not self.is_shown(uri, delay_s):
                continue
            if "subject" in kept["value"]:
                reason = {
                    "$type": "app.bsky.feed.defs#reasonRepost",
                    "by": self._profile(did),
                    "indexedAt": kept["indexedAt"],
                }
                subject = kept["value"]["subject"]["uri"]
                items.append({"post": self.view(subject), "reason": reason})
            else:
                items.append({"post": self.view(uri)})
        return items

    def _reason(self, record: Json) -> str | None:
        reply = ((record.get("reply") or {}).get("parent") or {}).get("uri", "")
        features = [
            feature for facet in record.get("facets") or [] for feature in facet["features"]
        ]
        if f"//{self.own}/" in reply:
            return "reply"
        if any(feature.get("did") == self.own for feature in features):
            return "mention"
        quoted = (record.get("embed") or {}).get("record") or {}
        quoted = quoted.get("record") or quoted
        return "quote" if f"//{self.own}/" in str(quoted.get("uri")) else None

    def _newest_first(self, *collections: str) -> list[tuple[str, Json]]:
        chosen = [(u, k) for u, k in self.records.items() if k["collection"] in collections]
        return sorted(chosen, key=lambda item: (item[1]["indexedAt"], item[0]), reverse=True)

    def _profile(self, did: str) -> Json:
        blocks = (did, self.own) in self.blocks
        return {**self.accounts[did], "viewer": {"muted": False, "blockedBy": blocks}}
