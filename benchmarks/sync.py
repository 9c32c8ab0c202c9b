"""How fast observations become rows, beside two other tools, from one unthrottled loopback server.

    python -m benchmarks.sync [--observations 100000] [--peers VENV]

The peers are pyinaturalist with pyinaturalist-convert's SQLite export, and inaturalist-to-sqlite.
They are installed into VENV (made where it is missing) and driven in processes of their own, their
limits switched off; being slower, they get fewer observations. Photo files stay out of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parent.parent
PEER_PACKAGES = ("pyinaturalist", "pyinaturalist-convert[all]", "inaturalist-to-sqlite")
SHARES = {"critterdb": 1, "pyinaturalist": 10, "inaturalist-to-sqlite": 50}  # one in so many
MEASURE = """
import json, resource, sys, time
base, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
{prepare}
started = time.perf_counter()
{work}
seconds = time.perf_counter() - started
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"observations": done, "seconds": seconds, "rss_mb": rss}}))
"""
DRIVERS = {
    "critterdb": (
        """
from critterdb.games import ensure_game
from critterdb.inaturalist.client import INaturalist
from critterdb.storage.database import open_database
from critterdb.inaturalist.sync import SyncOptions, sync_game
db = open_database(folder + "/critters.db", create=True)
game = ensure_game(db, "cougarornot")
""",
        """
done = sync_game(
    db, game, api=INaturalist(db, base + "/v1"), options=SyncOptions(limit=count, photos=False
)).observations
""",
    ),
    "pyinaturalist": (
        """
import pyinaturalist.v1.observations as v1
from pyinaturalist import ClientSession, Observation
from pyinaturalist_convert import create_tables, save_observations
v1.API_V1 = base + "/v1"
session = ClientSession(
    cache_file=folder + "/cache.db", expire_after=0, burst=1,
    per_second=1_000_000, per_minute=60_000_000, per_day=86_400_000_000,
    ratelimit_path=folder + "/rate.db", lock_path=folder + "/rate.lock",
)
create_tables(folder + "/peer.db")
""",
        """
found = v1.get_observations(
    taxon_id=41944, page="all", per_page=200, session=session, id_below=count + 1
)["results"]
save_observations(Observation.from_json_list(found), folder + "/peer.db")
done = len(found)
""",
    ),
    "inaturalist-to-sqlite": (
        """
import requests, sqlite_utils
from inaturalist_to_sqlite.utils import fetch_all_observations, save_observation
true_get = requests.get
requests.get = lambda url, params: true_get(
    url.replace("https://api.inaturalist.org", base), {**params, "id_above": 0}
)
db = sqlite_utils.Database(folder + "/peer.db")
""",
        """
done = 0
for observation in fetch_all_observations("anybody"):
    save_observation(observation, db)
    done += 1
    if done == count:
        break
""",
    ),
}


def taxon(
    taxon_id: int, name: str, rank: str, level: int, ancestors: list[int]
) -> dict[str, object]:
    return {
        "id": taxon_id,
        "name": name,
        "rank": rank,
        "rank_level": level,
        "ancestor_ids": [*ancestors, taxon_id],
        "ancestry": "/".join(map(str, ancestors)),
        "parent_id": ancestors[-1] if ancestors else None,
        "is_active": True,
        "preferred_common_name": f"common {name}",
        "iconic_taxon_name": "Mammalia",
        "observations_count": 54321,
        "default_photo": {
            "id": taxon_id,
            "url": "https://static.example/photos/1/square.jpg",
            "original_dimensions": {"width": 2048, "height": 1536},
        },
        "wikipedia_url": f"https://en.wikipedia.org/wiki/{name}",
    }


HIGHER = [
    taxon(48460, "Life", "stateofmatter", 100, []),
    taxon(41944, "Felidae", "family", 30, [48460]),
]
SPECIES = [taxon(42007 + n, f"Felis {n}", "species", 10, [48460, 41944]) for n in range(20)]


def observation(number: int) -> dict[str, object]:
    """About as large as the API's: two photos, three identifications with users and taxa."""
    user = {
        "id": 1 + number // 4,
        "login": f"user{number // 4}",
        "name": "Somebody",
        "icon_url": "https://static.example/icons/1.jpg",
        "created_at": "2020-01-01T00:00:00+00:00",
        "observations_count": 123,
    }
    kind = SPECIES[number % len(SPECIES)]
    details = {"date": "2026-10-01", "day": 1, "month": 10, "year": 2026, "week": 40, "hour": 9}
    return {
        "id": number,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "quality_grade": "research",
        "observed_on": "2026-10-01",
        "observed_on_string": "2026-10-01",
        "observed_on_details": details,
        "created_at_details": details,
        "time_observed_at": "2026-10-01T09:00:00-07:00",
        "created_at": "2026-10-01T10:00:00-07:00",
        "updated_at": "2026-10-02T10:00:00-07:00",
        "captive": False,
        "obscured": False,
        "mappable": True,
        "location": "44.5,-110.25",
        "place_guess": "Yellowstone National Park, Wyoming, US",
        "place_ids": list(range(1, 25)),
        "positional_accuracy": 12,
        "public_positional_accuracy": 12,
        "license_code": "cc-by-nc",
        "uri": f"https://www.inaturalist.org/observations/{number}",
        "description": "Seen at dawn near the river, walking along the bank. " * 3,
        "tags": [],
        "taxon": kind,
        "user": user,
        "photos": [
            {
                "id": number * 2 + n,
                "license_code": "cc-by-nc",
                "url": f"https://static.example/photos/{number * 2 + n}/square.jpg",
                "attribution": "(c) Somebody, some rights reserved (CC BY-NC)",
                "original_dimensions": {"width": 2048, "height": 1536},
                "flags": [],
            }
            for n in range(2)
        ],
        "identifications": [
            {
                "id": number * 3 + n,
                "uuid": f"00000000-0000-4000-9000-{number * 3 + n:012}",
                "user": user,
                "taxon_id": kind["id"],
                "taxon": kind,
                "category": "supporting",
                "current": True,
                "created_at": "2026-10-01T11:00:00-07:00",
                "created_at_details": details,
            }
            for n in range(3)
        ],
    }


class Server(BaseHTTPRequestHandler):
    """Pages of the rendered observations, by id from below or from above."""

    protocol_version = "HTTP/1.1"
    rendered: list[bytes]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/v1/taxa"):
            body = json.dumps({"total_results": 2, "results": HIGHER}).encode()
        else:
            body = self._page({name: values[0] for name, values in parse_qs(parts.query).items()})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _page(self, query: dict[str, str]) -> bytes:
        # The observation with the id n lies at n - 1.
        first = int(query.get("id_above", 0))
        last = min(int(query.get("id_below", len(self.rendered) + 1)) - 1, len(self.rendered))
        size = int(query.get("per_page", 30))
        left = max(0, last - first) if "updated_since" not in query else 0
        if query.get("order") == "asc":
            page = self.rendered[first : min(first + size, last)]
        else:
            page = self.rendered[max(first, last - size) : last][::-1]
        page = page if left else []
        return b'{"total_results": %d, "page": 1, "per_page": %d, "results": [%s]}' % (
            left,
            size,
            b",".join(page),
        )

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(observations: int) -> None:
    Server.rendered = [json.dumps(observation(n + 1)).encode() for n in range(observations)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    print(server.server_address[1], len(Server.rendered[0]), flush=True)
    server.serve_forever()


def measure(name: str, python: str, base: str, observations: int) -> dict[str, float]:
    prepare, work = DRIVERS[name]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                python,
                "-c",
                MEASURE.format(prepare=prepare, work=work),
                base,
                folder,
                str(observations),
            ],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT) if name == "critterdb" else "",
                "CRITTERDB_REQUESTS_PER_MINUTE": "1000000",
            },
            capture_output=True,
            text=True,
        )
    if done.returncode:
        sys.exit(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def peer_python(folder: Path) -> str:
    """The interpreter of the peers' environment, which is made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return str(python)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--observations", type=int, default=100_000)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.observations)
        return
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.sync",
            "--serve",
            "--observations",
            str(options.observations),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    port, size = server.stdout.readline().split()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ",
        end="",
    )
    print(f"{int(size):,} bytes an observation")
    try:
        measured = {
            name: measure(
                name,
                sys.executable if name == "critterdb" else peer_python(options.peers),
                f"http://127.0.0.1:{port}",
                max(200, options.observations // share),
            )
            for name, share in SHARES.items()
        }
    finally:
        server.terminate()
    fastest = measured["critterdb"]["observations"] / measured["critterdb"]["seconds"]
    print(
        f"{'':24}{'observations':>14}{'seconds':>10}{'a second':>10}{'memory':>10}"
        f"{'critterdb is':>14}"
    )
    for name, result in measured.items():
        rate = result["observations"] / result["seconds"]
        times = "" if name == "critterdb" else f"{fastest / rate:.1f} times"
        print(
            f"{name:24}{result['observations']:>14,.0f}{result['seconds']:>10.1f}{rate:>10,.0f}"
            f"{result['rss_mb']:>7.0f} MB{times:>14}"
        )


if __name__ == "__main__":
    main()
