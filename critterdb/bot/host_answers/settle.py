"""What a person decides about a host's answer: candidates settled, wrong readings put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critterdb.errors import GameError
from critterdb.games import Game, get_game
from critterdb.storage.database import SiteDatabase

from .parser import ELSE, plain_words
from .store import Vocabulary, load_vocabulary, posts_of_the_photo

BY_A_PERSON = "a person"
NOTHING = "nothing"  # the message says nothing about the animal


def waiting_candidates(db: SiteDatabase, game: str | None = None) -> list[dict[str, Any]]:
    """What waits for a person: oldest first, with the post and what the host may have said."""
    return list(
        db.query(
            """
            SELECT answer_candidates.id, posts.game, answer_candidates.post_id,
                posts.url AS post_url, guess, answer_candidates.source_url,
                coalesce(taxa.common_name, taxa.name, answers.verdict) AS answer
            FROM answer_candidates JOIN posts ON posts.id = answer_candidates.post_id
            LEFT JOIN answers ON answers.post_id = posts.id
            LEFT JOIN taxa ON taxa.id = answers.taxon_id
            WHERE settled_at IS NULL AND (? IS NULL OR posts.game = ?)
            ORDER BY answer_candidates.id
            """,
            [game, game],
        )
    )


def settle(db: SiteDatabase, which: str, decision: str, settled_at: str) -> str:
    """Decide about a candidate (its number) or a post (its id); what was decided, in words.

    The decision is a name of one of the game's taxa, `target`, `other`, `inconclusive`, or
    `nothing`. A person's word takes the place of an earlier answer; `nothing` leaves that as it is
    for a candidate, and takes it away for a post. Raises GameError where either is not known.
    """
    candidate = _candidate(db, which)
    post_id = candidate["post_id"] if candidate else which
    post = next(db["posts"].rows_where("id = ?", [post_id]), None)
    if post is None:
        raise GameError(
            f"There is no candidate and no post {which}. See them with: critterdb answers"
        )
    game = get_game(db, post["game"])
    verdict, taxon_id = _decision(load_vocabulary(db, game), game, decision)
    with db.atomic():
        for each in posts_of_the_photo(db, post_id) if verdict else []:
            row = {
                "post_id": each,
                "taxon_id": taxon_id,
                "verdict": verdict,
                "source_url": candidate["source_url"] if candidate else None,
                "found_at": settled_at,
                "method": BY_A_PERSON,
            }
            db["answers"].upsert(row, pk="post_id")
        if not verdict and not candidate:
            db["answers"].delete_where("post_id = ?", [post_id])
        _close(db, post_id, candidate, settled_at, all_of_them=bool(verdict))
    return f"{post_id}: {decision}" if verdict else f"{post_id}: no answer in it"


def _candidate(db: SiteDatabase, which: str) -> Mapping[str, Any] | None:
    if not which.isdecimal():
        return None
    return next(db["answer_candidates"].rows_where("id = ?", [int(which)]), None)


def _decision(words: Vocabulary, game: Game, decision: str) -> tuple[str | None, int | None]:
    named = plain_words(decision)
    if named == NOTHING:
        return None, None
    if named == "inconclusive" or (named in ("target", "other") and game.target_taxon_id):
        return named, game.target_taxon_id if named == "target" else None
    taxon_id = int(named) if named.isdecimal() else words.names.get(named)
    if taxon_id is None or (taxon_id != ELSE and taxon_id not in words.names.values()):
        raise GameError(
            f"{decision} is no taxon of {game.slug}. Give a name that it has there, target, other, "
            "inconclusive, or nothing"
        )
    if game.target_taxon_id is None:
        return "taxon", taxon_id
    if taxon_id == ELSE:
        return "other", None
    return "target" if taxon_id in words.target else "other", taxon_id


def _close(
    db: SiteDatabase,
    post_id: str,
    candidate: Mapping[str, Any] | None,
    settled_at: str,
    *,
    all_of_them: bool,
) -> None:
    """A decision about the animal settles every candidate of the post, `nothing` only its own."""
    where, values = "post_id = ?", [post_id]
    if candidate and not all_of_them:
        where, values = "id = ?", [candidate["id"]]
    db.execute(
        f"UPDATE answer_candidates SET settled_at = ? WHERE {where} AND settled_at IS NULL",
        [settled_at, *values],
    )
