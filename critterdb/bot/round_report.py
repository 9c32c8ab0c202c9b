"""What a round of the bot did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reply_status import Played


@dataclass
class RoundReport:
    """What a round did, in numbers of posts; `skipped` by reason, `failures` in words.

    `errors` counts the exceptions that posts raised while they were played, by class.
    """

    read: int = 0
    new: int = 0
    classified: int = 0
    drafted: int = 0
    planned: int = 0
    sent: int = 0
    unknown: int = 0
    refused: int = 0
    answers: int = 0
    deleted: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def count(self, played: Played) -> None:
        """Add what became of one post."""
        self.classified += played.classified
        self.drafted += played.status == "draft"
        if played.reason:
            self.skipped[played.reason] += 1
        if played.error:
            self.errors[played.error] += 1

    def name_errors(self, what: str, errors: Counter[str]) -> None:
        """Add one failure for all items that raised something, such as "Posts …: 2 (KeyError)"."""
        if errors:
            names = ", ".join(errors)
            self.failures.append(
                f"{what}: {errors.total()} ({names}). To see why, run: critterdb --verbose bot"
            )

    def __str__(self) -> str:
        counts = [
            f"{number} {word}"
            for number, word in (
                (self.classified, "classified"),
                (self.drafted, "drafted"),
                (self.sent, "sent"),
                (self.planned, "still to be sent"),
                (self.unknown, "in doubt"),
                (self.refused, "refused"),
                (self.skipped.total(), f"skipped ({_in_words(self.skipped)})"),
                (self.answers, "answers found"),
                (self.deleted, "found to be deleted"),
            )
            if number
        ]
        line = f"Read {self.read} post{'' if self.read == 1 else 's'}, {self.new} new"
        line += ": " + ", ".join(counts) if counts else ". Nothing to do"
        return ". ".join([line, *self.failures])


def _in_words(skipped: Counter[str]) -> str:
    return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in skipped.items())
