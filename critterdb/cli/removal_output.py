"""What `models remove` and `games remove` say before they ask: what goes, and what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.formatting import count_of

if TYPE_CHECKING:
    from critterdb.site.removal import GameRemoval, ModelRemoval


def model_removal_lines(removal: ModelRemoval) -> list[str]:
    """Return what goes with a model, and what stays."""
    lines = [f"This removes the model {removal.id}:", f"  {_with_model(removal)}"]
    if removal.is_used:
        lines.append(f"  {removal.game} uses it and will have no model left")
    return [*lines, "Photos, their embeddings and the game are kept."]


def game_removal_lines(removal: GameRemoval) -> list[str]:
    """Return what goes with a game, and what stays."""
    if removal.is_empty:
        return [f"{removal.slug} has no observations and no models."]
    lines = [f"This removes the game {removal.slug}:"]
    if removal.observations:
        lines.append(
            f"  {count_of(removal.observations, 'observation')} that no other game has, with "
            f"{count_of(removal.photos, 'photo')} ({removal.photo_bytes / 1e6:.1f} MB)"
        )
    lines += [f"  the model {model.id}: {_with_model(model)}" for model in removal.models]
    stays = "Names of taxa"
    if removal.kept:
        stays += f", and {count_of(removal.kept, 'observation')} that other games have too,"
    return [*lines, f"{stays} are kept. Folders that photos were imported from are not touched."]


def _with_model(removal: ModelRemoval) -> str:
    parts = [f"its file ({removal.bytes / 1e6:.1f} MB)", "its figures"]
    if removal.answers:
        parts.append(count_of(removal.answers, "answer"))
    if removal.reviews:
        parts.append(f"{count_of(removal.reviews, 'review')} by people")
    return ", ".join(parts)
