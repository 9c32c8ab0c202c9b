"""What the page of `/-/classify` says: an answer in plain words, bars, the model and credits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.formatting import taxon_name
from critterdb.imaging.heif import reads_heic
from critterdb.licences import licences
from critterdb.model.decision import NOT_A_CRITTER
from critterdb.model.evidence_words import NOT_AVAILABLE
from critterdb.model.explanation import explain
from critterdb.model.payloads import refusal_payload
from critterdb.model.whereabouts import UNUSUAL_WORDS
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.reading import read
from critterdb.web.files.static import CLASSIFIER, static_path
from critterdb.web.http.headers import image_origin
from critterdb.web.pages.evidence import show_evidence, show_second_look
from critterdb.web.pages.layout import absolute_url, layout_context
from critterdb.web.pages.likenesses import show_likenesses
from critterdb.web.pages.verdict import bars_of, describe, with_references
from critterdb.web.queries.models import load_choices
from critterdb.web.state import site_database
from critterdb.web.urls import CLASSIFY, model_page, prediction_page, with_query

from .answer import NO_SITE, Answered
from .models import ChosenModel, find_chosen

if TYPE_CHECKING:
    from .call import Call
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
        "incoming_js": urls.path(static_path("incoming.js")),
        "classify_path": urls.path(CLASSIFY),
        "classifier_path": urls.path(f"{CLASSIFIER}/page.js"),
        "api_url": absolute_url(call.request, call.datasette, urls.path(CLASSIFY)),
        "max_bytes": settings.max_bytes,
        "reads_heic": reads_heic(),
        "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        "url": None if question.image else question.url,
        "model_id": question.model,
        "use_exif": question.use_exif,
        "choices": [],
        **await _about_model(call, question.model, answered.chosen if answered else None),
    }
    if isinstance(outcome, RejectedInputError):
        context["error"] = refusal_payload(outcome)
    if answered:
        context |= await _about_answer(call, question, answered)
    return context


async def _about_answer(call: Call, question: Upload, answered: Answered) -> Context:
    payload, model, urls = answered.payload, answered.model, call.datasette.urls
    context: Context = {
        **describe(payload, model.labels),
        **_about_looks(answered),
        **_about_place(question, answered),
        "why": explain(payload, model.labels, model.thresholds),
        "answer": payload,
    }
    context["bars"] = await with_references(
        call.request, call.datasette, bars_of(payload["predictions"])
    )
    if answered.additions.likenesses:
        context["likenesses"] = show_likenesses(
            answered.additions.likenesses, payload, model.labels, urls.path
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


def _about_place(question: Upload, answered: Answered) -> Context:
    """The second answer, with where and when the picture was taken, if that was said."""
    placed = answered.payload.get("with_place")
    if placed is None:
        return {"place_unknown": True} if question.use_exif else {}
    because = placed["unusual_because"]
    return {
        "placed": {
            **describe(placed, answered.model.labels),
            "unusual": UNUSUAL_WORDS[because] if because else None,
        }
    }


def _about_looks(answered: Answered) -> Context:
    """Where in the picture the evidence is, and where the model looked again."""
    payload, evidence = answered.payload, answered.additions.evidence
    image = payload["image"]
    if image is None or payload["reason"] == NOT_A_CRITTER:
        # What speaks for a label means nothing in a picture unlike all that was learned.
        return {}
    size = image["width"], image["height"]
    context: Context = {}
    if answered.crop:
        context["second_look"] = show_second_look(answered.crop, size)
    if evidence:
        names = {label["taxon_id"]: taxon_name(label) for label in payload["predictions"]}
        context["evidence"] = show_evidence(evidence, names, size)
    elif not answered.model.has_evidence:
        context["no_evidence"] = NOT_AVAILABLE
    return context


async def _about_model(call: Call, model_id: str | None, chosen: ChosenModel | None) -> Context:
    """What the page says of the model, from rows alone: a page does not load a model's file."""
    context: Context = {"model": None, "labels": [], "licences": [], "asks_place": False}
    database = site_database(call.datasette)
    if database is None:
        return {**context, "no_model": NO_SITE}
    try:
        # Anybody may name any model in an address, and loading one takes 0.1 s and more.
        # docs/decisions.md#the-page-of-the-endpoint-does-not-load-a-model
        chosen = chosen or await find_chosen(database, call.state, model_id)
    except RejectedInputError as refusal:
        return {**context, "no_model": str(refusal)}
    context["question"] = chosen.question
    context["asks_place"] = chosen.knows_places
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
