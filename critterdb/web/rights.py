"""Who may review: the setting `review`, by default only root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .desk import desk_of

if TYPE_CHECKING:
    from datasette.app import Datasette

ROOT_ONLY = {"id": "root"}


def may_review(datasette: Datasette, actor: dict[str, Any] | None) -> bool:
    """Whether `actor` may say what predictions and answers really are.

    A review is written under its author's name, so that nobody reviews unnamed but where the
    setting says true.
    """
    from datasette.utils import actor_matches_allow

    allow = desk_of(datasette).settings.review
    return bool(actor_matches_allow(actor, ROOT_ONLY if allow is None else allow))
