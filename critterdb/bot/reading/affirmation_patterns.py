"""The turns of phrase by which affirmations.py tells a yes, and a game that goes on.

All but the pictures are for lower-case text with plain apostrophes.
"""

from __future__ import annotations

import re

SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
PART = re.compile(r"[,;:()—–]| - |…")
# Pictures that say yes wherever they stand, and one that does so only at the beginning.
YES_IN_PICTURES = re.compile("[🎯✅💯☑🏆🥇👌]\ufe0f?")
THUMBS_UP = re.compile("^\\W*👍[🏻-🏿]?")
_LEAD_IN = (
    r"(?:(?:oh|ooh|ah+|ha+|haha\w*|lol|omg|well|and|so|hey|wow|ok|okay|why|aw+|hm+|yay|woohoo"
    r"|hooray|hurrah|basically|sorry|now|ladies and gentlemen)\b[ ,]*)*"
)
_YES = (
    r"(?:(?:y+e+s+|yep+|yup+)(?:[ ,]+(?:y+e+s+|yep+|yup+))*|yessir\w*|yea+h?|ye|ya|s[ií]|oui|ja"
    r"|jawohl|indeed|correct(?!ly\b|ion|ed\b)[-\w]*|exact(?:ly)?|precisely"
    r"|(?:that's )?(?:a )?bingo|bullseye|bull's eye|jackpot|eureka|touch[ée]|affirmative"
    r"|absolutely|perfect(?:ion|ly)?|spot on|bang on|dead on|right on|right|roger that|quite right"
    r"|too right|right again|confirmed|i (?:can )?confirm|hole in one|home run|slam dunk"
    r"|bull'?s-?eye|(?:two )?thumbs up|no (?:fooling|tricking|hiding from) you|(?:your"
    r"|those) eyes (?:do not|don't) deceive|got there(?: in the end)?"
    r"|you got there(?: in the end)?|you(?:'ve| have)? (?:done|did) it(?: again)?|genau(?: so)?"
    r"|exact[ao](?:mente)?|richtig|stimmt|esatto|correcto|certo|precies|juist|rätt|riktigt|hai"
    r"|(?:\d+|full|ten|a hundred|bonus|a million) points?|that's (?:also )?what (?:i|we) (?:see"
    r"|have|got|say)(?: here| too| as well)?|(?:i |we )?(?:fully |totally |completely |all "
    r"|have to )?(?:agree|concur|second that)(?:d)?(?: on all counts| on every \w+| with (?:you"
    r"|that|all of (?:it|that)|every \w+))?|accurate|my thoughts too|(?:your|the) streak continues"
    r"|never doubted you|don't doubt yourself|you(?:'ve)? beat (?:us|me|everyone|the \w+)(?: all"
    r"| lab| class)?|i knew you(?:'d| would) (?:get|know|see)(?: it)?|for sure|you bet"
    r"|winner(?: winner)?(?: chicken dinner)?|ding(?: ding)*|ta-?da+|got it in one|in one"
    r"|first (?:try|guess|go)|(?:that|this|it) (?:does|has)|(?:that|this)(?:'s|s| is"
    r"| was) (?:(?:the |a )?(?:correct|right) (?:id|answer|one|call)|it|right|correct|the (?:one"
    r"|answer|animal|cat|bird|guy|fellow)|our (?:animal|cat|bird|guy|one|guest|answer)"
    r"|exactly (?:right|it)|what (?:it is|i (?:see|got|have|think)))|there (?:it is|you (?:go"
    r"|have it)|we (?:go|have it))|couldn't agree more|my thoughts exactly|(?:very|quite"
    r"|absolutely|totally|completely|perfectly|exactly|100 ?%|\w+ percent|so|that's) (?:right"
    r"|correct|so)|what (?!i\b|you\b|we\b)\w+ (?:said|says)|(?:i |we )?(?:could not"
    r"|couldn't) (?:have said|say|have put|put) (?:it|that)(?: any)? better(?: myself)?|(?:i've "
    r"|i have |we have )?nothing to add|no notes|perfect (?:score|answer|id)|case closed"
    r"|well,? there it is|exactly (?:so|this|that|how i (?:did|see) it|what i (?:see|saw|thought)"
    r"|the reason(?:ing)?)|10/10|ten out of ten|a\+|full marks|gold star|top marks)"
)
# Who is spoken to, or another word that changes nothing: "correct, Ann", "yes indeed".
_VOCATIVE = (
    r"(?:[ ,]+(?!please\b|why\b|how\b|what\b|where\b|when\b|which\b|who\b|now\b|here\b|side\b"
    r"|left\b|pose\b|photo\b|light\b|shot\b|spot\b|place\b|question\b|story\b|enough\b|idea\b"
    r"|part\b|and\b|but\b|or\b|it\b(?! is)|tail\b|adorable\b|cute\b|\w+(?:ing|ful|ous)\b)(?:it is"
    r"|it was|[\w'-]+))?"
)
WHOLE_YES = re.compile(
    rf"{_LEAD_IN}(?:the )?{_YES}{_VOCATIVE}\W*|{_LEAD_IN}(?:it (?:sure |certainly |really "
    rf"|most certainly )?(?:is|was)|(?:sure|certainly) (?:is|was))"
    r"(?: indeed)?\W*"
)
_THEY_ARE = r"(?:(?:'re|'s| r| are| is| were| was|re)|(?<=\bur)|(?<=\byour))"
# "You are right", "Pat has it", "you got it in one", "full marks to Marta".
IS_RIGHT = re.compile(
    rf"\b(?:you(?: both| all| guys)?|ur|your|u|[a-z]+(?: and [a-z]+)?){_THEY_ARE}"
    r" (?:so |absolutely |both |all |quite |totally |completely |perfectly |exactly |of course "
    r"|indeed |once again |again |100 ?% |very )?(?:right|correct|spot on|on the money|the winner"
    r"|our winner|on it|bang on|dead on|a winner)(?! (?:that|about|to|here|now|track|there|idea"
    r"|behind|in|family|genus|direction|side|where|when|after|before|on|at|next|for)\b| (?!and\b"
    r"|again\b|as\b|indeed\b|too\b|with\b|because\b|it|of course|everyone)\w+ \w)"
    r"|\bright you are\b(?! to)|\b(?:you|\w+) (?:say|says|said|guess(?:ed)?|id'?d|have|had|got"
    r"|called|read|saw) (?:it |this |that |him |her |one )?(?:right|correct(?:ly)?|perfectly"
    r"|first)\b|\b(?!i\b|we\b|it\b|they\b|i've\b|ok\b|okay\b|oh\b|and\b|well\b|just\b|thanks\b"
    r"|answers?\b|guesses\b)\w+(?:'s|'ve)?(?: has| have| had| just)?(?: totally| absolutely"
    r"| already| really| completely)? (?:got|get|gets|have|has|had|nailed|nails|found|called|calls"
    r"|cracked|solved|knew|aced|won|wins|guessed|guesses|smashed|wins?|did|crushed|hit)(?: (?:got"
    r"|nailed|cracked|solved|guessed|done))? (?:it(?! (?:backwards|wrong|all|half|is|was|a|an|that"
    r"|too|for|from|to)\b)|this one|that one|the (?:point|gold|star|prize|round|game|right one"
    r"|answer|id|bullseye|nail|jackpot|cigar|crown|trophy|correct|cookie))\b|\b(?!answers?\b"
    r"|guesses\b)\w+ (?:wins|won|win|earns?|earned|deserves?|gets?|takes?|understood|receives?"
    r"|collects?)(?: (?:you|yourself))? (?:the|a|an|my|our|today's|this|full|top)? ?(?:gold|star"
    r"|point|points|prize|cookie|medal|round|crown|trophy|marks|credit|assignment|cigar|biscuit"
    r"|beer|sticker|glory|internet|cake|bow|virtual)\b|\b(?:right|correct|winning) (?:answer|guess"
    r"|reply|id) (?:is |was |comes |came )?(?:from|by|of|belongs to|goes to) \w+|\b(?:points?"
    r"|gold star|full marks|top marks|kudos|props|credit|congrat\w*|prize|medal|trophy"
    r"|(?:a )?biscuit|cookie) (?:to|for|goes to|go to) (?:you\b|\w+\W*$)|\btake a bow\b"
    r"|\bthere you (?:have|got) it\b|\b(?:you're|you are|\w+ is|\w+ was) (?:the )?(?:first|only"
    r"|second|fastest)(?: \w+){0,3} (?:to (?:get|spot|nail)|with the|who (?:got|saw|spotted)|right"
    r"|correct)\b|\b(?:is|are) (?:our|the|today's|this week's) (?:\w+ )?(?:winner|champion)s?\b"
    r"|\b(?:drop|lose|remove|skip) the question mark\b|\bno (?:question mark"
    r"|need (?:for the question mark|to doubt))\b|\bdon't doubt (?:yourself|it)\b|\bnailed it\b"
    r"|\bwe have a winner\b|\bno (?:fooling|tricking) you\b|\b(?:a\+|10/10|ten out of ten"
    r"|full marks) (?:for|to) (?:you|\w+)\b|\b(?:you|\w+) for the win\b|\b(?:this|that) (?:guy"
    r"|girl|man|woman|person|kid|lady|one) (?:gets|got|has|knows) it\b|\byou(?:'ve| have)? (?:done"
    r"|did) it again\b|\byou(?:'ve| have)? seen through\b|\bgive (?:(?:that|this|the) )?\w+ (?:an?"
    r"|the) (?:medal|prize|cookie|cigar|star|hand|raise|round|beer|biscuit|job|phd|degree|badge"
    r"|gold|treat|hug|high five)\b"
)
NOT_ONE_PERSON = re.compile(
    r"\b(?:nobody|no one|noone|none|some(?:one|body)?|few|many|most|half|who|if|anyone|anybody"
    r"|several|everyone|\d+|not|never|neither|nor|until|when|want|once|hope|think|whether|almost"
    r"|nearly|hardly|only|unless|one (?:person|of)|people|person|neighbou?r|dad|mum|mom|kid|app)\b"
    r"|n't\b"
)
# "A star for effort", "it wasn't you".
NOT_FOR_BEING_RIGHT = re.compile(
    r"\bfor (?:being (?!right|correct|the first to get)|(?:the |your |sheer )?(?:effort|try\w*"
    r"|enthusiasm|participa\w+|speed|creativity|honesty|style|persistence|originality|confidence"
    r"|optimism|courage|fastest|best \w+|a good try|asking|playing))\b|(?:n't|not) you\b"
)
SURE_YES = re.compile(
    r"\b(?:correct|exact|precisely|bingo|bullseye|spot on|bang on|nailed|affirmative|confirm"
    r"|winner|100|right answer|agree|(?<!there )(?:it|that|this) (?:is|was)\b|perfect (?:score"
    r"|answer|id)|absolutely|right again|hole in one|accurate|nothing to add|no notes|better"
    r"|my thoughts)"
)
PRAISE = re.compile(
    r"\b(?:(?:very |really |so |beautifully |perfectly )?(?:well|nice(?:ly)?|good|great|excellent"
    r"|sharp|brilliant(?:ly)?|superb(?:ly)?|lovely|impressive(?:ly)?|beautifully|perfectly|amazing"
    r"|fast|quick|fine|solid|terrific|fantastic) (?:one|done|spotted|guess(?:ed)?|eyes?|job|work"
    r"|call(?:ed)?|catch|spot(?:ting)?|seen|played|reasoned|reasoning|sleuthing|id|shot"
    r"|observation|get|going|answer)|congrat\w*|bravo|brava|kudos|chapeau|hats? off|impressive"
    r"|muy bien|sehr gut|tr[eè]s bien|wow|woohoo|hooray|respect|props|genius|champion|legend"
    r"|yay)\b"
)
# "So close", "right genus", "a good guess, but": no yes, or only half of one.
HALF_RIGHT = re.compile(
    r"\b(?:for now|let's (?:say|go with)|tentative\w*|provisional\w*|close|closer|almost|nearly"
    r"|not quite|half(?:way)?|partly|partially|sort of|kind of|warm(?:er)?|cold(?:er)?"
    r"|unfortunately|alas|afraid (?:not|no|it's|it is|that's|you)|nope|nah|wrong|incorrect"
    r"|not (?:this|today|exactly|it|so)|good (?:guess|thought|thinking|try|instinct|idea"
    r"|candidates?)|nice try|if only|would be|(?:right|good|same) (?:genus|family|idea|track"
    r"|direction|path|country|area|neighbou?rhood|ballpark|lines|order|size|colou?rs?|question"
    r"|place|continent|reasons?)|tricky|tough one|hard one|interesting|fair (?:point|enough)|bold"
    r"|i see (?:what|why)|i understand why)\b"
)
BUT = re.compile(r"\b(?:but|however|except|although|though)\b")
TURNS = re.compile(r"\W*(?:but|however|except|although|though|not)\b")
REVEALS = re.compile(
    r"\b(?:answer|reveal(?:ed)?|solution|solved|verdict|ruling|mystery (?:guest|cat|animal|bird"
    r"|critter)|thank(?:s| you)(?: \w+){0,3} (?:for|to) (?:play|guess|tak|join|all|every"
    r"|the \d+)\w*|fooled|tricked|been had|had by|outwitted|outsmarted|bamboozled|gave (?:it|him"
    r"|her) away|gives? (?:it|him|her) away|giveaway|give-away|diagnostic|what (?:you|we)(?:'re"
    r"| are) (?:looking at|seeing)|what we have(?: here)? (?:is|was)|spoiler alert|plot twist"
    r"|drum ?roll|nobody got (?:it|this)|no winners?|only \w+ (?:of you )?got)\b"
)
DENIES = re.compile(
    r"^\W*(?:[\w']+, )?(?:none|neither|no+|nope|nah|not (?:quite|this|today|exactly|a|an|him|her"
    r"|that|in)|sorry|close|so close|very close|almost|nearly|neither|afraid not|alas|wrong"
    r"|incorrect|nice try|good (?:guess|thought|thinking|try|instinct|idea)|right (?:genus|family"
    r"|idea)|just|i (?:wish|understand|see)|understandable|common mistake|easy mistake|not)\b"
)
# The host asks, hints, counts votes or promises the answer: nothing is declared.
LATER = re.compile(
    r"\b(?:keep (?:guessing|(?:th\w+ |the )?(?:guesses|votes|\w+) coming|looking|going|trying"
    r"|at it)|(?:try|guess|look|think) again|another (?:guess|try|go)|any (?:other|more) \w+"
    r"|last call|so far|hints?|(?:a|one|two|another|next|first|second|third|small|little|your"
    r"|extra|more|bonus|the only) clues?|clues? (?:\d+|number|one|two)|clue:|(?<!your )patience"
    r"|stay tuned|stand by|standby|wait and see|(?:no|without) spoilers?|not (?:telling|saying"
    r"|giving|revealing|confirming)|(?:won't|can't|cannot|will not|don't) (?:tell|say|reveal"
    r"|confirm|give)(?! (?:this|from)\b)|my lips|hold (?:that|your) (?:thought|horses)|noted"
    r"|recorded|locked in|time will tell|(?:we'?ll|you'?ll|we will|you will|let'?s"
    r"|we shall) (?:see|find out|wait)|your turn|(?:answer|reveal|results?|solution"
    r"|verdict)s?(?: is| will be| comes?| coming| to come| follows?| drops?| goes| going)?(?: up"
    r"| out)? (?:at|on|tonight|tomorrow|tmrw|later|soon|after|in (?:an?|the|\d+|two|three|few)"
    r"|when|this (?:afternoon|evening)|next|with|to come|coming|monday|tuesday|wednesday|thursday"
    r"|friday|saturday|sunday|follows|pending)\b|(?:i'?ll|i will|will|we'?ll|gonna"
    r"|going to) (?:tell|post|reveal|announce|let you know|answer|share|confirm"
    r"|say)\b(?! you (?:the|why|how))|i (?:tell|post|reveal|answer) [^.!?]{0,30}(?:tomorrow"
    r"|tonight|later|soon)|before i (?:tell|say|reveal|answer|close)|(?:one|two|three|four|five"
    r"|\d+|another|more|lots of|your|a) (?:\w+ )?votes?\b|tie between|let the others|have a (?:go"
    r"|look|peek|guess)|now have|the (?:race|jury|poll) is|guesses (?:please|first|close)"
    r"|guess first|to be continued|tba|tbd|popcorn|early days|too early|no comment|we shall see)\b"
)
# The host is not sure, or wants to hear more.
WONDERS = re.compile(
    r"\b(?:think about|help me|what (?:do|would) you|what's your|tell (?:me|us)|show (?:me|us)"
    r"|explain|convince me|could be|might be|may be|maybe|perhaps|possibly|don't know yet"
    r"|not (?:yet|sure)|undecided|i(?:'m| am) (?:not sure|leaning|tempted)|i lean|hmm+)\b"
)
# Questions that a host asks of nobody.
RHETORICAL = re.compile(
    r"^\W*(?:(?:\w+, )?(?:see|notice|did you (?:see|notice|spot|know)|do you see|can you see|isn't"
    r"|ain't|aren't|who knew|who would|how (?:do|did|could|can) you|what gave it away|where (?:did"
    r"|do) you|surprised|fooled|(?:would|can|will) you believe|so,? what (?:was|is)|you know what"
    r"|know what|could it be|want (?:more|to)|how (?:cool|cute|great|lucky)|right|really|what a"
    r"|how about that|guess (?:who|what)|were you|who (?:got|guessed|knew|saw)|did (?:any|you)|ok"
    r"|okay|remember|why)\b)"
)
MAX_ASIDE_CHARACTERS = 40  # "Cougar? Without a tail?" asks nobody
TO_PLAYERS = re.compile(
    r"\b(?:you|your|yours|anyone|anybody|who|others|guess|mine|ours|what|why|which)\b"
)
QUESTION = re.compile(r"\?[!?.\s]*$")
