"""Decide which observations train, validate and test a game's models.

Photos of one observer look alike (same camera, same back yard, often the same animal), so an
observer stands wholly in one part. The part comes from a hash, and is then a row that never
changes: a photo that tested one model never trains the next.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from critterdb.games import get_game

from .taxonomy import Taxonomy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from critterdb.storage.database import SiteDatabase

# The rest validates: it chooses the head, the temperature and the thresholds.
TRAIN_SHARE = 0.70
TEST_SHARE = 0.15
# Of the game's observations: who made more of them would make up a small part alone, so trains.
LARGE_OBSERVER_SHARE = 0.05

# Photos times labels that each validate and test, at most: their probabilities take 400 MB.
MAX_PROBABILITIES = 50_000_000
MIN_MEASURED = 10_000  # photos, however many labels there are

Part = Literal["train", "valid", "test"]
Group = str
Labels = Counter[int]  # observations by label


def split_observations(db: SiteDatabase, game_slug: str) -> None:
    """Give each observation of the game that has none yet its part, and keep all others.

    About 70% train, 15% validate, 15% test, by observer. Every label is in training where it can
    be, and in the other two where enough observers have it: new observers move for that, in the
    order of their hash, never old ones.
    """
    game = get_game(db, game_slug)
    taxonomy = Taxonomy(db, game.rank)
    groups: dict[Group, Labels] = {}
    known: dict[Group, Part] = {}
    todo: list[tuple[int, Group]] = []
    for observation, observer, taxon_id, part in db.conn.execute(
        _OBSERVATIONS, {"game": game.slug}
    ):
        group = _group(observer, observation)
        label = taxonomy.label(taxon_id)
        if group not in groups:
            groups[group] = Counter()
        if label is not None:
            groups[group][label] += 1
        if part:
            known[group] = part
        else:
            todo.append((observation, group))
    if not todo:
        return
    parts = plan_parts(groups, known, game.slug)
    with db.atomic():
        db["splits"].insert_all(
            (
                {"game": game.slug, "observation_id": observation, "part": parts[group]}
                for observation, group in todo
            ),
            pk=("game", "observation_id"),
            ignore=True,
        )


def measured_photos(sha256s: np.ndarray, labels: int) -> np.ndarray:
    """Return the indexes of the photos, given by their hashes N, that measure a model of labels.

    All of them unless there are too many. The hashes decide, so that a later model is measured on
    the same ones.
    """
    most = max(MIN_MEASURED, MAX_PROBABILITIES // max(1, labels))
    if len(sha256s) <= most:
        return np.arange(len(sha256s))
    return np.sort(np.argsort(sha256s)[:most])


def plan_parts(
    groups: Mapping[Group, Labels], known: Mapping[Group, Part], salt: str
) -> dict[Group, Part]:
    """Plan the part of every group: `known` ones stay, new ones go by their hash, then balanced."""
    position = {group: _position(group, salt) for group in groups}
    order = sorted(set(groups) - set(known), key=lambda group: (position[group], group))
    large = LARGE_OBSERVER_SHARE * sum(labels.total() for labels in groups.values())
    parts = dict(known)
    for group in order:
        # A test part that is mostly one person's photos measures that person's camera and garden.
        parts[group] = "train" if groups[group].total() > large else _part(position[group])
    return _fill_parts(parts, groups, order)


def _fill_parts(
    planned: Mapping[Group, Part], groups: Mapping[Group, Labels], new: Sequence[Group]
) -> dict[Group, Part]:
    """Move new groups so that labels, the rarest first, are in every part that they can be in."""
    parts = dict(planned)
    holders = Counter((label, parts[group]) for group in groups for label in groups[group])
    by_label: dict[int, list[Group]] = {label: [] for label, _ in holders}
    for group in new:
        for label in groups[group]:
            by_label[label].append(group)

    def move(label: int, part: Part) -> None:
        for group in by_label[label]:
            origin = parts[group]
            last = any(holders[held, origin] == 1 for held in groups[group])
            # Nothing is moved that would leave the part it comes from without a label.
            if part == "train" or not last:
                parts[group] = part
                holders.subtract((held, origin) for held in groups[group])
                holders.update((held, part) for held in groups[group])
                return

    totals = Counter[int]()
    for labels in groups.values():
        totals.update(labels)
    rarest_first = sorted(totals, key=lambda label: (totals[label], label))
    for label in rarest_first:
        if not holders[label, "train"]:
            move(label, "train")
    for turn, label in enumerate(rarest_first):
        # Where there are observers for two parts only, labels take turns, so that both exist.
        pair: tuple[Part, Part] = ("valid", "test") if turn % 2 else ("test", "valid")
        for part in pair:
            if not holders[label, part]:
                move(label, part)
    return parts


_OBSERVATIONS = """
SELECT observations.id, observations.observer_id, observations.taxon_id, splits.part
FROM game_observations AS seen
JOIN observations ON observations.id = seen.observation_id
LEFT JOIN splits ON splits.game = seen.game AND splits.observation_id = seen.observation_id
WHERE seen.game = :game
ORDER BY observations.id
"""


def _group(observer_id: int | None, observation_id: int) -> Group:
    # An imported photo may have no observer; it is then a person of its own.
    return f"observation {observation_id}" if observer_id is None else f"observer {observer_id}"


def _position(group: Group, salt: str) -> float:
    """A number from 0 to 1 that is this group's for ever."""
    # Of game and observer: observers who come later do not move the earlier ones, so a new model is
    # never measured on photos that an old one learned from.
    # docs/decisions.md#a-split-is-a-row-that-never-changes
    digest = hashlib.sha256(f"{salt} {group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _part(position: float) -> Part:
    if position < TRAIN_SHARE:
        return "train"
    return "test" if position < TRAIN_SHARE + TEST_SHARE else "valid"
