"""A file of posts that the bot plays on, with two pictures beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.bot_harness import BotHarness
from tests.support.models import picture

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Replay(BotHarness):
    """A file of posts, with two pictures beside it."""

    def __init__(self, db: SiteDatabase, folder: Path) -> None:
        self.path = folder / "posts.jsonl"
        self.path.touch()
        super().__init__(db, on=f"jsonl:{self.path}")
        (folder / "red.jpg").write_bytes(picture("red"))
        (folder / "green.jpg").write_bytes(picture("green"))

    def add(self, post_id: object, **fields: Any) -> None:
        post = {"id": post_id, "author": "ann", "posted_at": NOW, "text": "", **fields}
        with self.path.open("a") as file:
            file.write(json.dumps(post) + "\n")

    def replies(self) -> list[dict[str, Any]]:
        path = Path(f"{self.path}.replies.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def status(self, post_id: object) -> tuple[str, str | None]:
        row = self.db["replies"].get(f"jsonl:{post_id}")
        return row["status"], row["reason"]
