"""A published copy holds none of what is marked as private, in any byte of any file."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.publish.rules import MADE_BY_THE_COPY, WITHHELD, WITHHELD_COLUMNS
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.datasette_site import SEEN_AT
from tests.support.publishing import make_full_site

if TYPE_CHECKING:
    from pathlib import Path

UNPUBLISHED_POSTS = "NOT IN ('x:1', 'x:2')"
OPEN_PHOTOS = "IN (1, 6)"
# Table, column, and the rows that stay at home. Each such value is marked, and looked for.
PRIVATE_ROWS = [
    ("posts", "url", f"id {UNPUBLISHED_POSTS}"),
    # With another author, x:4 would not be a post of somebody who opted out.
    ("posts", "author", f"id {UNPUBLISHED_POSTS} AND id <> 'x:4'"),
    ("replies", "text", f"post_id {UNPUBLISHED_POSTS}"),
    ("replies", "reply_url", f"post_id {UNPUBLISHED_POSTS}"),
    ("replies", "text", "status = 'refused'"),
    ("answers", "source_url", f"post_id {UNPUBLISHED_POSTS}"),
    ("post_images", "url", f"post_id {UNPUBLISHED_POSTS}"),
    ("photos", "attribution", f"id NOT {OPEN_PHOTOS} AND attribution IS NOT NULL"),
    ("photos", "url", f"id NOT {OPEN_PHOTOS}"),
    ("observations", "place_guess", "coalesce(license_code, '') <> 'cc-by'"),
    ("observations", "url", f"id NOT {OPEN_PHOTOS}"),
    ("observers", "login", "id = 8"),
    ("taxa", "name", "id < 0"),
    ("predictions", "reason", "source IN ('cli', 'endpoint')"),
    ("models", "recipe", "1"),
]

# These columns hold one of a few words.
CHOICES = {
    ("own_posts", "kind"),
    ("own_posts", "status"),
    ("answer_candidates", "suggested_verdict"),
    ("superseded_answers", "verdict"),
}


def add_rows(db: SiteDatabase) -> None:
    """What the full site lacks: a refused reply, a local label, a private observer, notes."""
    db["taxa"].insert({"id": -7, "name": "my sofa"})
    db["observers"].insert({"id": 8, "login": "ann"})
    db["observations"].update(2, {"observer_id": 8})
    db["accounts"].insert({"platform": "x", "author": "ida", "is_bot": 1, "noted_at": SEEN_AT})
    db["platforms"].insert({"platform": "x", "round_at": SEEN_AT})
    db["replies"].update("x:2", {"status": "refused", "reason": None})
    earlier = {"post_id": "x:1", "verdict": "target", "found_at": SEEN_AT, "method": "words"}
    db["superseded_answers"].insert({**earlier, "superseded_at": SEEN_AT})
    counts = {"photos": 1, "rows": 1, "errors": 0}
    files = {"recipe": "a network", "digest": "0" * 64, "path": "shards/a.parquet"}
    db["shards"].insert({"name": "a", **files, **counts, "finished_at": SEEN_AT})
    _add_round(db)


def _add_round(db: SiteDatabase) -> None:
    """A revealed round with an uploaded photo, and what belongs to it."""
    times = {"opens_at": SEEN_AT, "closes_at": "2026-11-24T10:00:00Z", "planned_at": SEEN_AT}
    fixed = {"id": 1, "game": "cougarornot", "platform": "x", "host": "host", "state": "revealed"}
    db["rounds"].insert({**fixed, **times})
    db["guesses"].insert({"id": 1, "round_id": 1, "player": "gil", "made_at": SEEN_AT})
    db["players"].insert({"platform": "x", "player": "gil", "opted_in_at": SEEN_AT})
    post = {"key": "round-1-opening", "platform": "x", "kind": "opening", "text": "Guess!"}
    db["own_posts"].insert({**post, "round_id": 1, "status": "sent", "planned_at": SEEN_AT})


def text_columns(db: SiteDatabase, table: str) -> list[str]:
    return [column.name for column in db[table].columns if column.type == "TEXT"]


def mark(db: SiteDatabase, table: str, column: str, where: str = "1") -> str | None:
    """Write a mark into these rows of a column; None if the column takes no free text."""
    word = f"kept-at-home-{table}-{column}-{len(where)}"
    value = f'{{"weights": "/home/{word}.pth"}}' if column == "recipe" else word
    keys = {name for name in db[table].pks if db[table].count_where(where) > 1}
    foreign = {key.column for key in db[table].foreign_keys}
    names_somebody = table == "opt_outs" and column in ("platform", "author")
    if column in keys | foreign or names_somebody or (table, column) in CHOICES:
        return None
    changed = db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", [value]).rowcount
    assert changed > 0, f"no row of {table} is there to be marked"
    return word


@pytest.mark.parametrize("option", [[], ["--writable"], ["--no-photos"]])
def test_no_private_value_is_in_any_byte_of_a_copy(tmp_path: Path, option: list[str]) -> None:
    """Freed pages of the database included."""
    folder = make_full_site(tmp_path / "mysite")
    marks: list[str | None] = []
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        add_rows(db)
        for table, column, where in PRIVATE_ROWS:
            marks.append(mark(db, table, column, where))
        for table in WITHHELD.keys() - MADE_BY_THE_COPY:
            marks += [mark(db, table, column) for column in text_columns(db, table)]
        for table, columns in WITHHELD_COLUMNS.items():
            free = set(text_columns(db, table)) & columns.keys()
            # Who is withdrawn or deleted would not be published at all.
            free -= {name for name in free if name.endswith("_at")}
            marks += [mark(db, table, column) for column in sorted(free)]
    words = [word for word in marks if word]
    assert len(words) >= 26
    home = (folder / DATABASE_NAME).read_bytes()
    assert [word for word in words if word.encode() not in home] == []
    target = tmp_path / "public"
    command = ["--db", str(folder / DATABASE_NAME), "publish", str(target), *option]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    published = b"".join(file.read_bytes() for file in target.rglob("*") if file.is_file())
    assert b"I say cougar to x:1" in published
    assert [word for word in words if word.encode() in published] == []
