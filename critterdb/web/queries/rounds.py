"""Hosted rounds as the pages show them: the leaderboard, and what a host can choose from."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, cast

from critterdb.bot.rounds.scores import Judge
from critterdb.dataset.taxonomy import Truth
from critterdb.evaluation.intervals import wilson_interval
from critterdb.formatting import display_name_sql
from critterdb.licences import DEFAULT_LICENSES, MAY_PHOTO_BE_SHOWN

from .photos import PHOTOS, Photo, as_photo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase

# A page must take as long in a game's tenth year as in its first.
NEWEST_ROUNDS = 1000
MAX_MONTHS = 12
MAX_NAMES = 50  # players of a table
ALL_TIME = "all"

Kind = Literal["player", "bot", "commonest", "everybody"]

_ROUNDS = """
SELECT
    rounds.id, rounds.game, rounds.platform, substr(rounds.closes_at, 1, 7) AS month,
    rounds.said_taxon_id, rounds.said_by, rounds.commonest_taxon_id,
    rounds.answer_taxon_id, truth.ancestor_ids,
    games.hashtag, games.taxon_id AS top_taxon_id, games.target_taxon_id,
    top.ancestor_ids AS top_ancestor_ids
FROM rounds
JOIN games ON games.slug = rounds.game
JOIN taxa AS truth ON truth.id = rounds.answer_taxon_id
LEFT JOIN taxa AS top ON top.id = games.taxon_id
WHERE rounds.state = 'revealed'
ORDER BY rounds.closes_at DESC, rounds.id DESC LIMIT ?
"""

_GUESSES = """
SELECT round_id, player, right FROM guesses
WHERE right IS NOT NULL AND round_id IN (SELECT value FROM json_each(?))
"""


class _Guess(TypedDict):
    """A row of _GUESSES."""

    round_id: int
    player: str | None
    right: int


class Entry(TypedDict):
    """How one guesser did: right guesses of those that were made, with Wilson's 95% interval."""

    kind: Kind
    name: str | None
    platform: str | None
    right: int
    of: int
    low: float
    high: float
    abstained: NotRequired[int]


class Table(TypedDict):
    """The leaderboard of a month such as 2026-11, or of all time; the best first."""

    month: str
    rounds: int
    entries: list[Entry]


class GameBoard(TypedDict):
    """The leaderboard of a game: of all time, and of its newest months."""

    game: str
    hashtag: str | None
    tables: list[Table]


class Leaderboard(TypedDict):
    """All games that had a round; `newest_only` if there were more rounds than are counted."""

    games: list[GameBoard]
    newest_only: bool


@dataclass
class _Tally:
    rounds: int = 0
    right: dict[tuple[Kind, str | None, str | None], int] = field(
        default_factory=lambda: defaultdict(int)
    )
    made: dict[tuple[Kind, str | None, str | None], int] = field(
        default_factory=lambda: defaultdict(int)
    )
    abstained: int = 0

    def add(self, who: tuple[Kind, str | None, str | None], is_right: object) -> None:
        self.made[who] += 1
        self.right[who] += bool(is_right)


def load_leaderboard(db: SiteDatabase) -> Leaderboard:
    """Return who guessed right how often, by game and month."""
    rounds = list(db.query(_ROUNDS, [NEWEST_ROUNDS]))
    guesses: dict[int, list[_Guess]] = defaultdict(list)
    for row in db.query(_GUESSES, [json.dumps([row["id"] for row in rounds])]):
        guesses[row["round_id"]].append(cast("_Guess", row))
    tallies: dict[str, dict[str, _Tally]] = {}
    hashtags: dict[str, str | None] = {}
    for row in rounds:
        hashtags[row["game"]] = row["hashtag"]
        months = tallies.setdefault(row["game"], {ALL_TIME: _Tally()})
        for month in (ALL_TIME, row["month"]):
            _count(months.setdefault(month, _Tally()), row, guesses[row["id"]])
    games: list[GameBoard] = [
        {"game": game, "hashtag": hashtags[game], "tables": _tables(months)}
        for game, months in sorted(tallies.items())
    ]
    return {"games": games, "newest_only": len(rounds) == NEWEST_ROUNDS}


def _count(tally: _Tally, row: Mapping[str, Any], guesses: list[_Guess]) -> None:
    tally.rounds += 1
    for guess in guesses:
        tally.add(("everybody", None, None), guess["right"])
        if guess["player"] is not None:
            tally.add(("player", guess["player"], row["platform"]), guess["right"])
    if row["said_by"] is None:
        return
    judge = _judge(row)
    # An abstention is not right: people do not get to pass either.
    said = row["said_taxon_id"]
    tally.abstained += said is None
    tally.add(("bot", None, None), said is not None and judge.is_right(said))
    # To be beaten by bot and players: most photos of #cougarOrNot are bobcats.
    commonest = row["commonest_taxon_id"]
    tally.add(("commonest", None, None), commonest is not None and judge.is_right(commonest))


def _judge(row: Mapping[str, Any]) -> Judge:
    truth = Truth.of(row["answer_taxon_id"], row["ancestor_ids"])
    top = row["top_taxon_id"]
    coarse = Truth.of(top, row["top_ancestor_ids"]).lineage if top is not None else ()
    return Judge(truth, row["target_taxon_id"], coarse)


def _tables(months: Mapping[str, _Tally]) -> list[Table]:
    newest = sorted((month for month in months if month != ALL_TIME), reverse=True)
    return [_table(month, months[month]) for month in [ALL_TIME, *newest[:MAX_MONTHS]]]


def _table(month: str, tally: _Tally) -> Table:
    entries = [_entry(tally, who) for who in tally.made]
    # Who was right once of once has not yet shown more than who was right 40 times of 50.
    entries.sort(key=lambda entry: (-entry["low"], -entry["of"], entry["name"] or ""))
    named = [entry for entry in entries if entry["kind"] == "player"][:MAX_NAMES]
    kept = [entry for entry in entries if entry["kind"] != "player" or entry in named]
    return {"month": month, "rounds": tally.rounds, "entries": kept}


def _entry(tally: _Tally, who: tuple[Kind, str | None, str | None]) -> Entry:
    kind, name, platform = who
    right, made = tally.right[who], tally.made[who]
    low, high = wilson_interval(right, made)
    entry: Entry = {
        "kind": kind,
        "name": name,
        "platform": platform,
        "right": right,
        "of": made,
        "low": round(low, 4),
        "high": round(high, 4),
    }
    if kind == "bot":
        entry["abstained"] = tally.abstained
    return entry


# What a host can choose from: test photos, so that the model has not learned from them.
PAGE_PHOTOS = 24
HARDNESS = {"hard": (0.0, 0.5), "medium": (0.5, 0.9), "easy": (0.9, 1.01)}
"""The model's probability of the truth, from and below."""

_POSTABLE = f"""
    {MAY_PHOTO_BE_SHOWN}
    AND photos.license_code IN ({", ".join(f"'{code}'" for code in DEFAULT_LICENSES)})
    AND NOT EXISTS (
        SELECT 1 FROM rounds WHERE rounds.photo_id = photos.id AND rounds.state <> 'cancelled'
    )
"""
_TRUTH_SCORE = """
    json_extract(
        iif(json_valid(predictions.scores), predictions.scores, '{}'),
        '$."' || predictions.label_taxon_id || '"'
    )
"""
_SELECT, _FROM = PHOTOS.split("FROM photos", 1)
_CANDIDATES = f"""
{_SELECT}, {_TRUTH_SCORE} AS truth_score, predictions.id AS prediction_id,
    {display_name_sql("said")} AS said, predictions.score AS said_score
FROM predictions
JOIN photos ON photos.id = predictions.photo_id {_FROM}
LEFT JOIN taxa AS said ON said.id = predictions.taxon_id
WHERE predictions.model_id = :model AND predictions.source = 'evaluation'
    AND {_POSTABLE}
"""
_UNMEASURED = f"""
{PHOTOS}
JOIN game_observations ON game_observations.observation_id = observations.id
WHERE game_observations.game = :game AND game_observations.left_at IS NULL AND {_POSTABLE}
    AND photos.id < :before
ORDER BY photos.id DESC LIMIT :limit
"""


class Candidate(Photo):
    """A photo that a host can choose; what the model said of it only if that was measured."""

    hardness: str | None
    truth_score: NotRequired[float | None]
    said: NotRequired[str | None]
    said_score: NotRequired[float | None]


class Candidates(TypedDict):
    """Photos that a host can choose, and the number from which to go on."""

    photos: list[Candidate]
    before: int | None


def load_candidates(
    db: SiteDatabase, game: str, model_id: str | None, hardness: str, before: int | None
) -> Candidates:
    """Return photos of a game that may be posted, the latest measured first."""
    low, high = HARDNESS.get(hardness, (-1.0, 2.0))
    values: dict[str, object] = {
        "model": model_id,
        "game": game,
        "low": low,
        "high": high,
        "before": before or 1 << 62,
        "limit": PAGE_PHOTOS,
    }
    sql = (
        f"{_CANDIDATES} AND predictions.id < :before "
        "AND coalesce(truth_score, 0) >= :low AND coalesce(truth_score, 0) < :high "
        "ORDER BY predictions.id DESC LIMIT :limit"
    )
    rows = list(db.query(sql, values))
    key = "prediction_id"
    if not rows and not hardness and before is None and model_id is None:
        rows, key = list(db.query(_UNMEASURED, values)), "photo_id"
    following = rows[-1][key] if len(rows) == PAGE_PHOTOS else None
    return {"photos": [_candidate(row) for row in rows], "before": following}


def load_candidate(db: SiteDatabase, photo_id: int, model_id: str | None) -> Candidate | None:
    """Return a photo that may be posted, with what the model in use said of it, if it did."""
    sql = f"{_CANDIDATES} AND photos.id = :photo ORDER BY predictions.id DESC LIMIT 1"
    for row in db.query(sql, {"model": model_id, "photo": photo_id}):
        return _candidate(row)
    for row in db.query(f"{PHOTOS} WHERE photos.id = ? AND {_POSTABLE}", [photo_id]):
        return _candidate(row)
    return None


def _candidate(row: Row) -> Candidate:
    score = row.get("truth_score")
    words = next((w for w, (low, high) in HARDNESS.items() if low <= (score or 0) < high), None)
    hardness = words if score is not None else None
    return cast("Candidate", {**as_photo(row), "hardness": hardness})


_DESK = f"""
SELECT
    rounds.*, {display_name_sql("truth")} AS answer, {display_name_sql("said")} AS said,
    games.hashtag, photos.sha256,
    (SELECT count(*) FROM guesses WHERE guesses.round_id = rounds.id) AS guesses,
    (SELECT post_url FROM own_posts
        WHERE own_posts.round_id = rounds.id AND kind = 'opening') AS post_url,
    (SELECT error FROM own_posts WHERE own_posts.round_id = rounds.id AND error IS NOT NULL
        ORDER BY planned_at DESC LIMIT 1) AS error
FROM rounds
JOIN games ON games.slug = rounds.game
LEFT JOIN photos ON photos.id = rounds.photo_id
LEFT JOIN taxa AS truth ON truth.id = rounds.answer_taxon_id
LEFT JOIN taxa AS said ON said.id = rounds.said_taxon_id
ORDER BY rounds.state IN ('revealed', 'cancelled'), rounds.opens_at DESC, rounds.id DESC
LIMIT 50
"""


def load_desk_rounds(db: SiteDatabase) -> list[Row]:
    """Return the newest rounds, those in which something is still to happen first."""
    hidden = ("picture", "note", "text", "alt_text")
    return [
        {key: value for key, value in row.items() if key not in hidden} for row in db.query(_DESK)
    ]
