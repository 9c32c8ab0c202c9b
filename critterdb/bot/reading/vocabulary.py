"""What people call a game's animals: names, nicknames and short names, and what is coarser."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from critterdb.bot.phrases import load_words
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_json import each_id_sql, read_ids

from .other_kinds import OTHER_KIND, last_words, with_other_kinds, with_unknown_kinds
from .parser import OTHER_ANIMAL, Verdict, plain_words, read_answer
from .patterns import compiled
from .short_names import short_names, written_names
from .spelling import NameIndex, in_game_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.games import Game
_BEFORE_NEWS = (
    r"(?:^|[.!?,;:(\n]\s*|\ban?\s+[\w-]+\s+|\b(?:an?|is|was|it's|its|that's|y+e+s+|yep|yup|so"
    r"|then|correct|just|adult|young|tiny|little"
    r"|juvenile|dark|light|male|female|answer)\s+)"
)
_AFTER_NEWS = (
    r"\s*(?:$|[.,!?;:)\n]|(?:it is|it was|indeed|of course|for sure|all day|all the way|every time"
    r"|through and through|to the (?:bone|core|tips?)|hands down|no doubt|no question|again|today"
    r"|for me|to me|here|this time|after all|then|though|alright|as well|too|everyone|folks)\b)"
)
_A, _DOING = (
    r"\ban?\s+(?:[\w-]+\s+)?",
    r"\s+(?:with|who|that|at|on|from|eating|working|hanging|clinging|male|female)\b",
)
# "The tail is barred", "it has a red tail": these say what a bird looks like.
_LOOKS = frozenset(("barred", "golden", "spotted", "striped", "prairie", "turkey", "acorn"))


def _is_a_bird_by_itself(name: str) -> bool:
    return name not in _LOOKS and (" " not in name or name.endswith("ed"))


@dataclass(frozen=True)
class Vocabulary:
    """What can be said about a game's animals: names, the target, and the ancestors of taxa."""

    names: Mapping[str, int]
    target: frozenset[int]
    lineage: Mapping[int, frozenset[int]]

    def read(self, text: str, game: Game) -> Verdict | None:
        """Return what a host's message says about the animal, or None if it says nothing."""
        spelled = in_game_words(self.in_full(text), self.index)
        verdict = read_answer(spelled.text, game, self.names, self.target, self.lineage)
        return replace(verdict, is_respelled=spelled.is_changed) if verdict else None

    def in_full(self, text: str) -> str:
        """A text with short names in full if they are the news: "it's a downy", "Downy it is"."""
        text = with_unknown_kinds(self.with_other_kinds(text), self.names)
        lower = text.lower()
        present = [name for name in self.short if name in lower and _is_a_bird_by_itself(name)]
        if not present:
            return text
        any_name = "|".join(map(re.escape, sorted(present, key=len, reverse=True)))
        pattern = re.compile(
            rf"({_BEFORE_NEWS})({any_name})(?={_AFTER_NEWS})|({_A})({any_name})(?={_DOING})",
            re.IGNORECASE,
        )
        return pattern.sub(
            lambda match: (
                (match[1] or match[3] or "") + self._full_names[(match[2] or match[4]).lower()]
            ),
            text,
        )

    @cached_property
    def _full_names(self) -> Mapping[str, str]:
        names = {taxon_id: name for name, taxon_id in self.names.items() if " " in name}
        full = {}
        for short, taxon_id in self.short.items():
            same = [n for n, t in self.names.items() if t == taxon_id and n.startswith(short)]
            full[short] = max(same, key=len, default=names.get(taxon_id, short))
        return full

    def with_other_kinds(self, text: str) -> str:
        """A text with animals of kinds that the game knows, but others, as OTHER_KIND."""
        return with_other_kinds(text, self.names, self._last_words)

    @cached_property
    def _last_words(self) -> frozenset[str]:
        return last_words(self.names, set(self.names.values()) - {OTHER_ANIMAL})

    @cached_property
    def index(self) -> NameIndex:
        """The names as `in_game_words` looks for them."""
        return NameIndex(self.names)

    @cached_property
    def short(self) -> Mapping[str, int]:
        """Words that name one of the game's species only where they stand alone: "downy"."""
        return short_names(self.names)

    def pattern_in(self, message: str) -> re.Pattern[str]:
        """Any name that a message has, longest first, so that no part counts alone; and plurals."""
        # A pattern of all names of a game about birds takes half a second to compile.
        present = [name for name in {*self.names, *self.short} if name in message]
        any_name = "|".join(map(re.escape, sorted(present, key=len, reverse=True))) or r"(?!)"
        return compiled(rf"(?<![\w-])(?!does\b)({any_name})(s|es)?(?![\w])")


def load_vocabulary(db: SiteDatabase, game: Game) -> Vocabulary:
    """Read the vocabulary of a game from its taxa and from words.toml."""
    names = taxon_names(db, game)
    marks = ", ".join("?" * len(set(names.values())))
    rows = db.query(
        f"SELECT id, ancestor_ids FROM taxa WHERE id IN ({marks})", list(set(names.values()))
    )
    lineage = {row["id"]: frozenset(read_ids(row["ancestor_ids"])) - {row["id"]} for row in rows}
    return Vocabulary(names, frozenset(target_taxa(db, game)), lineage)


def taxon_names(db: SiteDatabase, game: Game) -> dict[str, int]:
    """Return taxon ids by lower-case name: the game's, the model's, and those below the game's own.

    Other animals are OTHER_ANIMAL.
    """
    rows = db.query(
        f"""
        SELECT id, name, common_name FROM taxa
        WHERE is_active AND id <> coalesce(:top, 0) AND (
            id IN (SELECT value FROM json_each(:ids))
            OR EXISTS (SELECT 1 FROM {each_id_sql("ancestor_ids")} WHERE value = :top)
            OR id IN (SELECT taxon_id FROM model_labels WHERE model_id = :model)
        )
        ORDER BY id
        """,
        {
            "top": game.taxon_id,
            "model": game.model_id,
            "ids": json.dumps([game.target_taxon_id]),
        },
    )
    words = load_words(game.slug, site_folder(db))
    taxa = list(rows)
    names: dict[str, int] = {}
    # Nicknames come first: a puma is a cougar, and not just any cat of the genus Puma.
    for row in taxa:
        for name in words.nicknames.get(row["name"], ()):
            names.setdefault(plain_words(name), row["id"])
    for row in taxa:
        for name in filter(None, (row["name"], row["common_name"])):
            names.setdefault(plain_words(name), row["id"])
    names = written_names(names, {plain_words(row["name"]) for row in taxa})
    # An owl is one of several that a game about birds knows, and not another animal.
    several = last_words(names, names.values()) if game.target_taxon_id is None else frozenset()
    for name in (*words.others, OTHER_KIND):
        if name.lower() not in several:
            names.setdefault(name.lower(), OTHER_ANIMAL)
    return names


def target_taxa(db: SiteDatabase, game: Game) -> set[int]:
    """Return the game's target and every taxon below it."""
    rows = db.query(
        "SELECT id FROM taxa WHERE id = :target "
        f"OR EXISTS (SELECT 1 FROM {each_id_sql('ancestor_ids')} WHERE value = :target)",
        {"target": game.target_taxon_id},
    )
    return {row["id"] for row in rows}
