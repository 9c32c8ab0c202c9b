"""What visitors of the pages write into addresses and forms, read without trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.errors import Refusal
from critterdb.web.pages.base import NotHere

from .body import FORM_OVERHEAD_BYTES, Body, ClientGone, parse_form

if TYPE_CHECKING:
    from datasette.utils.asgi import Request

MAX_SEARCH_WORDS = 8
MAX_SEARCH_CHARACTERS = 100
NOT_AS_HERE = "That form was not filled in as this page does it. Go back to it"


async def read_form(request: Request) -> dict[str, str]:
    """The first value of each field of a url-encoded form. Raises NotHere where it is none.

    Datasette's own reader takes as much as is sent on 0.65, and fails on what is no UTF-8.
    """
    try:
        body = await Body(request.receive, request.headers).read(FORM_OVERHEAD_BYTES)
        fields = parse_form(bytes(body or b""))
    except (ClientGone, TimeoutError, Refusal) as error:
        raise NotHere(NOT_AS_HERE) from error
    return {name: value.decode("utf-8", "replace") for name, value in fields.items()}


def search_query(words: str) -> str:
    """A query for SQLite's full-text search that finds beginnings of words; empty for none.

    It takes the first MAX_SEARCH_CHARACTERS and MAX_SEARCH_WORDS: the cost of a search grows with
    the square of the number of words.
    """
    kept = _plain_words(words[:MAX_SEARCH_CHARACTERS])[:MAX_SEARCH_WORDS]
    return " ".join(f'"{word}"*' for word in kept)


def is_search_cut(words: str) -> bool:
    """Tell whether `search_query` leaves out a part of these words."""
    return len(words) > MAX_SEARCH_CHARACTERS or len(_plain_words(words)) > MAX_SEARCH_WORDS


def _plain_words(words: str) -> list[str]:
    return words.replace('"', " ").replace("\0", " ").split()
