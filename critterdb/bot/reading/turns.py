"""Turns of phrase around the names of a message, put as roles.py expects them.

All take lower-case text with plain apostrophes, and a pattern of the names that are in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import patterns
from .patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# "Those ears say bobcat", but not "my heart says bobcat".
_A_MARK = (
    r"\b(?:(?:those|these|all of (?:that|this|which|it)|everything(?: here)?|it all|they all) "
    r"|(?:that|those|these|the|its|his|her|this|such an?|\w+ed|short|long|black|white|round|square)"
    r" (?:[\w-]+ ){0,4}?(?:tails?|ears?|tufts?|legs?|bars?|spots?|stripes?|feet|foot|paws?|face"
    r"|ruff"
    r"|coat|fur|head|nose|muzzle|size|shape|build|gait|walk|pattern|markings?|marks?|collar|beak"
    r"|bill"
    r"|call|voice|wings?|wingtips?|belly|breast|chest|back|rump|eyes?|eyebrow|moustaches?"
    r"|mustaches?"
    r"|whiskers?|throat|neck|body|proportions?|silhouette|posture|teeth|claws?|hips|shoulders"
    r"|tracks?)"
    r"(?: [\w'-]+){0,4}? )"
)
_SAYS = (
    r"(?:says?|said|screams?|shouts?|yells?|spells?|means?|equals?|points? (?:us )?(?:straight )?to"
    r"|points? (?:it )?towards|gives? away|gave away|g[ai]ves? (?:it|him|her|this one) away as"
    r"|betrays?"
    r"|reveals?|proves? (?:it's|it is|it to be)|tells? us(?: it's| it is| that it's)?|identif(?:y"
    r"|ies)"
    r" (?:it|this|him|her|this one) as|marks? (?:it|this|him|her|this one)(?: out)? as|confirms?"
    r"(?: it's| it is| that it's| it as)?|belongs? to|are those of|is that of|settles? (?:it|on)"
    r"|(?:is|are|was|were) (?:pure|all|classic|textbook|typical|100 ?%|very much|unmistakably"
    r"|definitely|diagnostic (?:for|of)|those of|that of|straight)|leaves? only"
    r"|rules? out everything but|can only (?:be|mean"
    r"|belong to)|only fits?|fits? only) (?:an? |the |this is an? |it's an? )?"
)
# "Every character fits bobcat", "all measurements match a merlin".
_ALL_MARKS_FIT = (
    r"\b(?:every(?: (?:single|last))?|each|all(?: of)?(?: (?:the|its|his|her|these|those|my))?)"
    r"(?: [\w-]+)? (?:characters?|features?|field marks?|marks?|traits?|details?|measurements?"
    r"|signs?|clues?|criteri\w+|boxes|box|bits?|pieces?|numbers?|pixels?|frames?|angles?)"
    r"(?: [\w'-]+){0,4}? (?:fits?|match(?:es)?|agrees? (?:with|on)|points? to|speaks? for|says?"
    r"|screams?|lines? up with) (?:an? |the |only )?"
)
# "This is one of those", "so is this one", after a sentence about the animals of that name.
_THIS_IS_ONE = (
    r"(?:(?:and|so|well|yes|indeed)[ ,]+){0,2}(?:(?:this|he|she|(?:my|our|the|this) photo) (?:is"
    r"|was) (?:just |exactly |indeed |also )?one(?: too)?|(?:this|that|it|ours|he|she)(?:'s| is"
    r"| was) (?:just |exactly |indeed |also )?(?:one of (?:those|them|these)|such an? (?:one|animal"
    r"|bird|cat))|(so) (?:is|was) (?:this|that|ours|mine|today's|this one|that one"
    r"|the one [\w ]{1,30}))"
)
# A poll's shares, with a tick behind the right one; ticks are words here.
_SHARE = r"\W{0,3}\d+ ?(?:%|percent|votes?)?\)?"
_TICK = r"[ ,<←–—-]{0,6}\bcorrect!(?= *(?:[.,;|/)\n]|$))"
_PRIZE = (
    r"(?:points?|stars?|prize|cookie|medal|sticker|crown|trophy|round|gold|biscuit|beer|cake|cigar"
    r"|game|day|win)"
)
_NOBODY = r"(?:nobody|none|no|neither|who\w*|any\w*|some\w*|few|not|never)"
_WINS_WITH = (
    rf"\b(?:(?:the |our |today's |first )?(?:winner|champion)(?: is| was|:|,)? (?!{_NOBODY}\b)"
    rf"[\w'-]+|(?!(?:{_NOBODY}|every\w+|you|they|i|we|it|half|many|most)\b)[\w'-]+"
    r"(?: (?:and|&) [\w'-]+)?"
    rf" (?:wins?|won|(?:takes?|took) it|(?:takes?|took|gets?|got|earns?) the {_PRIZE}"
    r"|nails? it|nailed it"
    r"|got it|has it|scores?)(?: first| today| this \w+| again)?"
    rf"|{_PRIZE} (?:goes |go )?to (?!{_NOBODY}\b)[\w'-]+)"
    r",? (?:with|for|thanks to)(?: (?:an?|the|her|his|their|your|saying|calling it))* "
)
_NO_STATEMENT = re.compile(
    r"\b(?:would|might|could|may|should|doesn't|don't|does not|do not|didn't|not|never|if|might"
    r"|usually"
    r"|my (?:heart|gut|brain|head)|some|someone|people|seem(?:s|ed)?|appears?|probably|possibly"
    r"|presumably|likely|perhaps|maybe|second|another|other)\b"
)
# Of the marks all but some, or only so far.
_NOT_ALL = re.compile(
    r"\b(?:but|except\w*|apart|save for|almost|nearly|hardly|barely|scarcely|half|most(?:ly)?"
    r"|seem(?:s|ed)?|appears?|so far|at first|can|must|wish|hope)\b|n't\b"
)
# A prize for something else than being right.
_NO_WIN = re.compile(
    r"\b(?:no|zero|half|almost|nearly|consolation|second|third|style|creativity|bonus|funniest"
    r"|bold\w*|wooden|booby|effort|participation|speed|imagination|originality|enthusiasm"
    r"|confidence|worst|silliest|when|unless|hardly)\b|n't\b"
)
# "Cougar sightings are often mistakes. This is one of those."
_OF_NO_REAL_ONES = re.compile(
    r"\b(?:mistak\w+|mistook|misidentif\w+|confus\w+|lookalikes?|look-alikes?|looks? like|fak\w+"
    r"|turn(?:s|ed)? out|prove[sd]?|report\w*|sightings?|claim\w*|call(?:s|ed)?|hop(?:e|es|ing)"
    r"|wants?|wish\w*|not|never|few|would|think\w*|thought|supposed\w*|myths?|ai|cgi|stuffed"
    r"|statues?|plush\w*|toys?)\b|n't\b"
)
MAX_CLAUSE_CHARACTERS = 120
# Letters of the Yi script stand for names.
_FIRST_LETTER, _LAST_LETTER = "\ua000", "\ua48c"
_A_NAME = f"[{_FIRST_LETTER}-{_LAST_LETTER}]"
MAX_LETTERS = ord(_LAST_LETTER) - ord(_FIRST_LETTER) + 1


def in_plain_turns(message: str, any_name: str, names: Mapping[str, int]) -> str:
    """Put turns of phrase around names as roles.py expects them.

    Meanwhile each name is one letter, so that the patterns are the same for every game: to compile
    the thirty of them takes 12 ms, five times as long as to read a message.
    """
    message = re.sub(_A_NAME, " ", message)
    pattern = compiled(rf"\b({any_name})(?=(?:e?s)?(?!\w))")
    written = list(dict.fromkeys(match[1] for match in pattern.finditer(message)))
    if not 0 < len(written) <= MAX_LETTERS:
        return message
    letters = {name: chr(ord(_FIRST_LETTER) + number) for number, name in enumerate(written)}
    message = pattern.sub(lambda match: letters[match[1]], message)
    message = _with_letters(message, _A_NAME, {letters[name]: names[name] for name in written})
    return re.sub(_A_NAME, lambda match: written[ord(match[0]) - ord(_FIRST_LETTER)], message)


def _with_letters(message: str, any_name: str, names: Mapping[str, int]) -> str:
    message = _in_one_name(message, any_name, names)
    message = _of_marks(message, any_name)
    message = _of_this_one(message, any_name)
    message = _of_votes(message, any_name)
    message = _of_winners(message, any_name)
    return _of_questions(message, any_name)


def _in_one_name(message: str, any_name: str, names: Mapping[str, int]) -> str:
    # "That, dear friends, is a bobcat."
    message = _sub(r"\b(that|this|it), [^,.!?]{1,30}, (is|was)\b", r"\1 \2", message)
    message = _sub(rf"\b({any_name})(?:[ !]+\1\b){{1,3}}", r"\1", message)  # "Bobcat! Bobcat!"
    also = compiled(rf"\b({any_name}){patterns.ALSO_CALLED}({any_name})(?!\w)")
    message = also.sub(lambda pair: pair[1 if names[pair[1]] == names[pair[2]] else 0], message)
    # "A Great Dane named Moose."
    message = _sub(rf"\b({any_name}) (?:named|called) (?:{any_name})\b", r"\1", message)
    # "A very small cougar, which we call a house cat."
    message = _sub(
        rf"\b(?:{any_name}),? (?:that |which )?(?:we|i|people|scientists|biologists"
        rf"|experts) (?:like to |usually )?"
        rf"call (?:an? |the )?({any_name})(?!\w)",
        r"it's a \1",
        message,
    )
    # "In German Rotluchs, I believe": only the word is in doubt.
    message = _sub(
        rf"(\bin [a-z]+(?: (?:it is|it's|we say|they say|called))?:? (?:an? "
        rf"|the )?(?:{any_name})),?"
        r" (?:(?:i|we) (?:believe|think|guess|suppose)|if i remember \w+)(?=\W*(?:[.!,]|$))",
        r"\1",
        message,
    )
    # "Your dog is right" does not answer.
    message = _sub(
        rf"\byour (?:\w+ )?(?:{any_name})(?= (?:is|was|has|knows|agrees|wins|says?|said|gets"
        rf"|deserves)\b)",
        "they",
        message,
    )
    # 'For "cougar" read "bobcat"'.
    message = _sub(
        rf"\b(?:for|replace|swap|change|instead of|where it says)(?: (?:the|my|that))? "
        rf"[\"']?(?:{any_name})[\"']?,?(?: please)? (?:read|with|for|to|it should say)"
        rf" (?:an? )?[\"']?({any_name})(?!\w)[\"']?",
        r"it's a \1",
        message,
    )
    return _sub(patterns.TURNED_OUT % (any_name, any_name), "it's a ", message)


def _of_marks(message: str, any_name: str) -> str:
    # "Short tail + ear tufts = bobcat."
    sum_of_marks = rf"(?<![^.!?\n])([^.!?\n=]{{1,200}})= ?(?:an? )?({any_name})(?=\W*(?:[.!]|$))"
    is_named = compiled(any_name)
    message = _sub(
        sum_of_marks,
        lambda sum_: sum_[0] if is_named.search(sum_[1]) else f"{sum_[1]}. it's a {sum_[2]}",
        message,
    )
    message = _sub(
        rf"({_A_MARK}){_SAYS}(?=(?:{any_name})(?!\w))",
        lambda mark: mark[0] if _NO_STATEMENT.search(mark[0]) else f"{mark[1]}; it's a ",
        message,
    )
    # "Bobcats don't have such a tail. Cougars do."
    return _sub(
        rf"\b({any_name})s? (?:do not|don't|doesn't|does not|can't|cannot|never|haven't|hasn't"
        rf"|lacks?)\b"
        rf"[^.!?\n]{{0,60}}[.!?;,—–-]+ (?:but |and |while )?(?:an? |the )?({any_name})s?"
        r" (?:do|does|can|has|have)(?: \w+)?(?=\W*(?:[.!,]|$))",
        r"not a \1. it's a \2",
        message,
    )


def _of_this_one(message: str, any_name: str) -> str:
    message = _sub(
        rf"{_ALL_MARKS_FIT}(?=(?:{any_name})(?!\w)([^.!?\n]*\b(?:but|except\w*|apart|save)\b"
        r"| (?:is|are|was|were|would|could|can|has|lives?)\b)?)",
        lambda marks: (
            f"{marks[0]}perhaps "
            if marks[1] or _unless(marks, _NO_STATEMENT, _NOT_ALL) == marks[0]
            else "it's a "
        ),
        message,
    )
    # "Cougar kittens have spots. This is one of those."
    sentences = rf"(?<![^.!?\n])([^.!?\n]*\b({any_name})s?(?!\w)[^.!?\n]*[.!;,:—–-]+\s*)"
    is_named = compiled(rf"\b(?:{any_name})s?(?!\w)")
    is_one = compiled(
        r"\b(?:is|are|was|were)(?: (?!like\b|as\b|not\b|from\b|near\b|than\b|no\b)[\w-]+){0,2}"
        rf" (?:{any_name})s?\W*$"
    )
    return _sub(
        rf"{sentences}{_THIS_IS_ONE}(?= ?(?:[.!,;]|$))",
        lambda pair: (
            pair[0]
            if len(is_named.findall(pair[1])) > 1
            or _OF_NO_REAL_ONES.search(pair[1])
            or (pair[3] and not is_one.search(pair[1]))
            else f"{is_named.sub('animal', pair[1])} it's a {pair[2]}"
        ),
        message,
    )


def _of_winners(message: str, any_name: str) -> str:
    # "Bobcat 61% ✔, cougar 30%."
    if len(re.findall(_TICK, message)) == 1:
        ticked = compiled(rf"\b({any_name})s?{_SHARE}{_TICK}")
        if ticked.search(message):
            message = ticked.sub(r"it's a \1.", message)
            message = _sub(rf"\b(?:{any_name})s?{_SHARE}", " ", message)
    # "The winner is Uma with Lynx rufus."
    return _sub(
        rf"{_WINS_WITH}(?=(?:{any_name})(?= ?(?:[.!,]|$)))",
        lambda win: _unless(win, _NO_STATEMENT, _NO_WIN),
        message,
    )


def _unless(match: re.Match[str], *refused: re.Pattern[str]) -> str:
    """What says that it is one, unless a word of its clause up to there says otherwise."""
    before = match.string[max(match.start() - MAX_CLAUSE_CHARACTERS, 0) : match.start()]
    clause = re.split(r"[.!?,;:\n…—–(]", before)[-1] + match[0]
    return match[0] if any(words.search(clause) for words in refused) else "it's a "


def _of_votes(message: str, any_name: str) -> str:
    # "60% of you said bobcat and were right."
    message = _sub(
        rf"\b\d+ ?%(?: of \w+)? (?:who )?(?:said|guessed|voted|chose) (?:an? )?({any_name}),?"
        r"(?: and)?(?: (?:you|they|those))? (?:are|were)(?: all)? (?:right|correct)\b",
        r"it's a \1",
        message,
    )
    message = _sub(
        rf"\b({any_name}) (?:and|vs\.?|versus) (?:the |an? )?({any_name}) (?=(?:are|were|have"
        rf"|both|tied?|do)\b)",
        r"\1s and \2s ",
        message,
    )
    # "212 of you said bobcat. 212 are right."
    message = _sub(
        rf"\b(?:said|guessed|voted(?: for)?|picked) (?:an? )?({any_name})[.!,;]+ (?:and )?"
        r"(?:(?:the|those|these|all|they|you|that|both|of|them|\d+|two|three|four|few|people"
        r"|folks) ){1,4}"
        r"(?:(?:are|were|is|was) (?:all |both )?(?:right|correct)|(?:have|had|got) it|(?:may"
        r"|can) (?:now )?"
        r"(?:gloat|celebrate|rejoice|take a bow))\b",
        r". it's a \1",
        message,
    )
    # "The bobcat crew wins this week", "team cougar, take a bow".
    message = _sub(
        rf"\b(?:team ({any_name})|({any_name}) (?:team|crew|camp|crowd|gang|fans?|voters|people"
        rf"|squad|side|tribe"
        r"|lot|folks|believers))\b,? (?:(?:you|has|have|is|are|was|were|can|may|all|just|now"
        r"|deservedly) ){0,3}"
        r"(?:(?:wins?|won) (?:today|again|this (?:week|time|round|one))|take a bow|(?:got"
        r"|had) it right"
        r"|(?:right|correct) (?:today|again|this (?:week|time|round)))(?![^.!?]*(?:n't|\byet\b"
        r"|\bif\b))",
        lambda team: f"it's a {team[1] or team[2]}",
        message,
    )
    # "Against popular opinion (61% cougar)".
    message = _sub(
        rf"\([^()]{{0,20}}\d ?%(?: \w+){{0,3}} (?:{any_name})(?!\w)[^()]{{0,40}}\)", " ", message
    )
    # "Yes to cougar."
    return _sub(
        rf"\b(yes|yep|aye|no|nope)(?: it is)? (?:to|on|for) (?:an? |the )?(?={any_name})",
        lambda vote: "it's a " if vote[1][0] in "ya" else "not a ",
        message,
    )


def _of_questions(message: str, any_name: str) -> str:
    # "So that would make it a downy."
    message = _sub(
        r"\b(?:(?:that|which|this) would make (?:it|this|him|her|them)"
        r"|(?:so|and|then) (?:that|this) would (?:be|have to be|mean)) (?:an? )?"
        rf"(?=(?:[\w-]+ )?(?:{any_name})(?!\w)[^.!?\n]*)(?![^.!?\n]*\bif\b)",
        "it's a ",
        message,
    )
    # "Would you believe it's a cougar? Because it is."
    message = _sub(
        rf"\b({any_name})\?+ (?:(?:because|well|yes|but|and|so|cause|'cause),? ){{1,2}}"
        r"(?:it|that|she|he) (?:is|was)(?=\W*(?:[.!]|$))",
        r"something? it's a \1",
        message,
    )
    # "Cougar or not" is the name of the game.
    message = _sub(rf"\b(?:{any_name}) or (?:not?|nah)\b", " ", message)
    message = _sub(
        rf"\b({any_name}) ?[?:=] (?:{patterns.YES})(?=\W*(?:[.!,]|$))", r"it's a \1", message
    )
    message = _sub(
        rf"\b({any_name}) ?[?:=] (?:{patterns.NO})(?=\W*(?:[.!,]|$))", r"not a \1", message
    )
    message = _sub(rf"(^|[.!?] )({any_name}), yes(?=[.!]|$)", r"\1it's a \2", message)
    message = _sub(rf"(^|[.!?] )({any_name}), no(?=[.!]|$)", r"\1not a \2", message)
    return _sub(
        rf"\bnot(?: an?)? ({any_name}) or (?=(?:an? )?(?:{any_name})\b)", r"not a \1, not ", message
    )


def _sub(pattern: str, replacement: str | Callable[[re.Match[str]], str], message: str) -> str:
    return compiled(pattern).sub(replacement, message)
