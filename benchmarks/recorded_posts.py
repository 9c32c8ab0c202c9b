"""Recorded pages of X, Mastodon and Bluesky, each read into the right posts and images?

    python -m benchmarks.recorded_posts FOLDER

FOLDER holds x/, mastodon/ and bluesky/ with responses as the platforms gave them, JSON or a JSON
object a line. What is right is counted here in another way than the timelines do it: by walking the
JSON for whatever looks like a post, and within it for whatever looks like a picture of its own.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.platforms.bluesky.pagination import is_repost
from critterdb.platforms.bluesky.parse import Reader as BlueskyReader
from critterdb.platforms.mastodon.parse import Reader as MastodonReader
from critterdb.platforms.x.parse import XPage
from critterdb.storage.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from critterdb.platforms.base import Post

Counted = dict[str, set[str]]  # a post's id → the addresses of its pictures
NOBODY = "0"


def load(path: Path) -> Iterator[Any]:
    """The documents of a file: one, or one a line."""
    text = path.read_text("utf-8")
    try:
        yield json.loads(text)
    except ValueError:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())


def read_x(body: Any) -> list[Post]:
    if not isinstance(body.get("data"), list):
        body = body | {"data": [body["data"]] if body.get("data") else []}
    return XPage(body, NOBODY).read()


def count_x(body: Any) -> Counted:
    """Every tweet under `data`; its media are found by their keys among all that is included."""
    data = body.get("data") or []
    media = {}
    for medium in (body.get("includes") or {}).get("media") or []:
        media[medium["media_key"]] = medium.get("url") or medium.get("preview_image_url")
    counted: Counted = {}
    for tweet in data if isinstance(data, list) else [data]:
        first = re.findall(r"\d+", json.dumps(tweet.get("edit_history_tweet_ids") or [tweet["id"]]))
        keys = (tweet.get("attachments") or {}).get("media_keys") or []
        counted[f"x:{first[0]}"] = {media[key] for key in keys if media.get(key)}
    return counted


def read_mastodon(body: Any) -> list[Post]:
    reader = MastodonReader({"id": NOBODY, "acct": "bot"}, "mastodon.social")
    return [reader.read(status) for status in body]


def count_mastodon(body: Any) -> Counted:
    """Every object with a `content`; its pictures are the attachments of type image."""
    counted: Counted = {}
    for status in body:
        attached = status["media_attachments"]
        counted[f"mastodon:{status['id']}"] = {a["url"] for a in attached if a["type"] == "image"}
    return counted


def read_bluesky(body: Any) -> list[Post]:
    reader = BlueskyReader("did:plc:nobody")
    thread = body.get("thread") or {}
    items = body.get("feed") or [{"post": item} for item in body.get("posts") or []]
    items += [thread] if thread else []
    return [reader.read(item["post"]) for item in items if not is_repost(item)]


def count_bluesky(body: Any) -> Counted:
    """Every view but what is shown inside another, or again; its pictures are its `fullsize`."""
    counted: Counted = {}
    thread = body.get("thread")
    for item in body.get("feed") or body.get("posts") or ([thread] if thread else []):
        if "Repost" in str((item.get("reason") or {}).get("$type")):
            continue
        view = item.get("post", item)
        embed = dict(view.get("embed") or {})
        embed.pop("record", None)  # what it quotes
        counted[f"bluesky:{view['uri']}"] = set(
            re.findall(r'"fullsize": "([^"]+)"', json.dumps(embed))
        )
    return counted


READERS: dict[str, tuple[Callable[[Any], list[Post]], Callable[[Any], Counted]]] = {
    "x": (read_x, count_x),
    "mastodon": (read_mastodon, count_mastodon),
    "bluesky": (read_bluesky, count_bluesky),
}


def is_whole(post: Post, platform: str) -> bool:
    """Whether a post has what the game needs of any post."""
    parse_time(post.posted_at)
    bare = post.id.removeprefix(f"{platform}:")
    return bool(bare and post.id != bare and (post.url or "").startswith("https://"))


def main(folder: Path) -> int:
    problems = 0
    print("| platform | file | posts | images | differences |")
    print("| --- | --- | --- | --- | --- |")
    for platform, (read, count) in READERS.items():
        for path in sorted((folder / platform).glob("*.json*")):
            if path.name == "INDEX.json":
                continue
            posts: list[Post] = []
            wanted: Counted = {}
            for body in load(path):
                posts += read(body)
                wanted |= count(body)
            got = {post.id: set(post.photos) for post in posts}
            differing = [
                key for key in wanted.keys() | got.keys() if wanted.get(key) != got.get(key)
            ]
            differing += [post.id for post in posts if not is_whole(post, platform)]
            problems += len(differing)
            images = sum(map(len, got.values()))
            print(f"| {platform} | {path.name} | {len(got)} | {images} | {len(differing)} |")
            for key in differing[:3]:
                print(f"  {key}: wanted {wanted.get(key)}, got {got.get(key)}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
