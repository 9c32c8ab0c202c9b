"""The whole system on a drawn reserve, with no network: what `critterdb demo` runs.

iNaturalist and X are played by stand-in servers on loopback; everything else is the real command,
run as a person would run it, so that what is shown is what one would type.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critterdb.errors import SiteError
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.fakes.x import StandInX
from critterdb.formatting import table_lines
from critterdb.games import PRESETS, Host, save_game
from critterdb.site.serving import (
    LISTENS_ON_VARIABLE,
    LOOPBACK,
    front_page_address,
    serve_arguments,
)
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from critterdb.storage.photo_store import place_photo

from .reserve import DrawnPhoto, Reserve, draw_reserve

if TYPE_CHECKING:
    from pathlib import Path

MARKER = ".critterdb-demo"  # marks a folder that may be replaced
GAME = PRESETS["cougarornot"]
BOT, HOST, PLAYERS = "critterbot", "ranger_rowan", ("ada", "ben", "cleo", "dot")
# Within the 48 hours in which the bot answers.
PLAYED_FOR = timedelta(hours=45)  # the bot answers nothing older than two days

Report = Callable[[str], None]


@dataclass(frozen=True)
class Played:
    """A post of the game that the demo made: its id, and what its picture shows."""

    post_id: str
    shows: DrawnPhoto


def run_demo(folder: Path, *, report: Report, serve_port: int | None = None) -> None:
    """Draw a reserve, then init, sync, train, classify and play in `folder`, telling `report`.

    With `serve_port` it goes on to serve the site on 127.0.0.1 until it is stopped, the stand-ins
    with it. Raises SiteError where the folder holds something else, or where a step fails.
    """
    started = time.perf_counter()
    _clear(folder)
    report("Drawing a nature reserve: this takes half a minute on two cores …")
    reserve = draw_reserve()
    report(
        f"Drew {len(reserve.photos)} photos of {len(reserve.species)} species by "
        f"{reserve.observers} observers, in {time.perf_counter() - started:.1f} s. "
        "A program draws the animals, so the score says nothing about real photos."
    )
    with _standins(reserve) as (inaturalist, x):
        environment = _environment(inaturalist, x)
        steps = _Steps(folder, environment, report)
        _play(steps, reserve, x)
        report(f"\nDone in {time.perf_counter() - started:.0f} s. The site is {folder}")
        if serve_port is None:
            report(f"Serve it with: critterdb --db {folder / DATABASE_NAME} serve")
            return
        address = front_page_address(folder / DATABASE_NAME, LOOPBACK, serve_port)
        report(f"\nOpen {address}; press Ctrl-C to stop.")
        photo = x.add_file(reserve.to_play[0].data)
        classify = f"http://{LOOPBACK}:{serve_port}/-/classify"
        report(f"Or classify a photo: curl '{classify}?url={photo}'\n")
        _serve(folder, serve_port, environment)


def _play(steps: _Steps, reserve: Reserve, x: StandInX) -> None:
    """Every arrow of the system once, and the bot's round three times."""
    steps.run("init")
    _name_site(steps.folder)
    with steps.database() as db:
        save_game(db, replace(GAME, hosts=[Host("x", HOST, consents=True)]))
    steps.run("sync", GAME.slug)
    steps.run("train")
    names = [steps.keep_picture(picture) for picture in reserve.to_play[3:5]]
    steps.run("classify", *names)
    played = _post_pictures(reserve, x)
    for picture in reserve.to_play:
        # The stand-in of X that serves them ends with the demo.
        place_photo(steps.folder, picture.data, "jpg", "pictures")
    steps.say(f"Posted {len(x.posts)} times on a fake X server, as {HOST} and some players.")
    steps.run("bot", "--on", "x")
    steps.run("bot", "--on", "x", "--post")
    _tell_answers(played, x)
    steps.say(f"{HOST} posted the answers.")
    steps.run("bot", "--on", "x", "--post")
    steps.say("The score so far:")
    with steps.database() as db:
        steps.show(
            db, "SELECT posts, right, wrong, abstained, brier, baseline_right FROM scoreboard"
        )
        steps.show(
            db,
            "SELECT author, answer, score, status, reason, truth, right FROM bot_history "
            "ORDER BY posted_at, post_id",
        )


def _post_pictures(reserve: Reserve, x: StandInX) -> list[Played]:
    """Questions of the host and of players: some ask the bot, some do not, some show no animal."""
    played: list[Played] = []
    pictures = list(reserve.to_play)
    began = datetime.now(UTC) - PLAYED_FOR
    for number, picture in enumerate(reserve.to_play):
        if picture not in pictures:
            continue
        player = PLAYERS[number % len(PLAYERS)]
        posted_at = began + PLAYED_FOR * number / len(reserve.to_play)
        if picture.taxon_id is None:
            words = f"@{BOT} and this? #{GAME.hashtag}"
            x.add_post(player, words, [picture.data], posted_at=posted_at)
            continue
        # The first question comes with two photos of one animal.
        alike = [candidate for candidate in pictures if candidate.taxon_id == picture.taxon_id][
            : 1 if played else 2
        ]
        pictures = [candidate for candidate in pictures if candidate not in alike]
        author = HOST if number % 2 else player
        asks = f"@{BOT} " if number % 4 != 1 else ""
        text = f"{asks}Is it a cougar? #{GAME.hashtag}"
        post_id = x.add_post(
            author, text, [candidate.data for candidate in alike], posted_at=posted_at
        )
        played.append(Played(post_id, picture))
    return played


def _tell_answers(played: list[Played], x: StandInX) -> None:
    for post in played:
        x.add_post(HOST, f"It is a {post.shows.name}.", in_reply_to=post.post_id)


def _name_site(folder: Path) -> None:
    """Say on every page that nothing here is real."""
    file = folder / "metadata.json"
    words = {
        "title": "critterdb demo: a drawn reserve",
        "description": "These animals, their observers and the posts are made up by a program. "
        "How well the model does here says nothing about real ones.",
        "source": "critterdb demo",
        "source_url": None,
    }
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **words}, indent=2), "utf-8")


class _Steps:
    """Runs commands of `critterdb` in the demo's folder and reports what they say."""

    def __init__(self, folder: Path, environment: dict[str, str], report: Report) -> None:
        self.folder = folder
        self.environment = environment
        self.say = report

    def run(self, *arguments: str) -> None:
        """One command, its words and its time. Raises SiteError where it fails."""
        self.say(f"\n$ critterdb {' '.join(arguments)}")
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "critterdb", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
        )
        for line in done.stdout.splitlines():
            self.say(f"  {line}")
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise SiteError(f"The demo stopped at “critterdb {arguments[0]}”: {reason}")
        self.say(f"  [{time.perf_counter() - started:.1f} s]")

    def keep_picture(self, picture: DrawnPhoto) -> str:
        """Write a picture into the demo's folder; the name under which a command finds it."""
        name = f"{picture.name.lower().replace(' ', '-')}.jpg"
        (self.folder / name).write_bytes(picture.data)
        return name

    @contextmanager
    def database(self) -> Iterator[SiteDatabase]:
        db = open_database(self.folder / DATABASE_NAME)
        yield db
        db.close()

    def show(self, db: SiteDatabase, sql: str) -> None:
        rows = list(db.query(sql))
        for line in table_lines(rows, list(rows[0]) if rows else []):
            self.say(f"  {line}")


@contextmanager
def _standins(reserve: Reserve) -> Iterator[tuple[StandInINaturalist, StandInX]]:
    with (
        StandInINaturalist(reserve.observations, reserve.taxa, reserve.photos) as inaturalist,
        StandInX(BOT) as x,
    ):
        yield inaturalist, x


def _environment(inaturalist: StandInINaturalist, x: StandInX) -> dict[str, str]:
    return {
        "CRITTERDB_INATURALIST_API": inaturalist.url,
        "CRITTERDB_REQUESTS_PER_MINUTE": "6000",
        "CRITTERDB_FETCH_ALLOW": f"127.0.0.1/32:{urlsplit(x.url).port}",
        "CRITTERDB_RECONCILE_SECONDS": "0",
        **x.environment(),
    }


def _clear(folder: Path) -> None:
    """Make an empty folder for the demo. Replace an earlier demo's; keep anything else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise SiteError(
            f"{folder} is not empty and not a demo. Choose another folder: critterdb demo FOLDER"
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("Made by critterdb demo, which may remove this folder.\n", "utf-8")


def _serve(folder: Path, port: int, environment: dict[str, str]) -> None:
    """Be a Datasette server from here on."""
    from datasette.cli import cli as datasette_cli

    os.environ.update({**environment, LISTENS_ON_VARIABLE: LOOPBACK})
    arguments = serve_arguments(folder / DATABASE_NAME, LOOPBACK, port)
    os.chdir(folder)
    datasette_cli.main(arguments, prog_name="datasette", standalone_mode=False)
