"""The states of a reply, the reasons for sending none, and what became of one post in a round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from critterdb.model.decision import Classification

ReplyStatus = Literal["draft", "planned", "sending", "sent", "unknown", "refused", "skipped"]

SkipReason = Literal[
    "opted_out",
    "own_post",
    "deleted",
    "answered",
    "too_old",
    "no_photo",
    "not_summoned",
    "cap",
    "error",
]
PassedOver = Literal[
    "no_hashtag",
    "not_by_host",
    "other_game",
    "by_bot",
    "repost",
    "private",
    "stop",
    "guess",
    "not_a_question",
]
"""Why a message that was read is not a post of the game."""
PendingReason = Literal["photos_to_be_fetched_again", "error_to_be_tried_again"]


@dataclass(frozen=True)
class Played:
    """What became of a post: its reply's status (None while the post is pending), and why.

    `error` is the class of the exception that playing it raised, `text` the words of the reply, and
    `answer` what the model said of all its photos.
    """

    status: ReplyStatus | None
    reason: SkipReason | PendingReason | None
    classified: bool = False
    error: str | None = None
    text: str | None = None
    answer: Classification | None = None


@dataclass(frozen=True)
class ReplyPlan:
    """What is to be said to a post, or the reason for saying nothing."""

    status: ReplyStatus
    reason: SkipReason | None = None
    text: str | None = None
    prediction_id: int | None = None
