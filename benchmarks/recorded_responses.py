"""Feed recorded responses of the iNaturalist API through the same code as a live sync.

    python -m benchmarks.recorded_responses FOLDER

FOLDER holds JSON files as the API sent them. Every observation and every taxon found in them, at
whatever depth, goes through `save_taxa` and `save_observations` into a fresh database, one file at
a time; then the rows are compared with what the JSON itself says. Ends with status 1 on a mismatch.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.errors import CritterError
from critterdb.games import Game, save_game
from critterdb.inaturalist.observations import save_observations
from critterdb.inaturalist.responses import read_observations, read_taxa
from critterdb.inaturalist.taxa import save_taxa
from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.database import SiteDatabase, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

GAME = Game("recorded", taxon_id=48460)
COLUMNS = ("observations", "observers", "photos", "taxa")

Json = dict[str, Any]


def find(value: object, has: tuple[str, ...]) -> Iterator[Json]:
    """Every object in a JSON document that has an id and these keys."""
    if isinstance(value, dict):
        if isinstance(value.get("id"), int) and all(key in value for key in has):
            yield value
        for item in value.values():
            yield from find(item, has)
    elif isinstance(value, list):
        for item in value:
            yield from find(item, has)


def expected_counts(observations: list[Json], taxa: list[Json]) -> dict[str, int]:
    """How many rows the JSON should give, counted without critterdb's writers."""
    photos = {
        photo["id"]
        for observation in observations
        for photo in observation.get("photos") or []
        if photo.get("license_code") in DEFAULT_LICENSES
    }
    lineages = [taxon.get("ancestors") or [] for taxon in taxa]
    return {
        "observations": len({observation["id"] for observation in observations}),
        "observers": len(
            {observation["user"]["id"] for observation in observations if observation.get("user")}
        ),
        "photos": len(photos),
        "taxa": len(
            {taxon["id"] for taxon in taxa}
            | {taxon_id["id"] for lineage in lineages for taxon_id in lineage}
            | {
                observation["taxon"]["id"]
                for observation in observations
                if observation.get("taxon")
            }
            | {GAME.taxon_id}
        ),
    }


def saved_counts(folder: Path, observations: list[Json], taxa: list[Json]) -> dict[str, int]:
    """How many rows critterdb makes of it; checks the keys between them as well."""
    db: SiteDatabase = open_database(folder / "critters.db", create=True)
    try:
        save_game(db, GAME)
        save_taxa(
            db, read_taxa([*taxa, *(observation.get("taxon") for observation in observations)])
        )
        save_observations(db, GAME.slug, read_observations(observations))
        if db.conn.execute("PRAGMA foreign_key_check").fetchall():
            raise CritterError("foreign keys lead nowhere")
        text = json.dumps([list(db[name].rows) for name in COLUMNS])
        for secret in private_texts(observations):
            if secret in text:
                raise CritterError(f"a private field was stored: {secret}")
        return {name: db[name].count for name in COLUMNS}
    finally:
        db.close()


def private_texts(observations: list[Json]) -> set[str]:
    """What `private_*` fields say and no public field does."""
    public = json.dumps([{k: v for k, v in o.items() if "private" not in k} for o in observations])
    values = {
        str(value)
        for observation in observations
        for key, value in observation.items()
        if key.startswith("private_") and value
    }
    return {value for value in values if value not in public}


def main(folder: Path) -> int:
    files = sorted(folder.rglob("*.json"))
    if not files:
        print(f"{folder} holds no .json files. Name a folder of recorded API responses.")
        return 1
    mismatches = totals = 0
    print(f"{'file':<52}" + "".join(f"{name:>14}" for name in COLUMNS))
    started = time.perf_counter()
    for file in files:
        document = json.loads(file.read_text("utf-8"))
        observations = list(find(document, ("quality_grade", "updated_at")))
        taxa = list(find(document, ("rank", "name", "is_active")))
        if not observations and not taxa:
            continue
        wanted = expected_counts(observations, taxa)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                got = saved_counts(Path(scratch), observations, taxa)
                verdict = "" if got == wanted else f"  expected {wanted}"
            except Exception as error:
                # Whatever the writers raise is a finding about this file, and the others go on.
                got, verdict = dict.fromkeys(COLUMNS, 0), f"  {type(error).__name__}: {error}"
        totals += got["observations"]
        mismatches += bool(verdict)
        print(f"{file.name:<52}" + "".join(f"{got[name]:>14}" for name in COLUMNS) + verdict)
    seconds = time.perf_counter() - started
    print(f"{totals} observations in {seconds:.1f} s, files with a mismatch: {mismatches}")
    return 1 if mismatches else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
