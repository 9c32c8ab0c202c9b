"""The host's answer, found in what the host wrote: a verdict where it is plain, else a candidate.

Plain is a message of a host that replies to the post or quotes it, names one taxon (or says that
it is not the target, or that it cannot be told), and neither asks nor hedges. Everything else that
names a taxon waits for a person in `answer_candidates`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .games import Game
from .schema import SiteDatabase, site_folder
from .timelines import Post
from .words import load_words

METHOD = "host's words"

_INCONCLUSIVE = re.compile(
    r"\binconclusive\b|\b(?:can ?not|can't|couldn't|could not) (?:tell|say|be sure|decide)\b"
    r"|\bimpossible to (?:tell|say)\b|\bwe(?:'ll| will) never know\b"
)
_HEDGE = re.compile(
    r"\?|\b(?:maybe|perhaps|might|may be|could be|probably|possibly|guess(?:es|ed)?|hint|vote|poll"
    r"|if|or)\b"
)
_NEGATION = re.compile(r"(?:\bnot|\bno|n't(?: be)?|\bnever)(?: actually| really)? (?:an? |the )?$")


@dataclass(frozen=True)
class Verdict:
    """What a message says. `verdict` is null where only a guess can be made of it."""

    verdict: str | None
    taxon_id: int | None = None
    guess: str | None = None


def read_answer(
    text: str, game: Game, names: Mapping[str, int], target: set[int]
) -> Verdict | None:
    """What a host's message says about the animal; None where it says nothing.

    `names` maps lower-case names to taxa, `target` holds the game's target and what is below it.
    """
    words = _plain(text)
    named, denied = _named(words, names)
    if not named and _INCONCLUSIVE.search(words):
        return Verdict("inconclusive")
    if not named and not denied:
        return None
    guess = ", ".join(sorted(named) or [f"not {name}" for name in sorted(denied)])
    taxa = {names[name] for name in named}
    if _HEDGE.search(words) or len(taxa) > 1:
        return Verdict(None, guess=guess)
    if taxa:
        taxon_id = taxa.pop()
        if game.target_taxon_id is None:
            return Verdict("taxon", taxon_id)
        return Verdict("target" if taxon_id in target else "other", taxon_id)
    if target & {names[name] for name in denied}:
        return Verdict("other")
    return Verdict(None, guess=guess)


def taxon_names(db: SiteDatabase, game: Game) -> dict[str, int]:
    """Lower-case names of the game's taxa, the model's and those below the game's own."""
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
    nicknames = load_words(game.slug, site_folder(db)).nicknames
    names: dict[str, int] = {}
    for row in rows:
        for name in (row["name"], row["common_name"], *nicknames.get(row["name"], ())):
            if name:
                names.setdefault(name.lower(), row["id"])
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
    names, target = taxon_names(db, game), target_taxa(db, game)
    before = db["answers"].count
    for message in sorted(messages, key=_order):
        verdict = read_answer(message.text, game, names, target)
        if verdict is None:
            continue
        direct = {message.in_reply_to, message.quotes} & set(post_ids)
        with db.atomic():
            for post_id in direct or ({message.thread} & set(post_ids)):
                if message.id == post_id or post_id is None:
                    continue
                if direct and verdict.verdict:
                    _save_answer(db, post_id, verdict, message, found_at)
                else:
                    _save_candidate(db, post_id, verdict, message, found_at)
    return int(db["answers"].count - before)


def _order(post: Post) -> tuple[str, int, str]:
    # Ids grow in length before they grow in their digits.
    return post.posted_at, len(post.id), post.id


def _save_answer(
    db: SiteDatabase, post_id: str, verdict: Verdict, message: Post, found_at: str
) -> None:
    """For the post, and for those that asked about the same photo; a first answer stands."""
    db.execute(
        """
        INSERT OR IGNORE INTO answers (post_id, taxon_id, verdict, source_url, found_at, method)
        SELECT DISTINCT others.id, ?, ?, ?, ?, ? FROM posts AS own
        LEFT JOIN post_images AS shown ON shown.post_id = own.id
        JOIN posts AS others ON others.game = own.game AND (
            others.id = own.id
            OR others.id IN (SELECT post_id FROM post_images WHERE url = shown.url)
        )
        WHERE own.id = ?
        """,
        [verdict.taxon_id, verdict.verdict, message.url, found_at, METHOD, post_id],
    )


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


def _plain(text: str) -> str:
    """Lower case, without handles, links and hashtags: the game's own tag names an animal."""
    words = re.sub(r"https?://\S+|[@#＠＃]\w+", " ", text)
    return re.sub(r"\s+", " ", words.replace("’", "'")).strip().lower()


def _named(words: str, names: Mapping[str, int]) -> tuple[set[str], set[str]]:
    """The names said and those denied; the longest one first, so that no part of it counts too."""
    named: set[str] = set()
    denied: set[str] = set()
    for name in sorted(names, key=len, reverse=True):
        pattern = re.compile(rf"\b{re.escape(name)}(?:s|es)?\b")
        for match in pattern.finditer(words):
            before = words[: match.start()]
            (denied if _NEGATION.search(before) else named).add(name)
        words = pattern.sub(lambda match: "_" * len(match[0]), words)
    return named, denied
