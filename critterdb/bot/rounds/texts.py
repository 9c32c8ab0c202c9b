"""What the bot posts in a round: its sentences, shortened until the platform has room for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from critterdb.bot.reply_text import sure_percent, with_article
from critterdb.dataset.taxonomy import taxon_names
from critterdb.storage.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb.bot.phrases import Words
    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

    from .scores import RoundScore
    from .store import HostedRound

MAX_NAMES = 3  # players who are thanked
DEFAULT_QUESTION = "Which critter is it?"


@dataclass(frozen=True)
class Voice:
    """How a game speaks on a platform: its words, and what the platform has room for."""

    words: Words
    fits: Callable[[str], bool]

    def say(self, name: str, **values: object) -> str:
        """Return one of the sentences for rounds."""
        return self.words.rounds[name].format(**values)

    def joined(self, needed: Sequence[str], wanted: Sequence[str]) -> str:
        """Join sentences; of the wanted ones as many as there is room for, the first ones first."""
        text = " ".join(needed)
        for sentence in wanted:
            longer = f"{text} {sentence}"
            if sentence and self.fits(longer):
                text = longer
        return text


def closing_time(text: str) -> str:
    """Return a time as the bot says it, such as Sat 28 Nov, 18:00 UTC."""
    moment = parse_time(text).astimezone(UTC)
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M} UTC"


def opening_text(voice: Voice, game: Game, hosted: HostedRound) -> str:
    """Return the words of the post that opens a round."""
    tag = f"#{game.hashtag}" if game.hashtag else ""
    closes = closing_time(hosted.closes_at)
    for question in (game.question or DEFAULT_QUESTION, DEFAULT_QUESTION):
        opening = voice.say("opening", question=question, number=hosted.id, closes=closes)
        if voice.fits(f"{opening} {tag}"):
            break
    credit = voice.say("credit", credit=plain(hosted.credit)) if hosted.credit else ""
    # The credit is in the picture's alt text in any case.
    return voice.joined([part for part in (opening, tag) if part], [credit, hosted.text or ""])


def alt_text(hosted: HostedRound) -> str:
    """Return what a round's picture says to people who do not see it, with its credit."""
    credit = f" Photo: {hosted.credit}" if hosted.credit else ""
    return f"{hosted.alt_text or ''}{credit}".strip()


def reveal_text(
    db: SiteDatabase, voice: Voice, hosted: HostedRound, score: RoundScore
) -> tuple[str, list[str]]:
    """Return the words that tell the answer, and the players that they name."""
    names = taxon_names(db, _taxa(hosted))
    answer = voice.say("answer", number=hosted.id, a_name=_named(names, hosted.answer_taxon_id))
    base = f"{answer} {_score(voice, score)}"
    needed = [part for part in (base, _credit(voice, base, hosted)) if part]
    said = _said(voice, hosted, names)
    for number in range(min(MAX_NAMES, len(score.first_right)), 0, -1):
        thanked = list(score.first_right[:number])
        thanks = voice.say("thanks", names=", ".join(f"@{name}" for name in thanked))
        text = voice.joined(needed, [thanks, said])
        if thanks in text:
            return text, thanked
    return voice.joined(needed, [said]), []


def correction_text(db: SiteDatabase, voice: Voice, hosted: HostedRound, score: RoundScore) -> str:
    """Return the words that correct an answer which was told."""
    names = taxon_names(db, _taxa(hosted))
    told = voice.say("correction", number=hosted.id, a_name=_named(names, hosted.answer_taxon_id))
    return voice.joined([told, _score(voice, score)], [])


def _credit(voice: Voice, base: str, hosted: HostedRound) -> str:
    """The credit after a text, cut where the platform has no room for all of it."""
    credit = plain(hosted.credit or "")
    sentence = voice.say("credit", credit=credit) if credit else ""
    while credit and not voice.fits(f"{base} {sentence}"):
        credit = credit[:-1]
        sentence = voice.say("credit", credit=f"{credit}…")
    return sentence


def plain(text: str) -> str:
    """Return a credit without what would become a hashtag or a mention."""
    return " ".join(text.translate(str.maketrans("", "", "#@＃＠")).split())


def _taxa(hosted: HostedRound) -> list[int]:
    return [taxon for taxon in (hosted.answer_taxon_id, hosted.said_taxon_id) if taxon is not None]


def _named(names: dict[int, str], taxon_id: int | None) -> str:
    return with_article(names.get(taxon_id or 0, "animal"))


def _score(voice: Voice, score: RoundScore) -> str:
    if not score.guesses:
        return voice.say("no_guesses")
    return voice.say("score", right=score.right, guesses=score.guesses)


def _said(voice: Voice, hosted: HostedRound, names: dict[int, str]) -> str:
    if hosted.said_by is None:
        return ""
    if hosted.said_taxon_id is None:
        return voice.say("said_nothing")
    percent = sure_percent(hosted.said_score or 0.0)
    return voice.say("said", a_name=_named(names, hosted.said_taxon_id), percent=percent)
