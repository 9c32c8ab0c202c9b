"""iNaturalist's monthly tables, made from observations as its API gives them."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tests.support.inaturalist import TAXA

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
Rows = Iterable[Sequence[object]]

HEADERS = {
    "taxa": "taxon_id ancestry rank_level rank name active",
    "observers": "observer_id login name",
    "observations": "observation_uuid observer_id latitude longitude positional_accuracy taxon_id "
    "quality_grade observed_on anomaly_score",
    "photos": "photo_uuid photo_id observation_uuid observer_id extension license width height "
    "position",
}


def uuid_of(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


def table(name: str, rows: Rows) -> bytes:
    """A table with tabs between its columns, before it is packed."""
    lines = [HEADERS[name].split(), *rows]
    return "".join(
        "\t".join("" if cell is None else str(cell) for cell in line) + "\n" for line in lines
    ).encode()


def write_table(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.csv.gz"
    path.write_bytes(gzip.compress(data, 1))
    return path


def write_tables(folder: Path, observations: Sequence[Json], taxa: Sequence[Json] = TAXA) -> Path:
    """The four tables of these observations, as iNaturalist exports them each month."""
    write_table(folder, "taxa", table("taxa", map(_taxon, taxa)))
    people = {o["user"]["id"]: o["user"] for o in observations}
    rows = [(person["id"], person["login"], person["name"]) for person in people.values()]
    write_table(folder, "observers", table("observers", rows))
    write_table(folder, "observations", table("observations", map(_observation, observations)))
    photos = [
        _photo(observation, photo, position)
        for observation in observations
        for position, photo in enumerate(observation["photos"])
        if photo["license_code"]
    ]
    write_table(folder, "photos", table("photos", photos))
    return folder


def _taxon(taxon: Json) -> Sequence[object]:
    above = "/".join(map(str, taxon["ancestor_ids"][:-1]))
    active = "true" if taxon["is_active"] else "false"
    return taxon["id"], above, taxon["rank_level"], taxon["rank"], taxon["name"], active


def _observation(observation: Json) -> Sequence[object]:
    latitude, longitude = observation["location"].split(",")
    return (
        observation["uuid"],
        observation["user"]["id"],
        latitude,
        longitude,
        observation["public_positional_accuracy"],
        observation["taxon"]["id"],
        observation["quality_grade"],
        observation["observed_on"],
        None,
    )


def _photo(observation: Json, photo: Json, position: int) -> Sequence[object]:
    return (
        uuid_of(photo["id"]),
        photo["id"],
        observation["uuid"],
        observation["user"]["id"],
        "jpg",
        photo["license_code"].upper(),
        2048,
        1536,
        position,
    )
