"""Another animal of a kind that a game knows: "a red-cockaded woodpecker", "an African crow".

Who plays with crows knows that "crow" is the American one, and who plays with birds calls the one
kestrel of the country "kestrel". Before such a word, a colour or a continent makes it another.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .guess_patterns import LEAD
from .patterns import compiled
from .short_names import ANY_CAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OTHER_KIND = "otherkind"  # stands in a message for an animal that has no name in the game
# "A long-tailed hawk" may only say what it looks like, so that sizes are not among these.
_COLOURED = (
    r"(?:white|black|red|yellow|blue|green|orange|golden|gray|grey|brown|buff|rufous|chestnut|rusty"
    r"|ruddy|crimson|scarlet|pink|purple|violet|olive|cinnamon|cream|ivory|pale|dark|silver|slaty"
    r"|fire|flame|sooty|tawny)-"
    r"(?:back|band|bar|beard|belli|bill|breast|brow|cap|cheek|chest|chinn|collar|crest|crown|ear|ey"
    r"|fac|front|head|hood|leg|mantl|nap|neck|ring|rump|shoulder|sid|spott|streak|tail|throat|tipp"
    r"|to|vent|wattl|whisker|wing)ed|[a-z]+-cockaded"
)
# Without those of North America: a Canadian raven is a raven.
_FAR_AWAY = (
    r"eurasian|european|african|south african|east african|asian|asiatic|australian|aussie|indian"
    r"|chinese|japanese|korean|siberian|russian|british|english|scottish|irish|french|german"
    r"|spanish|iberian|italian|greek|turkish|arabian|egyptian|ethiopian|madagascan|malagasy|cuban"
    r"|jamaican|puerto rican|brazilian|chilean|argentin(?:e|ian)|peruvian|andean|patagonian"
    r"|philippine|indonesian|javan|sumatran|bornean|papuan|new guinean|tasmanian|himalayan"
    r"|sri lankan|nepalese|persian|syrian|nankeen|old world"
)


def with_other_kinds(text: str, names: Mapping[str, int], last_words: Iterable[str]) -> str:
    """The text with another kind of one of these last words of names as OTHER_KIND."""
    lower = text.lower()
    present = "|".join(re.escape(word) for word in sorted(last_words) if word in lower)
    if not present:
        return text
    pattern = compiled(
        rf"(?i)(?<![\w-])((?:{_COLOURED}"
        rf"|{_FAR_AWAY})(?: (?:{_COLOURED}))?) ({present})(?=e?s?(?!\w))"
    )

    def named(match: re.Match[str]) -> str:
        words = match[0].lower()
        return match[0] if any(name.endswith(words) for name in names) else OTHER_KIND

    return pattern.sub(named, text)


def with_unknown_kinds(text: str, names: Mapping[str, int]) -> str:
    """The text with "Mauritius kestrel" as "something like a kestrel": a person has to read it.

    So with every capitalised word, at the beginning of a sentence or behind an article, that does
    not often stand before a guess.
    """
    lower = text.lower()
    alone = {name for name in names if " " not in name and name in lower}
    bare = [name for name in alone if any(full.endswith(f" {name}") for full in names)]
    if not bare:
        return text
    present = "|".join(re.escape(name) for name in sorted(bare))
    pattern = compiled(
        rf"(?:(?<=\b[Aa] )|(?<=\b[Aa]n )|(?<=\b[Tt]he )|(?:^|(?<=[.!?\n:] )))"
        rf"([A-Z][a-z]{{2,}}) ((?i:{present}))(?!\w)"
    )

    def likened(match: re.Match[str]) -> str:
        word, name = match[1].lower(), match[2].lower()
        is_known = LEAD.search(f"{word} ") or f"{word} {name}" in names
        return match[0] if is_known else f"something like a {name}"

    return pattern.sub(likened, text)


def last_words(names: Mapping[str, int], taxa: Iterable[int]) -> frozenset[str]:
    """Return the last words of the names of taxa that have several: woodpecker, crow."""
    among = set(taxa)
    words = {
        name.split()[-1] for name, taxon_id in names.items() if taxon_id in among and " " in name
    }
    return frozenset(words - ANY_CAT)
