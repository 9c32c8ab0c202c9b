"""What a game takes from iNaturalist's monthly tables: its query, as DuckDB answers it.

Observations come in the order of the file, which is that of their numbers at iNaturalist, so that
caps choose the photos that a sync from the API would choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from critterdb.errors import SourceError

from .photo_selection import OfferedPhoto
from .responses import MAX_LINEAGE, ApiTaxon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from critterdb.games import Game

PHOTO_ADDRESS = "https://inaturalist-open-data.s3.amazonaws.com/photos/"
# By uuid: the number of an observation is not in the tables.
OBSERVATION_ADDRESS = "https://www.inaturalist.org/observations/"
# Rows pass through Python, because DuckDB's extension for SQLite would be a download.
ROWS_PER_FETCH = 10_000


@dataclass(frozen=True)
class Box:
    """Degrees; `west` is greater than `east` if the box holds the meridian of 180°."""

    south: float
    west: float
    north: float
    east: float

    def as_sql(self) -> str:
        join = "AND" if self.west <= self.east else "OR"
        return (
            f"(latitude BETWEEN {self.south!r} AND {self.north!r} "
            f"AND (longitude >= {self.west!r} {join} longitude <= {self.east!r}))"
        )


class OpenObservation(NamedTuple):
    """An observation as `observations` holds it, but for what the tables do not have."""

    id: int
    uuid: str
    taxon_id: int
    observer_id: int | None
    observed_on: str | None
    quality_grade: str
    latitude: float | None
    longitude: float | None
    positional_accuracy: float | None
    url: str


# The API counts from 0 among all photos of the observation, those that are not shared included.
_POSITION = "CASE WHEN position BETWEEN 0 AND 1000000 THEN position ELSE 0 END"
# As the API words it; the tables have the parts only.
_ATTRIBUTION = """
    CASE
        WHEN code = 'cc0' THEN concat_ws(', ', person, 'no rights reserved (CC0)')
        WHEN code = 'pd' THEN
            concat_ws(', ', person, 'no known copyright restrictions (public domain)')
        ELSE '(c) ' || coalesce(person, 'iNaturalist user ' || observer_id, 'unknown')
            || ', some rights reserved (' || upper(replace(code, 'cc-', 'cc ')) || ')'
    END
"""


def select_observations(con: Any, game: Game, boxes: Sequence[Box]) -> None:
    """Make the tables `kinds` and `chosen` of a connection: the game's taxa and observations.

    Raises SourceError if the tables do not have the game's taxon.
    """
    con.execute(
        """
        CREATE TEMP TABLE kinds AS FROM taxa
        WHERE taxon_id = $taxon
            OR contains('/' || coalesce(ancestry, '') || '/', '/' || $taxon || '/')
        """,
        {"taxon": game.taxon_id},
    )
    if not con.execute("FROM kinds WHERE taxon_id = ?", [game.taxon_id]).fetchone():
        raise SourceError(
            f"The tables have no taxon {game.taxon_id}, which {game.slug} is about. Download all "
            "four tables of one month again"
        )
    place = " OR ".join(box.as_sql() for box in boxes) or "true"
    con.execute(
        f"""
        CREATE TEMP TABLE chosen AS
        SELECT DISTINCT ON (observation_uuid)
            place, observation_uuid, taxon_id, observer_id, observed_on,
            latitude, longitude, positional_accuracy
        FROM observations
        SEMI JOIN kinds USING (taxon_id)
        SEMI JOIN photos USING (observation_uuid)
        WHERE quality_grade = 'research' AND ({place})
        ORDER BY place
        """
    )


def number_observations(
    con: Any, known: Iterable[list[tuple[int, str]]], *, lowest: int, limit: int | None
) -> tuple[int, int]:
    """Make the table `members`: the chosen with the ids that they have or get.

    `known` are batches of (id, uuid) of the site's. New ones, at most `limit`, get negative ids
    below `lowest`. Returns how many there are, and how many of them are new.
    """
    con.execute("CREATE TEMP TABLE known (id BIGINT, observation_uuid UUID)")
    for batch in known:
        # As two lists: DuckDB takes rows one at a time a hundred times more slowly.
        con.execute(
            "INSERT INTO known SELECT unnest($ids), try_cast(unnest($uuids) AS UUID)",
            {"ids": [row[0] for row in batch], "uuids": [row[1] for row in batch]},
        )
    con.execute(
        f"""
        CREATE TEMP TABLE members AS
        WITH fresh AS (
            SELECT {lowest} - row_number() OVER (ORDER BY place) AS id, *
            FROM chosen ANTI JOIN known USING (observation_uuid)
        )
        -- Of two rows with one uuid, the one with iNaturalist's own number is right.
        SELECT max(known.id) AS id, chosen.* FROM chosen JOIN known USING (observation_uuid)
        GROUP BY ALL
        UNION ALL
        FROM fresh WHERE {"true" if limit is None else f"{lowest} - id <= {limit}"}
        """
    )
    row = con.execute(f"SELECT count(*), count(*) FILTER (id < {lowest}) FROM members").fetchone()
    return int(row[0]), int(row[1])


def read_kinds(con: Any) -> list[ApiTaxon]:
    """Return the taxa of the members and of the game, with those above them."""
    rows = con.execute(
        """
        WITH named AS (
            SELECT * FROM kinds
            WHERE taxon_id IN (SELECT taxon_id FROM members)
        ), wanted AS (
            SELECT taxon_id FROM named
            UNION SELECT CAST(unnest(string_split(ancestry, '/')) AS BIGINT) FROM named
        )
        SELECT taxon_id, name, rank, rank_level, ancestry, coalesce(active, true)
        FROM taxa SEMI JOIN wanted USING (taxon_id) ORDER BY taxon_id
        """
    ).fetchall()
    return [_as_taxon(*row) for row in rows]


def _as_taxon(
    number: int, name: str | None, rank: str | None, level: float, ancestry: str, active: bool
) -> ApiTaxon:
    above = [int(part) for part in (ancestry or "").split("/") if part]
    return ApiTaxon(
        id=number,
        name=name or f"taxon {number}",
        # The tables do not have it; a sync from the API adds it.
        common_name=None,
        rank=rank,
        rank_level=level,
        parent_id=above[-1] if above else None,
        lineage=(*above, number)[-MAX_LINEAGE:],
        is_active=active,
        synonym_ids=(),
        ancestors=(),
    )


def read_observers(con: Any) -> Iterator[list[tuple[int, str, str | None]]]:
    """Yield (id, login, name) of the members' observers, in batches."""
    yield from _batches(
        con.execute(
            """
            SELECT observer_id, coalesce(login, CAST(observer_id AS VARCHAR)), name
            FROM (SELECT DISTINCT observer_id FROM members WHERE observer_id IS NOT NULL)
            LEFT JOIN (SELECT DISTINCT ON (observer_id) * FROM observers) USING (observer_id)
            ORDER BY observer_id
            """
        )
    )


def read_members(con: Any, which: str) -> Iterator[list[OpenObservation]]:
    """Yield the members of which an SQL condition holds, by ascending id, in batches."""
    on_earth = "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180"
    rows = con.execute(
        f"""
        SELECT id, CAST(observation_uuid AS VARCHAR), taxon_id, observer_id,
            CAST(try_cast(observed_on AS DATE) AS VARCHAR), 'research',
            CASE WHEN {on_earth} THEN latitude END, CASE WHEN {on_earth} THEN longitude END,
            CASE WHEN positional_accuracy BETWEEN 0 AND 1e9 THEN positional_accuracy END,
            '{OBSERVATION_ADDRESS}' || observation_uuid
        FROM members WHERE {which} ORDER BY id
        """
    )
    for batch in _batches(rows):
        yield list(map(OpenObservation._make, batch))


def read_photos(con: Any) -> Iterator[list[OfferedPhoto]]:
    """Yield the photos of members in their order; an observation's are always in one batch."""
    rows = con.execute(
        f"""
        WITH people AS (
            SELECT DISTINCT ON (observer_id)
                observer_id, coalesce(nullif(name, ''), nullif(login, '')) AS person
            FROM observers
        ), shown AS (
            SELECT photos.*, nullif(lower(license), '') AS code, members.id, members.place,
                members.taxon_id, members.observer_id AS member_observer_id
            FROM photos JOIN members USING (observation_uuid)
        )
        SELECT photo_id, id, {_POSITION}, member_observer_id, taxon_id, code, {_ATTRIBUTION},
            CASE WHEN regexp_full_match(extension, '[A-Za-z0-9]{{1,5}}')
                THEN '{PHOTO_ADDRESS}' || photo_id || '/square.' || extension END
        FROM shown LEFT JOIN people USING (observer_id)
        ORDER BY place, position, photo_id
        """
    )
    rest: list[OfferedPhoto] = []
    for batch in _batches(rows):
        photos = [*rest, *map(OfferedPhoto._make, batch)]
        cut = len(photos)
        while cut and photos[cut - 1].observation_id == photos[-1].observation_id:
            cut -= 1
        yield photos[:cut]
        rest = photos[cut:]
    yield rest


def read_gone(con: Any) -> tuple[list[int], list[int]]:
    """Return the ids of known rows that left the game's query, and of those that are gone.

    Only rows that came from such tables before are meant. Call it after number_observations.
    """
    rows = con.execute(
        """
        SELECT id, observation_uuid IN (
            SELECT observation_uuid FROM observations SEMI JOIN photos USING (observation_uuid)
        )
        FROM known ANTI JOIN members USING (observation_uuid) WHERE id < 0
        """
    ).fetchall()
    return [row[0] for row in rows if row[1]], [row[0] for row in rows if not row[1]]


def _batches(result: Any) -> Iterator[list[Any]]:
    while rows := result.fetchmany(ROWS_PER_FETCH):
        yield rows
