"""The addresses of critterdb's pages; each is JSON too, with `.json` behind it."""

from __future__ import annotations

from typing import Any

from . import history, home, model_page, models_page, photo_page, review_page, species_page

_FORMAT = r"(?P<format>\.json)?$"
_MODEL = r"^/-/critters/models/(?P<model_id>[^/]+?)"
_NUMBER = r"-?\d{1,15}"

ROUTES: list[tuple[str, Any]] = [
    (rf"^/-/critters{_FORMAT}", home.home),
    (rf"^/-/critters/models{_FORMAT}", models_page.models),
    (rf"^/-/critters/compare{_FORMAT}", models_page.compare),
    (rf"{_MODEL}/confusion{_FORMAT}", model_page.cell),
    (rf"{_MODEL}{_FORMAT}", model_page.model),
    (rf"^/-/critters/species{_FORMAT}", species_page.species_list),
    (rf"^/-/critters/species/(?P<taxon_id>{_NUMBER}){_FORMAT}", species_page.species),
    (rf"^/-/critters/photos/(?P<photo_id>{_NUMBER}){_FORMAT}", photo_page.photo),
    (r"^/-/critters/history(?P<format>\.json|\.atom)?$", history.history),
    (rf"^/-/critters/posts/(?P<post_id>[^/]+?){_FORMAT}", history.post),
    (rf"^/-/critters/review{_FORMAT}", review_page.review),
    (rf"^/-/critters/answers{_FORMAT}", review_page.answers),
]
