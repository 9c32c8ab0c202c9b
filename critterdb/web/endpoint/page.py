"""What the page of `/-/classify` says: an answer in plain words, bars, the model and credits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from critterdb.errors import RejectedInputError
from critterdb.formatting import display_name
from critterdb.imaging.heif import reads_heic
from critterdb.licences import licences
from critterdb.model.payloads import AnswerPayload, refusal_payload
from critterdb.web.datasette.compat import may_view
from critterdb.web.files.static import static_path
from critterdb.web.http.headers import image_origin
from critterdb.web.pages.layout import absolute_url, layout_context, percent
from critterdb.web.state import site_database
from critterdb.web.urls import CLASSIFY

from .answer import NO_SITE, Answered, Call
from .models import ChosenModel, find_chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.model.labels import Label, ScoredTaxon, Taxon

    from .upload import Upload

# As in the report of the command line; the JSON has all labels.
MAX_BARS = 5
MAX_LABELS_NAMED = 6

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
        "api_url": absolute_url(call.request, call.datasette, urls.path(CLASSIFY)),
        "max_bytes": settings.max_bytes,
        "reads_heic": reads_heic(),
        "max_megabytes": f"{settings.max_bytes / 1e6:g}",
        "url": None if question.image else question.url,
        "model_id": question.model,
        **await _about_model(call, question.model, answered.chosen if answered else None),
    }
    if isinstance(outcome, RejectedInputError):
        context["error"] = refusal_payload(outcome)
    if answered:
        context |= _about_answer(call, question, answered)
    return context


def _about_answer(call: Call, question: Upload, answered: Answered) -> Context:
    payload, urls = answered.payload, call.datasette.urls
    context: Context = {**describe(payload, answered.labels), "answer": payload}
    if question.image:
        context["answer_json"] = json.dumps(payload, indent=2, ensure_ascii=False)
    else:
        context["show_image"] = bool(image_origin(str(question.url)))
        query = {"url": question.url, **({"model": question.model} if question.model else {})}
        context["json_path"] = f"{urls.path(CLASSIFY + '.json')}?{urlencode(query)}"
    database = site_database(call.datasette)
    if payload["prediction_id"] and database:
        table = urls.table(database.name, "predictions")
        context["prediction_path"] = f"{table}/{payload['prediction_id']}"
    return context


def describe(payload: AnswerPayload, labels: Sequence[Label]) -> Context:
    """Return a headline, an explanation and bars for an answer's JSON."""
    predictions, answer = payload["predictions"], payload["answer"]
    if payload["reason"] == "not_a_critter":
        verdict, headline = "unknown", "Not a critter that I know"
        explanation = "It is unlike every photo that I learned from." + _known(labels)
    elif answer is None:
        nearest = " or ".join(_name(label) for label in predictions[:2])
        verdict, headline = "unsure", "I am not sure"
        explanation = (
            f"It may be {nearest}, but I am not sure enough to say so. "
            "A sharper or closer photo may help."
        )
    elif payload["reason"] == "coarser":
        verdict, headline = "coarser", f"Some kind of {_name(answer)}"
        explanation = f"I am {percent(answer['score'])} sure of that, but I cannot tell which one."
    else:
        verdict, headline = "sure", _name(answer)
        explanation = f"I am {percent(answer['score'])} sure."
    bars = [
        {**label, "percent": percent(label["score"]), "width": round(100 * label["score"], 1)}
        for label in predictions[:MAX_BARS]
    ]
    return {"verdict": verdict, "headline": headline, "explanation": explanation, "bars": bars}


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
    row, urls = chosen.stored.row, call.datasette.urls
    shares = licences(chosen.licenses)
    return {
        **context,
        "model": {
            "id": row["id"],
            "backbone": row["backbone"],
            "path": f"{urls.table(database.name, 'models')}/{row['id']}",
            "photos": row["photos"],
            "error_rate": row["error_rate"],
        },
        "licences": shares,
        "open_photos": any(licence["url"] for licence in shares),
        "credits_path": urls.table(database.name, "photo_credits"),
    }


def _known(labels: Sequence[Label]) -> str:
    names = ", ".join(_name(label) for label in labels[:MAX_LABELS_NAMED])
    more = " and more" if labels[MAX_LABELS_NAMED:] else ""
    return f" The ones I know: {names}{more}." if names else ""


def _name(label: ScoredTaxon | Taxon) -> str:
    return display_name(label["common_name"], label["name"])
