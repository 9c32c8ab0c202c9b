"""The parsers of iNaturalist's data, labelled folders, hosts' answers and the bot's words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from critterdb.bot.host_answers.safeguards import in_our_words, without_quotations
from critterdb.bot.host_answers.store import Vocabulary, load_vocabulary
from critterdb.bot.phrases import load_words
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import GameError, SiteError, SourceError
from critterdb.games import Game, check_slug, get_game, save_game
from critterdb.inaturalist.client import INaturalist, fetch_by_id, fetch_observations
from critterdb.inaturalist.csv_import import read_export
from critterdb.inaturalist.observations import save_observations
from critterdb.inaturalist.photo_download import photo_url
from critterdb.inaturalist.taxa import save_lineages, save_taxa
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.fakes.mutations import good_pictures
from tests.fuzz.contract import Parser
from tests.fuzz.strategies import Deep, as_bytes, damaged, odd_texts, spoiled, texts
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
    save_taxa(db, TAXA)
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
    """The client with a page in the place of a response."""

    def __init__(self, db: SiteDatabase) -> None:
        super().__init__(db, "http://127.0.0.1:9")
        self.results: list[Any] = []

    def get(self, path: str, **params: object) -> Json:
        known = [TAXA[2]] if path.startswith("taxa/") else self.results
        return {"results": known, "total_results": len(known)}


def save_page(results: list[Any]) -> None:
    """Observations on their way from a response to rows, as the sync saves a page."""
    with rolled_back() as db:
        api = _api()
        api.results, api.asked_taxa = results, set()
        for _, fresh in fetch_observations(api, {}, id_above=0, limit=5):
            save_lineages(db, api, fresh)
            save_taxa(db, [each["taxon"] for each in fresh if each.get("taxon")])
            save_observations(db, SLUG, fresh)
        fetch_by_id(api, [1])


def save_one_taxon(taxon: Any) -> None:
    with rolled_back() as db:
        save_taxa(db, [taxon])


def read_csv(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "export.csv"
        file.write_bytes(data)
        for number, _ in read_export(file):
            assert 0 <= number < 2**63


def import_picture(example: tuple[str, str, bytes]) -> None:
    label, name, data = example
    with TemporaryDirectory() as folder, rolled_back() as db:
        place = Path(folder) / "photos" / label
        place.mkdir(parents=True)
        (place / f"{name}.jpg").write_bytes(data)
        import_folder(db, place.parent, "imported")


@cache
def _vocabulary() -> tuple[Game, Vocabulary]:
    db = open_database(Path(mkdtemp()) / DATABASE_NAME, create=True)
    make_tiny_model(db, SLUG, hashtag="cougarOrNot")
    return get_game(db, SLUG), load_vocabulary(db, get_game(db, SLUG))


def read_message(text: str) -> None:
    game, vocabulary = _vocabulary()
    vocabulary.read(text, game)
    in_our_words(text)
    without_quotations(text)


def read_words(document: object) -> None:
    with TemporaryDirectory() as folder:
        text = toml(document) if isinstance(document, dict) else str(document)
        (Path(folder) / "words.toml").write_bytes(text.encode("utf-8", "replace"))
        load_words(SLUG, Path(folder))


def toml(document: Json) -> str:
    """A document as TOML, each section inline; what TOML cannot hold stays out of it."""
    return "".join(f"{json.dumps(str(key))} = {_inline(each)}\n" for key, each in document.items())


def _inline(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(key))} = {_inline(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Deep):
        return value.text()
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))
PICTURES = st.deferred(lambda: damaged(good_pictures()["jpeg"]))
OBSERVATIONS = st.lists(spoiled(OBSERVATION), min_size=1, max_size=2)

DATA_PARSERS = [
    Parser("iNaturalist: observations", save_page, OBSERVATIONS, (SourceError,)),
    Parser("iNaturalist: taxa", save_one_taxon, spoiled(TAXON), (SourceError,)),
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
