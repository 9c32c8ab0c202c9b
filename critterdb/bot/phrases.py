"""The words of the bot and of its games: critterdb's own, and a site's words.toml over them."""

from __future__ import annotations

import re
import string
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from critterdb.errors import SiteError

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb._types import Json

FILE_NAME = "words.toml"
SAYINGS = ("sure", "runner_up", "coarser", "either", "unsure", "nothing")
PLACEHOLDERS = frozenset(
    {"name", "a_name", "A_name", "percent", "critter", "a_critter"}
    | {"runner_up", "a_runner_up", "runner_up_percent", "a_set", "A_set"}
)
ROUND_PLACEHOLDERS: dict[str, frozenset[str]] = {
    "opening": frozenset({"question", "number", "closes"}),
    "answer": frozenset({"number", "a_name"}),
    "score": frozenset({"right", "guesses"}),
    "no_guesses": frozenset(),
    "said": frozenset({"a_name", "percent"}),
    "said_nothing": frozenset(),
    "thanks": frozenset({"names"}),
    "credit": frozenset({"credit"}),
    "correction": frozenset({"number", "a_name"}),
    "cancellation": frozenset({"number"}),
}
# A word file may come from anybody: with a hashtag, a handle or a link in a sentence the bot would
# call people or advertise.
_REACHES_OUT = re.compile(r"[#＃@＠]|://|\w\.\w")


@dataclass(frozen=True)
class Words:
    """What the bot says in a game, and what people call taxa there, by scientific name.

    `rounds` are the sentences of rounds that a host plans.

    `others` are animals outside the game: somebody who asks for cougars may show a dog.
    """

    critter: str
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    says: dict[str, tuple[str, ...]]
    nicknames: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    rounds: dict[str, str] = field(default_factory=dict)


def load_words(game: str, folder: Path | None = None) -> Words:
    """Load the words for a game: critterdb's own, overridden by those of `folder`/words.toml.

    Raises SiteError if that file cannot be used.
    """
    own = _own_words()
    words = _merge(own["default"], own.get(game, {}))
    path = folder / FILE_NAME if folder else None
    if path is None or not path.exists():
        return _checked(words, FILE_NAME)
    try:
        theirs = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SiteError(f"{path} could not be read: {error}. Correct or remove it") from error
    for section in ("default", game):
        changes = theirs.get(section, {})
        if not isinstance(changes, dict):
            raise SiteError(f"{path}: {section} must be a section, [{section}]")
        words = _merge(words, changes)
    return _checked(words, str(path))


@cache
def _own_words() -> Json:
    return tomllib.loads(files("critterdb.bot").joinpath(FILE_NAME).read_text("utf-8"))


def _merge(words: Json, others: Json) -> Json:
    merged = dict(words)
    for name, value in others.items():
        earlier = merged.get(name)
        both = isinstance(value, dict) and isinstance(earlier, dict)
        merged[name] = {**earlier, **value} if both else value  # type: ignore[dict-item]
    return merged


def _checked(words: Json, path: str) -> Words:
    """Return the words in their types. Raises SiteError naming what is wrong, and where."""
    says = _section(words.get("says"), "says", path)
    nicknames = _section(words.get("nicknames", {}), "nicknames", path)
    sentences = {name: _texts(says.get(name), f"says.{name}", path) for name in SAYINGS}
    loaded = Words(
        critter=_text(words.get("critter"), "critter", path),
        openers=_texts(words.get("openers"), "openers", path),
        closers=_texts(words.get("closers"), "closers", path),
        says=sentences,
        nicknames={
            name: _texts(texts, f"nicknames.{name}", path) for name, texts in nicknames.items()
        },
        others=_texts(words.get("others"), "others", path),
        rounds=_round_words(words, path),
    )
    sayings = [saying for texts in sentences.values() for saying in texts]
    # A reply with a link costs $0.200 on X instead of $0.010, and a handle calls somebody.
    all_texts = [loaded.critter, *loaded.openers, *loaded.closers, *sayings]
    for text in [*all_texts, *loaded.rounds.values()]:
        if _REACHES_OUT.search(text):
            raise SiteError(f"{path}: “{text}” contains a link, a hashtag or a handle. Remove it")
    for text in sayings:
        _check_placeholders(text, PLACEHOLDERS, path)
    for name, text in loaded.rounds.items():
        _check_placeholders(text, ROUND_PLACEHOLDERS[name], path)
    return loaded


def _round_words(words: Json, path: str) -> dict[str, str]:
    section = _section(words.get("rounds"), "rounds", path)
    return {name: _text(section.get(name), f"rounds.{name}", path) for name in ROUND_PLACEHOLDERS}


def _check_placeholders(text: str, known: frozenset[str], path: str) -> None:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise SiteError(f"{path}: “{text}” has an unmatched brace") from error
    if names - known:
        raise SiteError(
            f"{path}: “{text}” has the unknown placeholder {{{min(names - known)}}}. "
            f"Known ones: {', '.join(sorted(known)) or 'none'}"
        )


def _section(value: Any, name: str, path: str) -> Json:
    if not isinstance(value, dict):
        raise SiteError(f"{path}: {name} must be a section, [default.{name}]")
    return value


def _text(value: Any, name: str, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SiteError(f"{path}: {name} must be a non-empty string")
    return value


def _texts(value: Any, name: str, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(t, str) for t in value):
        raise SiteError(f"{path}: {name} must be a list of one or more strings")
    return tuple(value)
