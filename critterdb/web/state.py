"""What the plugin keeps for each running Datasette: settings, workers, limits, the database."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from critterdb.errors import SiteError
from critterdb.model.onnx_session import load_onnxruntime
from critterdb.storage.database import BUSY_TIMEOUT_MS, distrust_schema
from critterdb.storage.timestamps import utc_now
from critterdb.web.datasette.memory_limits import MAX_SQLITE_BYTES, limit_results
from critterdb.web.endpoint.limits import DailyBudget, RateLimit, Workers
from critterdb.web.http.body import UploadMemory

from .settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from datasette.app import Datasette
    from datasette.database import Database

    from critterdb.dataset.sketch_store import Sketches
    from critterdb.fetch.fetcher import Fetcher
    from critterdb.web.queries.similar_photos import Embedding

T = TypeVar("T")

ANY_MODEL = "SELECT 1 FROM games WHERE model_id IS NOT NULL"
SITE_NAME = "critters"
# For the health page, which shows their median and slowest.
WRITES_REMEMBERED = 10_000
SITE_TABLES = {"games", "models", "photos", "predictions"}


class PluginState:
    """The state behind the endpoint of one Datasette instance."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database_name: str | None = None
        # A static site has no endpoint: its page of /-/classify classifies in the browser.
        self.in_browser = False
        self.workers = Workers()
        self.uploads = UploadMemory()
        self.rate_limit = RateLimit(settings.rate)
        # Two rows a picture: 10,000 pictures a day are 20 MB.
        # docs/decisions.md#recorded-requests-are-limited-per-day
        self.record_budget = DailyBudget(settings.record_per_day)
        self.sketches: dict[str, Sketches] = {}
        # Returns a photo's nearest photos; set while a static site is baked.
        self.nearest: Callable[[Embedding], list[tuple[str, float]]] | None = None
        self.taxon_names: dict[int, str] = {}
        self.opened_at = time.monotonic()
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self.write_seconds: deque[float] = deque(maxlen=WRITES_REMEMBERED)
        self.errors: dict[str, tuple[int, str]] = {}

    def note_error(self, code: str) -> None:
        """Count an error by its code, for the health page; never what caused it."""
        times, _ = self.errors.get(code, (0, ""))
        self.errors[code] = times + 1, utc_now()

    def warm_up(self) -> None:
        """Start what the first photo needs, while Datasette starts too."""
        from critterdb.imaging.sandbox import shared_decoders

        shared_decoders().warm_up()
        self.workers.prepare(load_onnxruntime)

    async def coalesce(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what `work` returns; callers with the same key meanwhile wait for the same one."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._under_way.pop(key))
        # A caller that hangs up must not cancel the work of the others.
        result: T = await asyncio.shield(task)
        return result

    @cached_property
    def fetcher(self) -> Fetcher:
        from critterdb.fetch.fetcher import Fetcher

        return Fetcher(
            max_bytes=self.settings.max_bytes, allow_hosts=sorted(self.settings.allow_hosts)
        )


# Several Datasettes can live in one process, and share this module.
_states: WeakKeyDictionary[Datasette, PluginState] = WeakKeyDictionary()


def plugin_state(datasette: Datasette) -> PluginState:
    """Return the state of this Datasette. Raises SiteError if its settings cannot be understood."""
    if datasette not in _states:
        _states[datasette] = PluginState(load_settings(datasette.plugin_config("critterdb")))
    return _states[datasette]


async def open_state(datasette: Datasette) -> PluginState:
    """Return the state with the site's database: the one called critters, or one with our tables.

    Raises StartupError, which Datasette shows as one line, if the settings cannot be understood.
    """
    from datasette.utils import StartupError

    try:
        state = plugin_state(datasette)
    except SiteError as error:
        raise StartupError(str(error)) from error
    # By default uvicorn believes the forwarding header of any proxy on loopback. Only the setting
    # decides, so that nobody can choose the address that is counted.
    proxies = ",".join(str(network) for network in state.settings.trusted_proxies)
    os.environ.setdefault("FORWARDED_ALLOW_IPS", proxies)
    names = sorted(datasette.databases, key=lambda name: name != SITE_NAME)
    for name in names:
        tables = set(await datasette.databases[name].table_names())
        if tables >= SITE_TABLES:
            state.database_name = name
            # A decoder takes 32 MB at rest: none for a site that has no model.
            if not state.in_browser and (await datasette.databases[name].execute(ANY_MODEL)).rows:
                state.warm_up()
            break
    return state


def site_database(datasette: Datasette) -> Database | None:
    """Return the site's database, or None if this Datasette serves none."""
    return datasette.databases.get(plugin_state(datasette).database_name or "")


def is_recording(state: PluginState, database: Database | None) -> bool:
    """Whether questions are written down, where visitors of the site can read them."""
    return bool(database and database.is_mutable and state.settings.record)


def folder_of(database: Database) -> Path:
    """Return the site's folder, to which the paths of photos and models are relative."""
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
