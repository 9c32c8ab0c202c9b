"""Fixtures that every test may use: a fresh site, and a guard that forbids the open network."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from critterdb.fakes.x import StandInX
from critterdb.publish.copy import publish_site
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.bot_harness import BOT, GAME, HASHTAG, BotHarness, add_host
from tests.support.container import Image, build_image
from tests.support.models import make_tiny_model
from tests.support.publishing import make_full_site

os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process open connections to loopback only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])  # type: ignore[index]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A published site and the base install beside it, as the Dockerfile makes them."""
    folder = tmp_path_factory.mktemp("image")
    db = open_database(make_full_site(folder / "home") / DATABASE_NAME)
    publish_site(db, folder / "public")
    db.close()
    return build_image(folder / "public", folder)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of a site, with an empty database."""
    folder = tmp_path / "site"
    folder.mkdir()
    open_database(folder / DATABASE_NAME, create=True).close()
    return folder


@pytest.fixture
def db(site: Path) -> Iterator[SiteDatabase]:
    """The database of `site`."""
    database = open_database(site / DATABASE_NAME)
    yield database
    database.close()


@pytest.fixture
def ground(db: SiteDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotHarness]:
    """The tiny model's game, its host, and a stand-in X to play it on."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db)
    with StandInX(BOT) as x:
        for name, value in x.environment().items():
            monkeypatch.setenv(name, value)
        yield BotHarness(db, x)
