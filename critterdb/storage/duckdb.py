"""Open DuckDB, which reads tables too large for SQLite, or say how to install it."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

from critterdb.errors import SourceError
from critterdb.packages import install_command

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb._types import Progress

MEMORY_MB = 500  # beyond which DuckDB uses files in its folder for temporary ones
PROGRESS_EVERY_S = 0.25


def open_duckdb(purpose: str, *, temporary: Path, memory_mb: int = MEMORY_MB) -> Any:
    """Return a connection to an empty DuckDB in memory, which spills to the folder `temporary`.

    `purpose` begins the sentence that says what needs it. Raises SourceError if it is not
    installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise SourceError(
            f"{purpose} needs DuckDB. Install it with: {install_command('bulk')}"
        ) from error
    return duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(temporary),
            # Its extensions are downloads, and nothing here needs one.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )


def quoted(text: object) -> str:
    """Return a text as a literal of SQL, for the statements that take no parameters."""
    return "'" + str(text).replace("'", "''") + "'"


def run_with_progress(con: Any, sql: str, progress: Progress | None) -> None:
    """Run a long statement, and report its percentage; Ctrl-C stops it. Raises DuckDB's errors."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            con.execute(sql)
        except Exception as error:
            errors.append(error)  # raised again below, in the caller's thread

    thread = Thread(target=run)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(PROGRESS_EVERY_S)
            if progress:
                progress(max(0, min(100, int(con.query_progress()))), 100)
    except BaseException:
        con.interrupt()
        thread.join()
        raise
    if errors:
        raise errors[0]
