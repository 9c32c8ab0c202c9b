"""A stand-in X: the few parts of its API v2 that the bot uses, with its refusals and accidents."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..hashtags import fold_tag, tags_in
from ..timelines.x_posts import EPOCH_MS
from .server import Request, StandIn

Json = dict[str, Any]

SEARCH_REACH = timedelta(days=7)
AFTER = ("drop_after", "stall_after")
RESET_AFTER_S = 900
STALL_S = 30

SECRETS = {
    "CRITTERDB_X_BEARER_TOKEN": "standin-bearer",
    "CRITTERDB_X_CONSUMER_KEY": "standin-consumer-key",
    "CRITTERDB_X_CONSUMER_SECRET": "standin-consumer-secret",
    "CRITTERDB_X_ACCESS_TOKEN": "1-standin-access-token",
    "CRITTERDB_X_ACCESS_TOKEN_SECRET": "standin-access-secret",
}


class StandInX(StandIn):
    """X with an account for the bot.

    `read_faults` and `post_faults` spoil the next requests, a word each: 401, 402, 408, 429, 500,
    503, html,
    drop_before (the connection goes and nothing was done), drop_after (it goes, and the post
    stands), stall_after (the post stands, and no answer comes) or wait (all is well, as soon as
    `go_on` is set). `sent` lists the replies that were accepted; the account's own posts are shown
    `delay_s` later, and what is in `held_back` not at all yet. Its search also finds longer
    hashtags, so that whoever relies on it is found out.
    """

    def __init__(
        self,
        handle: str = "critterbot",
        *,
        page_size: int = 100,
        refuses_duplicates: bool = True,
    ) -> None:
        super().__init__()
        self.page_size = page_size
        self.delay_s = 0.0
        self.refuses_duplicates = refuses_duplicates
        self.held_back: set[str] = set()
        self.shown_from: dict[str, float] = {}
        self.users: dict[str, Json] = {}
        self.posts: dict[str, Json] = {}
        self.media: dict[str, Json] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        self.sent: list[Json] = []
        self.read_faults: deque[str] = deque()
        self.post_faults: deque[str] = deque()
        self.stopped = threading.Event()
        self.go_on = threading.Event()
        self.me = self.add_user(handle)

    @property
    def writes(self) -> int:
        """How many requests tried to write."""
        with self.lock:
            return sum(not each.startswith("GET ") for each in self.requests)

    @property
    def url(self) -> str:
        """What CRITTERDB_X_API is to be."""
        return self.base

    def stop(self) -> None:
        self.stopped.set()
        super().stop()

    def environment(self) -> dict[str, str]:
        """Settings under which the bot plays here."""
        return {"CRITTERDB_X_API": self.url, **SECRETS}

    def add_user(
        self, handle: str, *, bot: bool = False, note: str | None = None, name: str | None = None
    ) -> Json:
        """The account with this name, made where there is none.

        X has no mark for a `bot` that a program could see: its description says so.
        """
        user = {"id": str(len(self.users) + 1), "username": handle, "name": handle}
        user = self.users.setdefault(handle.lower(), user | {"description": ""})
        note = "A bot by @somebody" if bot else note
        changes = {"description": note, "name": name}
        user.update({field: each for field, each in changes.items() if each is not None})
        return user

    def add_file(self, data: bytes, name: str | None = None, kind: str = "image/jpeg") -> str:
        """Serve bytes under /media/NAME; the address."""
        name = name or f"{len(self.files) + 1}.jpg"
        self.files[name] = (data, kind)
        return f"{self.base}/media/{name}"

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
    ) -> str:
        """Let somebody post, with photos as bytes or addresses; the id.

        Where `media` is video or animated_gif, `photos` are the preview frames.
        """
        posted_at = posted_at or datetime.now(UTC)
        with self.lock:
            post_id = self._new_id(posted_at)
            references = {"replied_to": in_reply_to, "quoted": quotes, "retweeted": reposts}
            links = [self._link(quotes)] if quotes else []
            post: Json = {
                "id": post_id,
                "edit_history_tweet_ids": [edit_of, post_id] if edit_of else [post_id],
                "author_id": self.add_user(author)["id"],
                "text": f"{text} {links[0]['url']}" if links else text,
                "created_at": posted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "conversation_id": self._thread_of(in_reply_to) or post_id,
                "entities": self._entities(text) | ({"urls": links} if links else {}),
                "referenced_tweets": [
                    {"type": kind, "id": other} for kind, other in references.items() if other
                ],
            }
            keys = [self._add_media(photo, media) for photo in photos]
            post |= {"attachments": {"media_keys": keys}} if keys else {}
            self.posts[post_id] = post
        return post_id

    def delete_post(self, post_id: str) -> None:
        with self.lock:
            del self.posts[post_id]

    def handle(self, request: Request) -> None:
        parts = request.path.strip("/").split("/")
        if parts[0] == "media":
            self._serve_file(request, parts[-1])
        elif not self._is_known(request):
            request.answer_json({"title": "Unauthorized", "status": 401}, status=401)
        elif request.method == "POST":
            self._create(request)
        elif not self._spoil(request, self.read_faults):
            self._read(request, parts[1:])

    def _read(self, request: Request, parts: list[str]) -> None:
        match parts:
            case ["users", "me"]:
                request.answer_json({"data": self.me})
            case ["users", "by", "username", handle] if handle.lower() in self.users:
                request.answer_json({"data": self.users[handle.lower()]})
            case ["users", user_id, "mentions"]:
                self._serve_page(request, lambda post: self._mentions(post, user_id))
            case ["users", user_id, "tweets"]:
                self._serve_page(request, lambda post: bool(post["author_id"] == user_id))
            case ["tweets", "search", "recent"]:
                self._search(request)
            case ["tweets"]:
                wanted = request.query["ids"].split(",")
                found = [self.posts[each] for each in wanted if each in self.posts]
                gone = [{"value": each} for each in wanted if each not in self.posts]
                request.answer_json(self._body(found) | ({"errors": gone} if gone else {}))
            case _:
                request.answer_json({"title": "Not Found Error", "status": 404}, status=404)

    def _search(self, request: Request) -> None:
        oldest = self._id_at(datetime.now(UTC) - SEARCH_REACH)
        if int(request.query.get("since_id", oldest)) < oldest:
            problem = {"message": f"'since_id' must be a tweet id created after {oldest}"}
            request.answer_json({"errors": [problem]}, status=400)
            return
        words = request.query["query"].lower()
        author = re.search(r"from:(\w+)", words)
        tag = re.search(r"#(\w+)", words)
        link = re.search(r'url:"([^"]+)"', words)
        wanted = {"reply": "replied_to", "quote": "quoted"}
        kinds_wanted = {wanted[each] for each in re.findall(r"(?<!-)is:(reply|quote)", words)}

        def matches(post: Json) -> bool:
            kinds = {each["type"] for each in post["referenced_tweets"]}
            tags = [fold_tag(each["tag"]) for each in post["entities"]["hashtags"]]
            return (
                int(post["id"]) >= oldest
                and (not author or self._author(post)["username"].lower() == author[1])
                and (not tag or any(each.startswith(tag[1]) for each in tags))
                and (not link or _has_link(post, link[1]))
                and (not kinds_wanted or bool(kinds & kinds_wanted))
            )

        self._serve_page(request, matches)

    def _serve_page(self, request: Request, wanted: Callable[[Json], bool]) -> None:
        """Newest first, from `since_id` on, a page at a time."""
        since = int(request.query.get("since_id", 0))
        with self.lock:
            hidden = self.held_back | {
                post_id for post_id, at in self.shown_from.items() if at > time.monotonic()
            }
            found = [
                post
                for post in self.posts.values()
                if int(post["id"]) > since and post["id"] not in hidden
            ]
        found = sorted((p for p in found if wanted(p)), key=lambda p: int(p["id"]), reverse=True)
        token = request.query.get("next_token") or request.query.get("pagination_token") or "t0"
        start = int(token[1:])
        page = found[start : start + min(int(request.query["max_results"]), self.page_size)]
        meta: Json = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if start + len(page) < len(found):
            meta["next_token"] = f"t{start + len(page)}"
        request.answer_json(self._body(page) | {"meta": meta})

    def _body(self, posts: list[Json]) -> Json:
        """The posts with their authors, their media, and what they refer to (without its media)."""
        if not posts:
            return {}
        referred = [
            self.posts[each["id"]]
            for post in posts
            for each in post["referenced_tweets"]
            if each["id"] in self.posts
        ]
        keys = [k for post in posts for k in post.get("attachments", {}).get("media_keys", [])]
        users = {post["author_id"]: self._author(post) for post in posts + referred}
        media = [self.media[key] for key in dict.fromkeys(keys)]
        includes = {"users": list(users.values()), "tweets": referred, "media": media}
        return {"data": posts, "includes": {name: each for name, each in includes.items() if each}}

    def _create(self, request: Request) -> None:
        fault = self.post_faults[0] if self.post_faults else ""
        if fault == "wait":
            self.post_faults.popleft()
            self.go_on.wait(STALL_S)
        elif fault not in AFTER and self._spoil(request, self.post_faults):
            return
        body = request.json()
        parent = body.get("reply", {}).get("in_reply_to_tweet_id")
        problem = self._objection(body["text"], parent)
        if problem:
            request.answer_json(
                {"title": "Forbidden", "detail": problem, "status": 403}, status=403
            )
            return
        post_id = self.add_post(self.me["username"], body["text"], in_reply_to=parent)
        with self.lock:
            self.sent.append({"id": post_id, "text": body["text"], "in_reply_to": parent})
            self.shown_from[post_id] = time.monotonic() + self.delay_s
        if fault not in AFTER or not self._spoil(request, self.post_faults):
            request.answer_json({"data": {"id": post_id, "text": body["text"]}}, status=201)

    def _objection(self, text: str, parent: str | None) -> str | None:
        if self.refuses_duplicates and any(each["text"] == text for each in self.sent):
            return "You are not allowed to create a Tweet with duplicate content."
        post = self.posts.get(parent or "")
        if post is None:
            return "You attempted to reply to a Tweet that is deleted or not visible to you."
        quoted = [
            self.posts.get(each["id"], {}).get("author_id")
            for each in post["referenced_tweets"]
            if each["type"] == "quoted"
        ]
        if self.me["id"] in quoted or self._mentions(post, self.me["id"]):
            return None
        return "Reply to this conversation is not allowed because you have not been mentioned."

    def _spoil(self, request: Request, faults: deque[str]) -> bool:
        with self.lock:
            fault = faults.popleft() if faults else ""
        if fault in ("401", "402", "408", "500", "503"):
            request.answer_json({"title": "Problem", "status": int(fault)}, status=int(fault))
        elif fault == "429":
            reset = int(datetime.now(UTC).timestamp()) + RESET_AFTER_S
            limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)}
            request.answer_json({"title": "Too Many Requests"}, status=429, headers=limits)
        elif fault == "html":
            request.answer(b"<html><body>Over capacity</body></html>", kind="text/html")
        elif fault == "stall_after":
            self.stopped.wait(STALL_S)
        elif fault.startswith("drop"):
            request.hang_up()
        return bool(fault)

    def _is_known(self, request: Request) -> bool:
        given = request.headers.get("Authorization", "")
        if given == f"Bearer {SECRETS['CRITTERDB_X_BEARER_TOKEN']}":
            return bool(request.method == "GET")
        names = ("CRITTERDB_X_CONSUMER_KEY", "CRITTERDB_X_ACCESS_TOKEN")
        return given.startswith("OAuth ") and all(SECRETS[name] in given for name in names)

    def _serve_file(self, request: Request, name: str) -> None:
        data, kind = self.files.get(name, (b"", "text/plain"))
        request.answer(data, kind=kind, status=200 if data else 404)

    def _author(self, post: Json) -> Json:
        return next(user for user in self.users.values() if user["id"] == post["author_id"])

    def _mentions(self, post: Json, user_id: str) -> bool:
        return any(each["id"] == user_id for each in post["entities"]["mentions"])

    def _thread_of(self, post_id: str | None) -> str | None:
        post = self.posts.get(post_id or "")
        return str(post["conversation_id"]) if post else None

    def _entities(self, text: str) -> Json:
        return {
            "hashtags": [{"tag": tag} for tag in tags_in(text)],
            "mentions": [
                {
                    "start": found.start(),
                    "end": found.end(),
                    "username": found[1],
                    "id": self.add_user(found[1])["id"],
                }
                for found in re.finditer(r"@(\w+)", text)
            ],
        }

    def _link(self, quoted: str) -> Json:
        """What X puts at the end of a quote."""
        author = self._author(self.posts[quoted])["username"] if quoted in self.posts else "i/web"
        address = f"https://twitter.com/{author}/status/{quoted}"
        return {"url": f"https://t.co/{quoted[-10:]}", "expanded_url": address}

    def _add_media(self, photo: bytes | str, kind: str) -> str:
        address = self.add_file(photo) if isinstance(photo, bytes) else photo
        key = f"{3 if kind == 'photo' else 7}_{len(self.media) + 1}"
        field = "url" if kind == "photo" else "preview_image_url"
        self.media[key] = {"media_key": key, "type": kind, field: address}
        return key

    def _new_id(self, moment: datetime) -> str:
        number = self._id_at(moment)
        while str(number) in self.posts:
            number += 1
        return str(number)

    @staticmethod
    def _id_at(moment: datetime) -> int:
        return (int(moment.timestamp() * 1000) - EPOCH_MS) << 22


def _has_link(post: Json, wanted: str) -> bool:
    """Whether an address in a post has these words in a row, as X's search compares addresses."""
    parts = re.findall(r"\w+", wanted)
    for each in post["entities"].get("urls", []):
        words = re.findall(r"\w+", f"{each['url']} {each['expanded_url']}".lower())
        if any(words[n:][: len(parts)] == parts for n in range(len(words))):
            return True
    return False
