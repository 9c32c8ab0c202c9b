"""Settle a message that may hold an answer, as a reviewer says on the page.

Apart from the queries of reviews, some of which the front page needs: what reads messages is slow
to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.bot.host_answers.settle import (
    Candidate,
    Decision,
    find_candidate,
    taxon_decision,
)
from critterdb.bot.host_answers.settle import settle as settle_candidate
from critterdb.games import get_game
from critterdb.storage.timestamps import utc_now

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase


def settle(db: SiteDatabase, candidate_id: int, choice: str, taxon_id: int | None) -> Candidate:
    """Settle a candidate as `critterdb answers settle` does; call it in a transaction.

    `choice` is taxon (it was `taxon_id`), other (not the target), inconclusive, or nothing: the
    message holds no answer. Returns the candidate. Raises LookupError if it or the taxon is not
    known.
    """
    candidate = find_candidate(db, candidate_id)
    if candidate is None:
        raise LookupError(f"There is no pending message {candidate_id}")
    decision = _decision(db, candidate, choice, taxon_id)
    settle_candidate(db, candidate.post_id, candidate, decision, utc_now())
    return candidate


def _decision(
    db: SiteDatabase, candidate: Candidate, choice: str, taxon_id: int | None
) -> Decision:
    if choice == "nothing":
        return Decision(None)
    if choice == "other":
        return Decision("other")
    if choice == "inconclusive":
        return Decision("inconclusive")
    if taxon_id is None or not db["taxa"].count_where("id = ?", [taxon_id]):
        raise LookupError(f"There is no taxon {taxon_id}")
    game = get_game(db, db["posts"].get(candidate.post_id)["game"])
    return taxon_decision(db, game, taxon_id)
