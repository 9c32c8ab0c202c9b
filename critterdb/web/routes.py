"""The addresses of critterdb, below Datasette's own; each page is JSON too, with `.json` added."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

    View = Callable[[Request, Datasette], Awaitable[Response]]


def load_view(name: str) -> View:
    """Import a view by its name below critterdb.web, such as `pages.home:home`."""
    module, _, function = name.partition(":")
    view: View = getattr(import_module(f".{module}", __package__), function)
    return view


def _asked_for(name: str) -> View:
    """Return a view that is imported when somebody first asks for it.

    A server starts without any page, and Datasette in a browser's tab without what classifies.
    """

    # Datasette gives a view what the names of its parameters ask for.
    async def view(request: Request, datasette: Datasette) -> Response:
        return await load_view(name)(request, datasette)

    view.__name__ = name.partition(":")[2]
    return view


_FORMAT = r"(?P<format>\.json)?$"
_MODEL = r"^/-/critters/models/(?P<model_id>[^/]+?)"
_NUMBER = r"-?\d{1,15}"
_POSITIVE = r"\d{1,15}"
_PLAY = r"^/-/critters/play/(?P<game>[a-z0-9][a-z0-9-]*)"

# Patterns of addresses, and what answers them.
VIEWS = {
    rf"^/-/classify{_FORMAT}": "endpoint.view:classify",
    r"^/-/critterdb/health(\.json)?$": "endpoint.health:health",
    r"^/-/critterdb/openapi\.json$": "endpoint.openapi:openapi",
    r"^/-/critterdb/photos/(?P<sha256>[^/]+)$": "files.photos:photo",
    r"^/-/critterdb/pictures/(?P<sha256>[^/]+)$": "files.photos:picture",
    r"^/-/critterdb/static/(?P<name>[^/]+)$": "files.static:static",
    rf"^/-/critters{_FORMAT}": "pages.home:home",
    rf"^/-/critters/models{_FORMAT}": "pages.models:models",
    rf"^/-/critters/compare{_FORMAT}": "pages.models:compare",
    rf"{_MODEL}/confusion{_FORMAT}": "pages.model:confusion_photos",
    rf"{_MODEL}{_FORMAT}": "pages.model:model",
    rf"^/-/critters/species{_FORMAT}": "pages.species:species_list",
    rf"^/-/critters/species/(?P<taxon_id>{_NUMBER}){_FORMAT}": "pages.species:species",
    rf"^/-/critters/photos/(?P<photo_id>{_NUMBER}){_FORMAT}": "pages.photo:photo",
    rf"^/-/critters/predictions/(?P<prediction_id>{_POSITIVE}){_FORMAT}": (
        "pages.prediction:prediction"
    ),
    r"^/-/critters/history(?P<format>\.json|\.atom)?$": "pages.history:history",
    rf"^/-/critters/posts/(?P<post_id>[^/]+?){_FORMAT}": "pages.history:post",
    r"^/-/critters/calendar(?P<format>\.json|\.atom|\.ics)?$": "pages.calendar:calendar",
    rf"^/-/critters/games/(?P<slug>[^/]+?){_FORMAT}": "pages.calendar:game",
    rf"^/-/critters/play{_FORMAT}": "pages.play:today",
    rf"{_PLAY}{_FORMAT}": "pages.play:today",
    rf"{_PLAY}/(?P<photo_id>{_NUMBER}){_FORMAT}": "pages.play:question",
    rf"{_PLAY}/(?P<photo_id>{_NUMBER})/answer{_FORMAT}": "pages.play:answer",
    rf"^/-/critters/review{_FORMAT}": "pages.review:review",
    rf"^/-/critters/answers{_FORMAT}": "pages.review:answers",
    rf"^/-/critters/leaderboard{_FORMAT}": "pages.leaderboard:leaderboard",
    rf"^/-/critters/host{_FORMAT}": "pages.host:host",
    # Datasette's own 404 of an address with four parts is a 500 where rich is installed.
    rf"^/-/critter(?:s|db)/.*?[^/]{_FORMAT}": "pages.nowhere:nowhere",
}

ROUTES = [(pattern, _asked_for(name)) for pattern, name in VIEWS.items()]
