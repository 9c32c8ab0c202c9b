"""What a person decides about a host's answer: candidates settled, wrong readings corrected.

The command and the review page decide in the same way, so both come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.bot.reading.parser import OTHER_ANIMAL, AnswerVerdict, plain_words
from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary, target_taxa
from critterdb.dataset.taxonomy import taxon_names
from critterdb.errors import GameError
from critterdb.formatting import did_you_mean, display_name_sql
from critterdb.games import Game, get_game
from critterdb.inaturalist.taxon_search import find_taxon

from .history import BY_A_PERSON as METHOD
from .history import supersede
from .store import posts_of_the_photo

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

SAYS_NOTHING = "nothing"  # the message says nothing about the animal


@dataclass(frozen=True)
class Decision:
    """What a person says about the animal; without a verdict the message says nothing about it."""

    verdict: AnswerVerdict | None
    taxon_id: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A host's message that may hold the answer to a post."""

    id: int
    post_id: str
    source_url: str | None


@dataclass(frozen=True)
class WaitingCandidate:
    """A candidate with its post; `answer` is the answer that the post has already.

    `reason` says why the message waits for a person.
    """

    id: int
    game: str
    post_id: str
    post_url: str | None
    guess: str | None
    reason: str | None
    source_url: str | None
    answer: str | None


def waiting_candidates(db: SiteDatabase, game: str | None = None) -> list[WaitingCandidate]:
    """Return what waits for a person: oldest first, with the post and what the host may mean."""
    rows = db.query(
        f"""
        SELECT answer_candidates.id, posts.game, answer_candidates.post_id,
            posts.url AS post_url, guess, reason, answer_candidates.source_url,
            coalesce({display_name_sql()}, answers.verdict) AS answer
        FROM answer_candidates JOIN posts ON posts.id = answer_candidates.post_id
        LEFT JOIN answers ON answers.post_id = posts.id
        LEFT JOIN taxa ON taxa.id = answers.taxon_id
        WHERE settled_at IS NULL AND (? IS NULL OR posts.game = ?)
        ORDER BY answer_candidates.id
        """,
        [game, game],
    )
    return [WaitingCandidate(**row) for row in rows]


def find_candidate(db: SiteDatabase, candidate_id: int) -> Candidate | None:
    """Return the candidate with this number, settled or not."""
    # A settled one too: a person may have changed their mind.
    for row in db["answer_candidates"].rows_where("id = ?", [candidate_id]):
        return Candidate(row["id"], row["post_id"], row["source_url"])
    return None


def taxon_decision(db: SiteDatabase, game: Game, taxon_id: int) -> Decision:
    """Return the decision that the animal is this taxon."""
    if game.target_taxon_id is None:
        return Decision("taxon", taxon_id)
    return Decision("target" if taxon_id in target_taxa(db, game) else "other", taxon_id)


def settle(
    db: SiteDatabase, post_id: str, candidate: Candidate | None, decision: Decision, now: str
) -> None:
    """Write a person's decision about a post, or about one candidate; call it in a transaction.

    All posts of one photo get the answer, which takes the place of an earlier one, and every
    candidate of theirs is settled. "Nothing" settles the one candidate and leaves the answer as it
    is; without a candidate it removes the answer of the post.
    """
    if decision.verdict is None:
        if candidate is None:
            _keep(db, post_id, now)
            db["answers"].delete_where("post_id = ?", [post_id])
            _close(db, "post_id = ?", post_id, now)
        else:
            _close(db, "id = ?", candidate.id, now)
        return
    # One photo is one question, whoever asked it: two answers for it would count twice.
    for asked_id in posts_of_the_photo(db, post_id):
        row = {
            "post_id": asked_id,
            "taxon_id": decision.taxon_id,
            "verdict": decision.verdict,
            "source_url": candidate.source_url if candidate else None,
            "found_at": now,
            "method": METHOD,
            "said_at": None,
            "confidence": 1.0,
        }
        _keep(db, asked_id, now)
        db["answers"].upsert(row, pk="post_id")
        _close(db, "post_id = ?", asked_id, now)


def _keep(db: SiteDatabase, post_id: str, now: str) -> None:
    """Keep the answer that a person replaces or removes."""
    for answer in db["answers"].rows_where("post_id = ?", [post_id]):
        supersede(db, answer, now)


def settle_in_words(db: SiteDatabase, which: str, words: str, now: str) -> str:
    """Settle a candidate (its number) or a post (its id); return what was decided, in words.

    The words are a name of one of the game's taxa, `target`, `other`, `inconclusive`, or `nothing`.
    Raises GameError if the post or the taxon is not known.
    """
    candidate = find_candidate(db, int(which)) if which.isdecimal() else None
    post_id = candidate.post_id if candidate else which
    post = next(db["posts"].rows_where("id = ?", [post_id]), None)
    if post is None:
        raise GameError(
            f"There is no candidate or post {which}. List the candidates with: critterdb answers"
        )
    game = get_game(db, post["game"])
    decision = _parse(db, game, load_vocabulary(db, game), words)
    with db.atomic():
        settle(db, post_id, candidate, decision, now)
    if decision.verdict is None:
        return f"{post_id}: no answer in it"
    # A name may have been found by its beginning, so what was decided is said in full.
    names = taxon_names(db, [decision.taxon_id]) if decision.taxon_id else {}
    return f"{post_id}: {names.get(decision.taxon_id or OTHER_ANIMAL, words)}"


def _parse(db: SiteDatabase, game: Game, vocabulary: Vocabulary, words: str) -> Decision:
    name = plain_words(words)
    if name == SAYS_NOTHING:
        return Decision(None)
    if name == "inconclusive":
        return Decision("inconclusive")
    if game.target_taxon_id and name == "target":
        return Decision("target", game.target_taxon_id)
    if name == "other":
        return Decision("other")
    taxon_id = vocabulary.names.get(name)  # what people call it, in words.toml
    if taxon_id is None:
        taxon_id = find_taxon(db, words, among=set(vocabulary.names.values()))
    if taxon_id is None:
        raise GameError(
            f"{words} is not a taxon of {game.slug}.{did_you_mean(words, vocabulary.names)} "
            "Use one of its names, target, other, inconclusive, or nothing"
        )
    if taxon_id == OTHER_ANIMAL:
        return Decision("other")
    return taxon_decision(db, game, taxon_id)


def _close(db: SiteDatabase, where: str, value: int | str, now: str) -> None:
    db.execute(
        f"UPDATE answer_candidates SET settled_at = ? WHERE {where} AND settled_at IS NULL",
        [now, value],
    )
