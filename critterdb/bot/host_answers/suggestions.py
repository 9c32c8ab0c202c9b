"""Ask the second reader about messages that wait for a person, while their text is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.bot.reading.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb.bot.reading.second_reader import SecondReader
    from critterdb.games import Game
    from critterdb.platforms.base import Post
    from critterdb.storage.database import SiteDatabase

MAX_ASKED_PER_ROUND = 20  # each may cost money


def suggest(db: SiteDatabase, game: Game, messages: Iterable[Post], reader: SecondReader) -> int:
    """Note what the second reader takes these messages for; return how many it could tell.

    Each candidate is asked about once. The first that is not answered in time ends the asking for
    this round.
    """
    texts = {message.url or message.id: message.text for message in messages}
    vocabulary = load_vocabulary(db, game)
    rows = db.query(
        """
        SELECT answer_candidates.id, source_url FROM answer_candidates
        JOIN posts ON posts.id = answer_candidates.post_id
        WHERE settled_at IS NULL AND suggested_by IS NULL AND posts.game = ?
        ORDER BY answer_candidates.id
        """,
        [game.slug],
    )
    asked = [row for row in rows if row["source_url"] in texts][:MAX_ASKED_PER_ROUND]
    told = 0
    for row in asked:
        suggestion = reader.suggest(texts[row["source_url"]], game, vocabulary)
        if suggestion is None:
            break
        with db.atomic():
            db["answer_candidates"].update(
                row["id"],
                {
                    "suggested_by": reader.name,
                    "suggested_verdict": suggestion.verdict,
                    "suggested_taxon_id": suggestion.taxon_id,
                },
            )
        told += suggestion.verdict is not None
    return told
