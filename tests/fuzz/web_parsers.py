"""The parsers of what visitors and settings send: forms, headers, addresses, words.toml."""

from __future__ import annotations

import asyncio
from typing import Any

from datasette.utils.asgi import Request
from hypothesis import strategies as st

from critterdb.errors import RejectedInputError, SiteError
from critterdb.fetch.address_policy import STRICT_TABLE
from critterdb.fetch.fetcher import Fetcher, is_own_request
from critterdb.web.endpoint.upload import read_upload
from critterdb.web.http.body import Body
from critterdb.web.http.csrf import is_forged
from critterdb.web.http.forms import parse_form, parse_multipart
from critterdb.web.http.headers import image_origin, page_headers
from critterdb.web.http.negotiation import own_addresses, prefers_page, whole_number
from critterdb.web.settings import load_settings
from tests.fuzz.contract import Parser
from tests.fuzz.strategies import as_bytes, damaged, odd_texts, spoiled, texts

BOUNDARY = b"--x1"
FORM = b"".join(
    (
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="image";filename="a.jpg"\r\n',
        b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\r\n",
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttps://a/\r\n',
        b"--" + BOUNDARY + b"--\r\n",
    )
)
CONTENT_TYPES = st.one_of(
    st.sampled_from(
        [
            f"multipart/form-data; boundary={BOUNDARY.decode()}",
            'multipart/form-data; boundary="a\\"b"',
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "image/jpeg",
        ]
    ),
    texts(';="\\ /*', "multipart/form-data", "boundary=", "boundary*=", "\u20ac"),
)
BODIES = st.one_of(damaged(FORM), st.binary(max_size=400), st.just(b"\r\n--" * 20_000))
SETTINGS: dict[str, Any] = {
    "game": "tints",
    "allow": {"id": "*"},
    "record": True,
    "max_bytes": 1000,
    "max_pixels": 1000,
    "rate": 5,
    "trusted_proxies": ["10.0.0.0/8"],
    "allow_hosts": ["a.example"],
    "local_photos": False,
    "review": True,
    "map_tiles": "https://a.example/{z}/{x}/{y}",
    "map_credit": "Somebody",
}
URLS = texts(
    ":/@[]?#%.\\ ",
    "https://",
    "http://",
    "//",
    "[::1]",
    "[fe80::1%25lo]",
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "localhost",
    "a.example",
    ":80",
    ":99999",
    "\u2100",
    "%zz",
)
HEADERS = texts(',;=*/ q.-+"', "text/html", "application/json", "q=", "q=nan", "q=1e999", "*/*")


def read_form_data(example: tuple[bytes, str]) -> None:
    parse_multipart(*example)


def read_body(example: tuple[bytes, str]) -> None:
    body, content_type = example
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(sent)

    asyncio.run(read_upload(Body(receive, {"content-type": content_type}), 10_000))


def request_of(host: str, origin: str) -> Request:
    # As a server hands headers on: bytes, in which anything but line breaks can stand.
    headers = [(b"host", host), (b"origin", origin), (b"cookie", "a=b")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "server": ("127.0.0.1", 8001),
        "headers": [
            (name, value if isinstance(value, bytes) else value.encode("latin-1", "replace"))
            for name, value in headers
        ],
        "actor": {"id": "root"},
    }
    return Request(scope, None)


def read_host(example: tuple[str, str]) -> None:
    request = request_of(*example)
    own_addresses(request)
    is_forged(request)


def read_address(url: str) -> None:
    image_origin(url)
    page_headers(url)


def fetch(url: str) -> None:
    """Only what is refused at once: nothing may be connected to from here."""
    Fetcher(allow=(), allow_hosts=["nowhere.invalid"], timeout_s=0.1).fetch(url)


WEB_PARSERS = [
    Parser("multipart", read_form_data, st.tuples(BODIES, CONTENT_TYPES), (RejectedInputError,)),
    Parser("uploads", read_body, st.tuples(BODIES, CONTENT_TYPES), (RejectedInputError,)),
    Parser(
        "url-encoded forms",
        parse_form,
        st.one_of(st.binary(max_size=300), as_bytes(texts("&;=%+", "image=", "%zz"))),
        (RejectedInputError,),
    ),
    Parser("Accept", prefers_page, HEADERS),
    Parser("Host and Origin", read_host, st.tuples(URLS | HEADERS, URLS)),
    Parser("Via", lambda text: is_own_request({"via": text}), texts(", ./", "critterdb", "1.1 ")),
    Parser("addresses of pictures", read_address, URLS),
    Parser("addresses to fetch", fetch, URLS, (RejectedInputError,), most_s=3.0),
    Parser("numbers", whole_number, odd_texts() | st.text(max_size=30), (ValueError,)),
    Parser(
        "IP addresses",
        STRICT_TABLE.classify,
        texts(".:%", "::", "127.0.0.1", "fe80"),
        (ValueError,),
    ),
    Parser(
        "settings",
        load_settings,
        spoiled(SETTINGS).filter(lambda s: isinstance(s, dict)),
        (SiteError,),
    ),
]
