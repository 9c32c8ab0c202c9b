"""The words of the bot and of its games: critterdb's own, and a site's words.toml over them."""

from __future__ import annotations

import re
import string
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from critterdb.errors import SiteError

FILE_NAME = "words.toml"
SAYINGS = ("sure", "runner_up", "coarser", "unsure", "nothing")
PLACES = frozenset(
    {"name", "a_name", "A_name", "percent", "critter", "a_critter"}
    | {"runner_up", "a_runner_up", "runner_up_percent"}
)
_CALLS = re.compile(r"[#＃@＠]|://|\w\.\w")


@dataclass(frozen=True)
class Words:
    """What the bot says in a game, and what people call taxa there, by scientific name.

    `others` are animals that are none of the game's: whoever asks for cougars may get a dog.
    """

    critter: str
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    says: dict[str, tuple[str, ...]]
    nicknames: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def load_words(game: str, folder: Path | None = None) -> Words:
    """The words for a game, with those of `folder`/words.toml in the place of critterdb's own.

    Raises SiteError where that file cannot be used.
    """
    own = tomllib.loads(files("critterdb.bot").joinpath(FILE_NAME).read_text("utf-8"))
    words = _merge(own["default"], own.get(game, {}))
    path = folder / FILE_NAME if folder else None
    if path is None or not path.exists():
        return _checked(words, FILE_NAME)
    try:
        theirs = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SiteError(f"{path} could not be read: {error}. Mend it or take it away") from error
    for section in ("default", game):
        given = theirs.get(section, {})
        if not isinstance(given, dict):
            raise SiteError(f"{path}: {section} is to be a section, [{section}]")
        words = _merge(words, given)
    return _checked(words, str(path))


def _merge(words: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    merged = dict(words)
    for name, value in others.items():
        earlier = merged.get(name)
        both = isinstance(value, dict) and isinstance(earlier, dict)
        merged[name] = {**earlier, **value} if both else value  # type: ignore[dict-item]
    return merged


def _checked(words: dict[str, Any], path: str) -> Words:
    """The words in their types. Raises SiteError naming what is wrong, and where."""
    sentences = {name: _texts(words["says"].get(name), f"says.{name}", path) for name in SAYINGS}
    loaded = Words(
        critter=_text(words.get("critter"), "critter", path),
        openers=_texts(words.get("openers"), "openers", path),
        closers=_texts(words.get("closers"), "closers", path),
        says=sentences,
        nicknames={
            name: _texts(given, f"nicknames.{name}", path)
            for name, given in words.get("nicknames", {}).items()
        },
        others=_texts(words.get("others"), "others", path),
    )
    said = [loaded.critter, *loaded.openers, *loaded.closers]
    for text in said + [each for sayings in sentences.values() for each in sayings]:
        if _CALLS.search(text):
            raise SiteError(f"{path}: “{text}” holds a link, a hashtag or a handle. Leave it out")
    for text in (each for sayings in sentences.values() for each in sayings):
        _check_places(text, path)
    return loaded


def _check_places(text: str, path: str) -> None:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise SiteError(f"{path}: “{text}” has a brace too many or too few") from error
    if names - PLACES:
        raise SiteError(
            f"{path}: “{text}” names {{{min(names - PLACES)}}}, which is not known. "
            f"Known are {', '.join(sorted(PLACES))}"
        )


def _text(value: Any, name: str, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SiteError(f"{path}: {name} is to be a text")
    return value


def _texts(value: Any, name: str, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(t, str) for t in value):
        raise SiteError(f"{path}: {name} is to be a list of one text or more")
    return tuple(value)
