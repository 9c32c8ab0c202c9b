"""`/-/critters/leaderboard`: people, the bot and the commonest guess beside each other."""

from __future__ import annotations

from critterdb.web.queries.rounds import load_leaderboard

from .base import Page, Visit, page


@page("rounds", "guesses", "taxa", "games")
async def leaderboard(visit: Visit) -> Page:
    """Who guessed right how often, by game and month; names only of those who asked for it."""
    data = await visit.read(load_leaderboard)
    return Page(
        "critterdb_leaderboard.html",
        title="Leaderboard",
        description="Who guesses best: people, the bot, or always the commonest animal?",
        data=dict(data),
        extras={
            "names": {
                "bot": "The bot",
                "commonest": "Always the commonest animal",
                "everybody": "Everybody who guessed",
            }
        },
    )
