"""A stand-in X: the few parts of its API v2 that the bot uses, with its refusals and accidents."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .platform import FAULTS_AFTER_COMMIT, STALL_S, PlatformStandIn
from .x_posts import Posts, mentions, oldest_found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb._types import Json

    from .server import Request

RESET_AFTER_S = 900

SECRETS = {
    "CRITTERDB_X_BEARER_TOKEN": "standin-bearer",
    "CRITTERDB_X_CONSUMER_KEY": "standin-consumer-key",
    "CRITTERDB_X_CONSUMER_SECRET": "standin-consumer-secret",
    "CRITTERDB_X_ACCESS_TOKEN": "1-standin-access-token",
    "CRITTERDB_X_ACCESS_TOKEN_SECRET": "standin-access-secret",
}


@dataclass
class Upload:
    """A picture that was uploaded, with what it says to people who do not see it."""

    data: bytes
    alt: str = ""


class StandInX(PlatformStandIn):
    """X with an account for the bot.

    Faults are those of every platform and `wait`: no fault, as soon as `go_on` is set. What is
    in `held_back` is not shown at all yet.
    """

    def __init__(
        self,
        handle: str = "critterbot",
        *,
        page_size: int = 100,
        refuses_duplicates: bool = True,
    ) -> None:
        super().__init__(page_size=page_size)
        self.refuses_duplicates = refuses_duplicates
        self.held_back: set[str] = set()
        self.shown_from: dict[str, float] = {}
        self.uploads: dict[str, Upload] = {}
        self.known = Posts()
        self.users, self.posts = self.known.users, self.known.posts
        self.go_on = threading.Event()
        self.me = self.add_user(handle)

    def environment(self) -> dict[str, str]:
        """Settings under which the bot plays here."""
        return {"CRITTERDB_X_API": self.url, **SECRETS}

    def add_user(
        self, handle: str, *, bot: bool = False, note: str | None = None, name: str | None = None
    ) -> Json:
        """The account with this name, made where there is none.

        X has no mark for a `bot` that a program could see: its description says so.
        """
        user = self.known.add_user(handle)
        note = "A bot by @somebody" if bot else note
        changes = {"description": note, "name": name}
        user.update({field: value for field, value in changes.items() if value is not None})
        return user

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
        addresses = self.add_files(photos)
        with self.lock:
            return self.known.add(
                author,
                text,
                addresses,
                {"replied_to": in_reply_to, "quoted": quotes, "retweeted": reposts},
                posted_at=posted_at or datetime.now(UTC),
                media=media,
                edit_of=edit_of,
            )

    def delete_post(self, post_id: str) -> None:
        with self.lock:
            del self.posts[post_id]

    def handle(self, request: Request) -> None:
        if self.serve_prepared(request):
            return
        if not self._is_known(request):
            request.answer_json({"title": "Unauthorized", "status": 401}, status=401)
        elif request.path.startswith("/2/media/"):
            self._take_media(request)
        elif request.method == "POST":
            self._create(request)
        elif not self.spoil(request, self.next_fault(self.read_faults)):
            self._read(request, request.path.strip("/").split("/")[1:])

    def _read(self, request: Request, parts: list[str]) -> None:
        match parts:
            case ["users", "me"]:
                request.answer_json({"data": self.me})
            case ["users", "by", "username", handle] if handle.lower() in self.users:
                request.answer_json({"data": self.users[handle.lower()]})
            case ["users", user_id, "mentions"]:
                self._serve_page(request, lambda post: mentions(post, user_id))
            case ["users", user_id, "tweets"]:
                self._serve_page(request, lambda post: bool(post["author_id"] == user_id))
            case ["tweets", "search", "recent"]:
                self._search(request)
            case ["tweets"]:
                wanted = request.query["ids"].split(",")
                posts = [self.posts[post_id] for post_id in wanted if post_id in self.posts]
                gone = [{"value": post_id} for post_id in wanted if post_id not in self.posts]
                request.answer_json(self.known.shown(posts) | ({"errors": gone} if gone else {}))
            case _:
                request.answer_json({"title": "Not Found Error", "status": 404}, status=404)

    def _search(self, request: Request) -> None:
        oldest = oldest_found()
        if int(request.query.get("since_id", oldest)) < oldest:
            problem = {"message": f"'since_id' must be a tweet id created after {oldest}"}
            request.answer_json({"errors": [problem]}, status=400)
            return
        self._serve_page(request, self.known.search(request.query["query"]))

    def _serve_page(self, request: Request, wanted: Callable[[Json], bool]) -> None:
        """Newest first, from `since_id` on, a page at a time."""
        since = int(request.query.get("since_id", 0))
        with self.lock:
            hidden = self.held_back | {
                post_id for post_id, at in self.shown_from.items() if at > time.monotonic()
            }
            posts = [
                post
                for post in self.posts.values()
                if int(post["id"]) > since and post["id"] not in hidden
            ]
        posts = sorted((p for p in posts if wanted(p)), key=lambda p: int(p["id"]), reverse=True)
        token = request.query.get("next_token") or request.query.get("pagination_token") or "t0"
        start = int(token[1:])
        page = posts[start : start + min(int(request.query["max_results"]), self.page_size)]
        meta: Json = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if start + len(page) < len(posts):
            meta["next_token"] = f"t{start + len(page)}"
        request.answer_json(self.known.shown(page) | {"meta": meta})

    def _create(self, request: Request) -> None:
        fault = self.next_fault(self.post_faults)
        if fault == "wait":
            self.go_on.wait(STALL_S)
            fault = ""
        if fault not in FAULTS_AFTER_COMMIT and self.spoil(request, fault):
            return
        body = request.json()
        parent = body.get("reply", {}).get("in_reply_to_tweet_id")
        media = (body.get("media") or {}).get("media_ids", [])
        problem = self._objection(body["text"], parent)
        if any(name not in self.uploads for name in media):
            problem = "Your media IDs are invalid."
        if problem:
            answer = {"title": "Forbidden", "detail": problem, "status": 403}
            request.answer_json(answer, status=403)
            return
        pictures = [self.uploads[name] for name in media]
        post_id = self.add_post(
            self.me["username"], body["text"], [p.data for p in pictures], in_reply_to=parent
        )
        with self.lock:
            self.sent.append(
                {
                    "id": post_id,
                    "text": body["text"],
                    "in_reply_to": parent,
                    "pictures": pictures,
                }
            )
            self.shown_from[post_id] = time.monotonic() + self.delay_s
        if not self.spoil(request, fault):
            request.answer_json({"data": {"id": post_id, "text": body["text"]}}, status=201)

    def _take_media(self, request: Request) -> None:
        """Take a picture, or the alt text of one."""
        fault = self.next_fault(self.post_faults)
        if self.spoil(request, fault):
            return
        body = request.json()
        if request.path == "/2/media/upload":
            with self.lock:
                name = str(7000 + len(self.uploads))
                self.uploads[name] = Upload(base64.b64decode(body["media"]))
        else:
            name = body["id"]
            self.uploads[name].alt = body["metadata"]["alt_text"]["text"]
        request.answer_json({"data": {"id": name}})

    def _objection(self, text: str, parent: str | None) -> str | None:
        if self.refuses_duplicates and any(reply["text"] == text for reply in self.sent):
            return "You are not allowed to create a Tweet with duplicate content."
        if parent is None:
            return None
        post = self.posts.get(parent)
        if post is None:
            return "You attempted to reply to a Tweet that is deleted or not visible to you."
        if post["author_id"] == self.me["id"] or self.known.is_called(post, self.me["id"]):
            return None
        return "Reply to this conversation is not allowed because you have not been mentioned."

    def refuse(self, request: Request, status: int) -> None:
        if status == 429:
            reset = int(datetime.now(UTC).timestamp()) + RESET_AFTER_S
            limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)}
            request.answer_json({"title": "Too Many Requests"}, status=429, headers=limits)
        else:
            request.answer_json({"title": "Problem", "status": status}, status=status)

    def _is_known(self, request: Request) -> bool:
        authorization = request.headers.get("Authorization", "")
        if authorization == f"Bearer {SECRETS['CRITTERDB_X_BEARER_TOKEN']}":
            return bool(request.method == "GET")
        names = ("CRITTERDB_X_CONSUMER_KEY", "CRITTERDB_X_ACCESS_TOKEN")
        return authorization.startswith("OAuth ") and all(
            SECRETS[name] in authorization for name in names
        )
