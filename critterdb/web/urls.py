"""Where critterdb's pages lie, below Datasette's base_url."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from critterdb.site.serving import FRONT_PAGE

HOME = FRONT_PAGE
CLASSIFY = "/-/classify"
HISTORY = f"{HOME}/history"
MODELS = f"{HOME}/models"
COMPARE = f"{HOME}/compare"
SPECIES = f"{HOME}/species"
REVIEW = f"{HOME}/review"
ANSWERS = f"{HOME}/answers"
CALENDAR = f"{HOME}/calendar"
GAMES = f"{HOME}/games"
PLAY = f"{HOME}/play"
HOST = f"{HOME}/host"
LEADERBOARD = f"{HOME}/leaderboard"


def model_page(model_id: str) -> str:
    return f"{MODELS}/{quote(model_id, safe='')}"


def confusion_photos(model_id: str, actual: int, predicted: int) -> str:
    return f"{model_page(model_id)}/confusion?actual={actual}&predicted={predicted}"


def species_page(taxon_id: int | str) -> str:
    return f"{SPECIES}/{taxon_id}"


def photo_page(photo_id: int | str) -> str:
    return f"{HOME}/photos/{photo_id}"


def post_page(post_id: str) -> str:
    return f"{HOME}/posts/{quote(post_id, safe=':')}"


def game_page(slug: str) -> str:
    return f"{GAMES}/{quote(slug, safe='')}"


def play_page(game: str, photo_id: int | None = None) -> str:
    return f"{PLAY}/{game}" if photo_id is None else f"{PLAY}/{game}/{photo_id}"


def play_answer(game: str, photo_id: int) -> str:
    return f"{play_page(game, photo_id)}/answer"


def photo_file(sha256: str) -> str:
    return f"/-/critterdb/photos/{sha256}"


def picture_file(sha256: str) -> str:
    return f"/-/critterdb/pictures/{sha256}"


def prediction_page(prediction_id: int | str) -> str:
    return f"{HOME}/predictions/{prediction_id}"


def with_query(path: str, **parameters: object) -> str:
    """`path` with those parameters that are not empty."""
    query = urlencode({key: value for key, value in parameters.items() if value not in (None, "")})
    return f"{path}?{query}" if query else path
