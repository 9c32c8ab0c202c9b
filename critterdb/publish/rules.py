"""Which tables and columns are published: rules.sql read as data, and what is withheld.

Anything that neither names is withheld, so a new column is published only once somebody has decided
so; a test asks for a decision about every column.
"""

from __future__ import annotations

import re
from importlib.resources import files

WITHHELD = {
    "accounts": "The site owner's notes on other people's accounts.",
    "answer_candidates": "Other people's posts that wait for review.",
    "cursors": "How far the bot has read; only its own site needs this.",
    "judged_posts": "The copy judges its own posts.",
    "ledger": "The basis of rate limits; only the running site needs this.",
    "opt_outs": "Opt-outs are private.",
    "own_posts": "The posts are on their platform; the rest is the running bot's.",
    "platforms": "The bot's state on each platform; only the running bot needs this.",
    "players": "Opt-ins are private; the names are in the guesses.",
    "superseded_answers": "What hosts took back; the answers that stand are published.",
    "shards": "Where the owner's computers keep vectors.",
    "prediction_counts": "The copy counts its own predictions.",
    "score_counts": "The copy counts its own posts.",
    "sketches": "The copy makes its own.",
    "_sqlite_migrations": "Written by the copy itself.",
}
MADE_BY_THE_COPY = {
    "judged_posts", "prediction_counts", "score_counts", "sketches", "_sqlite_migrations",
}  # fmt: skip
WITHHELD_COLUMNS = {
    "guesses": {"message_id": "The message may be deleted."},
    "answers": {"said_at": "It would lead to the post of a host who opted out."},
    "images": {"url": "Somebody may have submitted it in private."},
    "observations": {"withdrawn_at": "Withdrawn data is not published."},
    "photos": {
        "attempts": "The copy does not fetch anything.",
        "error": "The copy does not fetch anything.",
        "withdrawn_at": "Withdrawn data is not published.",
    },
    "posts": {
        "author_id": "The post's URL already names its author.",
        "deleted_at": "Deleted posts are not published.",
        "photos_author": "Somebody who did not ask the bot.",
        "photos_author_id": "Somebody who did not ask the bot.",
        "photos_deleted_at": "Photos of deleted posts are not published.",
        "photos_post_id": "A post of somebody who did not ask the bot.",
        "tries": "The copy does not fetch anything.",
        "try_from": "The copy does not fetch anything.",
    },
    "replies": {
        "attempt_boot": "Only the running bot needs this.",
        "attempt_ended_at": "Only the running bot needs this.",
        "attempt_uptime": "Only the running bot needs this.",
        "error": "The platform's message to the bot.",
        "looks": "Only the running bot needs this.",
        "send_key": "Only the running bot needs this.",
        "send_record": "Only the running bot needs this.",
    },
    "reviews": {"actor": "Reviewers decide for themselves whether to be named."},
    "rounds": {
        "alt_text": "It belongs to the post.",
        "collected_at": "Only the running bot needs this.",
        "credit": "The photo has it.",
        "image_sha256": "Uploaded photos are not published.",
        "messages": "Only the running bot needs this.",
        "note": "The host's own note.",
        "picture": "Uploaded photos are not published.",
        "text": "It belongs to the post.",
    },
    "syncs": {"error": "Only the running site needs this."},
}


def statements() -> list[tuple[str, str]]:
    """Return the statements of rules.sql in order, each with the text of its comment."""
    text = files("critterdb.publish").joinpath("rules.sql").read_text("utf-8")
    pairs = []
    for part in text.split("\n\n"):
        comment = " ".join(re.findall(r"^-- (.+)$", part, re.MULTILINE))
        sql = re.sub(r"^--.*\n?", "", part, flags=re.MULTILINE).strip()
        if sql:
            pairs.append((sql, comment))
    return pairs


def published_columns() -> dict[str, list[str]]:
    """Return the published columns of each table."""
    columns = {}
    for sql, _ in statements():
        match = re.match(r"INSERT INTO main\.(\w+) \(([^)]+)\)", sql)
        if match:
            columns[match[1]] = re.findall(r"\w+", match[2])
    return columns


def table_rules() -> dict[str, str]:
    """Return what is published of each table, in words."""
    rules = {}
    for sql, comment in statements():
        match = re.match(r"INSERT INTO main\.(\w+)", sql)
        if match:
            rules[match[1]] = comment
    return rules
