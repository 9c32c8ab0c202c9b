"""The command `critterdb rounds`: plan, list, correct, cancel, and play it from a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from click.testing import CliRunner

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.models import BOBCAT, make_tiny_model, picture
from tests.support.rounds import add_photo

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase


def test_a_round_from_a_file_of_posts(db: SiteDatabase, site: Path) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    hosts = [{"platform": "jsonl", "handle": "critterdb", "consents": False}]
    db["games"].update(GAME, {"hosts": json.dumps(hosts)})
    add_photo(db, 1)

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "Round 1 opens at" in run(
        "rounds", "add", "--photo", "1", "--opens", "now", "--closes", "1h"
    )
    cat = site / "cat.jpg"
    cat.write_bytes(picture("green", seed=4))
    added = run("rounds", "add", GAME, "--photo", str(cat), "--taxon", "bobcat",
                "--credit", "Ann Lee", "--opens", "1d", "--closes", "24h", "--json")  # fmt: skip
    second = json.loads(added)
    assert (second["answer_taxon_id"], second["said_taxon_id"]) == (BOBCAT, BOBCAT)
    posts = site / "posts.jsonl"
    posts.write_text("")
    assert "round 1, opening: Is it a cougar?" in run("bot", "--on", f"jsonl:{posts}")
    assert "1 hosted round opened" in run("bot", "--on", f"jsonl:{posts}", "--post")
    replies = site / "posts.jsonl.replies.jsonl"
    opening = json.loads(replies.read_text())
    # An hour goes by.
    past = datetime.now(UTC) - timedelta(hours=2)
    line = {"id": "g1", "author": "ann", "text": "cougar", "in_reply_to": opening["id"],
            "posted_at": past.isoformat()}  # fmt: skip
    posts.write_text(json.dumps(line) + "\n")
    closed = {"opens_at": "2026-01-01T00:00:00Z"}
    closed["closes_at"] = (past + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    db["rounds"].update(1, closed)
    assert "1 hosted round revealed" in run("bot", "--on", f"jsonl:{posts}", "--post")
    told = json.loads(replies.read_text().splitlines()[1])
    assert "Right guesses: 1 of 1" in told["text"]
    assert "bot posts the correction" in run("rounds", "correct", "1", "--taxon", "bobcat")
    assert "Round 2 is cancelled." in run("rounds", "cancel", "2")
    states = {row["id"]: row["state"] for row in json.loads(run("rounds", "--json"))}
    assert states == {1: "revealed", 2: "cancelled"}
