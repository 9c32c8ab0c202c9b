"""What the page of `/-/classify` says: an answer in plain words, bars, the model and credits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.imaging.heif import reads_heic
from critterdb.licences import licences
from critterdb.model.payloads import refusal_payload
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.reading import read
from critterdb.web.files.static import CLASSIFIER, static_path
from critterdb.web.http.headers import image_origin
from critterdb.web.pages.layout import absolute_url, layout_context
from critterdb.web.pages.verdict import bars_of, describe, with_references
from critterdb.web.queries.models import load_choices
from critterdb.web.state import site_database
from critterdb.web.urls import CLASSIFY, model_page, prediction_page, with_query

from .answer import NO_SITE, Answered, Call
from .models import ChosenModel, find_chosen

if TYPE_CHECKING:
    from .upload import Upload

Context = dict[str, object]
"""Variables of critterdb_classify.html."""


async def page_context(
    call: Call, question: Upload, outcome: Answered | RejectedInputError | None
) -> Context:
    """Return everything that critterdb_classify.html shows; without an outcome the bare form."""
    settings, urls = call.state.settings, call.datasette.urls
    answered = outcome if isinstance(outcome, Answered) else None
    context: Context = {
        **await layout_context(call.request, call.datasette),
        "critter_js": urls.path(static_path("classify.js")),
        "classify_path": urls.path(CLASSIFY),
        "classifier_path": urls.path(f"{CLASSIFIER}/page.js"),
        "api_url": absolute_url(call.request, call.datasette, urls.path(CLASSIFY)),
        "max_bytes": settings.max_bytes,
        "reads_heic": reads_heic(),
        "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        "url": None if question.image else question.url,
        "model_id": question.model,
        "choices": [],
        **await _about_model(call, question.model, answered.chosen if answered else None),
    }
    if isinstance(outcome, RejectedInputError):
        context["error"] = refusal_payload(outcome)
    if answered:
        context |= await _about_answer(call, question, answered)
    return context


async def _about_answer(call: Call, question: Upload, answered: Answered) -> Context:
    payload, urls = answered.payload, call.datasette.urls
    context: Context = {**describe(payload, answered.labels), "answer": payload}
    context["bars"] = await with_references(
        call.request, call.datasette, bars_of(payload["predictions"])
    )
    prediction_id, image = payload["prediction_id"], payload["image"]
    if question.image:
        context["answer_json"] = json.dumps(payload, indent=2, ensure_ascii=False)
        if prediction_id:
            context["link_path"] = urls.path(prediction_page(prediction_id))
    else:
        query = with_query(CLASSIFY, url=question.url, model=question.model)
        context["show_image"] = bool(image_origin(str(question.url)))
        context["link_path"] = urls.path(query)
        context["json_path"] = urls.path(query.replace(CLASSIFY, f"{CLASSIFY}.json", 1))
    database = site_database(call.datasette)
    if prediction_id and database:
        context["prediction_path"] = f"{urls.table(database.name, 'predictions')}/{prediction_id}"
    if image:
        took = f"{payload['took_ms']:.0f} ms"
        context["details"] = f"{image['width']} × {image['height']} pixels, {took}"
    return context


async def _about_model(call: Call, model_id: str | None, chosen: ChosenModel | None) -> Context:
    """What the page says of the model, from rows alone: a page does not load a model's file."""
    context: Context = {"model": None, "labels": [], "licences": []}
    database = site_database(call.datasette)
    if database is None:
        return {**context, "no_model": NO_SITE}
    try:
        chosen = chosen or await find_chosen(database, call.state, model_id)
    except RejectedInputError as refusal:
        return {**context, "no_model": str(refusal)}
    context["question"] = chosen.question
    if not await may_view(call.datasette, call.request.actor, database.name, "models"):
        return context
    row, urls, game = chosen.stored.row, call.datasette.urls, call.state.settings.game
    shares = licences(chosen.licenses)
    choices = await read(database, lambda db: load_choices(db, game, model_id))
    return {
        **context,
        "choices": choices,
        "model": {
            "game": row["game"],
            "hashtag": chosen.hashtag,
            "created_at": row["created_at"],
            "path": urls.path(model_page(row["id"])),
            "photos": row["photos"],
            "tests": chosen.tests,
            "error_rate": row["error_rate"],
        },
        "licences": shares,
        "open_photos": any(licence["url"] for licence in shares),
        "credits_path": urls.table(database.name, "photo_credits"),
    }
