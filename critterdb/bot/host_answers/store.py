"""The host's answer, found in what the host wrote: a row where it is sure, else a candidate.

Sure is a plain verdict (see answer_words.py) in a message of a host that replies to the post or
quotes it, or goes on from such a message of the host's own, or says elsewhere in the thread that it
is the answer. Everything else that names a taxon waits for a person in `answer_candidates`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from critterdb.bot.phrases import load_words
from critterdb.games import Game
from critterdb.platforms.base import Post
from critterdb.platforms.text import has_tag
from critterdb.storage.database import SiteDatabase, site_folder

from .parser import ELSE, Verdict, plain_words, read_answer

DIRECT, IN_THREAD = "host's words", "host's words in the thread"

_CALLS_ITSELF_ANSWER = re.compile(r"\b(?:answers?|reveal|verdict|official(?:ly)?|solution)\b")
_TO_SOMEBODY = re.compile(r"\b(?:you|your|yours|you're)\b")


@dataclass(frozen=True)
class Vocabulary:
    """What can be said about a game's animals: names, the target, and the ancestors of taxa."""

    names: Mapping[str, int]
    target: frozenset[int]
    lineage: Mapping[int, frozenset[int]]

    def read(self, text: str, game: Game) -> Verdict | None:
        """What a message says about the animal; None where it says nothing."""
        return read_answer(text, game, self.names, self.target, self.lineage)


def load_vocabulary(db: SiteDatabase, game: Game) -> Vocabulary:
    """The words of a game, from its taxa and from words.toml."""
    names = taxon_names(db, game)
    marks = ", ".join("?" * len(set(names.values())))
    rows = db.query(
        f"SELECT id, ancestor_ids FROM taxa WHERE id IN ({marks})", list(set(names.values()))
    )
    lineage = {row["id"]: frozenset(json.loads(row["ancestor_ids"])) - {row["id"]} for row in rows}
    return Vocabulary(names, frozenset(target_taxa(db, game)), lineage)


def taxon_names(db: SiteDatabase, game: Game) -> dict[str, int]:
    """Lower-case names of the game's taxa, the model's and those below the game's own.

    Other animals are ELSE, in games that ask for one taxon.
    """
    rows = db.query(
        """
        SELECT id, name, common_name FROM taxa
        WHERE is_active AND id <> coalesce(:top, 0) AND (
            id IN (SELECT value FROM json_each(:ids))
            OR EXISTS (SELECT 1 FROM json_each(ancestor_ids) WHERE value = :top)
            OR id IN (SELECT taxon_id FROM model_labels WHERE model_id = :model)
        )
        ORDER BY id
        """,
        {
            "top": game.taxon_id,
            "model": game.model_id,
            "ids": json.dumps([game.target_taxon_id]),
        },
    )
    words = load_words(game.slug, site_folder(db))
    taxa = list(rows)
    names: dict[str, int] = {}
    # What people call a taxon comes first: a puma is a cougar, and not just any of the genus Puma.
    for row in taxa:
        for name in words.nicknames.get(row["name"], ()):
            names.setdefault(plain_words(name), row["id"])
    for row in taxa:
        for name in filter(None, (row["name"], row["common_name"])):
            names.setdefault(plain_words(name), row["id"])
    if game.target_taxon_id is not None:
        for name in words.others:
            names.setdefault(name.lower(), ELSE)
    return names


def target_taxa(db: SiteDatabase, game: Game) -> set[int]:
    """The game's target and every taxon below it."""
    rows = db.query(
        "SELECT id FROM taxa WHERE EXISTS "
        "(SELECT 1 FROM json_each(ancestor_ids) WHERE value = :target) OR id = :target",
        {"target": game.target_taxon_id},
    )
    return {row["id"] for row in rows}


def save_answers(
    db: SiteDatabase, game: Game, post_ids: Sequence[str], messages: Iterable[Post], found_at: str
) -> int:
    """Write what the hosts' messages, oldest first, say about these posts; count the answers."""
    words = load_vocabulary(db, game)
    before = db["answers"].count
    by_id = {message.id: message for message in messages}
    for message in sorted(by_id.values(), key=_order):
        verdict = words.read(message.text, game)
        if verdict is None:
            continue
        direct = _answered_posts(message, by_id) & set(post_ids)
        method = DIRECT if direct else IN_THREAD if _is_for_all(message, game) else None
        with db.atomic():
            for post_id in sorted(direct or ({message.thread or ""} & set(post_ids))):
                if message.id == post_id:
                    continue
                if method and verdict.verdict:
                    _save_answer(db, post_id, verdict, message, found_at, method)
                else:
                    _save_candidate(db, post_id, verdict, message, found_at)
    return int(db["answers"].count - before)


def _answered_posts(message: Post, by_id: Mapping[str, Post]) -> set[str]:
    """What a message replies to or quotes, also by way of the host's own messages before it."""
    found: set[str] = set()
    one: Post | None = message
    while one:
        refers = [each for each in (one.in_reply_to, one.quotes) if each and each not in found]
        found.update(refers)
        one = next((by_id[each] for each in refers if each in by_id), None)
    return found


def _is_for_all(message: Post, game: Game) -> bool:
    """Whether a message deeper in the thread is the answer, and no word to one of the players."""
    text = plain_words(message.text)
    if message.photos or _TO_SOMEBODY.search(text):
        return False
    return bool(_CALLS_ITSELF_ANSWER.search(text)) or has_tag(message.hashtags, game.hashtag)


def _order(post: Post) -> tuple[str, int, str]:
    # Ids grow in length before they grow in their digits.
    return post.posted_at, len(post.id), post.id


def _save_answer(
    db: SiteDatabase,
    post_id: str,
    verdict: Verdict,
    message: Post,
    found_at: str,
    method: str,
) -> None:
    """For the post, and for those that asked about the same photo; a first answer stands."""
    for each in posts_of_the_photo(db, post_id):
        row = {
            "post_id": each,
            "taxon_id": verdict.taxon_id,
            "verdict": verdict.verdict,
            "source_url": message.url,
            "found_at": found_at,
            "method": method,
        }
        db["answers"].insert(row, ignore=True)


def posts_of_the_photo(db: SiteDatabase, post_id: str) -> list[str]:
    """A post, and those of its game that show a photo of it: who asked about the host's post."""
    rows = db.query(
        """
        SELECT DISTINCT others.id FROM posts AS own
        LEFT JOIN post_images AS shown ON shown.post_id = own.id
        JOIN posts AS others ON others.game = own.game AND (
            others.id = own.id
            OR others.id IN (SELECT post_id FROM post_images WHERE url = shown.url)
        )
        WHERE own.id = ?
        """,
        [post_id],
    )
    return [row["id"] for row in rows]


def _save_candidate(
    db: SiteDatabase, post_id: str, verdict: Verdict, message: Post, found_at: str
) -> None:
    guess = verdict.guess or verdict.verdict
    if verdict.taxon_id:
        row = db["taxa"].get(verdict.taxon_id)
        guess = row["common_name"] or row["name"]
    db.execute(
        """
        INSERT OR IGNORE INTO answer_candidates (post_id, source_url, guess, found_at)
        VALUES (?, ?, ?, ?)
        """,
        [post_id, message.url or message.id, guess, found_at],
    )


def is_answered(db: SiteDatabase, post_id: str) -> bool:
    """Whether the host's answer to a post is known."""
    return bool(db["answers"].count_where("post_id = ?", [post_id]))
