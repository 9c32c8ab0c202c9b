"""Text for terminals: nothing in it is obeyed, and columns line up."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.formatting import (
    json_text,
    percent_of,
    printable,
    printable_line,
    share_of,
    table_lines,
    where_posted,
)
from critterdb.games import ensure_game, list_games, unused_presets
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "a\x1b]0;owned\x07b\x9b2Jc\x7fd\u202ee\rf"
CONTROLS = "\x1b\x07\x9b\x7f\u202e\r"


def test_no_control_character_is_left() -> None:
    shown = printable(EVIL + "\udcff\n\tg")
    assert not set(CONTROLS) & set(shown)
    assert shown.endswith("\n\tg")
    assert shown.encode()
    assert printable_line("a\nb\u2028c") == "a b c"
    assert printable("Bärenfährte 熊 🐻 \u200d") == "Bärenfährte 熊 🐻 \u200d"


def test_json_stays_the_same_value() -> None:
    text = json_text({"name": EVIL, "half": "\ud83d", "bear": "熊"})
    assert not set(CONTROLS) & set(text)
    assert text.encode()
    assert json.loads(text) == {"name": EVIL, "half": "\ud83d", "bear": "熊"}


def test_wide_and_combining_characters_line_up() -> None:
    rows: list[dict[str, object]] = [
        {"a": "熊", "b": 1},
        {"a": "e\u0301", "b": 2},
        {"a": "long\nname", "b": None},
    ]
    assert table_lines(rows, ["a", "b"]) == [
        "a          b",
        "熊         1",
        "e\u0301          2",
        "long name",
    ]


@pytest.mark.parametrize(
    "arguments",
    [("games",), ("games", "show", "cougarornot"), ("status",), ("status", "--json"),
     ("accounts",), ("games", "show", EVIL), ("sync", EVIL), ("train", EVIL)],
)  # fmt: skip
def test_a_strangers_words_do_not_control_the_terminal(
    site: Path, arguments: tuple[str, ...]
) -> None:
    with closing(open_database(site / DATABASE_NAME)) as db:
        ensure_game(db, "cougarornot")
        db["games"].update("cougarornot", {"question": EVIL, "hashtag": EVIL, "model_id": None})
        db["syncs"].insert(
            {"game": "cougarornot", "started_at": EVIL, "error": EVIL, "source": EVIL}
        )
        db["opt_outs"].insert({"platform": "x", "author": EVIL, "at": EVIL})
        db["platforms"].insert({"platform": EVIL, "round_at": EVIL})
    done = CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), *arguments], color=True)
    written = done.stdout + done.stderr
    # Colours of our own are single sequences that begin with ESC and end with m.
    assert not set(CONTROLS) & set(re.sub(r"\x1b\[[0-9;]*m", "", written)), written
    assert "owned" in written or "games" not in arguments


def test_a_list_of_games(db: SiteDatabase) -> None:
    ensure_game(db, "cougarornot")
    [game] = list_games(db)
    assert (game.slug, game.hashtag, game.observations) == ("cougarornot", "cougarOrNot", 0)
    assert unused_presets(db) == ["crowornot", "trickybirdid"]


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1, 31, "1 of 31 photos (3.2%)"),
        (0, 30, "0 of 30 photos (0.0%)"),
        (2, 6, "2 of 6 photos"),
        (29, 29, "29 of 29 photos"),
        (1500, 2339, "1,500 of 2,339 photos (64.1%)"),
        (0, 0, "none of 0 photos"),
    ],
)
def test_a_share_names_its_basis_and_has_no_percentage_of_a_few(
    part: int, whole: int, expected: str
) -> None:
    assert share_of(part, whole, "photos") == expected
    assert (percent_of(part, whole) is not None) == ("%" in expected)


def test_a_platform_is_called_by_its_name() -> None:
    assert where_posted("mastodon") == "on Mastodon"
    assert where_posted("jsonl") == "in a file"
    assert where_posted("gopher") == "on gopher"
