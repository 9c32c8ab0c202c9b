"""What of each table goes into a published copy: rules.sql read as data, and what stays at home.

What neither names stays at home, so that a new column is published only once somebody has decided
so; a test asks for a decision about every column.
"""

from __future__ import annotations

import re
from importlib.resources import files

WITHHELD = {
    "accounts": "What a person said of other people's accounts.",
    "answer_candidates": "Other people's posts that wait for a person to read them.",
    "cursors": "How far the bot has read: of use to the site that goes on only.",
    "ledger": "What limits are counted from: of use to the site that goes on only.",
    "opt_outs": "Who asked to be left alone is nobody's business.",
    "platforms": "How the bot stands with each platform: of use to the bot that goes on only.",
    "prediction_counts": "The copy counts its own predictions.",
    "_sqlite_migrations": "Written by the copy itself.",
}
MADE_BY_THE_COPY = {"prediction_counts", "_sqlite_migrations"}
WITHHELD_COLUMNS = {
    "images": {"url": "Somebody may have asked about it in private."},
    "observations": {"withdrawn_at": "Nothing withdrawn is published."},
    "photos": {
        "attempts": "The copy fetches nothing.",
        "error": "The copy fetches nothing.",
        "withdrawn_at": "Nothing withdrawn is published.",
    },
    "posts": {
        "author_id": "The address of the post names its author already.",
        "deleted_at": "No deleted post is published.",
        "photos_author": "Somebody who did not ask the bot.",
        "photos_author_id": "Somebody who did not ask the bot.",
        "photos_deleted_at": "No photo of a deleted post is published.",
        "photos_post_id": "A post of somebody who did not ask the bot.",
        "tries": "The copy fetches nothing.",
        "try_from": "The copy fetches nothing.",
    },
    "replies": {
        "attempt_boot": "Of use to the bot that goes on only.",
        "attempt_ended_at": "Of use to the bot that goes on only.",
        "attempt_uptime": "Of use to the bot that goes on only.",
        "error": "What a platform said to the bot alone.",
        "looks": "Of use to the bot that goes on only.",
        "send_key": "Of use to the bot that goes on only.",
        "send_record": "Of use to the bot that goes on only.",
    },
    "reviews": {"actor": "Who reviewed is theirs to say."},
    "syncs": {"error": "Of use to the site that goes on only."},
}


def statements() -> list[tuple[str, str]]:
    """The statements of rules.sql in order, each with the words of its comment."""
    text = files("critterdb.publish").joinpath("rules.sql").read_text("utf-8")
    pairs = []
    for part in text.split("\n\n"):
        comment = " ".join(re.findall(r"^-- (.+)$", part, re.MULTILINE))
        sql = re.sub(r"^--.*\n?", "", part, flags=re.MULTILINE).strip()
        if sql:
            pairs.append((sql, comment))
    return pairs


def published_columns() -> dict[str, list[str]]:
    """The columns of each table that go along."""
    columns = {}
    for sql, _ in statements():
        match = re.match(r"INSERT INTO main\.(\w+) \(([^)]+)\)", sql)
        if match:
            columns[match[1]] = re.findall(r"\w+", match[2])
    return columns


def table_rules() -> dict[str, str]:
    """What of each table goes along, in words."""
    rules = {}
    for sql, comment in statements():
        match = re.match(r"INSERT INTO main\.(\w+)", sql)
        if match:
            rules[match[1]] = comment
    return rules
