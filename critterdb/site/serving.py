"""Start Datasette on a site."""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING

from critterdb.errors import SiteError
from critterdb.storage.database import (
    DATABASE_NAME,
    check_readable,
    open_database,
    sqlite3,
)

from .folder import is_published, site_source
from .lazy_units import units_read_later

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb._types import Json

LOOPBACK = "127.0.0.1"

# In the order in which Datasette looks for them.
METADATA_NAMES = ("metadata.json", "metadata.yaml", "metadata.yml")
# How the plugin learns on which address the server that runs it listens: Datasette does not say.
LISTENS_ON_VARIABLE = "CRITTERDB_LISTENS_ON"
FRONT_PAGE = "/-/critters"
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - names to compare with


def serve_arguments(database: Path, host: str, port: int, *, read_only: bool = False) -> list[str]:
    """Return the arguments of `datasette`, run in the site's folder, that serve a site.

    A site that lost its plugins/ or metadata.json is served with those of the package. Datasette
    finds everything in a folder by itself; only if the file has another name, or is to be
    immutable though its folder does not say so, they are named one by one. Raises SiteError if
    settings.json cannot be read.
    """
    database = database.resolve()
    folder, usual = database.parent, database.name == DATABASE_NAME
    by_folder = usual and (not read_only or is_published(database))
    arguments = ["serve", "--host", host, "--port", str(port)]
    # Relative names: Datasette shows everybody the path of a database (/-/databases.json).
    if by_folder:
        arguments.append(".")
    else:
        arguments += ["--immutable", database.name] if read_only else [database.name]
    arguments += _plugin_arguments(folder, usual=usual, by_folder=by_folder)
    metadata = next((name for name in METADATA_NAMES if usual and (folder / name).exists()), None)
    if metadata is None or not by_folder:
        arguments += ["--metadata", metadata or str(site_source() / "metadata.json")]
    if usual and not by_folder:
        arguments += _site_file_arguments(folder)
    settings = folder / "settings.json"
    if usual and settings.is_file():
        arguments += _setting_arguments(settings)
    else:
        # Datasette tries every column as a facet, at 50 ms each in a large table, and gives
        # those that a page begins with 200 ms each, in which none is counted among a million rows.
        arguments += ["--setting", "suggest_facets", "off"]
        arguments += ["--setting", "facet_time_limit_ms", "40"]
    return arguments


def check_port(host: str, port: int) -> None:
    """Raise SiteError unless a server can listen on this address now."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            # As the server itself does, so that a port that was just closed counts as free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SiteError(
                f"Port {port} of {host} is in use. Stop the other server, or choose another port, "
                f"such as --port {port + 1}"
            ) from error
        raise SiteError(
            f"No server can listen on {host}, port {port}: {error.strerror}. "
            "Choose another --host or --port"
        ) from error


def run_datasette(
    database: Path,
    host: str,
    port: int,
    *,
    read_only: bool = False,
    root: bool = False,
    cors: bool = False,
) -> None:
    """Become a Datasette that serves this site, in the site's folder; does not return.

    `root` prints an address that signs one in as root. `cors` lets pages of other sites read.
    """
    with units_read_later():
        from datasette.cli import cli as datasette_cli

    os.environ[LISTENS_ON_VARIABLE] = host
    arguments = serve_arguments(database, host, port, read_only=read_only)
    # After the arguments, because the database may be named relative to where the user is.
    os.chdir(database.resolve().parent)
    flags = [name for name, is_set in (("--root", root), ("--cors", cors)) if is_set]
    datasette_cli.main([*arguments, *flags], prog_name="datasette")


def front_page_address(database: Path, host: str, port: int) -> str:
    """Return the URL of the front page of a site that is served on this machine."""
    named = WILDCARDS.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{named}:{port}{_base_url(database)}{FRONT_PAGE}"


def _base_url(database: Path) -> str:
    """The path below which settings.json puts the site; empty at the root."""
    settings = database.resolve().parent / "settings.json"
    if database.name != DATABASE_NAME or not settings.is_file():
        return ""
    return str(_read_settings(settings).get("base_url") or "").rstrip("/")


def _plugin_arguments(folder: Path, *, usual: bool, by_folder: bool) -> list[str]:
    if not usual or not (folder / "plugins").is_dir():
        return ["--plugins-dir", str(site_source() / "plugins")]
    return [] if by_folder else ["--plugins-dir", "plugins"]


def _site_file_arguments(folder: Path) -> list[str]:
    """What Datasette would find by itself in a folder that it was given as a whole."""
    arguments = []
    if (folder / "templates").is_dir():
        arguments += ["--template-dir", "templates"]
    if (folder / "static").is_dir():
        arguments += ["--static", "static:static"]
    return arguments


def _setting_arguments(file: Path) -> list[str]:
    """What settings.json says, which Datasette 1.0 does not read itself. Raises SiteError."""
    arguments = []
    for name, value in _read_settings(file).items():
        text = value if isinstance(value, str) else json.dumps(value)
        arguments += ["--setting", name, text if value is not None else ""]
    return arguments


def _read_settings(file: Path) -> Json:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise SiteError(f"{file} is not valid JSON: {error}. Correct it") from error


def settle_for_reading(path: Path) -> None:
    """Make sure that `path` can be served as a file that never changes.

    Its write-ahead log is folded in if the file may be written. Raises SiteError if the file
    is missing, older than this critterdb, or in use by a process that writes.
    """
    if path.is_file() and not is_published(path) and os.access(path.parent, os.W_OK):
        with closing(open_database(path)) as db:
            try:
                db.conn.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as error:
                raise SiteError(
                    f"Another process has {path} open: {error}. Stop it, or serve without "
                    "--read-only"
                ) from error
        return
    check_readable(path)
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise SiteError(
            f"{log} holds changes that cannot be merged in a read-only folder. Make the folder "
            "writable and run: critterdb status"
        )
