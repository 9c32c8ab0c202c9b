"""Which guesses of a round are right, and who was first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.dataset.taxonomy import Truth, is_right

if TYPE_CHECKING:
    from collections.abc import Collection

    from critterdb.bot.reading.guesses import Reading
    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase


@dataclass(frozen=True)
class RoundScore:
    """What came of a round; `first_right` are named players in the order of their guesses."""

    guesses: int
    right: int
    first_right: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """Judges guesses by what a photo shows. `too_coarse` are taxa that say nothing in the game."""

    truth: Truth | None
    target: int | None
    too_coarse: Collection[int]

    @classmethod
    def load(cls, db: SiteDatabase, game: Game, answer_taxon_id: int | None) -> Judge:
        """Read what decides from the database."""
        rows = {
            row["id"]: row["ancestor_ids"]
            for row in db["taxa"].rows_where("id IN (?, ?)", [answer_taxon_id, game.taxon_id])
        }
        truths = {taxon: Truth.of(taxon, ancestor_ids) for taxon, ancestor_ids in rows.items()}
        truth = truths.get(answer_taxon_id) if answer_taxon_id is not None else None
        top = truths.get(game.taxon_id) if game.taxon_id is not None else None
        return cls(truth, game.target_taxon_id, top.lineage if top else ())

    def judge(self, guess: Reading) -> bool | None:
        """Return whether a guess is right; None if nobody knows what the photo shows."""
        return self.is_right(guess.taxon_id, is_other=guess.verdict == "other")

    def is_right(self, taxon_id: int | None, *, is_other: bool = False) -> bool | None:
        """Return whether a taxon is right, or “not the target” if there is none."""
        if self.truth is None:
            return None
        if taxon_id is None:
            # A dog has no taxon in the game: all that is known is what it is not.
            return is_other and self.target is not None and self.target not in self.truth.lineage
        # "It's a cat" says nothing in a game about cats.
        return taxon_id not in self.too_coarse and bool(is_right(taxon_id, self.truth))


def round_score(db: SiteDatabase, round_id: int) -> RoundScore:
    """Count the guesses of a round."""
    guesses, right = db.execute(
        "SELECT count(*), coalesce(sum(right), 0) FROM guesses WHERE round_id = ?", [round_id]
    ).fetchone()
    first = db["guesses"].rows_where(
        "round_id = ? AND right = 1 AND player IS NOT NULL",
        [round_id],
        order_by="made_at, id",
        select="player",
    )
    return RoundScore(guesses, right, tuple(row["player"] for row in first))


def judge_again(db: SiteDatabase, game: Game, round_id: int, answer_taxon_id: int) -> None:
    """Judge the stored guesses of a round by another answer, in the caller's transaction."""
    judge = Judge.load(db, game, answer_taxon_id)
    for row in list(db["guesses"].rows_where("round_id = ?", [round_id])):
        right = judge.is_right(row["taxon_id"], is_other=row["verdict"] == "other")
        db["guesses"].update(row["id"], {"right": right})
