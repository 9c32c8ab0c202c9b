"""The addresses of critterdb, below Datasette's own; each page is JSON too, with `.json` added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .files import photos, static
from .pages import (
    calendar,
    history,
    home,
    leaderboard,
    model,
    models,
    nowhere,
    photo,
    play,
    prediction,
    review,
    species,
)

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response


# What classifies needs numpy, Pillow and more, which Datasette in a browser's tab does not have.
async def _classify(request: Request, datasette: Datasette) -> Response:
    from .endpoint.view import classify

    return await classify(request, datasette)


async def _health(request: Request, datasette: Datasette) -> Response:
    from .endpoint.health import health

    return await health(request, datasette)


async def _openapi(request: Request, datasette: Datasette) -> Response:
    from .endpoint.openapi import openapi

    return await openapi(request, datasette)


async def _host(request: Request, datasette: Datasette) -> Response:
    from .pages.host import host

    return await host(request, datasette)


_FORMAT = r"(?P<format>\.json)?$"
_MODEL = r"^/-/critters/models/(?P<model_id>[^/]+?)"
_NUMBER = r"-?\d{1,15}"
_PLAY = r"^/-/critters/play/(?P<game>[a-z0-9][a-z0-9-]*)"

ROUTES: list[tuple[str, Any]] = [
    (rf"^/-/classify{_FORMAT}", _classify),
    (r"^/-/critterdb/health(\.json)?$", _health),
    (r"^/-/critterdb/openapi\.json$", _openapi),
    (r"^/-/critterdb/photos/(?P<sha256>[^/]+)$", photos.photo),
    (r"^/-/critterdb/pictures/(?P<sha256>[^/]+)$", photos.picture),
    (r"^/-/critterdb/static/(?P<name>[^/]+)$", static.static),
    (rf"^/-/critters{_FORMAT}", home.home),
    (rf"^/-/critters/models{_FORMAT}", models.models),
    (rf"^/-/critters/compare{_FORMAT}", models.compare),
    (rf"{_MODEL}/confusion{_FORMAT}", model.confusion_photos),
    (rf"{_MODEL}{_FORMAT}", model.model),
    (rf"^/-/critters/species{_FORMAT}", species.species_list),
    (rf"^/-/critters/species/(?P<taxon_id>{_NUMBER}){_FORMAT}", species.species),
    (rf"^/-/critters/photos/(?P<photo_id>{_NUMBER}){_FORMAT}", photo.photo),
    (rf"^/-/critters/predictions/(?P<prediction_id>\d{{1,15}}){_FORMAT}", prediction.prediction),
    (r"^/-/critters/history(?P<format>\.json|\.atom)?$", history.history),
    (rf"^/-/critters/posts/(?P<post_id>[^/]+?){_FORMAT}", history.post),
    (r"^/-/critters/calendar(?P<format>\.json|\.atom|\.ics)?$", calendar.calendar),
    (rf"^/-/critters/games/(?P<slug>[^/]+?){_FORMAT}", calendar.game),
    (rf"^/-/critters/play{_FORMAT}", play.today),
    (rf"{_PLAY}{_FORMAT}", play.today),
    (rf"{_PLAY}/(?P<photo_id>{_NUMBER}){_FORMAT}", play.question),
    (rf"{_PLAY}/(?P<photo_id>{_NUMBER})/answer{_FORMAT}", play.answer),
    (rf"^/-/critters/review{_FORMAT}", review.review),
    (rf"^/-/critters/answers{_FORMAT}", review.answers),
    (rf"^/-/critters/leaderboard{_FORMAT}", leaderboard.leaderboard),
    (rf"^/-/critters/host{_FORMAT}", _host),
    # Datasette's own 404 of an address with four parts is a 500 where rich is installed.
    (rf"^/-/critter(?:s|db)/.*?[^/]{_FORMAT}", nowhere.nowhere),
]
