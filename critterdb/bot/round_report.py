"""What a round of the bot did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from critterdb.formatting import confidence, taxon_name

if TYPE_CHECKING:
    from .reply_status import PassedOver, Played
    from .stored_post import StoredPost

WHY_SKIPPED = {
    "opted_out": "its author does not want replies",
    "own_post": "the bot wrote it",
    "deleted": "it was deleted",
    "answered": "the host has already given the answer",
    "too_old": "it was more than 48 hours old when the bot first saw it",
    "no_photo": "it has no photo that could be classified",
    "not_summoned": "it does not ask the bot. Unasked, the bot replies only to hosts who agreed, "
    "and not on X",
    "cap": "a limit on replies was reached",
    "error": "it raised an error. To see it, run: critterdb bot --verbose",
    "photos_to_be_fetched_again": "its photos could not be fetched yet. The next round tries again",
    "error_to_be_tried_again": "the machine lacked memory or disk space. The next round retries",
}
WHY_PASSED_OVER = {
    "no_hashtag": "without its hashtag or a question to the bot",
    "not_by_host": "not by a host and without a question to the bot",
    "other_game": "with another game's hashtag",
    "by_bot": "by another bot",
    "repost": "reposted",
    "private": "private",
    "stop": "asking for no replies",
    "guess": "in a hosted round",
    "not_a_question": "giving an answer",
}
# Of these not even the report names anybody.
_NAMELESS = ("opted_out", "deleted")


@dataclass(frozen=True)
class PostReport:
    """What became of one post: its draft with what the model said, or why there is none."""

    post_id: str
    author: str | None
    status: str | None
    reason: str | None
    answer: str | None
    score: float | None
    abstained_because: str | None
    text: str | None

    @classmethod
    def of(cls, post: StoredPost, played: Played) -> PostReport:
        """Describe a post that was played; without its author if that person wants no replies."""
        answer = played.answer.answer if played.answer else None
        return cls(
            post.id,
            None if played.reason in _NAMELESS else post.author,
            played.status,
            played.reason,
            taxon_name(answer) if answer else None,
            answer["score"] if answer else None,
            played.answer.reason if played.answer and not answer else None,
            played.text,
        )

    def lines(self) -> list[str]:
        """Return the post as text: one line, and a second one for the words of a reply."""
        who = f"@{self.author}" if self.author else "somebody"
        if self.reason:
            why = WHY_SKIPPED.get(self.reason, self.reason.replace("_", " "))
            return [f"  passed over: {who} ({self.post_id}): {why}"]
        said = f"no answer ({self.abstained_because})"
        if self.answer and self.score is not None:
            said = f"{self.answer}, {confidence(self.score)}"
        lines = [f"  {self.status}: {who} ({self.post_id}): {said}"]
        return [*lines, f"    {self.text}"] if self.text else lines


@dataclass
class RoundReport:
    """What a round did, in numbers of posts; `skipped` by reason, `failures` in words.

    `errors` counts the exceptions that posts raised while they were played, by class;
    `passed_over` counts messages that are not posts of the game, by reason. `posts` are those that
    were played. `rounds` counts hosted rounds by what was done, `round_drafts` are what would be
    posted in them.
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
    earlier_drafts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[PassedOver] = field(default_factory=Counter)
    posts: list[PostReport] = field(default_factory=list)
    rounds: Counter[str] = field(default_factory=Counter)
    round_drafts: list[str] = field(default_factory=list)

    def count(self, post: StoredPost, played: Played) -> None:
        """Add what became of one post."""
        self.posts.append(PostReport.of(post, played))
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
        rounds = sorted(self.rounds.items())
        counts = [
            f"{number} {word}"
            for number, word in (
                (self.classified, "classified"),
                (self.drafted, "drafted"),
                (self.sent, "sent"),
                (self.planned, "still to be sent"),
                (self.earlier_drafts, f"earlier draft{'' if self.earlier_drafts == 1 else 's'}"),
                (self.unknown, "in doubt"),
                (self.refused, "refused"),
                (self.skipped.total(), f"skipped ({_in_words(self.skipped)})"),
                (self.passed_over.total(), f"not game posts ({self._why_passed_over()})"),
                (self.answers, f"answer{'' if self.answers == 1 else 's'} found"),
                (self.deleted, "found to be deleted"),
                *((number, f"hosted round{'s' * (number > 1)} {what}") for what, number in rounds),
            )
            if number
        ]
        line = f"Read {self.read} post{'' if self.read == 1 else 's'}, {self.new} new"
        line += ": " + ", ".join(counts) if counts else ". Nothing to do"
        return ". ".join([line, *self.failures])

    def as_json(self) -> dict[str, object]:
        """Return the report as `bot --json` prints it."""
        return {**vars(self), "posts": [vars(post) for post in self.posts]}

    def post_lines(self) -> list[str]:
        """Return what became of each post, the drafts first, those of hosted rounds before all."""
        ordered = sorted(self.posts, key=lambda post: post.reason is not None)
        drafts = [f"  draft: {draft}" for draft in self.round_drafts]
        return drafts + [line for post in ordered for line in post.lines()]

    def _why_passed_over(self) -> str:
        return ", ".join(
            f"{number} {WHY_PASSED_OVER.get(reason, reason)}"
            for reason, number in self.passed_over.items()
        )


def _in_words(skipped: Counter[str]) -> str:
    return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in skipped.items())
