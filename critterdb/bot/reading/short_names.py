"""Animals' names as people write them quickly: P. concolor, COHA, coopers hawk, "a downy"."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# Where an animal lives, or how common it is: who says "kestrel" means the one that lives here.
_OF_A_PLACE = frozenset(
    re.findall(
        r"\w+", "american canadian common eastern eurasian european northern southern western"
    )
)
# Each of these alone says nothing about an animal: "a song", "a house", "great".
_NO_SHORT_NAME = _OF_A_PLACE | frozenset(
    re.findall(
        r"\w+",
        """black blue brown cat domestic evening feral field gray great greater green grey house
        lesser little long mountain mourning night outdoor pet purple pygmy red rock song tree wild
        white winter wood yellow""",
    )
)
# Their first words say too little: "a stray", "ginger".
ANY_CAT = frozenset(("cat", "kitty", "tabby", "pet", "feline"))
_SCIENTIFIC = re.compile(r"([a-z])[a-z]+ ([a-z]{4,})")
_TAILED = re.compile(r"([a-z]+)-(tail|shoulder|wing|back|leg)g?ed ([a-z]+)$")
MIN_SHORT_NAME_LETTERS = 5


def written_names(names: Mapping[str, int], scientific: Collection[str]) -> dict[str, int]:
    """Return the names with other ways to write them: "coopers hawk", "kestrel", "p concolor".

    `scientific` are those that have a genus to abbreviate.
    """
    written = dict(names)
    for name, taxon_id in names.items():
        for variant in (name.replace("'", ""), name.replace("-", " "), name.replace("-", "")):
            written.setdefault(variant, taxon_id)
        written.setdefault(name.replace("'", "").replace("-", " "), taxon_id)
        if tailed := _TAILED.match(name):  # "red-tail hawk"
            for joint in ("-", " ", ""):
                written.setdefault(f"{tailed[1]}{joint}{tailed[2]} {tailed[3]}", taxon_id)
    unique = {
        **_only_of_one(_abbreviated(names, scientific)),
        **_only_of_one(_without_place(names)),
    }
    for name, taxon_id in unique.items():
        written.setdefault(name, taxon_id)
    return written


def short_names(names: Mapping[str, int]) -> dict[str, int]:
    """Return the first words of names that say enough for people who know the game: "downy".

    They are those of species that share their last word with others.
    """
    taxa_by_last_word = defaultdict(set)
    for name, taxon_id in names.items():
        taxa_by_last_word[name.split()[-1]].add(taxon_id)
    pairs = []
    for name, taxon_id in names.items():
        first, _, last = name.partition(" ")
        if last in ANY_CAT:
            continue
        if taxon_id and last and " " not in last and len(taxa_by_last_word[last]) > 1:
            pairs += [(word, taxon_id) for word in _forms(first)]
    return {
        word: taxon_id
        for word, taxon_id in _only_of_one(pairs).items()
        if word not in names and word not in _NO_SHORT_NAME and len(word) >= MIN_SHORT_NAME_LETTERS
    }


def field_codes(names: Mapping[str, int]) -> dict[str, str]:
    """Return names by the four letters that bird banders write for them: COHA, RTHA, AMCR."""
    pairs = [(code, taxon_id) for name, taxon_id in names.items() if (code := _code(name))]
    names_of = {taxon_id: name for name, taxon_id in reversed(list(names.items()))}
    return {code: names_of[taxon_id] for code, taxon_id in _only_of_one(pairs).items() if taxon_id}


def _code(name: str) -> str:
    words = name.replace("'", "").replace("-", " ").upper().split()
    if len(words) == 2:
        return words[0][:2] + words[1][:2]
    return words[0][:1] + words[1][:1] + words[2][:2] if len(words) == 3 else ""


def _forms(word: str) -> set[str]:
    """The ways to write a first word: Cooper's, Coopers, Red-tailed, Red-tail, redtail."""
    forms = {word, word.replace("'", "")}
    for form in tuple(forms):
        if "-" in form and form.endswith("ed"):
            forms.add(form[:-2])
    return (
        forms
        | {form.replace("-", " ") for form in forms}
        | {form.replace("-", "") for form in forms}
    )


def _abbreviated(names: Mapping[str, int], scientific: Collection[str]) -> list[tuple[str, int]]:
    matches = [
        (_SCIENTIFIC.fullmatch(name), taxon_id)
        for name, taxon_id in names.items()
        if name in scientific
    ]
    return [(f"{match[1]} {match[2]}", taxon_id) for match, taxon_id in matches if match]


def _without_place(names: Mapping[str, int]) -> list[tuple[str, int]]:
    pairs = [(name.partition(" "), taxon_id) for name, taxon_id in names.items()]
    last_words = [
        (name[2].split()[-1], taxon_id) for name, taxon_id in pairs if name[2] and taxon_id
    ]
    of_one = _only_of_one(last_words)
    return [
        (name[2], taxon_id)
        for name, taxon_id in pairs
        if name[0] in _OF_A_PLACE and name[2] in of_one and taxon_id
    ]


def _only_of_one(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return what belongs to one taxon only."""
    taxa = defaultdict(set)
    for word, taxon_id in pairs:
        taxa[word].add(taxon_id)
    return {word: min(taxon_ids) for word, taxon_ids in taxa.items() if len(taxon_ids) == 1}
