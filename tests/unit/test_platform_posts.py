"""What Mastodon, its kin and Bluesky send, read into posts: small samples of each shape."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from critterdb.platforms.bluesky.pagination import walk_back
from critterdb.platforms.bluesky.parse import Reader as BlueskyReader
from critterdb.platforms.bluesky.records import mention_facets, time_of_key, timestamp_id
from critterdb.platforms.mastodon.client import server_address
from critterdb.platforms.mastodon.html import text_of
from critterdb.platforms.mastodon.pagination import id_order, settled_id
from critterdb.platforms.mastodon.parse import Reader as MastodonReader
from critterdb.platforms.mastodon.timeline import count_characters
from critterdb.platforms.text_length import count_graphemes
from critterdb.storage.timestamps import parse_time

ME = {"id": "1", "acct": "bot"}
READER = MastodonReader(ME, "home.example")
ANN = {"id": "7", "acct": "ann", "username": "ann", "bot": False, "note": ""}


def status(**fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "115",
        "created_at": "2026-11-20T10:00:00.000Z",
        "content": "<p>hello</p>",
        "account": ANN,
        "url": "https://home.example/@ann/115",
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "in_reply_to_id": None,
        "reblog": None,
    }
    return base | fields


def test_a_status_with_everything() -> None:
    post = READER.read(
        status(
            content='<p><span class="h-card"><a class="u-url mention" href="https://home.example/@bot">'
            "@<span>bot</span></a></span> Is it &amp; what?<br>So</p><p>Two</p>",
            mentions=[{"id": "1", "acct": "bot"}],
            media_attachments=[
                {"type": "image", "url": "https://files.example/1.png"},
                {
                    "type": "gifv",
                    "url": "https://f.example/2.mp4",
                    "preview_url": "https://f.example/2.png",
                },
                {
                    "type": "video",
                    "url": "https://f.example/3.mp4",
                    "preview_url": "https://f.example/3.jpg",
                },
                {
                    "type": "audio",
                    "url": "https://f.example/4.mp3",
                    "preview_url": "https://f.example/4.jpg",
                },
            ],
            in_reply_to_id="99",
        ),
        {"99": status(id="99")},
    )
    assert (post.id, post.author) == ("mastodon:115", "ann@home.example")
    assert post.posted_at == "2026-11-20T10:00:00Z"
    assert post.text == "@bot Is it & what?\nSo\nTwo"
    assert post.photos == (
        "https://files.example/1.png",
        "https://f.example/2.png",
        "https://f.example/3.jpg",
    )
    assert post.summons
    assert post.in_reply_to == "mastodon:99"
    assert not post.by_bot
    assert "Is it" not in repr(post)


def test_an_account_id_names_its_server_and_outlives_the_handle() -> None:
    renamed = {**ANN, "acct": "anna", "username": "anna"}
    post = READER.read(status(in_reply_to_id="99"), {"99": status(id="99", account=renamed)})
    assert post.parent
    assert (post.author, post.parent.author) == ("ann@home.example", "anna@home.example")
    assert post.author_id == post.parent.author_id == "home.example/7"
    assert READER.read(status(account={"acct": "ann"})).author_id is None


@pytest.mark.parametrize(
    ("media", "wanted"),
    [
        ({"type": "image", "url": None, "remote_url": "https://far.example/1.jpg"}, 1),
        ({"type": "unknown", "url": None, "remote_url": "https://far.example/1.jpg"}, 1),
        ({"type": "unknown", "url": None, "remote_url": "https://far.example/1.mp4"}, 0),
        ({"type": "image", "url": "javascript:alert(1)"}, 0),
        ({"type": "gifv", "url": "https://far.example/1.mp4", "preview_url": None}, 0),
        ({}, 0),
    ],
)
def test_odd_attachments(media: dict[str, Any], wanted: int) -> None:
    assert len(READER.read(status(media_attachments=[media])).photos) == wanted


QUOTED = status(id="50", account={**ANN, "id": "1", "acct": "bot"})


@pytest.mark.parametrize(
    "fields",
    [
        {"quote": {"state": "accepted", "quoted_status": QUOTED}},  # Mastodon 4.5
        {"quote": QUOTED, "quote_id": "50"},  # Akkoma, Fedibird
        {"pleroma": {"quote": QUOTED, "quote_id": "50"}},  # Pleroma
    ],
)
def test_quotes_of_the_bot_call_it(fields: dict[str, Any]) -> None:
    post = READER.read(status(**fields))
    assert (post.summons, post.quotes) == (True, "mastodon:50")
    assert post.parent
    assert post.parent.author == "bot@home.example"


@pytest.mark.parametrize(
    ("quote", "known"),
    [
        ({"state": "pending", "quoted_status": None}, None),
        ({"state": "revoked", "quoted_status": None}, None),
        ({"state": "accepted", "quoted_status_id": "50"}, "mastodon:50"),
        (None, None),
    ],
)
def test_quotes_that_are_not_shown(quote: dict[str, Any] | None, known: str | None) -> None:
    post = READER.read(status(quote=quote))
    assert (post.summons, post.quotes, post.parent) == (False, known, None)


def test_other_servers_handles_times_and_boosts() -> None:
    far = {**ANN, "acct": "bea@far.example", "bot": True}
    post = READER.read(
        status(
            id="01HV3C9N2PEHBDJVFXKZ0T0S5D",  # GoToSocial's ULIDs
            created_at="2026-11-20T10:00:00Z",
            account=far,
            reblog=status(id="3"),
            url=None,
            uri="https://far.example/objects/1",
        )
    )
    assert post.id == "mastodon:01HV3C9N2PEHBDJVFXKZ0T0S5D"
    assert (post.author, post.by_bot, post.is_repost) == ("bea@far.example", True, True)
    assert post.url == "https://far.example/objects/1"


def test_least_of_what_may_come() -> None:
    bare = {
        "id": "1",
        "created_at": "2026-11-20T10:00:00Z",
        "account": {"id": "2", "acct": "a@b.c"},
    }
    assert READER.read(bare).author == "a@b.c"


@pytest.mark.parametrize(
    ("html", "text", "spoken"),
    [
        ("<p>a</p><p>b</p>", "a\nb", "a\nb"),
        ("plain &lt;b&gt;", "plain <b>", "plain <b>"),
        ('see <a href="https://x.example/#t">x.example/#t</a>', "see x.example/#t", "see"),
        ('<a class="hashtag" href="#">#<span>cat</span></a>', "#cat", "#cat"),
        ('<a rel="tag" href="#">#cat</a>', "#cat", "#cat"),
        ('<p class="quote-inline">RE: <a href="#">x</a></p><p>so</p>', "so", "so"),
        ("<script>alert(1)</script>ok", "ok", "ok"),
        ("<p>not closed <b>at all", "not closed at all", "not closed at all"),
        ("", "", ""),
    ],
)
def test_html_to_text(html: str, text: str, spoken: str) -> None:
    assert text_of(html) == (text, spoken)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<![(b", "a<![(b"),
        ("<p>x<![CDATA[y]]>z</p>", "xz"),
        ('<p title="a > b">x</p>', "x"),
        ("I <3 &lt;3 cats", "I <3 <3 cats"),
        ("<!-- no -->yes", "yes"),
        ("a <b", "a <b"),
        ("<script>if (a<b) x</script>ok", "ok"),
        ("&#xD800;&#99999999999;", "\ufffd\ufffd"),
    ],
)
def test_html_that_is_odd(html: str, text: str) -> None:
    assert text_of(html)[0] == text


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<", "<!", "<!--", "<![", "</", "<a b='", '<a "', "<a b=", "&", "<script>", "<a b c><"],
)
def test_html_of_any_length_takes_little_time(piece: str) -> None:
    before = time.process_time()
    text_of(piece * 1_000_000)
    assert time.process_time() - before < 1


def test_a_name_in_a_profile_is_plain_text() -> None:
    fields = [{"name": "<![( #nobot", "value": ""}]
    assert READER.read(status(account=ANN | {"fields": fields})).opts_out


@pytest.mark.parametrize(
    ("content", "tags", "wanted"),
    [
        ("<p>so #x</p>", [{"name": "x"}], ("x",)),
        ("<p>so ＃Cat</p>", [], ("Cat",)),
        ('<p><a href="https://e.example/#cat">e.example/#cat</a></p>', [], ()),
        ("<p>https://e.example/?q=#cat</p>", [], ()),
        ("<p>pre#cat</p>", [], ()),
    ],
)
def test_hashtags(content: str, tags: list[dict[str, str]], wanted: tuple[str, ...]) -> None:
    assert READER.read(status(content=content, tags=tags)).hashtags == wanted


@pytest.mark.parametrize(
    ("account", "wanted"),
    [
        ({"note": "<p>I hate them #NoBot</p>"}, True),
        ({"fields": [{"name": "bots", "value": "#nobot please"}]}, True),
        ({"note": "<p>#nobots here</p>"}, False),
        ({"note": None, "fields": None}, False),
    ],
)
def test_nobot(account: dict[str, Any], wanted: bool) -> None:
    assert bool(READER.read(status(account=ANN | account)).opts_out) is wanted


def test_ids_of_any_kind_sort_by_age() -> None:
    assert sorted(["10", "9", "100"], key=id_order) == ["9", "10", "100"]
    assert sorted(["01HZ", "01HA"], key=id_order) == ["01HA", "01HZ"]


def test_the_cursor_of_a_hashtag_waits_for_late_posts() -> None:
    def at(bare: str, hour: int) -> dict[str, Any]:
        return status(id=bare, created_at=f"2026-11-20T{hour:02}:00:00Z")

    assert settled_id([at("1", 1), at("2", 5), at("3", 8), at("4", 9)]) == "2"
    assert settled_id([at("3", 8), at("4", 9)]) is None
    assert settled_id([]) is None


@pytest.mark.parametrize("moment", ["1990-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "nonsense"])
def test_a_backdated_status_settles_nothing_before_it(moment: str) -> None:
    """Else what arrives late would be passed over."""

    def at(bare: str, hour: int) -> dict[str, Any]:
        return status(id=bare, created_at=f"2026-11-20T{hour:02}:00:00Z")

    backdated = status(id="9", created_at=moment)
    assert settled_id([at("1", 1), at("2", 5), at("3", 8), at("4", 9), backdated]) == "2"
    assert settled_id([at("4", 9), backdated]) is None


@pytest.mark.parametrize("year", ["2999", "9998"])
def test_a_status_of_the_future_settles_nothing_recent(year: str) -> None:
    recent = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    future = status(id="99", created_at=f"{year}-01-01T00:00:00Z")
    assert settled_id([status(id="1", created_at=recent), future]) is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("see https://a.very.long.example/with/a/path?and=more", 4 + 23),
        ("@ann@far.example hi", 7),
        ("@ann hi", 7),
        ("é😀", 2),
    ],
)
def test_mastodon_counts_characters(text: str, length: int) -> None:
    assert count_characters(text) == length


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("home.example", "https://home.example"), (" http://127.0.0.1:80/ ", "http://127.0.0.1:80")],
)
def test_server_addresses(typed: str, wanted: str) -> None:
    assert server_address(typed) == wanted


@pytest.mark.parametrize(
    "typed", ["ftp://home.example", "https://", "https://u:p@home.example", " "]
)
def test_a_malformed_server_address_is_rejected(typed: str) -> None:
    with pytest.raises(Exception, match="CRITTERDB_MASTODON_URL") as caught:
        server_address(typed)
    assert "u:p" not in str(caught.value)


# Bluesky

BOT, DID = "did:plc:bot", "did:plc:ann"
SKY = BlueskyReader(BOT)
URI = f"at://{DID}/app.bsky.feed.post/3abcdefghijk2"
CDN = "https://cdn.bsky.example/img/feed_fullsize"


def view(record: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "uri": URI,
        "cid": "bafy1",
        "author": {"did": DID, "handle": "ann.example", "labels": []},
        "record": {"text": "hello", "createdAt": "2026-11-20T10:00:00.123Z"} | (record or {}),
        "indexedAt": "2026-11-20T10:00:01.000Z",
    } | fields


def images(*names: str) -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.images#view",
        "images": [{"fullsize": f"{CDN}/{n}", "thumb": "https://t.example"} for n in names],
    }


def quote(did: str) -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.record",
        "record": {"uri": f"at://{did}/app.bsky.feed.post/3q", "cid": "c"},
    }


def facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def test_a_post_with_its_links() -> None:
    above = {"uri": "at://did:plc:x/app.bsky.feed.post/3p", "cid": "c"}
    root = {"uri": "at://did:plc:x/app.bsky.feed.post/3r", "cid": "c"}
    post = SKY.read(view({"reply": {"parent": above, "root": root}}))
    assert (post.id, post.author) == (f"bluesky:{URI}", "ann.example")
    assert post.posted_at == "2026-11-20T10:00:00Z"
    assert post.url == f"https://bsky.app/profile/{DID}/post/3abcdefghijk2"
    assert (post.in_reply_to, post.thread) == (f"bluesky:{above['uri']}", f"bluesky:{root['uri']}")
    assert "hello" not in repr(post)


@pytest.mark.parametrize(
    ("embed", "wanted"),
    [
        (images("1", "2"), 2),
        ({"$type": "app.bsky.embed.recordWithMedia#view", "media": images("1"), "record": {}}, 1),
        ({"$type": "app.bsky.embed.video#view", "thumbnail": f"{CDN}/t.jpg"}, 1),
        ({"$type": "app.bsky.embed.video#view", "playlist": f"{CDN}/t.m3u8"}, 0),
        (
            {
                "$type": "app.bsky.embed.gallery#view",
                "items": [{"fullsize": f"{CDN}/1", "thumbnail": f"{CDN}/2"}],
            },
            1,
        ),
        ({"$type": "app.bsky.embed.record#view", "record": {"embeds": [images("1")]}}, 0),
        ({"$type": "some.new.thing#view"}, 0),
        (None, 0),
    ],
)
def test_pictures_of_a_post(embed: dict[str, Any] | None, wanted: int) -> None:
    assert len(SKY.read(view(embed=embed)).photos) == wanted


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://media.tenor.com/abc/cat.gif?hh=1", 1),
        ("https://i.giphy.com/x.webp", 1),
        ("https://a.example/b.GIF", 1),
        ("https://news.example/story", 0),
        ("https://nottenor.com/x", 0),
    ],
)
def test_a_card_is_a_picture_only_where_it_stands_for_a_gif(address: str, wanted: int) -> None:
    card = {"uri": address, "thumb": f"{CDN}/thumb"}
    post = SKY.read(view(embed={"$type": "app.bsky.embed.external#view", "external": card}))
    assert len(post.photos) == wanted


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"facets": [facet(0, 4, did=BOT)]}, True),
        ({"facets": [facet(0, 4, did="did:plc:other")]}, False),
        ({"text": "@bot.example without a facet"}, False),
        ({"embed": quote(BOT)}, True),
        ({"embed": quote("did:plc:other")}, False),
        (
            {
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "record": quote(BOT),
                    "media": {},
                }
            },
            True,
        ),
        ({"embed": {"record": {"uri": f"at://{BOT}/app.bsky.graph.list/3l", "cid": "c"}}}, False),
    ],
)
def test_what_calls_the_bot(record: dict[str, Any], wanted: bool) -> None:
    assert SKY.read(view(record)).summons is wanted


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"text": "so #Cat", "facets": [facet(3, 7, tag="Cat")]}, ("Cat",)),
        ({"text": "so ＃cat"}, ("cat",)),
        ({"text": "so", "tags": ["hidden"]}, ("hidden",)),
        ({"text": "é e.example/ #cat", "facets": [facet(3, 18, uri="https://e.example/#cat")]}, ()),
        ({"text": "https://e.example/?a=#cat"}, ()),
        ({"text": "pre#cat"}, ()),
    ],
)
def test_hashtags_of_bluesky(record: dict[str, Any], wanted: tuple[str, ...]) -> None:
    assert SKY.read(view(record)).hashtags == wanted


@pytest.mark.parametrize(
    ("created", "indexed", "wanted"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:05Z", "2026-11-20T10:00:00Z"),
        ("2099-01-01T00:00:00Z", "2026-11-20T10:00:05Z", "2026-11-20T10:00:05Z"),
        ("nonsense", "2026-11-20T10:00:05Z", "2026-11-20T10:00:05Z"),
        ("2026-11-20T12:00:00+02:00", "2026-11-20T10:00:05Z", "2026-11-20T10:00:00Z"),
    ],
)
def test_a_post_is_never_younger_than_it_can_be(created: str, indexed: str, wanted: str) -> None:
    assert SKY.read(view({"createdAt": created}, indexedAt=indexed)).posted_at == wanted


@pytest.mark.parametrize(
    ("author", "by_bot", "opts_out"),
    [
        ({"labels": [{"src": DID, "val": "bot"}]}, True, False),
        ({"labels": [{"src": "did:plc:labeler", "val": "bot"}]}, False, False),
        ({"labels": [{"src": DID, "val": "bot", "neg": True}]}, False, False),
        ({"viewer": {"blockedBy": True}}, False, True),
        ({"handle": "handle.invalid"}, False, False),
    ],
)
def test_authors_of_bluesky(author: dict[str, Any], by_bot: bool, opts_out: bool) -> None:
    post = SKY.read(view(author={"did": DID, "handle": "ann.example", "labels": []} | author))
    assert (post.by_bot, bool(post.opts_out)) == (by_bot, opts_out)
    assert post.author in ("ann.example", DID)


def test_record_keys_carry_their_time_and_sort_by_it() -> None:
    keys = [timestamp_id(1_700_000_000_000_000 + step, 7) for step in (0, 1, 1_000_000)]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {13}
    assert time_of_key(keys[2]).timestamp() == 1_700_000_001
    assert time_of_key("self").timestamp() == 0


def test_a_name_in_a_text_becomes_a_mention() -> None:
    (facet,) = mention_facets("é @ann.example, hi", {"ann.example": DID})
    assert facet["index"] == {"byteStart": 3, "byteEnd": 15}
    assert mention_facets("no name", {"ann.example": DID}) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("abc", 3),
        ("e\u0301", 1),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", 1),  # a family
        ("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", 2),  # two flags
        ("\U0001f44d\U0001f3fd", 1),
        ("\u2764\ufe0f", 1),
        ("a\u200db", 2),
        ("\r\n", 1),
        ("\u1100\u1161\u11a8", 1),  # a syllable of Hangul in single jamo
        ("\u0915\u094d\u0937", 1),  # a conjunct of Devanagari
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", 1),  # a flag spelled in tags
        ("#\ufe0f\u20e3", 1),
        ("\u0e01\u0e33", 1),  # Thai with a vowel that has a place of its own
    ],
)
def test_graphemes(text: str, count: int) -> None:
    assert count_graphemes(text) == count


def test_a_walk_back_is_not_led_astray_by_odd_items() -> None:
    now = datetime.now(UTC)

    def page(token: str | None) -> tuple[list[object], str | None]:
        return [None, {"indexedAt": "9998-01-01T00:00:00Z"}, {"indexedAt": 5}, {}], None

    walk = walk_back(page, "2026-11-20T01:00:00.000Z")
    assert walk.unreadable == 1
    assert walk.cursor is not None
    assert abs(parse_time(walk.cursor) - now) < timedelta(minutes=1)


def test_a_walk_back_that_does_not_reach_its_end_leaves_a_gap() -> None:
    def page(token: str | None) -> tuple[list[object], str | None]:
        number = int(token or 0)
        moment = f"2026-11-20T{23 - number // 60:02}:{59 - number % 60:02}:00.000Z"
        return [{"uri": str(number), "indexedAt": moment}], str(number + 1)

    walk = walk_back(page, "2026-11-20T01:00:00.000Z")
    assert (len(walk.items), walk.gap_from) == (50, "2026-11-20T01:00:00.000Z")
    assert walk.cursor == "2026-11-20T23:59:00.000Z"
    for since in ("23:30", "23:11", "23:10"):  # to 23:10 the pages reach, though not beyond
        walk = walk_back(page, f"2026-11-20T{since}:00.000Z")
        assert walk.gap_from is None
    assert len(walk.items) == 50
