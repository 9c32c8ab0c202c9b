"""A second process that makes pages while the first one does: each keeps one processor busy."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from critterdb.errors import CritterError, SiteError
from critterdb.storage.database import DATABASE_NAME, open_read_only, sqlite3
from critterdb.system import ChildProcess

from .crawl import Crawl
from .folder import BakedFolder
from .reuse import Memory
from .server import opened

if TYPE_CHECKING:
    from .crawl import MadePage, PageJob

# Asked for before the first of them is there, so that it need not wait for the next.
PAGES_AHEAD = 8
WAIT_S = 0.05


class SecondProcess:
    """Makes pages that it is asked for. Raises SiteError if it ends early."""

    def __init__(self, job: PageJob) -> None:
        self._child = ChildProcess(__name__, "serve")
        self._child.connection.send(job)
        self._asked = 0

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.alive

    @property
    def is_busy(self) -> bool:
        return self._asked > 0

    @property
    def has_room(self) -> bool:
        return self._asked < PAGES_AHEAD

    def ask(self, address: str) -> None:
        try:
            self._child.connection.send(address)
        except OSError as error:
            raise self._early_end() from error
        self._asked += 1

    def pages(self, *, wait: bool) -> list[MadePage]:
        """Return the pages that were made meanwhile; `wait` a moment if there are none."""
        made: list[MadePage] = []
        while self._asked and self._child.connection.poll(WAIT_S if wait and not made else 0):
            try:
                outcome = self._child.connection.recv()
            except (EOFError, OSError) as error:
                raise self._early_end() from error
            if isinstance(outcome, Exception):
                raise outcome
            self._asked -= 1
            made.append(outcome)
        return made

    def end(self) -> None:
        self._child.end()

    def _early_end(self) -> SiteError:
        return SiteError(
            f"The second process that makes pages ended early (status {self._child.wait()}). "
            "Nothing was changed. If memory ran out, close other programs and publish again"
        )


def serve(descriptor: int) -> None:
    """Make the pages that come over a socket, one after the other, until it is closed."""
    connection = Connection(descriptor)
    with suppress(EOFError, ConnectionError):
        job = connection.recv()
        try:
            asyncio.run(_make_pages(job, connection))
        except (CritterError, OSError, sqlite3.OperationalError) as error:
            connection.send(error)


async def _make_pages(job: PageJob, connection: Connection) -> None:
    folder = BakedFolder(job.made, job.before)
    with closing(open_read_only(job.copy / DATABASE_NAME, immutable=True)) as db:
        memory = Memory(db)
        server = opened(job.copy, memory.neighbours, classifies=job.classifies)
        async with server as (datasette, database):
            memory.watch(database)
            crawl = Crawl(datasette, folder, memory, db, job)
            while True:
                connection.send(await crawl.make(connection.recv()))
