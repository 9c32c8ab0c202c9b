"""What the page of `/-/classify` says: an answer in plain words, bars, the model and credits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from critterdb.errors import RejectedInputError
from critterdb.licences import licences
from critterdb.web.files.static import static_path
from critterdb.web.http.headers import image_origin
from critterdb.web.pages.layout import absolute_url, layout_context, percent
from critterdb.web.state import plugin_state, site_database

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request

    from critterdb.web.http.body import Upload

PATH = "/-/classify"
BARS = 5
LABELS_NAMED = 6


async def page_context(
    request: Request, datasette: Datasette, question: Upload, payload: dict[str, Any]
) -> dict[str, Any]:
    """Everything that critterdb_classify.html shows. An empty `payload` gives the bare form."""
    settings = plugin_state(datasette).settings
    urls = datasette.urls
    context: dict[str, Any] = {
        **await layout_context(request, datasette),
        "critter_js": urls.path(static_path("classify.js")),
        "classify_path": urls.path(PATH),
        "api_url": absolute_url(request, datasette, urls.path(PATH)),
        "max_bytes": settings.max_bytes,
        "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        "url": None if question.image else question.url,
        "model_id": question.model,
        **await _about_model(datasette, question.model),
    }
    if payload and not payload["ok"]:
        return {**context, "error": payload}
    if payload:
        context.update(describe(payload, context["labels"]))
        context["answer"] = payload
        context["show_image"] = bool(context["url"] and image_origin(context["url"]))
        if context["url"]:
            asked = {"url": context["url"], **({"model": question.model} if question.model else {})}
            context["json_path"] = f"{urls.path(PATH + '.json')}?{urlencode(asked)}"
        else:
            context["answer_json"] = json.dumps(payload, indent=2, ensure_ascii=False)
        database = site_database(datasette)
        if payload["prediction_id"] and database:
            table = urls.table(database.name, "predictions")
            context["prediction_path"] = f"{table}/{payload['prediction_id']}"
    return context


def describe(payload: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """A headline, an explanation and bars for an answer (DESIGN §6's object)."""
    predictions = payload["predictions"]
    answer = payload["answer"]
    if payload["reason"] == "not_a_critter":
        known = ", ".join(labels[:LABELS_NAMED]) + (" and more" if labels[LABELS_NAMED:] else "")
        words = (
            "unknown",
            "That is no critter that I know",
            "It is unlike every photo that I learnt from."
            + (f" The ones I know: {known}." if known else ""),
        )
    elif answer is None:
        nearest = " or ".join(_name(label) for label in predictions[:2])
        words = (
            "unsure",
            "I am not sure",
            f"It may be {nearest}, but not surely enough to say so. "
            "A sharper or closer photo may help.",
        )
    elif payload["reason"] == "coarser":
        words = (
            "coarser",
            f"Some kind of {_name(answer)}",
            f"I am {percent(answer['score'])} sure of that much, but not of which one it is.",
        )
    else:
        words = ("sure", _name(answer), f"I am {percent(answer['score'])} sure.")
    bars = [
        {**label, "percent": percent(label["score"]), "width": round(100 * label["score"], 1)}
        for label in predictions[:BARS]
    ]
    return {"verdict": words[0], "headline": words[1], "explanation": words[2], "bars": bars}


async def _about_model(datasette: Datasette, model_id: str | None) -> dict[str, Any]:
    from .models import load_model

    found: dict[str, Any] = {"model": None, "labels": [], "licences": []}
    database = site_database(datasette)
    if database is None:
        return {**found, "no_model": "This Datasette serves no database of critterdb"}
    try:
        model = await load_model(database, plugin_state(datasette), model_id)
    except RejectedInputError as refusal:
        return {**found, "no_model": str(refusal)}
    games = await database.execute("SELECT question FROM games WHERE slug = ?", [model.game])
    rows = await database.execute("SELECT photos, error_rate FROM models WHERE id = ?", [model.id])
    row, game = rows.first(), games.first()
    path = f"{datasette.urls.table(database.name, 'models')}/{model.id}" if row else None
    shares = licences(model.metadata.get("licenses") or {})
    return {
        "model": {
            "id": model.id,
            "backbone": model.backbone,
            "path": path,
            "photos": row["photos"] if row else None,
            "error_rate": row["error_rate"] if row else None,
        },
        "question": game["question"] if game else None,
        "labels": [_name(label) for label in model.labels],
        "licences": shares,
        "open_photos": any(licence["url"] for licence in shares),
        "credits_path": datasette.urls.table(database.name, "photo_credits"),
    }


def _name(label: Mapping[str, Any]) -> str:
    return str(label["common_name"] or label["name"])
