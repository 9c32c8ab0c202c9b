"""A site folder with photos in it, and the real Datasette that serves it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx
from jinja2 import BytecodeCache, Environment
from PIL import Image

from critterdb.games import ensure_game
from critterdb.model.description import PLACE_PRIOR
from critterdb.site.folder import init_site, site_source
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import COUGAR, make_tiny_model, tiny_place_prior
from tests.support.site_templates import put_empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2.bccache import Bucket

TAXON, OBSERVER = COUGAR, 7
SEEN_AT = "2026-11-23T10:00:00Z"
START_SECONDS = 30
PATIENCE_S = 60  # for an answer on a busy machine: the first one loads a model


def make_site(folder: Path, **settings: Any) -> Path:
    """A site made as `critterdb init` does, with these settings of the plugin.

    It has no descriptions of columns (describe_columns adds them): each start of Datasette 1.0
    writes all 455 of them, which takes 0.3 s.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATABASE_NAME).exists():
        put_empty_database(folder)
    is_new = not (folder / "metadata.json").exists()
    init_site(folder)
    if is_new:
        _forget_columns(folder / "metadata.json")
    change_metadata(folder, {"plugins": {"critterdb": settings}})
    return folder


def describe_columns(folder: Path) -> Path:
    """Give a site of make_site the descriptions of columns that every new site has."""
    file = folder / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    databases = json.loads((site_source() / "metadata.json").read_text("utf-8"))["databases"]
    file.write_text(json.dumps({**metadata, "databases": databases}), "utf-8")
    return folder


def _forget_columns(file: Path) -> None:
    metadata = json.loads(file.read_text("utf-8"))
    for table in metadata["databases"]["critters"]["tables"].values():
        table.pop("columns", None)
    file.write_text(json.dumps(metadata), "utf-8")


def change_metadata(folder: Path, changes: dict[str, Any]) -> None:
    file = folder / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    settings = changes.pop("plugins", {}).get("critterdb", {})
    metadata["plugins"]["critterdb"].update(settings)
    file.write_text(json.dumps({**metadata, **changes}), "utf-8")


_opened: list[Any] = []
_shared: dict[tuple[Path, str, bytes], Any] = {}


def open_datasette(folder: Path, **arguments: Any) -> Any:
    """Datasette on the folder, as `datasette FOLDER` builds it."""
    datasette = _datasette(folder, **arguments)
    _opened.append(datasette)
    return datasette


def shared_datasette(folder: Path, **arguments: Any) -> Any:
    """The one Datasette on a folder with these settings, for tests that read pages.

    It goes when the folder does. A start costs 0.3 s of CPU time, a page a tenth of that.
    """
    settings = (folder / "metadata.json").read_bytes()
    key = (folder, json.dumps(arguments, sort_keys=True), settings)
    if key not in _shared:
        # 1.0 closes what a test makes, by a variable of the context: this one is made elsewhere.
        _shared[key] = Context().run(partial(_datasette, folder, **arguments))
    return _shared[key]


def _datasette(folder: Path, **arguments: Any) -> Any:
    from datasette.app import Datasette

    share_compiled_templates()
    return Datasette([], config_dir=folder, **arguments)


class _CompiledTemplates(BytecodeCache):
    """What templates were compiled to, by their text: two thirds of a start and its first page."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self._compiled.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_compiled = _CompiledTemplates()


def share_compiled_templates() -> None:
    """Let every Datasette of this process take templates that another one has compiled."""
    from datasette import app

    app.Environment = partial(Environment, bytecode_cache=_compiled)


def close_datasettes() -> None:
    """Close the connections of every Datasette so far: SQLite's heap limit counts them all."""
    _close(_opened)
    _opened.clear()


def close_shared_datasettes(below: Path) -> None:
    """Close those that are shared on a folder below this one."""
    keys = [key for key in _shared if key[0].is_relative_to(below)]
    _close([_shared.pop(key) for key in keys])


def _close(datasettes: list[Any]) -> None:
    # A connection that is closed while a thread uses it ends the process: the threads end first.
    for datasette in datasettes:
        if datasette.executor is not None:
            datasette.executor.shutdown(wait=True, cancel_futures=True)
        for database in datasette.databases.values():
            database.close()
        if hasattr(datasette, "close"):  # 1.0: its internal database too
            datasette.close()


def jpeg(colour: str = "peru", size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def http_get(address: str, **options: Any) -> httpx.Response:
    """Ask a server, as httpx.get does in ten times as long: it reads all certificates each time."""
    with httpx.Client(verify=False, trust_env=False, timeout=PATIENCE_S) as client:
        return client.get(address, **options)


def http_post(address: str, **options: Any) -> httpx.Response:
    """As http_get."""
    with httpx.Client(verify=False, trust_env=False, timeout=PATIENCE_S) as client:
        return client.post(address, **options)


def classify_red(address: str) -> Any:
    """What a server answers about a red picture."""
    return http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()


def add_photo(
    folder: Path,
    photo_id: int,
    data: bytes,
    *,
    license_code: str | None = "cc-by",
    attribution: str | None = "(c) Ann <b>Onymous</b>, some rights reserved (CC BY)",
    withdrawn_at: str | None = None,
    path: str | None = None,
) -> str:
    """An observation with one photo, its file in place; returns the file's SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = path or f"photos/{sha256[:2]}/{sha256}.jpg"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db["taxa"].upsert(
            {
                "id": TAXON,
                "name": "Puma concolor",
                "common_name": "Cougar",
                "rank": "species",
                "ancestor_ids": json.dumps([TAXON]),
            },
            pk="id",
        )
        db["observers"].upsert({"id": OBSERVER, "login": "ann"}, pk="id")
        db["observations"].insert(
            {
                "id": photo_id,
                "taxon_id": TAXON,
                "observer_id": OBSERVER,
                "url": f"https://www.inaturalist.org/observations/{photo_id}",
            }
        )
        db["photos"].insert(
            {
                "id": photo_id,
                "observation_id": photo_id,
                "url": f"https://photos.example/{photo_id}.jpg",
                "license_code": license_code,
                "attribution": attribution,
                "sha256": sha256,
                "path": path,
                "withdrawn_at": withdrawn_at,
            }
        )
    db.close()
    return sha256


def add_post(folder: Path, post_id: str, picture: str) -> None:
    """A post with one picture, and a skipped reply to it."""
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db["games"].insert({"slug": "cougarornot"}, ignore=True)
        db["posts"].insert(
            {
                "id": post_id,
                "platform": "x",
                "game": "cougarornot",
                "url": f"https://x.example/post/{post_id[2:]}",
                "author": "host",
                "posted_at": SEEN_AT,
                "seen_at": SEEN_AT,
            }
        )
        db["post_images"].insert({"post_id": post_id, "position": 0, "url": picture})
        db["replies"].insert(
            {
                "post_id": post_id,
                "game": "cougarornot",
                "status": "skipped",
                "reason": "not_summoned",
                "planned_at": SEEN_AT,
            }
        )
    db.close()


MODEL_ID = "cougarornot-colours"


def add_model(folder: Path, *, knows_places: bool = False) -> str:
    """The tiny model in use: red is a cougar, lime a bobcat, blue a cat, grey nothing known.

    One that knows places has seen cougars around COUGARS_LIVE and bobcats around BOBCATS_LIVE.
    """
    db = open_database(folder / DATABASE_NAME)
    ensure_game(db, "cougarornot")
    places: dict[str, Any] = {PLACE_PRIOR: tiny_place_prior().to_json()} if knows_places else {}
    model = make_tiny_model(db, "cougarornot", **places)
    db["models"].update(model.id, {"error_rate": 0.05})
    if knows_places:
        db["models"].update(model.id, {"card": json.dumps({"place_weight": 1.0})})
    db.close()
    return model.id


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    """What another process sees in the site's database."""
    db = open_database(folder / DATABASE_NAME)
    result = list(db.query(sql))
    db.close()
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    folder: Path, arguments: list[str], *, python: str | None = sys.executable
) -> Iterator[str]:
    """A process that serves `folder` on a free port; `{port}` stands for it.

    It runs the code of this checkout in `python`, or where that is null a program as installed.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        *([python] if python else []),
        *(argument.format(port=port) for argument in arguments),
    ]
    root = str(Path(__file__).parents[2])
    # A file and not a pipe: a server that reports many errors would wait for somebody to read them.
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root if python else ""},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            _wait_for(address, process, errors)
            yield address
        finally:
            process.terminate()
            process.wait()


def listed(address: str, key: str) -> list[dict[str, Any]]:
    """A list of Datasette's own JSON, which 1.0 wraps in an object."""
    payload = http_get(address).json()
    return payload if isinstance(payload, list) else payload[key]


def _wait_for(address: str, process: subprocess.Popen[bytes], errors: IO[str]) -> None:
    # One client, without certificates: a new one takes as long to make as a server's pages.
    with httpx.Client(verify=False, trust_env=False) as client:
        for _ in range(START_SECONDS * 10):
            if process.poll() is not None:
                errors.seek(0)
                raise AssertionError(errors.read())
            with suppress(httpx.TransportError):
                client.get(f"{address}/-/versions.json")
                return
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")
