"""The addresses of critterdb's pages; each is JSON too, with `.json` behind it."""

from __future__ import annotations

from typing import Any

from . import home, model_page

_FORMAT = r"(?P<format>\.json)?$"
_MODEL = r"^/-/critters/models/(?P<model_id>[^/]+?)"

ROUTES: list[tuple[str, Any]] = [
    (rf"^/-/critters{_FORMAT}", home.home),
    (rf"{_MODEL}/confusion{_FORMAT}", model_page.cell),
    (rf"{_MODEL}{_FORMAT}", model_page.model),
]
