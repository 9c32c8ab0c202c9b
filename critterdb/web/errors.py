"""Errors that the pages turn into a problem page."""

from __future__ import annotations

CODES = {403: "forbidden", 404: "not_found", 503: "no_database"}


class PageNotFoundError(Exception):
    """There is nothing to see at this address; the words say what to do instead."""

    def __init__(self, words: str, status: int = 404, code: str | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.code = code or CODES[status]
