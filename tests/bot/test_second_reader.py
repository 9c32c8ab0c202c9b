"""The optional second reader: off unless configured, and its answers are suggestions only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.bot.host_answers.suggestions import suggest
from critterdb.bot.reading.second_reader import (
    SETTING,
    SecondReader,
    Suggestion,
    configured_reader,
    parse_suggestion,
)
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.errors import SiteError
from critterdb.games import get_game
from tests.support.models import BOBCAT, COUGAR
from tests.support.readings import HostThread, Message, add_games, play_thread, thread_posts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from critterdb.storage.database import SiteDatabase

SLUG, TEXT = "cougarornot", "Probably a bobcat, but don't quote me"
THREAD = HostThread(SLUG, "work", None, False, [Message("host", "P", TEXT)])


@pytest.fixture
def waiting(db: SiteDatabase) -> SiteDatabase:
    """A site where one message of a host waits for a person."""
    add_games(db)
    play_thread(db, get_game(db, SLUG), 1, THREAD)
    assert db["answer_candidates"].count == 1
    return db


def ask(db: SiteDatabase, reply: Callable[[str], str], timeout_s: float = 5) -> dict[str, Any]:
    """Have a reader look at what waits; return the candidate's row."""
    messages = thread_posts("x:1", THREAD)
    suggest(db, get_game(db, SLUG), messages, SecondReader("mind", reply, timeout_s))
    (row,) = db["answer_candidates"].rows
    assert row["settled_at"] is None
    assert db["answers"].count == 0
    return dict(row)


def test_a_suggestion_is_noted_and_settles_nothing(waiting: SiteDatabase) -> None:
    prompts: list[str] = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return "Bobcat."

    row = ask(waiting, reply)
    assert (row["suggested_verdict"], row["suggested_taxon_id"]) == ("other", BOBCAT)
    assert row["suggested_by"] == "mind"
    assert TEXT in prompts[0]
    assert "bobcat" in prompts[0]
    ask(waiting, reply)
    assert len(prompts) == 1  # each message is asked about once


@pytest.mark.parametrize("answer", ["", "I think it may be a bobcat", "bobcat " * 99, "yeti", "\0"])
def test_nonsense_suggests_nothing(waiting: SiteDatabase, answer: str) -> None:
    row = ask(waiting, lambda _: answer)
    assert (row["suggested_verdict"], row["suggested_by"]) == (None, "mind")


def test_a_model_that_fails_suggests_nothing(waiting: SiteDatabase) -> None:
    def fail(prompt: str) -> str:
        raise RuntimeError(prompt)

    assert ask(waiting, fail)["suggested_verdict"] is None


def test_a_model_that_does_not_answer_is_not_waited_for(waiting: SiteDatabase) -> None:
    never = threading.Event()

    def hang(prompt: str) -> str:
        never.wait(30)
        return "bobcat"

    row = ask(waiting, hang, timeout_s=0.1)
    never.set()
    assert (row["suggested_verdict"], row["suggested_by"]) == (None, None)
    assert ask(waiting, lambda _: "bobcat")["suggested_taxon_id"] == BOBCAT


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("cougar", Suggestion("target", COUGAR)),
        ("“Puma concolor”", Suggestion("target", COUGAR)),
        ("other", Suggestion("other")),
        ("dog", Suggestion("other")),
        ("Inconclusive", Suggestion("inconclusive")),
        ("nothing", Suggestion()),
    ],
)
def test_one_of_the_words_is_a_suggestion(
    waiting: SiteDatabase, answer: str, expected: Suggestion
) -> None:
    game = get_game(waiting, SLUG)
    assert parse_suggestion(answer, game, load_vocabulary(waiting, game)) == expected


def test_it_is_off_unless_somebody_names_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert configured_reader() is None


@pytest.fixture
def llm_model() -> Iterator[str]:
    """A model of the package llm that says "bobcat" to everything."""
    llm = pytest.importorskip("llm")

    class Parrot(llm.Model):  # type: ignore[misc, name-defined]
        model_id = "parrot"

        def execute(self, prompt: Any, stream: bool, response: Any, conversation: Any) -> Any:
            yield "bobcat"

    class Plugin:
        __name__ = "ParrotPlugin"

        @llm.hookimpl  # type: ignore[untyped-decorator]
        def register_models(self, register: Callable[[object], None]) -> None:
            register(Parrot())

    plugin = Plugin()
    llm.plugins.pm.register(plugin)
    yield "parrot"
    llm.plugins.pm.unregister(plugin)


def test_a_model_of_llm_is_asked(
    waiting: SiteDatabase, llm_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, llm_model)
    reader = configured_reader()
    assert reader is not None
    assert ask(waiting, reader.ask)["suggested_taxon_id"] == BOBCAT


def test_a_model_that_llm_does_not_know_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llm")
    monkeypatch.setenv(SETTING, "no-such-model")
    with pytest.raises(SiteError, match="no-such-model"):
        configured_reader()
