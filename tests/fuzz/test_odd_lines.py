"""An odd value in any field of a line: somebody else's line is answered, exactly once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from critterdb.storage.timestamps import utc_now
from tests.fuzz.strategies import UNPARSABLE, FieldPath, odd_json, paths, replaced
from tests.support.bot_harness import GAME, HASHTAG, BotHarness, add_host
from tests.support.models import make_tiny_model, picture

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

VALUES_OF_A_FIELD = 3
MARK = "@@odd@@"


def line(number: int, author: str, **changes: object) -> dict[str, object]:
    """A post that asks about a picture."""
    return {
        "id": str(number),
        "author": author,
        "posted_at": utc_now(),
        "text": "what is this? #tintOrNot",
        "url": f"https://a.example/{number}",
        "images": ["green.jpg"],
        "mentions": ["critterdb"],
        "in_reply_to": None,
        "quotes": None,
        "bot": False,
        "repost": False,
        **changes,
    }


def odd_lines() -> list[str]:
    """Lines with an odd value in them each, every field with some; and some without an object."""
    values = list((odd_json() | UNPARSABLE).values())
    lines = list(values)
    places: list[FieldPath] = [path for path in paths(line(0, "ann")) if path]
    for number, path in enumerate(places):
        for turn in range(VALUES_OF_A_FIELD):
            number_of_line = 1000 * (number + 1) + turn
            spoiled = replaced(line(number_of_line, f"ann{number_of_line}"), path, MARK)
            value = values[(number * VALUES_OF_A_FIELD + turn * 5) % len(values)]
            lines.append(json.dumps(spoiled).replace(json.dumps(MARK), value))
    return lines


def test_an_odd_line_stops_nobody_else(
    db: SiteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "1000000")
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db, "jsonl")
    (tmp_path / "green.jpg").write_bytes(picture("green"))
    path = tmp_path / "posts.jsonl"
    good = [json.dumps(line(number, name)) for number, name in ((1, "bob"), (2, "cyd"))]
    path.write_text("\n".join([good[0], *odd_lines(), good[1], ""]), "utf-8")
    rounds = BotHarness(db, on=f"jsonl:{path}")
    for _ in range(3):
        rounds.later += 3600
        rounds.play()
    written = Path(f"{path}.replies.jsonl").read_text("utf-8").splitlines()
    answered = Counter(json.loads(reply)["in_reply_to"] for reply in written)
    assert (answered["jsonl:1"], answered["jsonl:2"]) == (1, 1)
    assert max(answered.values()) == 1
    assert rounds.play().sent == 0
