"""Bodies as strangers send them: whole, in drips, too large, cut off, malformed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.errors import RejectedInputError
from critterdb.web.endpoint.limits import DailyBudget, RateLimit, Workers, client_address
from critterdb.web.endpoint.upload import Upload, read_upload
from critterdb.web.http.body import Body, ClientDisconnectedError, UploadMemory
from critterdb.web.http.headers import image_origin, page_headers
from critterdb.web.http.negotiation import prefers_page
from critterdb.web.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CAP = 1000
MULTIPART = "multipart/form-data; boundary=b0undary"
BINARY = bytes(range(256)) + b"\r\n--not the boundary\r\n\r\n" + bytes(range(255, -1, -1))


class Sender:
    """An ASGI `receive` over chunks; counts what was taken from it."""

    def __init__(self, chunks: Iterable[bytes], gone: bool = False) -> None:
        self.chunks = iter(chunks)
        self.gone = gone
        self.taken = 0
        self._next: bytes | None = next(self.chunks, b"")

    async def __call__(self) -> Mapping[str, Any]:
        chunk, self._next = self._next, next(self.chunks, None)
        assert chunk is not None
        self.taken += len(chunk)
        if self._next is None and self.gone:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": self._next is not None}


async def read(body: bytes | Iterable[bytes], content_type: str = "", **headers: str) -> Upload:
    sender = Sender([body] if isinstance(body, bytes) else body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await read_upload(Body(sender, {"content-type": content_type, **sent}), CAP)


def form(*fields: tuple[str, bytes], boundary: str = "b0undary", end: str = "--\r\n") -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="../../x"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + value
        + b"\r\n"
        for name, value in fields
    ]
    return b"".join(parts) + f"--{boundary}{end}".encode()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b0undary",
        'Multipart/Form-Data; boundary="b0undary"',
        'multipart/form-data; x="; boundary=other"; Boundary = "b0\\undary" ; boundary=third',
    ],
)
async def test_a_form_gives_its_picture_byte_for_byte(content_type: str) -> None:
    body = form(("model", b"m1"), ("image", BINARY), ("url", b""))
    assert await read(body, content_type) == Upload(BINARY, None, "m1")


@pytest.mark.parametrize(
    ("parameters", "is_image"),
    [
        ('name="image"; filename="a; name=url.jpg"', True),
        ('filename="name=\\"x\\";.jpg"; name=image', True),
        ("name*=utf-8''image", False),
        ("name*=image; name*0*=image", False),
        ('filename="; name=image"', False),
        ('name="image\0"', False),
    ],
)
async def test_the_name_of_a_field_is_read_as_browsers_write_it(
    parameters: str, is_image: bool
) -> None:
    head = f"--b0undary\r\nContent-Disposition: form-data; {parameters}\r\n\r\n"
    body = head.encode() + b"x\r\n--b0undary--"
    assert await read(body, MULTIPART) == Upload(b"x" if is_image else None)


async def test_chunks_may_split_anywhere() -> None:
    body = form(("image", BINARY))
    drips = [body[i : i + 7] for i in range(0, len(body), 7)]
    assert (await read(drips, "multipart/form-data; boundary=b0undary")).image == BINARY


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", ""])
async def test_a_raw_body_is_the_picture(content_type: str) -> None:
    assert (await read(BINARY, content_type)).image == BINARY


SHORT = "multipart/form-data; boundary=b"
LONG_HEAD = b'--b0undary\r\nContent-Disposition: form-data; name="' + b";" * 60_000


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (LONG_HEAD + b"\r\n\r\nx\r\n--b0undary--\r\n", MULTIPART),
        (LONG_HEAD.replace(b'"', b"") + b"\r\n\r\nx\r\n--b0undary--\r\n", MULTIPART),
        (form(("image", b"x")), f'multipart/form-data; boundary="{";" * 60_000}'),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n" + b"\r\n--bX" * 1_600_000, SHORT),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n" + b"\r\n--b-" * 1_600_000, SHORT),
        (b"url=" + b"%" * 9_000_000, "application/x-www-form-urlencoded"),
        (b"url=" + b"%41" * 3_000_000, "application/x-www-form-urlencoded"),
        (b'{"url":' * 9_000, "application/json"),
    ],
)
async def test_no_form_takes_long_to_take_apart(body: bytes, content_type: str) -> None:
    """It is done in the event loop, where everybody waits for it."""
    receive = Body(Sender([body]), {"content-type": content_type})
    started = time.process_time()
    with suppress(RejectedInputError):
        await read_upload(receive, 10_000_000)
    assert time.process_time() - started < 0.5


async def test_an_address_may_come_in_either_form() -> None:
    url = b"https://example.org/a.jpg?x=1&y=2"
    multipart = await read(form(("url", url)), "multipart/form-data; boundary=b0undary")
    encoded = await read(
        b"url=https%3A%2F%2Fexample.org%2Fa.jpg%3Fx%3D1%26y%3D2",
        "application/x-www-form-urlencoded; charset=utf-8",
    )
    assert multipart == encoded == Upload(url=url.decode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"url": "https://example.org/a.jpg?x=1&y=2"}',
         Upload(url="https://example.org/a.jpg?x=1&y=2")),
        ('\ufeff{"url": " https://a.example/\u00e9 ", "model": "m", "image": "x"}'.encode(),
         Upload(url="https://a.example/\u00e9", model="m")),
        (b'{"url": null}', Upload()),
        (b"{}", Upload()),
    ],
)  # fmt: skip
async def test_an_address_may_come_as_json(body: bytes, expected: Upload) -> None:
    for content_type in ("application/json", "Application/JSON; charset=utf-8"):
        assert await read(body, content_type) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"https://example.org/a.jpg",
        b"[]",
        b'"https://example.org/a.jpg"',
        b'{"url": 1}',
        b'{"url": ["https://example.org/a.jpg"]}',
        b'{"url": "a", "model": {}}',
        b'{"url": "a"',
        b"[" * CAP,
        BINARY,
    ],
)
async def test_malformed_json_is_refused_kindly(body: bytes) -> None:
    with pytest.raises(RejectedInputError, match="The JSON could not be read") as refused:
        await read(body, "application/json")
    assert refused.value.code == "missing_image"


async def test_json_has_a_limit_of_its_own() -> None:
    receive = Body(Sender([b'{"url": "' + b"a" * 70_000]), {"content-type": "application/json"})
    with pytest.raises(RejectedInputError, match="larger than 65,536 bytes") as refused:
        await read_upload(receive, 10_000_000)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        form(("image", b"")),
        form(("picture", BINARY)),
        form(),
    ],
    ids=["nothing", "empty file", "another field", "no field"],
)
async def test_a_form_without_a_picture_gives_none(body: bytes) -> None:
    if body:
        assert await read(body, "multipart/form-data; boundary=b0undary") == Upload()
    else:
        assert await read(body) == Upload()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form(("image", b"x"))),
        ("multipart/form-data; boundary=", form(("image", b"x"))),
        ("multipart/form-data; boundary*=idna''b0undary", form(("image", b"x"))),
        ("multipart/form-data; boundary*=x; boundary*0*=y", form(("image", b"x"))),
        ("multipart/form-data; boundary=other", form(("image", b"x"))),
        ("multipart/form-data; boundary=b0undary", form(("image", b"x"))[:-20]),
        ("multipart/form-data; boundary=b0undary", b"--b0undary\r\nno header\r\n--b0undary--"),
        ("multipart/form-data; boundary=b0undary", form(*[("a", b"")] * 17)[:CAP]),
        ("multipart/form-data; boundary=b0undary", b""),
    ],
    ids=[
        "no boundary",
        "empty",
        "encoded",
        "in pieces",
        "wrong",
        "cut off",
        "no header",
        "many parts",
        "no body",
    ],
)
async def test_a_malformed_form_is_refused_kindly(content_type: str, body: bytes) -> None:
    with pytest.raises(RejectedInputError, match="could not be read") as refused:
        await read(body, content_type)
    assert refused.value.code == "missing_image"


@pytest.mark.parametrize("declared", ["", "5000", "10", "lies"])
async def test_a_body_over_the_cap_is_refused_whatever_it_declares(declared: str) -> None:
    chunks = [b"x" * 500] * 10
    with pytest.raises(RejectedInputError) as refused:
        await read(chunks, "image/jpeg", content_length=declared)
    assert refused.value.code == "too_large"


async def test_an_endless_body_is_given_up() -> None:
    def endless() -> Iterable[bytes]:
        while True:
            yield b"x" * 1_000_000

    sender = Sender(endless())
    body = Body(sender, {})
    with pytest.raises(RejectedInputError, match="smaller"):
        await read_upload(body, CAP)
    assert await body.discard()
    assert sender.taken < 70_000_000


async def test_who_waits_for_100_continue_is_answered_before_sending() -> None:
    sender = Sender([b"x" * 5000])
    headers = {"content-length": "5000", "expect": "100-continue"}
    body = Body(sender, headers)
    with pytest.raises(RejectedInputError):
        await read_upload(body, CAP)
    assert await body.discard()
    assert sender.taken == 0


async def test_a_sender_that_hangs_up_is_not_reported_as_an_error() -> None:
    with pytest.raises(ClientDisconnectedError):
        await read_upload(Body(Sender([b"x", b"y"], gone=True), {}), CAP)


async def test_uploads_share_a_bounded_memory_and_give_it_back() -> None:
    memory = UploadMemory(1500)
    bodies = [Body(Sender([b"x" * 400, b"y" * 400]), {}, memory) for _ in range(3)]
    await read_upload(bodies[0], CAP)
    with pytest.raises(RejectedInputError) as refused:
        await read_upload(bodies[1], CAP)
    assert refused.value.code == "busy"
    bodies[0].close()
    bodies[1].close()
    await read_upload(bodies[2], CAP)
    bodies[2].close()
    assert memory.held == 0


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("application/json, text/html", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
        ("text/html;q=much", False),
    ],
)
def test_browsers_get_a_page_and_programs_json(accept: str, page: bool) -> None:
    assert prefers_page(accept) is page


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Pictures.example/a.jpg", "https://pictures.example"),
        ("http://127.0.0.2:18080/a.jpg", "http://127.0.0.2:18080"),
        ("https://a.example; script-src *", None),
        ("https://a.example'/x", None),
        ("https://*/x", None),
        ("javascript:alert(1)", None),
        ("https://[::1]/x", None),
        ("http://a:99999/", None),
        ("", None),
    ],
)
def test_only_a_plain_host_gets_into_the_policy(url: str, origin: str | None) -> None:
    assert image_origin(url) == origin
    policy = page_headers(url)["Content-Security-Policy"]
    assert (f"blob: {origin};" if origin else "blob:;") in policy


def test_the_rate_counts_each_client_by_the_minute() -> None:
    now = [1000.0]
    limit = RateLimit(2, clock=lambda: now[0])
    for _ in range(2):
        limit.count("a")
    with pytest.raises(RejectedInputError) as refused:
        limit.count("a")
    assert refused.value.code == "rate_limited"
    assert 0 < limit.retry_seconds() <= 60
    limit.count("b")
    now[0] += limit.retry_seconds()
    limit.count("a")


def test_a_daily_budget_starts_again_a_day_later() -> None:
    now = [5.0]
    budget = DailyBudget(2, clock=lambda: now[0])
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    now[0] += 86_400
    assert budget.take()
    unlimited = DailyBudget(0)
    assert all(unlimited.take() for _ in range(100))


@pytest.mark.parametrize(
    ("socket", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:54321", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:54321", "2001:db8:1:2::/64"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2:443", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_only_trusted_proxies_say_who_asks(socket: str, forwarded: str, expected: str) -> None:
    trusted = load_settings({"trusted_proxies": ["10.0.0.0/8"]}).trusted_proxies
    headers = {"x-forwarded-for": forwarded}
    assert client_address({"client": (socket, 1)}, headers, trusted) == expected


async def test_a_full_queue_says_busy_and_recovers() -> None:
    workers = Workers(workers=1, waiting=1)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> str:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return "done"

    taken = [asyncio.create_task(workers.run(work)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RejectedInputError) as refused:
        await workers.run(work)
    assert refused.value.code == "busy"
    gate.set()
    assert await asyncio.gather(*taken) == ["done", "done"]
    assert await workers.run(str, 7) == "7"
