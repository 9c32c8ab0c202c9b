"""`/-/critters/models` and `/-/critters/compare`: all models, and two of them beside each other."""

from __future__ import annotations

from critterdb.web.charts.bars import comparison_bars
from critterdb.web.queries.model_comparison import load_comparison
from critterdb.web.queries.models import load_models
from critterdb.web.queries.photos import PHOTO_TABLES, shown

from .base import Page, Visit, page

LABELS_DRAWN = 100  # those with the most training photos; the table and the JSON have more


@page("models", "games", "model_labels")
async def models(visit: Visit) -> Page:
    """Every model, newest first; two can be chosen to be compared."""
    listed = await visit.read(load_models)
    return Page(
        "critterdb_models.html",
        title="Models",
        description="Every model that was trained here, with how well it did on photos that it "
        "had never seen.",
        data={"models": listed},
    )


@page("models", "games", "model_labels", "model_metrics", *PHOTO_TABLES)
async def compare(visit: Visit) -> Page:
    """Two models of a game beside each other; without a second one, the one in use or the next."""
    a, b = visit.argument("a"), visit.argument("b")
    data, listed = await visit.read(lambda db: (load_comparison(db, a, b), load_models(db)))
    others = [model for model in listed if model["id"] in data["others"]]
    return Page(
        "critterdb_compare.html",
        title="Two models compared" if data["b"] else "One model so far",
        description="Two models side by side, on the test photos of their game."
        if data["b"]
        else "There is no other model to compare it with yet.",
        data={
            **data,
            "only_a_wrong": [shown(visit, photo) for photo in data["only_a_wrong"]],
            "only_b_wrong": [shown(visit, photo) for photo in data["only_b_wrong"]],
        },
        extras={
            "chart": comparison_bars(data["labels"][:LABELS_DRAWN]) if data["labels"] else None,
            "other_models": others,
        },
    )
