"""`/-/classify`: a URL or a picture in, an answer out, as JSON or as a page."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.formatting import display_name
from critterdb.model.payloads import refusal_payload
from critterdb.web.datasette.permissions import CLASSIFY, may
from critterdb.web.http.body import Body, ClientDisconnectedError
from critterdb.web.http.csrf import is_forged, is_stranger
from critterdb.web.http.headers import cors_headers, data_headers, page_headers
from critterdb.web.http.negotiation import prefers_page
from critterdb.web.http.responses import HTML, NO_STORE, options, respond, respond_json
from critterdb.web.state import PluginState, plugin_state

from .answer import Answered, answer
from .call import Call
from .extras import read_extras
from .limits import BUSY_SECONDS, client_address
from .page import page_context
from .upload import Upload, combined, read_query, read_upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

METHODS = "GET, HEAD, POST, OPTIONS"

Outcome = Answered | RejectedInputError | None
"""An answer, a refusal, or None if nothing was asked."""


async def classify(request: Request, datasette: Datasette) -> Response:
    """Answer one request for `/-/classify` or `/-/classify.json`."""
    if preflight := options(request, datasette, METHODS):
        return preflight
    state = plugin_state(datasette)
    as_page = not request.url_vars.get("format") and prefers_page(request.headers.get("accept", ""))
    call = Call(request, datasette, state, as_page, time.perf_counter())
    body = Body(request.receive, request.headers, state.uploads)
    try:
        return await _answer_or_refuse(call, body)
    except ClientDisconnectedError:
        return respond(request, "", HTML, data_headers(), status=400)
    except Exception:
        state.note_error("unexpected")
        raise
    finally:
        body.close()


async def _answer_or_refuse(call: Call, body: Body) -> Response:
    question = read_query(_first_values(call.request))
    try:
        question = replace(question, extras=read_extras(call.request.args.get))
        await _admit(call)
        if call.request.method == "POST":
            question = await _read_question(call, body, question)
        outcome = None if _asks_nothing(call, question) else await answer(call, question)
    except RejectedInputError as refusal:
        call.state.note_error(refusal.code)
        response = await _respond(call, question, refusal)
        # A client that is cut off while it sends may never read why.
        if call.request.method not in ("GET", "HEAD") and await body.discard():
            response.headers["Connection"] = "close"
        return response
    return await _respond(call, question, outcome)


async def _read_question(call: Call, body: Body, in_address: Upload) -> Upload:
    """What the body asks; what it leaves out may be in the URL."""
    sent = await read_upload(body, call.state.settings.max_bytes, in_address.extras)
    return combined(sent, in_address)


def _first_values(request: Request) -> dict[str, str]:
    return {name: request.args.get(name) for name in request.args}


def _asks_nothing(call: Call, question: Upload) -> bool:
    method = call.request.method
    return method == "HEAD" or (call.as_page and method == "GET" and not question.url)


async def _admit(call: Call) -> None:
    """Raise RejectedInputError if this request may not ask (forbidden, rate_limited …)."""
    request = call.request
    if request.method not in ("GET", "HEAD", "POST"):
        raise RejectedInputError(
            "method_not_allowed", f"Use one of {METHODS} here, not {request.method}"
        )
    if not await may(call.datasette, request.actor, CLASSIFY):
        raise RejectedInputError(
            "forbidden", "You may not classify photos here. Sign in, or ask the site's owner"
        )
    # Another site's form borrows no rights of a visitor who has none. 1.0 refuses it all the same.
    if request.method == "POST" and is_forged(request) and not is_stranger(request):
        raise RejectedInputError(
            "forbidden", "Another site sent this form. Open the form on this site instead"
        )
    if request.method == "POST" or request.args.get("url"):
        trusted = call.state.settings.trusted_proxies
        call.state.rate_limit.count(client_address(request.scope, request.headers, trusted))


async def _respond(call: Call, question: Upload, outcome: Outcome) -> Response:
    """The outcome as JSON, or as the page with its form."""
    # Not to be stored: another model may be in use tomorrow.
    headers = {"Vary": "Accept", **NO_STORE}
    status = 200
    if isinstance(outcome, RejectedInputError):
        status = outcome.status
        headers |= _headers_of(outcome, call.state)
    if not call.as_page:
        payload = _payload(call, outcome)
        return respond_json(call.request, call.datasette, payload, status=status, headers=headers)
    shows_url = isinstance(outcome, Answered) and not question.image
    common = {**page_headers(question.url if shows_url else None), **cors_headers(call.datasette)}
    context = await page_context(call, question, outcome)
    template = (
        "critterdb_classify_here.html" if call.state.in_browser else "critterdb_classify.html"
    )
    page = await call.datasette.render_template(template, context, request=call.request)
    return respond(call.request, page, HTML, {**common, **headers}, status=status)


def _payload(call: Call, outcome: Outcome) -> Mapping[str, object]:
    if isinstance(outcome, RejectedInputError):
        return refusal_payload(outcome)
    if outcome is None:
        return {}
    if call.request.args.get("_shape") != "arrays":
        return outcome.payload
    # The shape of the first #cougarOrNot service.
    return {
        "predictions": [
            [display_name(label["common_name"], label["name"]), label["score"]]
            for label in outcome.payload["predictions"]
        ]
    }


def _headers_of(refusal: RejectedInputError, state: PluginState) -> dict[str, str]:
    if refusal.code == "busy":
        return {"Retry-After": str(BUSY_SECONDS)}
    if refusal.code == "rate_limited":
        return {"Retry-After": str(state.rate_limit.retry_seconds())}
    if refusal.code == "method_not_allowed":
        return {"Allow": METHODS}
    return {}
