"""List the models of a site with their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase


class ModelSummary(TypedDict):
    """A line of `critterdb models`; shares are from 0 to 1, null if not measured."""

    id: str
    game: str
    backbone: str
    bytes: int
    photos: int | None
    photos_tested: int | None
    is_used: int
    error_rate: float | None
    balanced_error_rate: float | None
    answered: float | None
    wrong_among_answered: float | None
    ece: float | None


def list_models(db: SiteDatabase, game: str | None = None) -> list[ModelSummary]:
    """List the models of a game, or all, with their figures, by game and then by age."""
    rows = db.query(
        """
        SELECT models.id, models.game, models.backbone, models.bytes, models.photos,
            games.model_id IS NOT NULL AS is_used,
            models.error_rate, models.balanced_error_rate, models.ece,
            answered.photos AS photos_tested, answered.value AS answered,
            wrong.value AS wrong_among_answered
        FROM models LEFT JOIN games ON games.model_id = models.id
        LEFT JOIN model_metrics AS answered
            ON answered.model_id = models.id AND answered.name = 'answered'
        LEFT JOIN model_metrics AS wrong
            ON wrong.model_id = models.id AND wrong.name = 'wrong_among_answered'
        WHERE models.game = coalesce(?, models.game)
        ORDER BY models.game, models.created_at
        """,
        [game],
    )
    return cast("list[ModelSummary]", list(rows))
