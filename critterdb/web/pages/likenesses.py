"""Training photos as evidence: two of the answer and one of the runner-up, with words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from critterdb.formatting import display_name, list_of, taxon_name
from critterdb.model.decision import NOT_A_CRITTER, labels_inside
from critterdb.web.queries.training_photos import as_similar, nearest_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb.model.labels import Label
    from critterdb.model.payloads import AnswerPayload, SimilarPhoto
    from critterdb.web.queries.training_photos import Likeness

OF_ANSWER, OF_RUNNER_UP = 2, 1  # photos
OF_ANYTHING = 3  # photos, where there is no answer to give evidence for
DISTANCES = "A distance of 0 means the same picture; 1 means nothing in common."


@dataclass(frozen=True)
class Group:
    """A taxon of which training photos are shown, and how many."""

    taxon_id: int
    name: str
    count: int


class LikePhoto(TypedDict):
    """A training photo beside an answer: what it shows, how far it is, and whose it is."""

    photo_id: int
    what: str
    distance: str
    attribution: str | None
    image: str
    private: bool


class Likenesses(TypedDict):
    """The training photos beside an answer, and a sentence that says which they are."""

    words: str
    photos: list[LikePhoto]


def groups_of(payload: AnswerPayload, labels: Sequence[Label]) -> list[Group]:
    """Return what photos are shown of: the answer and the likeliest label that it does not hold.

    Without an answer these are the two likeliest labels; none for a picture of nothing known.
    """
    predictions = payload["predictions"]
    if payload["reason"] == NOT_A_CRITTER or not predictions:
        return []
    answer = payload["answer"] or predictions[0]
    inside = {label["taxon_id"] for label in labels_inside(answer["taxon_id"], labels)}
    groups = [Group(answer["taxon_id"], taxon_name(answer), OF_ANSWER)]
    others = (label for label in predictions if label["taxon_id"] not in inside)
    for runner_up in others:
        return [*groups, Group(runner_up["taxon_id"], taxon_name(runner_up), OF_RUNNER_UP)]
    return groups


def has_each(likenesses: Sequence[Likeness], groups: Sequence[Group]) -> bool:
    """Return whether there are enough photos of each group."""
    return all(
        len(nearest_inside(likenesses, [group.taxon_id], group.count)) == group.count
        for group in groups
    )


def show_likenesses(
    likenesses: Sequence[Likeness],
    payload: AnswerPayload,
    labels: Sequence[Label],
    path: Callable[[str], str],
) -> Likenesses | None:
    """Return the photos that a page shows beside an answer, or None if there are none to show."""
    groups = groups_of(payload, labels)
    if not groups:
        words = "The nearest of all training photos. None of them is near enough for an answer."
        chosen = list(likenesses[:OF_ANYTHING])
    else:
        chosen, named = [], []
        for group in groups:
            near = nearest_inside(likenesses, [group.taxon_id], group.count)
            chosen += near
            named += [group.name] if near else []
        words = f"The nearest of {list_of(named)}." if named else ""
    if not chosen:
        return None
    photos = [_shown(as_similar(like.photo, like.distance, path)) for like in chosen]
    return {"words": f"{words} {DISTANCES}", "photos": photos}


def _shown(photo: SimilarPhoto) -> LikePhoto:
    return {
        "photo_id": photo["photo_id"],
        "what": display_name(photo["common_name"], photo["name"] or "something unidentified"),
        "distance": f"distance {photo['distance']:.2f}",
        "attribution": photo["attribution"],
        "image": photo["image"],
        "private": False,
    }
