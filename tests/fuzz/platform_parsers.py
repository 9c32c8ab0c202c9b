"""The parsers of posts, profiles and texts, with good documents to spoil."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from critterdb.errors import CritterError, TimelineError
from critterdb.games import Game
from critterdb.platforms.bluesky.pagination import walk_back
from critterdb.platforms.bluesky.parse import Reader as BlueskyReader
from critterdb.platforms.jsonl import JsonlTimeline
from critterdb.platforms.mastodon.client import server_address
from critterdb.platforms.mastodon.html import text_of
from critterdb.platforms.mastodon.pagination import read_list, settled_id
from critterdb.platforms.mastodon.parse import Reader as MastodonReader
from critterdb.platforms.profiles import says_it_is_a_bot, wants_no_bot
from critterdb.platforms.sources import read_each
from critterdb.platforms.text import fold_tag, is_written, length_of_run, tags_in
from critterdb.platforms.text_length import count_graphemes, x_weight
from critterdb.platforms.untrusted_json import objects_in, parse_json
from critterdb.platforms.x.parse import XPage
from critterdb.storage.timestamps import parse_time, post_time
from tests.fuzz.contract import Parser
from tests.fuzz.strategies import (
    as_bytes,
    damaged,
    json_text,
    odd_texts,
    odd_values,
    spoiled,
    texts,
)

AT = "2026-11-20T10:00:00.000Z"
OWN_DID, DID = "did:plc:own", "did:plc:ann"
URI = f"at://{DID}/app.bsky.feed.post/3k1"

X_PAGE: dict[str, Any] = {
    "data": [
        {
            "id": "1990000000000000001",
            "edit_history_tweet_ids": ["1990000000000000001"],
            "author_id": "2",
            "text": "@critterbot what is this? #tintOrNot",
            "note_tweet": {"text": "@critterbot what?", "entities": {"hashtags": []}},
            "created_at": AT,
            "conversation_id": "1990000000000000000",
            "entities": {
                "hashtags": [{"start": 0, "end": 3, "tag": "tintOrNot"}],
                "mentions": [{"start": 0, "end": 11, "username": "critterbot", "id": "1"}],
                "urls": [{"start": 0, "end": 3, "expanded_url": "https://x.com/a/status/1"}],
            },
            "referenced_tweets": [
                {"type": "replied_to", "id": "1990000000000000000"},
                {"type": "quoted", "id": "1990000000000000000"},
            ],
            "attachments": {"media_keys": ["3_1"]},
        }
    ],
    "includes": {
        "users": [{"id": "2", "username": "ann", "name": "Ann", "description": "A person"}],
        "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/1.jpg"}],
        "tweets": [{"id": "1990000000000000000", "author_id": "1", "text": "look"}],
    },
    "meta": {"result_count": 1, "newest_id": "1990000000000000001"},
}

ACCOUNT: dict[str, Any] = {
    "id": "2",
    "username": "ann",
    "acct": "ann@far.example",
    "bot": False,
    "note": "<p>A person #nobot</p>",
    "fields": [{"name": "site", "value": '<a href="https://a.example">a</a>'}],
}
STATUS: dict[str, Any] = {
    "id": "115000000000000001",
    "created_at": AT,
    "account": ACCOUNT,
    "content": '<p><a class="u-url mention">@critterbot</a> what? #tintOrNot</p>',
    "visibility": "public",
    "in_reply_to_id": "115000000000000000",
    "in_reply_to_account_id": "1",
    "reblog": None,
    "media_attachments": [
        {"type": "image", "url": "https://m.example/1.jpg", "preview_url": None},
        {"type": "unknown", "remote_url": "https://far.example/1.jpg"},
        {"type": "gifv", "preview_url": "https://m.example/2.jpg"},
    ],
    "mentions": [{"id": "1", "acct": "critterbot"}],
    "tags": [{"name": "tintornot"}],
    "url": "https://far.example/@ann/1",
    "uri": "https://far.example/ann/1",
    "quote": {
        "state": "accepted",
        "quoted_status": {"id": "5", "account": {"id": "1"}, "content": "", "created_at": AT},
    },
    "pleroma": {"quote_id": "7"},
}

RECORD: dict[str, Any] = {
    "$type": "app.bsky.feed.post",
    "text": "@critterbot.test what? #tintOrNot https://a.example",
    "createdAt": AT,
    "tags": ["tintOrNot"],
    "facets": [
        {
            "index": {"byteStart": 0, "byteEnd": 16},
            "features": [
                {"$type": "app.bsky.richtext.facet#mention", "did": OWN_DID},
                {"$type": "app.bsky.richtext.facet#tag", "tag": "tintOrNot"},
                {"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"},
            ],
        }
    ],
    "reply": {
        "parent": {"uri": f"at://{OWN_DID}/app.bsky.feed.post/1", "cid": "a"},
        "root": {"uri": f"at://{OWN_DID}/app.bsky.feed.post/1", "cid": "a"},
    },
    "embed": {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"record": {"uri": f"at://{OWN_DID}/app.bsky.feed.post/2", "cid": "b"}},
    },
}
VIEW: dict[str, Any] = {
    "uri": URI,
    "cid": "c",
    "author": {
        "did": DID,
        "handle": "ann.test",
        "description": "A person",
        "labels": [{"src": DID, "val": "bot"}],
        "viewer": {"blockedBy": False},
    },
    "record": RECORD,
    "indexedAt": AT,
    "embed": {
        "$type": "app.bsky.embed.recordWithMedia#view",
        "media": {
            "$type": "app.bsky.embed.images#view",
            "images": [{"fullsize": "https://cdn.example/1.jpg", "thumb": "https://cdn.example/2"}],
            "external": {"uri": "https://media.tenor.com/1.gif", "thumb": "https://cdn.example/3"},
            "video": {"thumbnail": "https://cdn.example/4.jpg"},
        },
    },
}

LINE: dict[str, Any] = {
    "id": "1",
    "author": "ann",
    "posted_at": AT,
    "text": "what? #tintOrNot",
    "images": ["red.jpg"],
    "mentions": ["critterdb"],
    "in_reply_to": "2",
    "quotes": "3",
    "bot": False,
    "repost": False,
    "url": "https://a.example/1",
}
GAME = Game("tints", hashtag="tintOrNot", question="What is it?")
HTML = texts(
    "<>&;\"'/=! @#",
    "<a ",
    "</a>",
    "<p>",
    "<br>",
    "<script>",
    "</script",
    "<!--",
    "-->",
    "<![(",
    '<span class="quote-inline">',
    'rel="tag"',
    "&#x",
    "&amp;",
    "</",
    "<?",
    "https://a.example",
)
BODIES = st.one_of(
    odd_values().map(json_text).map(str.encode),
    as_bytes(texts('[]{}",:\\', '{"a":', "\\ud800", "\\u0000", "1e999", "null", '"a"')),
    damaged(json.dumps(X_PAGE).encode()),
)
PLAIN = texts(
    "@#＃＠ \n.:/-_'", "#nobot", "@a@b.c ", "https://", "www.", "bot", "I am a ", "not a "
)


def read_x_page(page: Any) -> None:
    XPage(page, "1").read()


def read_x_post(post: object) -> None:
    page = XPage({**X_PAGE, "data": [post, X_PAGE["data"][0]]}, "1")
    assert "x:1990000000000000001" in {read_post.id for read_post in page.read()}
    page.reaches("1")


def read_x_included(included: object) -> None:
    XPage({**X_PAGE, "includes": included}, "1").read()


def read_status(status: object) -> None:
    reader = MastodonReader({"id": "1", "acct": "critterbot"}, "m.example")
    parents = {"115000000000000000": {**STATUS, "in_reply_to_id": None}}
    read_each(objects_in([status]), "id", lambda item: reader.read(item, parents), "Mastodon")


def read_parent(parent: object) -> None:
    reader = MastodonReader({"id": "1", "acct": "critterbot"}, "m.example")
    asking = {**STATUS, "media_attachments": [], "quote": None, "pleroma": None}
    parents: Any = {"115000000000000000": parent}
    read_each([asking], "id", lambda item: reader.read(item, parents), "Mastodon")


def walk_statuses(items: list[object]) -> None:
    pages = iter([items])
    settled_id(read_list(lambda **_: next(pages, []), None).items)
    pages = iter([items])
    read_list(lambda **_: next(pages, []), "1")


def read_view(view: object) -> None:
    reader = BlueskyReader(OWN_DID)
    parents: Any = {URI: view, f"at://{OWN_DID}/app.bsky.feed.post/2": view}
    read_each(objects_in([view, VIEW]), "uri", lambda item: reader.read(item, parents), "Bluesky")


def walk_views(items: list[object]) -> None:
    walk_back(lambda _: (items, None), None)
    walk_back(lambda _: (items, None), AT)


def read_lines(lines: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "posts.jsonl"
        texts = [line if isinstance(line, str) else json_text(line) for line in lines]
        path.write_bytes("\n".join([*texts, json.dumps(LINE), ""]).encode("utf-8", "replace"))
        timeline = JsonlTimeline(path)
        batch = timeline.read(GAME, {})
        assert len(batch.posts) + len(batch.failures) >= 1
        timeline.find_existing(["jsonl:1"])
        timeline.read_host_messages(GAME, ["jsonl:1"])


def read_response(body: bytes) -> None:
    # What was parsed can be written: to SQLite, and into another JSON.
    json.dumps(parse_json(body), ensure_ascii=False).encode()


def read_tags(text: str) -> None:
    for tag in tags_in(text):
        fold_tag(tag)
    length_of_run(text)
    is_written(text, "critterbot")


PLATFORM_PARSERS = [
    Parser("JSON of platforms", read_response, BODIES, (ValueError,)),
    Parser("X: posts", read_x_post, spoiled(X_PAGE["data"][0])),
    Parser("X: included users, media and posts", read_x_included, spoiled(X_PAGE["includes"])),
    Parser("X: length", x_weight, PLAIN),
    Parser("Mastodon: statuses", read_status, spoiled(STATUS)),
    Parser("Mastodon: parents", read_parent, spoiled(STATUS)),
    Parser(
        "Mastodon: pages", walk_statuses, st.lists(spoiled(STATUS), max_size=3), (TimelineError,)
    ),
    Parser("Mastodon: HTML", text_of, HTML),
    Parser("Mastodon: server address", server_address, PLAIN, (CritterError,)),
    Parser("Bluesky: posts", read_view, spoiled(VIEW)),
    Parser("Bluesky: pages", walk_views, st.lists(spoiled(VIEW, {"post": VIEW}), max_size=3)),
    Parser(
        "jsonl: lines",
        read_lines,
        st.lists(spoiled(LINE) | odd_texts(), max_size=3),
        (TimelineError,),
    ),
    Parser("text: hashtags and handles", read_tags, PLAIN),
    Parser("text: graphemes", count_graphemes, PLAIN),
    Parser("profiles: bots", lambda text: says_it_is_a_bot(text[:50], text[:99], text), PLAIN),
    Parser("profiles: #nobot", wants_no_bot, PLAIN),
    Parser("times of posts", post_time, odd_values() | odd_texts(), (ValueError,)),
    Parser("times", parse_time, odd_texts() | st.text(max_size=40), (ValueError,)),
]
