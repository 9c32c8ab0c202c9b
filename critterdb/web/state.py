"""What the plugin keeps for each running Datasette: settings, workers, limits, the database."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from critterdb.errors import SiteError
from critterdb.model.onnx_session import load_onnxruntime
from critterdb.storage.database import BUSY_TIMEOUT_MS, distrust_schema
from critterdb.storage.timestamps import utc_now
from critterdb.web.datasette.memory_limits import MAX_SQLITE_BYTES, limit_results
from critterdb.web.endpoint.limits import RateLimit, UploadMemory, Workers

from .settings import Settings, load_settings

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database

    from critterdb.fetch.fetcher import Fetcher
    from critterdb.web.queries.similar_photos import Sketches

T = TypeVar("T")

ANY_MODEL = "SELECT 1 FROM games WHERE model_id IS NOT NULL"
SITE_NAME = "critters"
WRITES_REMEMBERED = 10_000
SITE_TABLES = {"games", "models", "photos", "predictions"}


class PluginState:
    """The state behind the endpoint of one Datasette instance."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database_name: str | None = None
        self.workers = Workers()
        self.uploads = UploadMemory()
        self.rate_limit = RateLimit(settings.rate)
        self.sketches: dict[str, Sketches] = {}
        self.taxon_names: dict[int, str] = {}
        self.opened_at = time.monotonic()
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self.write_seconds: deque[float] = deque(maxlen=WRITES_REMEMBERED)
        self.errors: dict[str, tuple[int, str]] = {}

    def note_error(self, code: str) -> None:
        """Count an error by its code, for the page of health; never what caused it."""
        times, _ = self.errors.get(code, (0, ""))
        self.errors[code] = times + 1, utc_now()

    def warm_up(self) -> None:
        """Start what the first photo needs, while Datasette starts too."""
        from critterdb.imaging.sandbox import shared_decoders

        shared_decoders().warm_up()
        self.workers.prepare(load_onnxruntime)

    async def together(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` gives; whoever asks for the same key meanwhile waits for the same work."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._under_way.pop(key))
        # Who hangs up leaves the work to the others.
        found: T = await asyncio.shield(task)
        return found

    @cached_property
    def fetcher(self) -> Fetcher:
        from critterdb.fetch.fetcher import Fetcher

        return Fetcher(
            max_bytes=self.settings.max_bytes, allow_hosts=sorted(self.settings.allow_hosts)
        )


# Several Datasettes can live in one process, and share this module.
_desks: WeakKeyDictionary[Datasette, PluginState] = WeakKeyDictionary()


def plugin_state(datasette: Datasette) -> PluginState:
    """The desk of this Datasette. Raises SiteError where its settings cannot be understood."""
    if datasette not in _desks:
        _desks[datasette] = PluginState(load_settings(datasette.plugin_config("critterdb")))
    return _desks[datasette]


async def open_desk(datasette: Datasette) -> PluginState:
    """The desk, with the site's database found: the one called critters, or one with our tables.

    Raises StartupError, which Datasette shows as one line, where the settings cannot be understood.
    """
    from datasette.utils import StartupError

    try:
        desk = plugin_state(datasette)
    except SiteError as error:
        raise StartupError(str(error)) from error
    # uvicorn believes the forwarding header of any proxy on loopback unless it is told otherwise.
    # Whom to believe is one setting, so that nobody can choose the address that is counted.
    proxies = ",".join(str(network) for network in desk.settings.trusted_proxies)
    os.environ.setdefault("FORWARDED_ALLOW_IPS", proxies)
    names = sorted(datasette.databases, key=lambda name: name != SITE_NAME)
    for name in names:
        tables = set(await datasette.databases[name].table_names())
        if tables >= SITE_TABLES:
            desk.database_name = name
            if (await datasette.databases[name].execute(ANY_MODEL)).rows:
                desk.warm_up()
            break
    return desk


def site_database(datasette: Datasette) -> Database | None:
    """The site's database, or None where this Datasette serves none."""
    return datasette.databases.get(plugin_state(datasette).database_name or "")


def is_recording(desk: PluginState, database: Database | None) -> bool:
    """Whether what is asked is written down, where visitors of the site can read it."""
    return bool(database and database.is_mutable and desk.settings.record)


def folder_of(database: Database) -> Path:
    """The site's folder, to which the paths of photos and models are relative."""
    return Path(str(database.path)).resolve().parent


def prepare_connection(conn: Any) -> None:
    """Give Datasette's connections to a site what critterdb's own have, and limits of memory."""
    conn.execute(f"PRAGMA hard_heap_limit = {MAX_SQLITE_BYTES}")
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    tables = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables or tables >= SITE_TABLES:
        # Other databases beside a site may hold larger values, and keep what they had.
        limit_results(conn)
    if tables >= SITE_TABLES:
        distrust_schema(conn)
        conn.execute("PRAGMA foreign_keys = ON")
        conn.execute("PRAGMA synchronous = NORMAL")
