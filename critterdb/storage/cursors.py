"""Where walks through other people's data stand: the one owner of the table `cursors`.

A cursor is written in the transaction of the rows that it covers, so a run that is killed goes on
exactly there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .timestamps import utc_now

if TYPE_CHECKING:
    from .database import SiteDatabase


def read_marks(db: SiteDatabase, prefix: str) -> dict[str, str]:
    """Return the cursors that platforms gave, by name: texts that only they understand."""
    rows = db["cursors"].rows_where("substr(name, 1, ?) = ?", [len(prefix), prefix])
    return {row["name"]: row["value"] for row in rows}


def write_mark(
    db: SiteDatabase, name: str, value: str, now: str, *, gap_from: str | None = None
) -> None:
    """Write a platform's cursor; `gap_from` is a cursor after which something was not read."""
    row = {"name": name, "value": value, "updated_at": now}
    # A gap stays on record when later readings are complete.
    row |= {"gap_from": gap_from} if gap_from else {}
    db["cursors"].upsert(row, pk="name")


class Cursors:
    """The cursors whose names begin with `prefix`, each a JSON value."""

    def __init__(self, db: SiteDatabase, prefix: str) -> None:
        self.db = db
        self.prefix = prefix

    def read(self, name: str) -> Any:
        """The value of a cursor; null if there is none, or none that can be read.

        A database may come from somebody else: without its cursors a walk begins again, which
        costs requests and changes nothing.
        """
        for row in self.db["cursors"].rows_where("name = ?", [self.prefix + name]):
            try:
                return json.loads(row["value"])
            except (ValueError, TypeError, RecursionError):
                return None
        return None

    def read_number(self, name: str) -> int:
        """A cursor that is an id; 0 if there is none."""
        number = self.read(name)
        return number if type(number) is int and number > 0 else 0

    def read_object(self, name: str, **types: type) -> dict[str, Any] | None:
        """A cursor that is an object with keys of these types; null if there is none like it."""
        value = self.read(name)
        if not isinstance(value, dict):
            return None
        # A missing key is None, which is of none of these types.
        sound = all(isinstance(value.get(key), kind) for key, kind in types.items())
        return value if sound else None

    def write(self, name: str, value: object) -> None:
        row = {"name": self.prefix + name, "value": json.dumps(value), "updated_at": utc_now()}
        self.db["cursors"].upsert(row, pk="name")

    def forget(self, name: str) -> None:
        self.db["cursors"].delete_where("name = ?", [self.prefix + name])

    def forget_all(self) -> None:
        # Not LIKE: the underscore of a name would stand for any character.
        self.db["cursors"].delete_where("substr(name, 1, ?) = ?", [len(self.prefix), self.prefix])
