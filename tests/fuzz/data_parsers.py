"""The parsers of iNaturalist's data, labelled folders, hosts' answers and the bot's words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from critterdb.bot.phrases import load_words
from critterdb.bot.reading.corrections import confirms, takes_back, without_correction
from critterdb.bot.reading.guesses import read_guess
from critterdb.bot.reading.safeguards import in_our_words, without_quotations
from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import GameError, SiteError, SourceError
from critterdb.games import Game, check_slug, get_game, save_game
from critterdb.inaturalist.client import INaturalist, fetch_by_id, fetch_observations
from critterdb.inaturalist.csv_import import read_export
from critterdb.inaturalist.observations import save_page
from critterdb.inaturalist.photo_download import photo_url
from critterdb.inaturalist.responses import parse_page, read_taxa
from critterdb.inaturalist.taxa import save_lineages, save_taxa
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.fakes.mutations import good_pictures
from tests.fuzz.contract import Parser
from tests.fuzz.strategies import (
    Deep,
    as_bytes,
    damaged,
    json_text,
    odd_texts,
    odd_values,
    spoiled,
    texts,
)
from tests.support.inaturalist import TAXA, observation, photo
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb._types import Json

SLUG = "cougarornot"
OBSERVATION = observation(1, photos=[photo(10), photo(11)])
TAXON: Json = {
    **TAXA[2],
    "ancestry": "48460/41944",
    "ancestors": [TAXA[0], TAXA[1]],
    "current_synonymous_taxon_ids": [5],
    "is_active": False,
    "english_common_name": "Cougar",
}
CSV = (
    b'id,observed_on,updated_at,license,description\n1,2026-01-01,2026-10-02 10:00:00 UTC,CC-BY,"\n'
    b'b"\n2,2026-01-02,2026-10-02 10:00:00 +0200,,\n'
)
ANSWERS = texts(
    " .,!?;:'\"()-\n",
    "it's ",
    "not ",
    "a ",
    "cougar",
    "bobcat ",
    "house cat",
    "inconclusive ",
    "answer: ",
    "you said ",
    "no ",
    "just kidding",
    "mountain lion ",
    "# ",
    "@a ",
    "“",
    "bobact ",
    "🐈",
    "correction: ",
    "or ",
    "📷",
)
WORDS: Json = {
    "default": {
        "critter": "critter",
        "openers": ["Hm."],
        "closers": ["Nice."],
        "says": {"sure": ["It is {a_name}."], "unsure": ["Perhaps {a_name} ({percent})."]},
        "nicknames": {"Puma concolor": ["cougar"]},
        "others": ["dog"],
    },
    SLUG: {"critter": "cat"},
}


@cache
def _site() -> SiteDatabase:
    """A database that is rolled back after each example."""
    db = open_database(Path(mkdtemp()) / DATABASE_NAME, create=True)
    save_game(db, Game(SLUG, "cougarOrNot", "Is it a cougar?", 41944, None, 42007))
    save_taxa(db, read_taxa(TAXA))
    return db


class _UndoneError(Exception):
    """Ends the transaction of an example."""


@contextmanager
def rolled_back() -> Iterator[SiteDatabase]:
    db = _site()
    try:
        with db.atomic():
            yield db
            raise _UndoneError
    except _UndoneError:
        pass


@cache
def _api() -> _Recorded:
    return _Recorded(_site())


class _Recorded(INaturalist):
    """The client with a body in the place of a response's."""

    def __init__(self, db: SiteDatabase) -> None:
        super().__init__(db, "http://127.0.0.1:9")
        self.body = b""

    def get(self, path: str, **params: object) -> Json:
        return parsed(page_of([TAXA[2]]) if path.startswith("taxa/") else self.body)


def page_of(results: list[object]) -> bytes:
    """A response's body with these results."""
    return json_text({"results": results, "total_results": len(results)}).encode()


def parsed(body: bytes) -> Json:
    """What the client makes of a body."""
    try:
        return parse_page(body)
    except ValueError as error:
        raise SourceError(str(error)) from error


def save_results(results: list[object]) -> None:
    """Observations on their way from a response to rows, as the sync saves a page."""
    with rolled_back() as db:
        api = _api()
        api.body, api.asked_taxa = page_of(results), set()
        for _, fresh in fetch_observations(api, {}, id_above=0, limit=5):
            save_lineages(db, api, fresh)
            skipped = save_page(db, SLUG, fresh)
            # What the parser lets through, the database takes.
            assert not any("cannot be stored" in reason for reason in skipped), skipped
        fetch_by_id(api, [1])


def read_body(body: bytes) -> None:
    json.dumps(parsed(body), ensure_ascii=False).encode()


def save_one_taxon(taxon: object) -> None:
    with rolled_back() as db:
        save_taxa(db, read_taxa(parsed(page_of([taxon]))["results"]))


def read_csv(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "export.csv"
        file.write_bytes(data)
        for number, _ in read_export(file):
            assert 0 <= number < 2**63


def import_picture(example: tuple[str, str, bytes]) -> None:
    label, name, data = example
    with TemporaryDirectory() as folder, rolled_back() as db:
        label_folder = Path(folder) / "photos" / label
        label_folder.mkdir(parents=True)
        (label_folder / f"{name}.jpg").write_bytes(data)
        import_folder(db, label_folder.parent, "imported")


@cache
def _vocabulary() -> tuple[Game, Vocabulary]:
    db = open_database(Path(mkdtemp()) / DATABASE_NAME, create=True)
    make_tiny_model(db, SLUG, hashtag="cougarOrNot")
    return get_game(db, SLUG), load_vocabulary(db, get_game(db, SLUG))


def read_message(text: str) -> None:
    game, vocabulary = _vocabulary()
    vocabulary.read(text, game)
    read_guess(text, game, vocabulary)
    without_correction(text)
    takes_back(text)
    confirms(text)
    in_our_words(text)
    without_quotations(text)


def read_words(document: object) -> None:
    with TemporaryDirectory() as folder:
        text = toml(document) if isinstance(document, dict) else str(document)
        (Path(folder) / "words.toml").write_bytes(text.encode("utf-8", "replace"))
        load_words(SLUG, Path(folder))


def toml(document: Json) -> str:
    """A document as TOML, each section inline; what TOML cannot hold stays out of it."""
    return "".join(
        f"{json.dumps(str(key))} = {_inline(section)}\n" for key, section in document.items()
    )


def _inline(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(key))} = {_inline(inner)}" for key, inner in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Deep):
        return value.text()
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))
BODIES = st.one_of(
    odd_values().map(lambda odd: json_text({"results": [odd]}).encode()),
    as_bytes(texts('[]{}",:\\', '{"results":[', "\\ud800", "1e999", "null", '"a"')),
    damaged(json_text({"results": [OBSERVATION]}).encode()),
)
PICTURES = st.deferred(lambda: damaged(good_pictures()["jpeg"]))
OBSERVATIONS = st.lists(spoiled(OBSERVATION), min_size=1, max_size=2)

DATA_PARSERS = [
    Parser("iNaturalist: observations", save_results, OBSERVATIONS, (SourceError,), as_drawn=True),
    Parser("iNaturalist: taxa", save_one_taxon, spoiled(TAXON), (SourceError,), as_drawn=True),
    Parser("iNaturalist: responses", read_body, BODIES, (SourceError,)),
    Parser("iNaturalist: addresses", photo_url, texts("/.?", "square", "https://")),
    Parser(
        "CSV exports",
        read_csv,
        damaged(CSV) | as_bytes(texts(',"\n\r', "id,", "9")),
        (SourceError,),
    ),
    Parser("labelled folders", import_picture, st.tuples(NAMES, NAMES, PICTURES), (SourceError,)),
    Parser("hosts' answers", read_message, ANSWERS),
    Parser("words.toml", read_words, spoiled(WORDS) | odd_texts(), (SiteError,), as_drawn=True),
    Parser("slugs", check_slug, odd_texts() | st.text(max_size=80), (GameError,)),
]
