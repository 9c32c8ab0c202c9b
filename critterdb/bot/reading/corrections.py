"""Whether a host takes back or corrects an earlier answer, and whether a reply confirms a guess."""

from __future__ import annotations

import re

from .contractions import with_apostrophes

# What a host writes around another answer than the first one.
_CORRECTS = re.compile(
    r"\b(?:correction(?: coming)?|corrigend(?:um|a)|errat(?:um|a)(?: slip)?"
    r"|(?:i )?stand corrected|my mistake|my bad"
    r"|my error|my apologies|apologies|mea culpa|oops|whoops|argh|scratch that|strike that"
    r"|(?:i )?(?:have|need|want|must)(?: to)? correct(?: (?:myself|that|this|my \w+))?"
    r"|i(?:'m| am) (?:correcting|changing)(?: (?:my|the))? (?:answer|verdict|mind)(?: to)?"
    r"|(?:i )?(?:was|am|got (?:it|this|that)(?: one)?) wrong|i was mistaken"
    r"|(?:i )?(?:have to |must )?take (?:it|that|this) back|edit|update[ds]?"
    r"|on second (?:thoughts?|look)"
    r"|i mean(?= |,|:)|i meant(?: to (?:say|write|type))?|(?:it )?should (?:read|have (?:been"
    r"|said|read)|say)"
    r"|you(?:'re| are| were)(?: all)? right|\w+(?:'s| is| was| were) right about"
    r"|wrong (?:photo|picture|pic|one|animal|answer)|ignore (?:my|the|that) [\w ]{0,20}"
    r"|(?:ignore|disregard|forget|unsee|unread|unhear) (?:me\b|us\b|(?:that )?(?:i|we) (?:ever )?"
    r"(?:spoke|said|wrote|posted|typed|opened|answered)(?: \w+)?)"
    r"|objections? (?:is |was |has been )?(?:sustained|upheld|accepted|granted)"
    r"|(?:updating|updated|changing|changed|fixing|fixed|amending|amended) (?:the|my|our)"
    r" (?:answer|verdict|scoreboard|score|record|label|post|caption|tally|id)"
    r"|(?:no,? )?(?:it|this|that) (?:isn't|is not|wasn't|was not)(?=[.!,])"
    r"|make that|^\s*\*(?=\w[^*]*$)|wrong key|typo|autocorrect|not so final"
    r"|(?:i )?(?:have to )?withdraw(?:ing)? (?:my|the) (?:answer|verdict)"
    r"|(?:now )?it(?:'s| is) clear|after all|i mis\w+|i mixed up|i confused)\b:?",
    re.IGNORECASE,
)
# What somebody wrote is the new answer if the host admits to have been wrong.
_ADMITS = re.compile(
    r"\b(?:(?:i|we) (?:was|were) (?:wrong|mistaken)|stand corrected|my mistake|mea culpa)\b",
    re.IGNORECASE,
)
_BROUGHT_BY = re.compile(
    r"\b(?:wrote|emailed|called|phoned|messaged|pointed out|points out|informs? (?:me|us)"
    r"|(?:tells?|told) (?:me|us))(?: (?:me|us|in|back))?(?: to (?:say|tell (?:me|us)|point out)"
    r"| saying)?(?: that)?(?= (?:it's|it is|this is|that's|that is)\b)",
    re.IGNORECASE,
)
# Around an answer that differs from the first, these say that it is meant to.
_REVISES = re.compile(
    r"\b(?:(?:you|u|\w+)(?:'re|'s| is| are| r| was| were) (?:all |so |quite |absolutely |totally "
    r"|both )?"
    r"(?:right|correct)|ur right|you have reason|i(?:'m| am) not(?=[.!,]|$)|i (?:do "
    r"|must )?correct (?:me|my\w*)"
    r"|(?:revis|amend|revers|update|withdr[ae]w|retract|rescind|overrul|revok|overturn|recant"
    r"|downgrad|demot|unmask)\w*"
    r"|chang(?:e|ed|ing) (?:it|that|this)|(?:points?|pointed|pointing) out"
    r"|so (?:it|he|she|there|they) (?:is|are|does|has)|i need (?:a|an|some|to go|new|more) \w+"
    r"|(?:good|fair|excellent) point|you have a point|oh no|sigh|i (?:quit|resign|retire)"
    r"|hang my head|awkward|(?:face is|am|went|going) (?:bright |very )?red|may have a (?:case"
    r"|point)|a fraud|chang(?:e|ed|ing) my (?:answer|verdict|mind|call|id|vote)"
    r"|new (?:verdict|answer|id|ruling)|(?:final|real|true|actual|corrected"
    r"|right) (?:final )?(?:answer"
    r"|verdict|id|ruling)|objections?|overruled|sustained|(?:made|makes"
    r"|making) (?:such )?an? (?:\w+ )?(?:fool"
    r"|monkey|donkey|clown|idiot|liar)|(?:ignore|disregard|forget) (?:me|us|i)\b|two (?:tabs"
    r"|windows|folders)|mix(?:ed|ing)?[- ]?up|mixed (?:it|this|that|them|these|my)"
    r"|(?:we|i)(?:'ve| have)? (?:got|had|called|read|label+ed) (?:it|this|that|him|her)"
    r"(?: all)? wrong"
    r"|(?:we|i|both|you)(?: both| all)? (?:blew|botch|mess|screw|muff|goof|fumbl|stuff)\w*"
    r"|(?:eat|ate|eating) (?:some |a bit of |a )?(?:crow|my|our|humble)|too (?:quick|hasty|fast"
    r"|early|confident|soon)|prematur\w+|hast"
    r"(?:y|ily)"
    r"|jumped the gun|a?sham(?:e|ed|ing)\b|forgive|pardon|bad news|mortif\w+|red[- ]faced"
    r"|mis(?:heard|saw|spoke"
    r"|took|judged|counted|labell?ed|printed|typed|sorted|filed|measured|sized)|confess\w*"
    r"|i (?:had|have) (?:called|said|told|posted|given)|rang(?: back| me| us)?|phoned|wrote in"
    r"|e-?mailed|messaged|d\.?m'?e?d|got in touch|tells? (?:me|us)"
    r"|told (?:me|us)|recogni[sz]ed|reported back|addendum|medals? (?:down|back)|sheepish\w*"
    r"|turned out"
    r"|new (?:evidence|information|info|data|photos?|angles?|footage|details?)|second opinion"
    r"|embarrass\w*|egg on my|humbl\w+|blush\w*|d'?oh|ugh+|shoot"
    r"|dang|darn"
    r"|yikes|oh (?:dear|no|boy|my)|omg|face ?palm|convinced|persuaded|second look|third look"
    r"|(?:looked|look|checked|zoomed|went back|gone back) (?:again|in|through|twice|properly)"
    r"|(?:have|'ve|having) (?:now|since|just) (?:\w+ )?(?:looked|seen|checked|zoomed|measured"
    r"|heard|learn\w+|spoken|talked|been told|received|got|read|watched|opened|viewed|asked)"
    r"|(?:re|double)-?(?:checked|examined|looked|viewed|measured|watched)"
    r"|(?:big|bigger|real|proper|larger|large|desktop|full|actual)[ -](?:\w+ )?(?:screen|monitor"
    r"|laptop|computer|size"
    r"|res\w*|file)"
    r"|turns out|i see (?:it )?now|i now (?:see|think|believe)|hang on|hold on|wait|sorry|apolog\w+"
    r"|school(?:ed|ing)|change of|chang(?:e|ed|ing) (?:to|the)|walk\w*[^.!?]{0,20} back|erratum"
    r"|reconsider\w*"
    r"|on reflection|after (?:all|seeing|looking|watching|talking|zooming|checking)"
    r"|second thoughts?"
    r"|(?:i|we) (?:now )?(?:agree|concur)|(?:good|nice|great) catch|well caught|caught (?:me|it|my)"
    r"|flub\w*|idiot|stupid|silly me|blind|glasses|coffee|spoke too soon|too soon|not so fast"
    r"|(?:the|a|new|full) (?:video|sequence|clip|footage|series)|(?:next|other|another) (?:frame"
    r"|photo|shot|picture)"
    r"|original (?:file|photo|picture)|(?:better|closer|good|proper|hard) look|dna|lab results?"
    r"|checking"
    r"|curator|expert|colleagues?|biologist|thanks to|back to the drawing board|not any ?more"
    r"|no,? (?:it's|it is|this is)|after all|actually|mistak\w+|error|scrap|slip(?:ped)?|misread"
    r"|misidentified|wrong|blunder)\b",
    re.IGNORECASE,
)
# Said without another answer, these still take the first one back.
_TAKES_BACK = re.compile(
    r"\b(?:(?:take|taking|took|taken) back (?:the|my|that|this|what|it|everything|everybody's)\b"
    r"|(?:take|taking|took) (?:it|that|this|(?:my|the|our|that|this) (?:\w+ ){0,2}\w+"
    r"|all of (?:it|that))(?: one)? (?:all )?back"
    r"|(?:ignore|disregard|forget|delete) (?:my|the|that) (?:last|previous|first|earlier|above"
    r"|answer"
    r"|verdict|post|reply|one|id)|(?:ignore|disregard|forget) (?:that|it|this|what i)(?=[.,!]| "
    r"(?:please"
    r"|pls|for now|have|said|wrote|just|told|posted|everyone|all)|$)|wrong (?:photo|picture|pic"
    r"|file)\b"
    r"|(?:pull|draw|roll|call)\w* back (?:my|the|that|this|our) (?:\w+ )?(?:answer|verdict"
    r"|id"
    r"|call|words?|yes|statement|identification|reply)"
    r"|i (?:was|got (?:it|this|that)(?: one)?) wrong|(?:scratch|strike|scrap) (?:that|it)"
    r"|i stand corrected"
    r"|(?:withdraw|retract|rescind|revoke|unsay|pull|cancel)(?:ing|ed)? (?:my|the|that|this|it)\b"
    r"|no longer (?:convinced|sure|certain|trust|stand by)|(?:don't|do not) trust my"
    r"|not (?:so |that |as )?(?:sure|convinced|certain) any ?more|answered too (?:fast|soon"
    r"|quickly|early)"
    r"|(?:ignor|disregard|forget|delete|deleting|withdraw|retract|scrapp?|remov|pull)\w* (?:my|the"
    r"|that)"
    r"(?: \w+)? "
    r"(?:answer|verdict|post|reply|id|reveal)|spoke too soon|back to the drawing board"
    r"|second thoughts"
    r"|walk\w* (?:it|that|this)(?: one)? back"
    r"|(?:have|need|must)(?: to)? correct (?:myself|that|this|my)"
    r"|(?:not|n't|less) (?:so |that |as |very )?(?:sure|certain|convinced|confident)(?: \w+){0,3}"
    r" (?:any ?more|now|after all|any longer)|not any ?more|now (?:i(?:'m| am)|we(?:'re"
    r"| are)) (?:not"
    r"|less|un|in two minds|doubting|having|torn|in doubt|wondering)\w*|(?:i'm|i am|we're"
    r"|we are) having"
    r" (?:second thoughts|doubts)|(?:you(?:'ve| have)?|that|this) (?:got|made|makes|has|have)"
    r" (?:me|us) (?:doubt\w*|wonder\w*|worried|second-guess\w*)"
    r"|\bi (?:hereby |must |have to |will |'ll )?(?:withdraw|retract|recant|concede"
    r"|surrender)(?=\W*(?:[.,!?]|$)"
    r"| and\b| until\b| for now\b)"
    r"|(?<!no )(?<!not )(?:retracting|retracted|retraction|withdrawing|withdrawn)"
    r"|(?:re-?open|un-?solv|un-?call|suspend)(?:e|ed|ing)?\b"
    r"|(?:answer|verdict|id|call|result|ruling|case|round)(?: is| was|'s)?(?: now"
    r"| hereby)? (?:pending"
    r"|under review|on hold|withdrawn|suspended|cancelled|canceled|void|retracted|rescinded"
    r"|open again"
    r"|premature|re-?opened)|(?:consider|treat|call) (?:it|this|that|my \w+|the \w+)(?: as)?"
    r" (?:unanswered|open|withdrawn|retracted|void|undecided|unsolved)|back to (?:open|square one"
    r"|unknown|undecided|being open)|(?:put|putting) (?:it|this|that|my \w+) (?:back )?on hold"
    r"|(?:ignore|disregard|forget|unsee|unread|unhear) (?:(?:me|us)(?=\W*(?:[.!,:;]|$))"
    r"|everything i|(?:that )?"
    r"(?:i|we) (?:ever )?(?:spoke|said|wrote|posted|typed|opened|answered))"
    r"|objections? (?:is |was |has been )?(?:sustained|upheld|accepted|granted)"
    r"|(?:ignore|disregard|forget|delete|strike|scratch|scrap|bin|void"
    r"|unsee)(?:ing)? (?:(?:everything|all"
    r"(?: of)?(?: the| that| this| it)?) (?:above|before|i|from me)|all of (?:it|that|this)"
    r"|(?:the|all) above"
    r"|(?:this|that|my) (?:whole )?(?:post|thread|last|message|reply)|my last)\b"
    r"|delete (?:that|this)(?=\W*(?:[.!,;]|$))"
    r"|jumped the gun|never ?mind (?:my|that|what i)|pretend (?:i|you|that i) (?:never|did not"
    r"|didn't)"
    r"|withdraw(?:ing)? (?:my|the) (?:answer|verdict))\b",
    re.IGNORECASE,
)
# These do so too, but in a reply to a guess they are about the guess.
_TAKES_BACK_UNLESS_TO_A_GUESS = re.compile(
    r"\bwrong answer\b"
    r"|(?:^|[.!?,;:\n] ?)(?:as you were|(?:oh |ugh |so )?never ?mind(?: (?:me|us|all|folks"
    r"|everyone))?"
    r"|(?:please |pls |kindly )?(?:ignore|disregard)(?: please| pls)?|nope?(?:[ ,.!]+(?:nope?"
    r"|wrong|sorry"
    r"|wait|oh dear))+|i regret (?:everything|this|that|it)(?: all)?)(?=\W*(?:[.!,;:\n]|$))"
    r"|\b(?:don't|do not) (?:quote|believe|trust|listen to) (?:me|us)"
    r"(?= on (?:the above|any of|what|my answer)|\W*(?:[.!,;]|$))"
    r"|(?:^|[.!?,;:\n])(?:(?!\b(?:you|they|if|not)\b|n't)[^.!?,;:\n]){0,60}\b(?:(?:that|this|it)"
    r"(?:'s| is| was)|from|gave|posted|used|read|copied|clicked|opened|pasted|picked|grabbed|took"
    r"|had|check(?:ed|ing)|look(?:ed|ing))(?: (?:at|in|on|from))?(?: (?:the|a|my|our))?"
    r" wrong (?:card|folder|image|frame|row|line|slide|sheet|album|tab|directory|list|batch"
    r"|label)\b"
    r"|(?<!if )(?<!when )(?<!whenever )(?<!where )\b(?:i|we) (?:now )?(?:have|do have|got|start to"
    r" have|am having) (?:now )?(?:(?:my|our|now|some|big|serious|strong|grave|real|second|a few"
    r"|certain|more) )*doubts?\b(?! that you| about you)"
    r"|\bpoints? (?:is|are)(?: hereby| now)? (?:cancel(?:l)?ed|withdrawn|revoked|void|rescinded"
    r"|forfeit)\b",
    re.IGNORECASE,
)

# In a reply to the photo itself that gives another answer, these are enough.
_APOLOGISES = re.compile(
    r"\b(?:sorry|apolog\w+|wrong|mistake|mistaken|hang on|hold on|wait|actually|turns out"
    r"|forgive me|not what i said|now (?:i|we)|i need (?:coffee|sleep|glasses|new glasses))\b",
    re.IGNORECASE,
)
_CONFIRMS = re.compile(
    r"(?:(?:oh |why |ha |haha )?(?:yes+|yep|yup|yeah|correct|exactly|bingo|indeed|absolutely"
    r"|affirmative|spot on|bang on|nailed it|winner|right)(?: indeed| you are| it is)?"
    r"|(?:it )?(?:sure )?(?:is|was)"
    r"|that(?:'s| is) (?:it|right|correct|the (?:one|answer))|(?:we have|you(?:'re| are))"
    r" (?:a|the) winner|you(?:'ve)? (?:got|nailed|guessed|have) it(?: right)?"
    r"|you(?:'re| are) (?:\w+ )?(?:right|correct)|\w+(?:'s| has| is) (?:got it|right|correct)"
    r"|right you are|give (?:that|this) (?:man|woman|person) a \w+)(?: (?!not\b|what\b|why\b"
    r"|how\b)\w+)?",
    re.IGNORECASE,
)
# After these words nothing else can mean no, whatever follows.
_CONFIRMS_AT_ONCE = re.compile(
    r"\W*(?:exactly|correct|bingo|spot on|you got it|nailed it|that's (?:it|right))[,.!]"
    r"(?!.*\b(?:but|not|no|except)\b|.*n't\b)",
    re.IGNORECASE | re.DOTALL,
)
_PRAISE = re.compile(
    r"(?:(?:very )?(?:nice|well|good|great) (?:one|done|spotted|guess(?:ed)?|eye|job|work|call)"
    r"|congrat\w*|bravo|first to get it|ding(?: ding)*|kudos|thank(?:s| you)(?: for playing)?|wow)"
    r"(?: \w+)?|[a-z]+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n\U0001f300-\U0001faff]+[.!?\n\U0001f300-\U0001faff]*")
MAX_CONFIRMATION_CHARACTERS = 80
MIN_WORDS_OF_AN_ECHO = 3


def without_correction(text: str) -> str | None:
    """Return a message without the words that say it corrects; None if there are none."""
    plain = with_apostrophes(text)
    if _ADMITS.search(plain):
        plain = _BROUGHT_BY.sub(" ", plain)
    rest, corrections = _CORRECTS.subn(" ", plain)
    return rest if corrections else None


def takes_back(text: str, *, is_to_a_guess: bool = False) -> bool:
    """Return whether a message takes an answer back, whether or not it gives another."""
    plain = with_apostrophes(text)
    if _TAKES_BACK.search(plain):
        return True
    return not is_to_a_guess and bool(_TAKES_BACK_UNLESS_TO_A_GUESS.search(plain))


def revises(text: str) -> bool:
    """Return whether a message has words of somebody who has thought again."""
    return bool(_REVISES.search(with_apostrophes(text)))


def apologises(text: str) -> bool:
    """Return whether a message has words that often come with another answer than the first."""
    return bool(_APOLOGISES.search(with_apostrophes(text)))


def without_echo(text: str, answered: str) -> str:
    """Return a message without the sentences that only repeat what it answers.

    A message that is nothing else stays as it is.
    """
    theirs = _letters_only(answered)
    asked = {_letters_only(each) for each in _SENTENCE.findall(answered) if "?" in each}
    sentences = _SENTENCE.findall(text)
    own = [each for each in sentences if not _is_echo(each, theirs, asked)]
    return "".join(own) if own else text


def _is_echo(sentence: str, theirs: str, asked: set[str]) -> bool:
    words = _letters_only(sentence)
    if words in asked and sentence.rstrip().endswith((".", "!")):
        return False  # "Then hairy?" "Then hairy!" is an answer
    return len(words.split()) >= MIN_WORDS_OF_AN_ECHO and f" {words} " in f" {theirs} "


def _letters_only(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", with_apostrophes(text).lower()))


def confirms(text: str) -> bool:
    """Return whether a reply says no more than that what it answers is right."""
    words = re.sub(r"https?://\S+|[@#]\S+", " ", with_apostrophes(text))
    if len(words) > MAX_CONFIRMATION_CHARACTERS or "?" in words:
        return False
    if _CONFIRMS_AT_ONCE.match(words):
        return True
    parts = [part for piece in re.split(r"[.!,;:\n—–]", words) if (part := _letters(piece))]
    said = [bool(_CONFIRMS.fullmatch(part)) for part in parts]
    others = (part for part, says in zip(parts, said, strict=True) if not says)
    return any(said) and all(_PRAISE.fullmatch(part) for part in others)


def _letters(part: str) -> str:
    return re.sub(r"[^\w\s']+", " ", part).strip()
