"""A site with small pictures, and a network that sees their colours."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.games import Game, save_game
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.shards.network import Network
from critterdb.storage.database import site_folder
from critterdb.storage.photo_store import place_photo
from tests.support.models import FELIDAE, SIZE, colour_average, picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb.storage.database import SiteDatabase

GAME = "cats"
COLOURS = ("red", "green", "blue", "yellow", "grey")


def colour_network() -> Network:
    return Network("colours@32", Preprocessing(SIZE), colour_average())


class SlowNetwork(Network):
    """As slow as a large network, so that there is time to kill who runs it."""

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return super().embed(pixels)


class DeadlyNetwork(Network):
    """Ends the process that shows it a picture which is all grey."""

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        if (np.ptp(pixels.reshape(len(pixels), -1, 3).mean(axis=1), axis=1) < 30).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(pixels)


def slow_network() -> Network:
    return SlowNetwork(**_plain(colour_network()))


def deadly_network() -> Network:
    return DeadlyNetwork(**_plain(colour_network()))


def _plain(network: Network) -> dict[str, Any]:
    return {"recipe": network.recipe, "view": network.view, "onnx": network.onnx}


def add_photos(db: SiteDatabase, numbers: Iterable[int]) -> None:
    """Photos of a game, each of other bytes."""
    save_game(db, Game(GAME, GAME, "Which cat?", FELIDAE))
    with db.atomic():
        for number in numbers:
            data = picture(COLOURS[number % len(COLOURS)], (48, 40), number)
            sha256, path = place_photo(site_folder(db), data, "jpg")
            db["observations"].insert({"id": number, "taxon_id": FELIDAE})
            db["game_observations"].insert(
                {"game": GAME, "observation_id": number, "seen_at": "2026-11-28T00:00:00Z"}
            )
            db["photos"].insert(
                {"id": number, "observation_id": number, "sha256": sha256, "path": path}
            )
