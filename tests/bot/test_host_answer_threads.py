"""Sixty scripted threads: the host's answers are found or left to a person; the score is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, site_folder
from tests.support.bot_harness import GAME, HOST, BotHarness, add_host
from tests.support.models import BOBCAT, COUGAR, make_tiny_model, picture
from tests.support.threads import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TAG = "cougarOrNot"


class ThreadHarness(BotHarness):
    """The threads as a file: first the hosts' photos, then what was written below them."""

    def __init__(self, db: SiteDatabase, folder: Path) -> None:
        super().__init__(db, on=f"jsonl:{folder / 'threads.jsonl'}")
        self.folder = folder
        self.begun = datetime.now(UTC) - timedelta(hours=3)

    def write(self, post_id: str, author: str, text: str, minute: int, **more: Any) -> None:
        moment = (self.begun + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = {"id": post_id, "author": author, "posted_at": moment, "text": text, **more}
        with (self.folder / "threads.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def show_photos(self) -> None:
        for number, thread in enumerate(THREADS):
            name = f"{number}.jpg"
            (self.folder / name).write_bytes(picture(thread.colour, seed=number))
            self.write(str(number), HOST, f"So? #{TAG}", 0, images=[name])

    def tell(self) -> None:
        for number, thread in enumerate(THREADS):
            for position, (who, to, text) in enumerate(thread.messages):
                author = HOST if who == "host" else who
                refers = {"quotes" if to == "Q" else "in_reply_to": str(number)}
                if isinstance(to, int):
                    refers = {"in_reply_to": f"{number}-{to}"}
                self.write(f"{number}-{position}", author, text, position + 1, **refers)

    def answers(self) -> dict[int, str]:
        rows = self.rows(
            "SELECT post_id, coalesce(taxa.name, verdict) AS answer FROM answers "
            "LEFT JOIN taxa ON taxa.id = taxon_id"
        )
        return {int(row["post_id"].partition(":")[2]): row["answer"] for row in rows}


@pytest.fixture(scope="module")
def threads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadHarness]:
    """The threads played to their end, in two rounds."""
    from critterdb.storage.database import open_database

    folder = tmp_path_factory.mktemp("threads")
    db = open_database(folder / DATABASE_NAME, create=True)
    make_tiny_model(db, GAME, hashtag=TAG)
    add_host(db, "jsonl")
    table = ThreadHarness(db, folder)
    table.show_photos()
    table.play(post=False)
    table.tell()
    table.play(post=False)
    yield table
    db.close()


def test_nearly_all_answers_are_found_and_none_is_wrong(threads: ThreadHarness) -> None:
    answers = threads.answers()
    truths = {n: thread.truth for n, thread in enumerate(THREADS) if thread.truth}
    assert len(THREADS) == 60
    assert {n: answer for n, answer in answers.items() if truths.get(n) != answer} == {}
    assert len(answers) >= 0.95 * len(truths)


def test_the_score_is_what_a_person_counts(threads: ThreadHarness) -> None:
    # By hand: 48 threads have an answer that is not inconclusive. The model errs in two (red for
    # a bobcat, green for a house cat) and abstains in two (yellow, grey). The commonest label is
    # the house cat: right for 8 house cats and the 7 animals of which only "no cougar" is known.
    (score,) = threads.rows("SELECT * FROM scoreboard")
    assert {name: score[name] for name in ("posts", "right", "wrong", "abstained")} == {
        "posts": 48,
        "right": 44,
        "wrong": 2,
        "abstained": 2,
    }
    assert score["baseline_right"] == 15
    errors = []
    for n, thread in enumerate(THREADS):
        if thread.truth not in (None, "inconclusive"):
            (row,) = threads.rows("SELECT scores FROM predictions WHERE post_id = ?", f"jsonl:{n}")
            share = json.loads(row["scores"])[str(COUGAR)]
            errors.append((share - (thread.truth == "Puma concolor")) ** 2)
    assert score["brier"] == pytest.approx(sum(errors) / len(errors), abs=1e-4)


def test_doubtful_words_wait_and_nothing_trains(threads: ThreadHarness) -> None:
    waiting = {row["post_id"] for row in threads.rows("SELECT post_id FROM answer_candidates")}
    assert {f"jsonl:{n}" for n in (48, 49, 50, 51)} <= waiting
    assert threads.db["observations"].count == threads.db["splits"].count == 0
    assert threads.db["game_observations"].count == threads.db["reviews"].count == 0


def run(table: ThreadHarness, *arguments: str) -> str:
    database = str(site_folder(table.db) / DATABASE_NAME)
    result = CliRunner().invoke(main, ["--db", database, "answers", *arguments])
    return f"{result.exit_code} {result.output}"


@pytest.fixture
def small(db: SiteDatabase, tmp_path: Path) -> ThreadHarness:
    make_tiny_model(db, GAME, hashtag=TAG)
    add_host(db, "jsonl")
    table = ThreadHarness(db, tmp_path)
    for number in (1, 2):
        (tmp_path / f"{number}.jpg").write_bytes(picture("green", seed=number))
        table.write(str(number), HOST, f"#{TAG}", 0, images=[f"{number}.jpg"])
    table.play(post=False)
    return table


def test_a_person_settles_what_waits(small: ThreadHarness) -> None:
    assert "There is nothing to review" in run(small)
    small.write("3", HOST, "Probably a bobcat", 1, in_reply_to="1")
    small.write("4", HOST, "A bobcat or a cougar", 2, in_reply_to="1")
    small.play(post=False)
    listed = run(small)
    assert "jsonl:1" in listed
    assert "bobcat, cougar" in listed
    assert run(small, "settle", "1", "Bobcat").startswith("0 jsonl:1: Bobcat")
    (row,) = small.db["answers"].rows
    assert (row["verdict"], row["taxon_id"], row["method"]) == ("other", BOBCAT, "a person")
    assert "There is nothing to review" in run(small)
    small.play(post=False)
    assert "There is nothing to review" in run(small)


@pytest.mark.parametrize(
    ("decision", "verdict", "taxon_id"),
    [
        ("mountain lion", "target", COUGAR),
        ("target", "target", COUGAR),
        ("other", "other", None),
        ("inconclusive", "inconclusive", None),
        (str(BOBCAT), "other", BOBCAT),
    ],
)
def test_a_person_sets_a_posts_answer_right(
    small: ThreadHarness, decision: str, verdict: str, taxon_id: int | None
) -> None:
    small.write("3", HOST, "A bobcat", 1, in_reply_to="2")
    small.play(post=False)
    assert run(small, "settle", "jsonl:2", decision).startswith("0")
    (row,) = small.db["answers"].rows
    assert (row["post_id"], row["verdict"], row["taxon_id"]) == ("jsonl:2", verdict, taxon_id)
    small.play(post=False)
    assert next(small.db["answers"].rows) == row


def test_what_says_nothing_is_put_away(small: ThreadHarness) -> None:
    small.write("3", HOST, "Bobcats have short tails", 1, in_reply_to="2")
    small.play(post=False)
    assert "no answer in it" in run(small, "settle", "1", "nothing")
    assert "There is nothing to review" in run(small)
    assert small.db["answers"].count == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["99", "bobcat"], "no candidate"),
        (["jsonl:9", "bobcat"], "no candidate"),
        (["jsonl:1", "yeti"], "yeti is not a taxon"),
        (["jsonl:1", "123456789"], "is not a taxon"),
    ],
)
def test_what_cannot_be_settled_is_said(
    small: ThreadHarness, arguments: list[str], words: str
) -> None:
    output = run(small, "settle", *arguments)
    assert output.startswith("1")
    assert words in output
