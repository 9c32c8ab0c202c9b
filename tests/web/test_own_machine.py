"""Photos without a licence: shown to their owner at their own machine, and to nobody else."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from critterdb.licences import NOT_PUBLISHED, OWN
from critterdb.site.folder import COPY_MARKER
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.photo_store import place_photo
from tests.support.datasette_site import (
    TAXON,
    add_model,
    add_photo,
    add_post,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
NOBODY = 65534  # a user
CLIENT = httpx.Client(trust_env=False)
PHOTO = jpeg("peru")
PAGES = [
    "/-/critters",
    "/-/critters/species",
    f"/-/critters/species/{TAXON}",
    "/-/critters/photos/1",
    "/critters/photos",
]
# What a request looks like after a detour: a proxy, a tunnel, another site's page.
DETOURS = {
    "nginx": {"X-Forwarded-For": "203.0.113.9"},
    "nginx, other habits": {"X-Real-IP": "203.0.113.9"},
    "a proxy by the book": {"Forwarded": "for=203.0.113.9"},
    "a cache": {"Via": "1.1 varnish"},
    "Cloudflare's tunnel": {"CF-Connecting-IP": "203.0.113.9"},
    "ngrok": {"X-Forwarded-Host": "abc.ngrok.app"},
    "Tailscale": {"Tailscale-User-Login": "ann@example.org"},
    "an empty list of hops": {"X-Forwarded-For": ""},
    "a page of another site": {"Sec-Fetch-Site": "cross-site"},
    "a page of another port": {"Sec-Fetch-Site": "same-site"},
    "a script of another site": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Origin": "null"},
    "a link elsewhere": {"Referer": "https://evil.example/127.0.0.1"},
    "the server's wildcard name": {"Host": "0.0.0.0:80"},
    "a malformed name": {"Host": "127.0.0.1:80@evil.example"},
}
AT_HOME = {
    "a browser": {"Sec-Fetch-Site": "none", "Host": "localhost:8001"},
    "a page's own picture": {"Sec-Fetch-Site": "same-origin", "Referer": "http://127.0.0.1:1/a"},
    "an own form": {"Origin": "http://[::1]:8001"},
    "an own script": {"X-Requested-With": "fetch"},
}


# What the site's settings and `critterdb serve` say, whatever Datasette is.
any_line = partial(pytest.param, marks=pytest.mark.any_line)


def make_private_site(folder: Path, **settings: Any) -> str:
    """A site with a photo that has no licence; returns the path of its file."""
    make_site(folder, **settings)
    add_model(folder)
    sha256 = add_photo(folder, 1, PHOTO, license_code=None, attribution=None)
    return f"/-/critterdb/photos/{sha256}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A site on loopback, and the path of its photo."""
    folder = tmp_path_factory.mktemp("own") / "mysite"
    path = make_private_site(folder)
    with serving(folder, SERVE) as address:
        yield address, path


def status(address: str, path: str, headers: dict[str, str] | None = None) -> int:
    return CLIENT.get(f"{address}{path}", headers=headers or {}).status_code


def test_their_owner_sees_them_everywhere(served: tuple[str, str]) -> None:
    address, path = served
    file = CLIENT.get(f"{address}{path}", headers={"Origin": address})
    assert file.content == PHOTO
    assert file.headers["cache-control"].startswith("private")
    assert file.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in file.headers
    for page in PAGES:
        text = CLIENT.get(f"{address}{page}").text
        assert f'src="{path}"' in text, page
        assert OWN in text, page
        assert NOT_PUBLISHED not in text, page
    photo = CLIENT.get(f"{address}/-/critters/photos/1.json").json()["photo"]
    assert photo["image"] == path


@pytest.mark.any_line
@pytest.mark.parametrize("headers", AT_HOME.values(), ids=list(AT_HOME))
def test_browsers_and_scripts_of_the_same_machine_count(
    served: tuple[str, str], headers: dict[str, str]
) -> None:
    assert status(*served, headers) == 200


@pytest.mark.any_line
@pytest.mark.parametrize("headers", DETOURS.values(), ids=list(DETOURS))
def test_a_request_that_took_a_detour_does_not(
    served: tuple[str, str], headers: dict[str, str]
) -> None:
    address, path = served
    assert status(address, path, headers) in (404, 421)
    for page in PAGES:
        text = CLIENT.get(f"{address}{page}", headers=headers).text
        assert path not in text, page
    text = CLIENT.get(f"{address}/-/critters/photos/1", headers=headers).text
    assert "local_photos" in text or "host name" in text


@pytest.mark.any_line
@pytest.mark.parametrize(
    "request_line_and_headers",
    [
        "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
        "GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    ids=["HTTP/1.0, as nginx speaks", "no Host", "two Hosts"],
)
def test_what_no_browser_sends_does_not(
    served: tuple[str, str], request_line_and_headers: str
) -> None:
    address, path = served
    parts = urlsplit(address)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=10)) as sender:
        sender.sendall(request_line_and_headers.format(path=path).encode())
        answer = b"".join(iter(lambda: sender.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400", b"421")
    assert PHOTO not in answer


@pytest.mark.any_line
@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="takes root, and Linux's table of sockets"
)
def test_another_user_of_the_machine_does_not(served: tuple[str, str]) -> None:
    """As a proxy that runs as a service; it must be told from the owner by its user alone."""
    assert status_for_user(0, *served) == 200
    assert status_for_user(NOBODY, *served) == 404


def status_for_user(user: int, address: str, path: str) -> int:
    """Ask as another user, in a child without exec: Python itself may be closed to others."""
    child = os.fork()
    if not child:
        try:
            os.setuid(user)
            parts = urlsplit(address)
            with closing(HTTPConnection(str(parts.hostname), parts.port, timeout=10)) as sender:
                sender.request("GET", path)
                os._exit(sender.getresponse().status // 100)
        finally:
            os._exit(1)
    # An exit status is below 256.
    return {2: 200, 4: 404}.get(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)


@pytest.mark.parametrize(
    ("settings", "command", "expected"),
    [
        any_line({}, [*SERVE, "--host", "0.0.0.0"], 404, id="all addresses"),
        pytest.param({}, ["-m", "datasette", "serve", ".", "-p", "{port}"], 404, id="datasette ."),
        any_line({"local_photos": False}, SERVE, 404, id="not wanted"),
        any_line({"local_photos": True}, [*SERVE, "--host", "0.0.0.0"], 200, id="wanted"),
        any_line({"trusted_proxies": ["127.0.0.1/32"]}, SERVE, 404, id="a proxy"),
        any_line({"hosts": ["critters.example"]}, SERVE, 404, id="a tunnel"),
    ],
)
def test_only_a_server_for_this_machine_shows_them(
    tmp_path: Path, settings: dict[str, Any], command: list[str], expected: int
) -> None:
    path = make_private_site(tmp_path / "mysite", **settings)
    with serving(tmp_path / "mysite", command) as address:
        assert status(address, path) == expected


@pytest.mark.any_line
def test_a_published_copy_does_not(tmp_path: Path) -> None:
    path = make_private_site(tmp_path / "mysite")
    (tmp_path / "mysite" / COPY_MARKER).touch()
    with serving(tmp_path / "mysite", SERVE) as address:
        assert status(address, path) == 404


async def test_datasette_s_own_client_does_not(tmp_path: Path) -> None:
    """It has no socket, and other plugins may use it to answer anybody."""
    path = make_private_site(tmp_path / "mysite")
    response = await open_datasette(tmp_path / "mysite").client.get(path)
    assert response.status_code == 404


def name_picture(folder: Path, post_id: str, sha256: str) -> None:
    """Let a post's picture be the one with this hash."""
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["images"].insert({"sha256": sha256, "first_seen_at": "2026-11-27T00:00:00Z"})
        db["posts"].update(post_id, {"platform": post_id.partition(":")[0]})
        db["post_images"].update((post_id, 0), {"image_sha256": sha256})


def add_picture_elsewhere(folder: Path) -> str:
    """A post whose kept picture is a link to another file of the folder; the picture's hash."""
    add_post(folder, "x:3", "http://127.0.0.1:9/gone.jpg")
    sha256, path = place_photo(folder, jpeg(), "jpg", "pictures")
    name_picture(folder, "x:3", sha256)
    (folder / path).unlink()
    (folder / path).symlink_to(folder / "metadata.json")
    return sha256


@pytest.mark.any_line
def test_kept_pictures_and_no_other_files_are_shown_while_their_post_is(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite")
    addresses = {}
    for post_id, colour in (("x:1", "red"), ("jsonl:2", "blue")):
        add_post(folder, post_id, "http://127.0.0.1:9/gone.jpg")
        sha256, _ = place_photo(folder, jpeg(colour), "jpg", "pictures")
        addresses[post_id] = f"/-/critterdb/pictures/{sha256}"
        name_picture(folder, post_id, sha256)
    elsewhere = add_picture_elsewhere(folder)
    with serving(folder, SERVE) as address:
        for post_id, path in addresses.items():
            assert status(address, path) == 200
            for page in (
                "/-/critters/history",
                f"/-/critters/posts/{post_id}",
                "/critters/bot_history",
            ):
                assert f'src="{path}"' in CLIENT.get(f"{address}{page}").text, (page, post_id)
        # A file's pictures were never published; the demo's are anybody's.
        assert status(address, addresses["x:1"], {"X-Forwarded-For": "203.0.113.9"}) == 200
        assert status(address, addresses["jsonl:2"], {"X-Forwarded-For": "203.0.113.9"}) == 404
        # No other file of the folder is a kept picture.
        for name in (elsewhere, "0" * 64, "..~2fmetadata.json"):
            assert status(address, f"/-/critterdb/pictures/{name}") == 404, name
        with closing(open_database(folder / DATABASE_NAME)) as db:
            db.execute("UPDATE posts SET deleted_at = '2026-11-27T00:00:00Z'")
        for path in addresses.values():
            assert status(address, path) == 404
            assert path not in CLIENT.get(f"{address}/-/critters/history").text


@pytest.mark.any_line
def test_a_copy_for_others_says_no_whatever_its_owner_wanted(tmp_path: Path) -> None:
    from critterdb.publish.site_files import copy_site_files

    home = make_site(tmp_path / "mysite")
    change_metadata(home, {"plugins": {"critterdb": {"local_photos": None}}})
    (tmp_path / "copy").mkdir()
    copy_site_files(home, tmp_path / "copy")
    assert '"local_photos": false' in (tmp_path / "copy/metadata.json").read_text()
