"""Whether a host's reply says that the player is right, and whether the game is still open.

Both are for lower-case text as `plain_words` gives it. A reply is only taken for a yes where nothing
in it asks, hints, promises the answer for later, or calls the guess half right.
"""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
_PART = re.compile(r"[,;:()—–]| - |…")
# Pictures that say yes wherever they stand, and one that does so only at the beginning.
_YES_IN_PICTURES = re.compile("[🎯✅💯☑🏆🥇]\ufe0f?")
_THUMBS_UP = re.compile("^\\W*👍[🏻-🏿]?")
_LEAD_IN = (
    r"(?:(?:oh|ooh|ah+|ha+|haha\w*|lol|omg|well|and|so|hey|wow|ok|okay|why|aw+|hm+|yay|woohoo"
    r"|hooray|hurrah|basically|sorry|now|ladies and gentlemen)\b[ ,]*)*"
)
_YES = (
    r"(?:(?:y+e+s+|yep+|yup+)(?:[ ,]+(?:y+e+s+|yep+|yup+))*|yessir\w*|yea+h?|ye|ya|s[ií]|oui|ja|jawohl|indeed|correct(?!ly\b|ion|ed\b)[-\w]*"
    r"|exact(?:ly)?|precisely|(?:that's )?(?:a )?bingo|bullseye|bull's eye|jackpot|eureka|touch[ée]|affirmative"
    r"|absolutely|perfect(?:ion|ly)?|spot on|bang on|dead on|right on|right|roger that|quite right"
    r"|too right|right again|confirmed|i (?:can )?confirm|hole in one|home run|slam dunk|bull'?s-?eye"
    r"|(?:two )?thumbs up|no (?:fooling|tricking|hiding from) you|(?:your|those) eyes (?:do not|don't) deceive"
    r"|got there(?: in the end)?|you got there(?: in the end)?|you(?:'ve| have)? (?:done|did) it(?: again)?"
    r"|genau(?: so)?|exact[ao](?:mente)?|richtig|stimmt|esatto|correcto|certo|precies|juist|rätt|riktigt|hai"
    r"|(?:\d+|full|ten|a hundred|bonus|a million) points?|that's (?:also )?what (?:i|we) (?:see|have|got|say)"
    r"(?: here| too| as well)?|(?:i |we )?(?:fully |totally |completely |all |have to )?(?:agree|concur|second that)(?:d)?(?: on all counts"
    r"| on every \w+| with (?:you|that|all of (?:it|that)|every \w+))?|for sure|you bet|winner(?: winner)?(?: chicken dinner)?|ding(?: ding)*"
    r"|ta-?da+|got it(?: in one)?|in one|first (?:try|guess|go)|(?:that|this|it) (?:does|has)"
    r"|(?:that|this)(?:'s| is| was) (?:it|right|correct|the (?:one|answer|animal|cat|bird|guy|fellow)"
    r"|our (?:animal|cat|bird|guy|one|guest|answer)|exactly (?:right|it)|what (?:it is|i (?:see|got"
    r"|have|think)))"
    r"|there (?:it is|you (?:go|have it)|we (?:go|have it))|couldn't agree more|my thoughts exactly"
    r"|(?:very|quite|absolutely|totally|completely|perfectly|exactly|100 ?%|\w+ percent|so"
    r"|that's) (?:right|correct|so)|what (?!i\b|you\b|we\b)\w+ (?:said|says)"
    r"|(?:i |we )?(?:could not|couldn't) (?:have said|say|have put|put) (?:it|that)"
    r"(?: any)? better(?: myself)?"
    r"|(?:i've |i have |we have )?nothing to add|no notes|perfect (?:score|answer|id)"
    r"|case closed|well,? there it is|exactly (?:so|this|that|how i (?:did|see) it|what i (?:see"
    r"|saw|thought)|the reason(?:ing)?)|10/10|ten out of ten|a\+|full marks|gold star|top marks)"
)
# Who is spoken to, or another word that changes nothing: "correct, Ann", "yes indeed".
_VOCATIVE = (
    r"(?:[ ,]+(?!please\b|why\b|how\b|what\b|where\b|when\b|which\b|who\b|now\b|here\b|side\b|left\b|pose\b|photo\b"
    r"|light\b|shot\b|spot\b|place\b|question\b|story\b|enough\b|idea\b|part\b|and\b|but\b|or\b|it\b(?! is)|tail\b"
    r"|adorable\b|cute\b|\w+(?:ing|ful|ous)\b)(?:it is|it was|[\w'-]+))?"
)
_WHOLE_YES = re.compile(
    rf"{_LEAD_IN}(?:the )?{_YES}{_VOCATIVE}\W*"
    rf"|{_LEAD_IN}(?:it (?:sure |certainly |really |most certainly )?(?:is|was)|(?:sure|certainly) (?:is|was))"
    r"(?: indeed)?\W*"
)
_THEY_ARE = r"(?:(?:'re|'s| r| are| is| were| was|re)|(?<=\bur)|(?<=\byour))"
# "You are right", "Pat has it", "you got it in one", "full marks to Marta".
_IS_RIGHT = re.compile(
    rf"\b(?:you(?: both| all| guys)?|ur|your|u|[a-z]+(?: and [a-z]+)?){_THEY_ARE}"
    r" (?:so |absolutely |both |all |quite |totally |completely |perfectly |exactly |of course |indeed"
    r" |once again |again |100 ?% |very )?(?:right|correct|spot on|on the money|the winner|our winner"
    r"|on it|bang on|dead on|a winner)(?! (?:that|about|to|here|now|track|there|idea|behind|in"
    r"|family|genus|direction|side|where|when|after|before|on|at|next|for)\b)"
    r"|\bright you are\b(?! to)|\b(?:you|\w+) (?:say|says|said|guess(?:ed)?|id'?d|have|had|got|called|read|saw)"
    r" (?:it |this |that |him |her |one )?(?:right|correct(?:ly)?|perfectly|first)\b"
    r"|\b(?!i\b|we\b|it\b|they\b|i've\b|answers?\b|guesses\b)\w+(?:'s|'ve)?(?: has| have| had| just)?(?: totally| absolutely| already| really| completely)?"
    r" (?:got|get|gets|have|has|had|nailed|nails|found|called|calls|cracked|solved|knew|aced|won|wins"
    r"|guessed|guesses|smashed|wins?|did|crushed|hit)(?: (?:got|nailed|cracked|solved|guessed|done))?"
    r" (?:it(?! (?:backwards|wrong|all|half|is|was|a|an|that|too|for|from|to)\b)|this one|that one"
    r"|the (?:point|gold|star|prize|round|game|right one|answer|id|bullseye|nail|jackpot|cigar|crown"
    r"|trophy|correct|cookie))\b"
    r"|\b(?!answers?\b|guesses\b)\w+ (?:wins|won|win|earns?|earned|deserves?|gets?|takes?|understood|receives?|collects?)"
    r"(?: (?:you|yourself))? (?:the|a|an|my|our|today's|this|full|top)?"
    r" ?(?:gold|star|point|points|prize|cookie|medal|round|crown|trophy|marks|credit|assignment|cigar"
    r"|biscuit|beer|sticker|glory|internet|cake|bow|virtual)\b"
    r"|\b(?:right|correct|winning) (?:answer|guess|reply|id) (?:is |was |comes |came )?"
    r"(?:from|by|of|belongs to|goes to) \w+"
    r"|\b(?:points?|gold star|full marks|top marks|kudos|props|credit|congrat\w*|prize|medal|trophy"
    r"|(?:a )?biscuit|cookie) (?:to|for|goes to|go to) (?:you\b|\w+\W*$)|\btake a bow\b"
    r"|\bthere you (?:have|got) it\b|\b(?:you're|you are|\w+ is|\w+ was) (?:the )?(?:first|only|second|fastest)(?: \w+){0,3}"
    r" (?:to (?:get|spot|see|say|guess|nail|call)|with the|who (?:got|saw|spotted)|right|correct)\b"
    r"|\b(?:is|are) (?:our|the|today's|this week's) (?:\w+ )?(?:winner|champion)s?\b"
    r"|\b(?:drop|lose|remove|skip) the question mark\b|\bno (?:question mark|need (?:for the question mark"
    r"|to doubt))\b|\bdon't doubt (?:yourself|it)\b|\bnailed it\b|\bwe have a winner\b"
    r"|\bno (?:fooling|tricking) you\b|\b(?:a\+|10/10|ten out of ten|full marks) (?:for|to) (?:you|\w+)\b"
    r"|\b(?:you|\w+) for the win\b|\b(?:this|that) (?:guy|girl|man|woman|person|kid|lady|one) (?:gets|got|has|knows) it\b"
    r"|\byou(?:'ve| have)? (?:done|did) it again\b"
    r"|\byou(?:'ve| have)? seen through\b|\bgive (?:(?:that|this|the) )?\w+ (?:an?|the) (?:medal|prize|cookie|cigar|star|hand|raise|round|beer|biscuit"
    r"|job|phd|degree|badge|gold|treat|hug|high five)\b"
)
_NOT_ONE_PERSON = re.compile(
    r"\b(?:nobody|no one|noone|none|some(?:one|body)?|few|many|most|half|who|if|anyone|anybody|several"
    r"|everyone|\d+|not|never|neither|nor|until|when|want|once|hope|think|whether|almost|nearly"
    r"|hardly|only|unless|one (?:person|of)|people|person|neighbou?r|dad|mum|mom|kid|app)\b|n't\b"
)
# "A star for effort", "it wasn't you".
_NOT_FOR_BEING_RIGHT = re.compile(
    r"\bfor (?:being (?!right|correct|the first to get)|(?:the |your |sheer )?(?:effort|try\w*|enthusiasm|participa\w+"
    r"|speed|creativity|honesty|style|persistence|originality|confidence|optimism|courage|fastest|best \w+"
    r"|a good try|asking|playing))\b|(?:n't|not) you\b"
)
_SURE_YES = re.compile(
    r"\b(?:correct|exact|precisely|bingo|bullseye|spot on|bang on|nailed|affirmative|confirm|winner|100"
    r"|right answer|agree|(?<!there )(?:it|that|this) (?:is|was)\b|perfect|absolutely|right again|hole in one|nothing to add|no notes|better|my thoughts)"
)
_PRAISE = re.compile(
    r"\b(?:(?:very |really |so |beautifully |perfectly )?(?:well|nice(?:ly)?|good|great|excellent|sharp"
    r"|brilliant(?:ly)?|superb(?:ly)?|lovely|impressive(?:ly)?|beautifully|perfectly|amazing|fast|quick"
    r"|fine|solid|terrific|fantastic) (?:one|done|spotted|guess(?:ed)?|eyes?|job|work|call(?:ed)?|catch"
    r"|spot(?:ting)?|seen|played|reasoned|reasoning|sleuthing|id|shot|observation|get|going|answer)"
    r"|congrat\w*|bravo|brava|kudos|chapeau|hats? off|impressive|muy bien|sehr gut|tr[eè]s bien|wow"
    r"|woohoo|hooray|respect|props|genius|champion|legend|yay)\b"
)
# "So close", "right genus", "a good guess, but": no yes, or only half of one.
_HALF_RIGHT = re.compile(
    r"\b(?:for now|let's (?:say|go with)|tentative\w*|provisional\w*|close|closer|almost|nearly|not quite|half(?:way)?|partly|partially|sort of|kind of|warm(?:er)?"
    r"|cold(?:er)?|unfortunately|alas|afraid (?:not|no|it's|it is|that's|you)|nope|nah|wrong|incorrect|not (?:this|today|exactly|it|so)"
    r"|good (?:guess|thought|thinking|try|instinct|idea|candidates?)|nice try|if only|would be|(?:right|good|same) (?:genus|family|idea"
    r"|track|direction|path|country|area|neighbou?rhood|ballpark|lines|order|size|colou?rs?|question"
    r"|place|continent|reasons?)|tricky|tough one|hard one|interesting|fair (?:point|enough)|bold"
    r"|i see (?:what|why)|i understand why)\b"
)
_BUT = re.compile(r"\b(?:but|however|except|although|though)\b")
_TURNS = re.compile(r"\W*(?:but|however|except|although|though|not)\b")
_REVEALS = re.compile(
    r"\b(?:answer|reveal(?:ed)?|solution|solved|verdict|ruling|mystery (?:guest|cat|animal|bird|critter)"
    r"|thank(?:s| you)(?: \w+){0,3} (?:for|to) (?:play|guess|tak|join|all|every|the \d+)\w*"
    r"|fooled|tricked|been had|had by|outwitted|outsmarted|bamboozled|gave (?:it|him|her) away"
    r"|gives? (?:it|him|her) away|giveaway|give-away|diagnostic|what (?:you|we)(?:'re| are)"
    r" (?:looking at|seeing)|what we have(?: here)? (?:is|was)|spoiler alert|plot twist|drum ?roll"
    r"|nobody got (?:it|this)|no winners?|only \w+ (?:of you )?got)\b"
)
_DENIES = re.compile(
    r"^\W*(?:[\w']+, )?(?:none|neither|no+|nope|nah|not (?:quite|this|today|exactly|a|an|him|her|that|in)|sorry|close"
    r"|so close|very close|almost|nearly|neither|afraid not|alas|wrong|incorrect|nice try|good (?:guess"
    r"|thought|thinking|try|instinct|idea)|right (?:genus|family|idea)|just|i (?:wish|understand|see)"
    r"|understandable|common mistake|easy mistake|not)\b"
)
# The host asks, hints, counts votes or promises the answer: nothing is declared.
_LATER = re.compile(
    r"\b(?:keep (?:guessing|(?:th\w+ |the )?(?:guesses|votes|\w+) coming|looking|going|trying|at it)"
    r"|(?:try|guess|look|think) again|another (?:guess|try|go)|any (?:other|more) \w+"
    r"|last call|so far|hints?|(?:a|one|two|another|next|first|second|third|small|little|your|extra|more|bonus|the only)"
    r" clues?|clues? (?:\d+|number|one|two)|clue:|(?<!your )patience|stay tuned|stand by|standby|wait and see"
    r"|(?:no|without) spoilers?|not (?:telling|saying|giving|revealing|confirming)"
    r"|(?:won't|can't|cannot|will not|don't) (?:tell|say|reveal|confirm|give)(?! (?:this|from)\b)"
    r"|my lips|hold (?:that|your) (?:thought|horses)|noted|recorded|locked in|time will tell"
    r"|(?:we'?ll|you'?ll|we will|you will|let'?s|we shall) (?:see|find out|wait)|your turn"
    r"|(?:answer|reveal|results?|solution|verdict)s?(?: is| will be| comes?| coming| to come| follows?"
    r"| drops?| goes| going)?(?: up| out)? (?:at|on|tonight|tomorrow|tmrw|later|soon|after|in (?:an?|the"
    r"|\d+|two|three|few)|when|this (?:afternoon|evening)|next|with|to come|coming|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|follows|pending)\b"
    r"|(?:i'?ll|i will|will|we'?ll|gonna|going to) (?:tell|post|reveal|announce|let you know|answer"
    r"|share|confirm|say)\b(?! you (?:the|why|how))|i (?:tell|post|reveal|answer) [^.!?]{0,30}"
    r"(?:tomorrow|tonight|later|soon)|before i (?:tell|say|reveal|answer|close)"
    r"|(?:one|two|three|four|five|\d+|another|more|lots of|your|a) (?:\w+ )?votes?\b"
    r"|tie between|let the others|have a (?:go|look|peek|guess)|now have"
    r"|the (?:race|jury|poll) is|guesses (?:please|first|close)|guess first|to be continued|tba|tbd"
    r"|popcorn|early days|too early|no comment|we shall see)\b"
)
# The host is not sure, or wants to hear more.
_WONDERS = re.compile(
    r"\b(?:think about|help me|what (?:do|would) you|what's your|tell (?:me|us)|show (?:me|us)|explain"
    r"|convince me|could be|might be|may be|maybe|perhaps|possibly|don't know yet|not (?:yet|sure)"
    r"|undecided|i(?:'m| am) (?:not sure|leaning|tempted)|i lean|hmm+)\b"
)
# Questions that a host asks of nobody.
_RHETORICAL = re.compile(
    r"^\W*(?:(?:\w+, )?(?:see|notice|did you (?:see|notice|spot|know)|do you see|can you see|isn't|ain't"
    r"|aren't|who knew|who would|how (?:do|did|could|can) you|what gave it away|where (?:did|do) you|surprised|fooled|(?:would|can|will) you believe|so,? what (?:was|is)|you know what|know what|could it be|want (?:more|to)|how (?:cool|cute|great|lucky)|right"
    r"|really|what a|how about that|guess (?:who|what)|were you|who (?:got|guessed|knew|saw)|did (?:any|you)|ok|okay|remember|why)\b)"
)
MAX_ASIDE_CHARACTERS = 40  # "Cougar? Without a tail?" asks nobody
_TO_PLAYERS = re.compile(
    r"\b(?:you|your|yours|anyone|anybody|who|others|guess|mine|ours|what|why|which)\b"
)
_QUESTION = re.compile(r"\?[!?.\s]*$")


def with_yes_in_words(text: str) -> str:
    """The text with pictures that mean yes as words."""
    return _YES_IN_PICTURES.sub(" , correct! ", _THUMBS_UP.sub(" correct, ", text))


def is_open(message: str) -> bool:
    """Whether a message says that the game goes on: it asks players, hints, or promises."""
    if _LATER.search(message) or _WONDERS.search(message):
        return True
    sentences = _SENTENCE.findall(message)
    return asks_players(message) or any(
        _QUESTION.search(each) and len(each) > MAX_ASIDE_CHARACTERS and not _RHETORICAL.search(each)
        for each in sentences
    )


def goes_on(message: str) -> bool:
    """Whether a message hints, counts votes or promises the answer for later."""
    return bool(_LATER.search(message))


def asks_players(message: str) -> bool:
    """Whether a message asks players something that matters: what they see, or guess."""
    return any(
        _QUESTION.search(each) and _TO_PLAYERS.search(each) and not _RHETORICAL.search(each)
        for each in _SENTENCE.findall(message)
    )


def affirms(message: str) -> bool:
    """Whether a reply to a guess says that it is right, in whatever else it says."""
    if is_open(message) or _HALF_RIGHT.search(message):
        return False
    sentences = _SENTENCE.findall(message)
    for number, sentence in enumerate(sentences):
        _, but, last = sentence.rpartition(" but ")
        if but and _WHOLE_YES.fullmatch(last):  # "took you long enough, but yes"
            return True
        following = sentences[number + 1] if number + 1 < len(sentences) else ""
        is_sure = _SURE_YES.match(sentence.strip()) and not re.search(r"\b(?:but|except)\b", sentence)
        if not is_sure and (_BUT.search(sentence) or _TURNS.match(following)):
            continue
        if "?" not in sentence and _says_yes(sentence):
            return True
    return False


def _says_yes(sentence: str) -> bool:
    match = None if _NOT_FOR_BEING_RIGHT.search(sentence) else _IS_RIGHT.search(sentence)
    if match and not _NOT_ONE_PERSON.search(sentence[: match.end()]):
        return True
    first, *others = [part for piece in _PART.split(sentence) if (part := piece.strip(" .!\n"))] or [""]
    if others and (len(first.split()) == 1 or _PRAISE.fullmatch(first)):
        first, others = (first, others) if _WHOLE_YES.fullmatch(first) else (others[0], others[1:])
    if not _WHOLE_YES.fullmatch(first):
        return False
    return bool(_SURE_YES.search(first)) or not any(_is_a_statement(part) for part in others)


def _is_a_statement(part: str) -> bool:
    """Whether more is said after a yes than praise, a name or a mark: "yes, it's hard to see"."""
    is_long = len(part.split()) > 1 and not part.startswith("and ")
    return is_long and not _WHOLE_YES.fullmatch(part) and not _PRAISE.search(part)


def reveals(message: str) -> bool:
    """Whether a message speaks of the game as over: the answer, thanks, who was fooled."""
    return bool(_REVEALS.search(message)) and not is_open(message)


def denies(message: str) -> bool:
    """Whether a reply tells the player that the guess is wrong, or nearly right."""
    return bool(_DENIES.search(message)) and not is_open(message)


def is_half_right(message: str) -> bool:
    """Whether a message calls a guess close, or right for now."""
    return bool(_HALF_RIGHT.search(message))


def praises(message: str) -> bool:
    """Whether a message praises somebody, which is a yes beside the name that was guessed."""
    return bool(_PRAISE.search(message))
