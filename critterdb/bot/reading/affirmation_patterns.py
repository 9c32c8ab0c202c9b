"""The turns of phrase by which affirmations.py tells a yes, and a game that goes on.

All but the pictures are for lower-case text with plain apostrophes.
"""

from __future__ import annotations

import re

SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
PART = re.compile(r"[,;:()—–]| - |…")
# Pictures that say yes wherever they stand, and one that does so only at the beginning.
YES_IN_PICTURES = re.compile("[🎯✅✔💯☑🏆🥇👌]\ufe0f?")
THUMBS_UP = re.compile("^\\W*👍[🏻-🏿]?")
_LEAD_IN = (
    r"(?:(?:oh|ooh|ah+|ha+|haha\w*|lol|omg|well|and|so|hey|wow|ok|okay|why|aw+|hm+|yay|woohoo"
    r"|hooray|hurrah|basically|sorry|now|ladies and gentlemen)\b[ ,]*)*"
)
# The classes of a yes without the word: it is, nobody disagrees, it cannot be anything else, the
# player is good at this, and what was seen of the animal decides it.
_IT_IS = (
    r"(?:(?:yes|yep|yup|indeed) )?(?:(?:it|that|this|she|he|they)"
    r" (?:sure(?:ly)? |indeed |certainly |definitely |absolutely |truly |very much "
    r"|most certainly )"
    r"(?:is|was|are|were)|(?:it|she|he) (?:is|was) (?:indeed|that|so|just that|exactly that)"
    r"|they are indeed|(?:that|so) (?:it|he|she) is|(?:sure|certainly|indeed) (?:is|was|are)"
    r"|yes (?:it|she|he|that) (?:is|was)|(?:that|this|it) would be (?:correct|right|it|accurate"
    r"|a yes|the (?:one|answer)|him|her)|(?:that|this|it) (?:is|was) indeed|is correct|c'est lui"
    r"|of course(?: (?:it|she|he) is)?)"
)
_NOBODY_DISAGREES = (
    r"(?:(?:no|zero) (?:arguments?|objections?|disagreements?|quarrels?|complaints?|dispute|notes"
    r"|dissent)(?: here| from (?:me|us|this \w+|the \w+))?|(?:i |we )?(?:can't|cannot|couldn't"
    r"|won't|wouldn't|can not) disagree(?: with (?:that|you|it|this))?"
    r"|(?:we're|we are) (?:in agreement|of one mind)|(?:we|you and i) (?:agree|are agreed)|agreed"
    r"|same here|i(?:'d| would) say so(?: too)?|we have a match|it's a match|in mine(?: too"
    r"| as well)?|mine too|my (?:thoughts?|answer|id|call|opinion|verdict)(?: too| as well"
    r"| exactly)"
    r"|great minds(?: think alike)?|i(?:'ll| will) (?:allow|accept|take) (?:it|that)|seconded"
    r"|amen(?: to that)?|hear,? hear|ditto|preach|this|this exactly)"
)
_NOTHING_ELSE = (
    r"(?:none (?:at all|whatsoever)|not the (?:slightest|least|smallest)(?: doubt)?|(?:it |this "
    r"|that )?(?:couldn't|could not|can't|cannot) (?:be|have been) anything else"
    r"(?: with [\w' -]{1,40})?"
    r"|what else(?: (?:could|would|can) it be)?|nothing else (?:has|looks like"
    r"|it could be)[^.!?]{0,40}"
    r"|(?:and )?(?:that|which) (?:settles|clinches|seals|does|nails|decides) (?:it|that|the matter"
    r"|the deal)|no (?:two ways|doubts?|question|question marks?|mistaking)(?: about (?:it|that)"
    r"|(?: needed| necessary| required)| (?:it|that|him|her))?|(?:never|not) in (?:any )?doubt"
    r"|without (?:a |any )?doubt|beyond (?:a|any|all) doubt|undoubtedly|unmistakabl[ey]"
    r"|unquestionably"
    r"|indisputabl[ey]|undeniabl[ey]|(?:right|sure) as rain|you bet(?:cha|ter believe it)?"
    r"|obviously"
    r"|100 ?%|100 percent|a hundred percent|one hundred percent|as sure as eggs[^.!?]{0,12}"
    r"|the answer (?:is|was) yes|(?:the )?short answer:?(?: is| was)? yes|no (?:further"
    r"|more) questions"
    r"|(?:quick|fast|first|short|simple|concise|bold|brave) and (?:right|correct)|that's a yes"
    r"|it's a yes|big yes|a (?:big|resounding|definite|firm)"
    r" yes|y+u+p+|y+e+p+|uh[- ]?huh|mm?[- ]?hm+|yessiree?|sí señor\w?|right answer|correct answer"
    r"|correct id|correct guess|good answer|winning answer|the (?:right|correct) (?:answer|call"
    r"|id))"
)
_PLAYER_IS_GOOD = (
    r"(?:you(?:'re| are)(?: just| all)? (?:too|so) (?:good|sharp|quick|fast|clever|smart)"
    r"(?: at this| for (?:me|us|this(?: game)?)| for this)?|(?:that was |this was "
    r"|was this )?(?:too"
    r"|so) easy(?: for you|,? was it)?"
    r"|you got me|you(?:'ve)? caught (?:me|us)|nothing gets past you|can't fool you|no flies on you"
    r"|(?:i |we )?(?:knew|thought|hoped) (?:some(?:one|body)|you|one of you|\w+)(?: would"
    r"|'d) (?:get"
    r"|know|see|spot) (?:it|this|him|her|that)|give (?:yourself|yourselves) [^.!?]{1,30}"
    r"|(?:some(?:one|body) )?(?:please )?give (?:this|that) \w+ an? [\w ]{2,20}"
    r"|treat yourself[^.!?]{0,30}|pat yourself on the back|straight to the top of the class"
    r"|top of the class|go to the top of the class|(?:and )?(?:on|at|in) (?:the|your|his"
    r"|her) (?:very )?first (?:try|go|attempt|guess|shot)(?:,? too)?"
    r"|chef'?s kiss|(?:\w+ )?(?:bonus )?(?:point|star|sticker|medal|cookie|prize)s? (?:awarded"
    r"|earned"
    r"|granted|unlocked|for you|for that)|class dismissed|student becomes the \w+)"
)
_THE_MARK_DECIDES = (
    r"(?:(?:the|that|those|these|its|his|her|such a|this) (?:[\w'\"-]+ ){1,4}(?:never lies?"
    r"|(?:don't|doesn't"
    r"|do not|does not|can't|cannot) lie|(?:gives?|gave) (?:it|him|her|them|this one) away"
    r"(?: every time| at once| immediately)?|(?:sold|convinced|persuaded) (?:me|us)(?: too"
    r"| as well)?"
    r"|(?:settles?|clinches|clinched|seals?|decides?|nails?)"
    r" (?:it|that|the deal)|says? it all|is (?:the|a) (?:clincher|dead giveaway|giveaway"
    r"|tell|smoking gun|proof)|are (?:the|a) (?:clincher|dead giveaway|giveaway|tell|proof)"
    r"|told you)"
    r"|dead giveaway)"
)
# A guess may be accepted as a vote, but the word for the animal only if it is right.
_ACCEPTED = (
    r"(?:(?:the |your )?(?:(?!no\b|not\b|neither\b|either\b|any\b|every\b|all\b|half\b|other\b"
    r"|wrong\b)\w+ )?(?:term|terminology|description|wording|technical name|scientific name"
    r"|spelling|anatomy) (?:is )?accepted)"
)
# Not a person: "my husband agrees with you" is chat.
_A_SOURCE_AGREES = (
    r"(?:(?:the|our|my|its|that|this|even the) )?(?:(?!not\b|no\b|neither\b|none\b|nor\b|hardly\b"
    r"|some\b|half\b|few\b|little\b|most\b|many\b|much\b|several\b|part\b|parts\b|one\b|barely\b"
    r"|scarcely\b|almost\b|nearly\b|never\b|seldom\b|wrong\b|old\b|outdated\b|your\b|last\b"
    r"|if\b|whether\b|only\b|does\b|do\b|let's\b|see\b|\w+n't\b)[\w'-]+ ){0,3}?(?:drawers?"
    r"|collections?|specimens?|skins?|field guides?|guides?|books?|keys?|rulers?|tape measures?"
    r"|tape|measurements?|dna|lab|collar|gps|data|data ?base|numbers?|records?|recordings?|audio"
    r"|videos?"
    r"|footage|(?:next|second|other|third) frames?|museum|literature|evidence|biology) (?:also "
    r"|all "
    r"|fully )?(?:(?:agrees?|concurs?|sides?|(?:is|are)) with (?:you|that|this)"
    r"|(?:is|are)(?: all)? on your side|backs? you(?: up)?)"
)
_YES = (
    rf"(?:{_IT_IS}|{_NOBODY_DISAGREES}|{_NOTHING_ELSE}|{_PLAYER_IS_GOOD}|{_THE_MARK_DECIDES}"
    r"|(?:y+e+s+|yep+|yup+)(?:[ ,]+(?:y+e+s+|yep+|yup+))*|yessir\w*|yea+h?|ye|ya|s[ií]|oui|ja"
    r"|jawohl|indeed|correct(?!ly\b|ion|ed\b)[-\w]*|exact(?:ly)?|precisely"
    r"|(?:that's )?(?:a )?bingo|bullseye|bull's eye|jackpot|eureka|touch[ée]|affirmative"
    r"|absolutely|perfect(?:ion|ly)?|spot on|bang on|dead on|right on|right|roger that|quite right"
    r"|too right|right again|confirmed|(?:i )?(?:can )?confirm|hole in one|home run|slam dunk"
    r"|bull'?s-?eye|(?:two )?thumbs up|no (?:fooling|tricking|hiding from) you|(?:your"
    r"|those) eyes (?:do not|don't) deceive|got there(?: in the end)?"
    r"|you got there(?: in the end)?|you(?:'ve| have)? (?:done|did) it(?: again)?|genau(?: so)?"
    r"|is+o(?: mesmo| a[ií])?|eso(?: es)?|as[ií] es|claro(?: que s[ií])?|exato|perfeito|perfetto"
    r"|parfait|voil[àa]|(?:c'|ç)?est (?:bien |exactement |tout à fait )?(?:[çc]a|cela|lui|elle)"
    r"|tout à fait"
    r"|exactement|bien vu|eso es|exactamente|das ist (?:e[rs]|si[e]|richtig)|genau das|ganz genau"
    r"|isso mesmo|(?:è )?proprio (?:così|lui|lei)|dat is (?:het|hem)|klopt helemaal|det är rätt"
    r"|det stämmer|zgadza się|dokładnie|tak jest|правильно|верно|именно|точно|doğru|σωστά"
    r"|tepat(?: sekali)?|betul|bilkul(?: sahi)?|bien s[ûu]r|giusto|so ist es|naturlich|natürlich"
    r"|klar|klopt"
    r"|helemaal|jep|dobrze|evet|inderdaad|justement|jawel|stemmer|aye|guilty as charged"
    r"|verified|direct hit"
    r"|exact[ao](?:mente)?|richtig|stimmt|esatto|correcto|certo|precies|juist|rätt|riktigt|hai"
    rf"|{_ACCEPTED}|{_A_SOURCE_AGREES}"
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
    r"(?:[ ,]+(?!(?:not|no|nicht|kein\w*|pas|niet|geen|ikke|inte|non|não|nao|nie|не|нет|değil"
    r"|bukan)\b)"
    r"(?!please\b|why\b|how\b|what\b|where\b|when\b|which\b|who\b|now\b|here\b|side\b"
    r"|left\b|pose\b|photo\b|light\b|shot\b|spot\b|place\b|question\b|story\b|enough\b|idea\b"
    r"|part\b|and\b|but\b|or\b|that\b|it\b(?! is)|tail\b|adorable\b|cute\b|\w+(?:ing|ful"
    r"|ous)\b)(?:it is"
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
    r"|\byour (?:answer|guess|id|call|identification|hunch|instinct|vote) (?:is|was)"
    r" (?:(?:also|indeed|quite|absolutely|entirely|perfectly|exactly|spot) )?(?:right|correct|on"
    r"|bang on)(?= ?(?:[.!,;]|$)| (?:too|as well|again|and|also|indeed)\b)"
    r"|\bright you are\b(?! to)|\b(?:you|\w+) (?:say|says|said|guess(?:ed)?|id'?d|have|had|got"
    r"|called|read|saw) (?:it |this |that |him |her |one )?(?:right|correct(?:ly)?|perfectly"
    r"|first)\b|\b(?!i\b|we\b|it\b|they\b|i've\b|ok\b|okay\b|oh\b|and\b|well\b|just\b|thanks\b"
    r"|answers?\b|guesses\b)\w+(?:'s|'ve)?(?: has| have| had| just)?(?: totally| absolutely"
    r"| already| really| completely)? (?:got|get|gets|have|has|had|nailed|nails|found|called|calls"
    r"|cracked|solved|knew|aced|won|wins|takes|took|earns|guessed|guesses|smashed|wins?|did"
    r"|crushed|hit)(?: (?:got"
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
    r"|\b(?:you|[a-z]+) (?:win|wins|won)(?= ?[.!]|$)"
    r"|\byou (?:got|found|nailed|spotted) (?:him|her|them)(?= ?[.!,]|$)|\b(?:an?"
    r"|the) (?:perfectly |absolutely )?(?:correct|right) (?:answer|id|identification|call"
    r"|conclusion"
    r"|guess)(?=\W*(?:[.!,]|$))|\bwe have (?:a|our|the|today's|this \w+'s) (?:\w+ )?winner\b"
    r"|\bno (?:fooling|tricking) you\b|\b(?:a\+|10/10|ten out of ten"
    r"|full marks) (?:for|to) (?:you|\w+)\b|\b(?:you|\w+) for the win\b|\b(?:this|that) (?:guy"
    r"|girl|man|woman|person|kid|lady|one) (?:gets|got|has|knows) it\b|\byou(?:'ve| have)? (?:done"
    r"|did) it again\b|\byou(?:'ve| have)? seen through\b|\bgive (?:(?:that|this|the) )?\w+ (?:an?"
    r"|the) (?:medal|prize|cookie|cigar|star|hand|raise|round|beer|biscuit|job|phd|degree|badge"
    r"|gold|treat|hug|high five)\b"
)
WAS_RIGHT = re.compile(
    r"\byou (?:were|had it)(?: \w+ly)? right(?: the first time| all along| from the (?:start"
    r"|beginning)"
    r"| after all| to begin with| in the first place| at first)?(?=\W*(?:[.!,]|$| and\b))"
    r"|\byou(?:r first guess was| said so| told (?:me|us)(?: so)?)(?=\W*(?:[.!,]|$))"
    r"|\byour (?:first|original|earlier) (?:guess|answer|id) was (?:right|correct)\b"
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
    r"\b(?:further questions|short answer|never lies?|settles|clinch\w*|anything else"
    r"|no arguments?|no objections?|agreed|argue"
    r"|disagree|c'est bien|tout à fait|genau|isso mesmo|eso es|das ist (?:e[rs]|si[e]|richtig)"
    r"|stämmer|правильно|верно|именно|in doubt|a doubt|too good|too easy|betcha|rain|correct"
    r"|exact|precisely|bingo"
    r"|bullseye|spot on|bang on|nailed|affirmative|confirm"
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
    r"|yay|as (?:ever|always|usual|expected))\b"
)
# "So close", "right genus", "a good guess, but": no yes, or only half of one.
HALF_RIGHT = re.compile(
    r"\b(?:for now|look again|let's (?:say|go with)|tentative\w*|provisional\w*"
    r"|(?<!keep )(?<!stay )(?<!up )(?<!kids )(?<!very )"
    r"(?<!too )close(?! (?:to|by|up|together|relati\w+|family|cousin|look|enough to|on|at|range"
    r"|your"
    r"|the|in|behind|and personal|-up|encounter)\b)"
    r"|very close(?=\W*(?:[.!,]|$| but))|closer(?=\W*(?:[.!,]|$| but| than))"
    r"|almost(?! (?:fooled|had|got me|missed|certain|sure|always|never|every|as|the (?:size"
    r"|length)))"
    r"|nearly(?! (?:fooled|had|got me|missed|always|as|every|the (?:size|length)))"
    r"|not quite|half (?:right|correct|way|there|a (?:point|mark|star|yes)|points?|marks?|credit"
    r"|of it)"
    r"|halfway|partly|partially|sort of|kind of|warm(?! (?:feeling|fuzz|coat|day|glow|welcome"
    r"|thanks|bed|weather|spot|climate|season|and|hug))|warmer|cold(?:er)?"
    r"|unfortunately|alas|afraid (?:not|no|it's|it is|that's|you)|nope|nah"
    r"|(?<!the )(?<!i was )(?<!i'm )(?<!i am )(?<!was i )wrong|incorrect"
    r"|not (?:this|today|exactly|it|so(?! (?:wild|crazy|silly|bad|odd|strange|daft"
    r"|far-fetched)\b))|good (?:guess|thought|thinking|try|instinct|idea"
    r"|candidates?)|nice try|if only|would be|(?:right|good|same) (?:genus|family|idea|track"
    r"|direction|path|country|area|neighbou?rhood|ballpark|lines|order|size|colou?rs?|question"
    r"|place|continent|(?<!for the right )(?<!for all the right )reasons?)|tricky|tough one"
    r"|hard one|interesting|fair (?:point|enough)|bold"
    r"|i see (?:what|why)|i understand why)\b"
)
BUT = re.compile(r"\b(?:but|however|except|although|though)\b")
TURNS = re.compile(
    r"\W*(?:but|however(?! did\b| do\b| could\b| can\b)|except|although|though|not)\b"
)
REVEALS = re.compile(
    r"\b(?:answer|reveal(?:ed)?|solution|solved|verdict|ruling|mystery (?:guest|cat|animal|bird"
    r"|critter)|thank(?:s| you)(?: \w+){0,3} (?:for|to) (?:play|guess|tak|join|all|every"
    r"|the \d+)\w*|fooled|tricked|been had|had by|outwitted|outsmarted|bamboozled|gave (?:it|him"
    r"|her) away|gives? (?:it|him|her) away|giveaway|give-away|diagnostic|what (?:you|we)(?:'re"
    r"| are) (?:looking at|seeing)|what we have(?: here)? (?:is|was)|spoiler alert|plot twist"
    r"|drum ?roll|nobody got (?:it|this)|no winners?|only \w+ (?:of you )?got)\b"
)
DENIES = re.compile(
    r"(?:^|[.!] )\W*(?:[\w']+, )?(?:none|neither|no+|nope|nah|not (?:quite|this|today|exactly|a"
    r"|an|him|her"
    r"|that|in)|sorry|close|so close|very close|almost|nearly|neither|afraid not|alas|wrong"
    r"|incorrect|nice try|good (?:guess|thought|thinking|try|instinct|idea)|right (?:genus|family"
    r"|idea)|just|i (?:wish|understand|see)|understandable|common mistake|easy mistake|not)\b"
)
# The host asks, hints, counts votes or promises the answer: nothing is declared.
LATER = re.compile(
    r"\b(?:keep(?:ing|s)? (?:mum|quiet|silent|shtum|schtum|it (?:to myself|secret))"
    r"|keep (?:guessing|(?:th\w+ |the )?(?:guesses|votes|\w+) coming|looking|going|trying"
    r"|at it)|(?:try|guess|think) again|look again(?! (?:at|and)\b)|another (?:guess|try|go)"
    r"|any (?:other|more) \w+"
    r"|last call|so far|hints?|(?:a|one|two|another|next|first|second|third|small|little|your"
    r"|extra|more|bonus|the only) clues?|clues? (?:\d+|number|one|two)|clue:|(?<!your )patience"
    r"|stay tuned(?! for (?:the|our|my|another) (?:next|new)\b| for another\b| for more\b)"
    r"|stand by|standby|wait and see|(?:no|without) spoilers?|not (?:telling|saying"
    r"|giving|revealing|confirming)|(?:won't|can't|cannot|will not|don't) (?:tell|say|reveal"
    r"|confirm|give)(?! (?:this|from|whose|who|where|(?:whether|if)"
    r" (?:it's|he's|she's|it is) (?:your|yours|a (?:male|female|boy|girl|he|she)))\b)|my lips"
    r"|hold (?:that|your) (?:thought|horses)|noted"
    r"|recorded|locked in|time will tell|(?:we'?ll|you'?ll|we will|you will|let'?s"
    r"|we shall) (?:see|find out|wait)(?! (?:how|that|why|where|just|it has|its?\b|the|a|us|me|him"
    r"|her|no|some|two|\w+ say)\b)|your turn|(?:answer|reveal|results?|solution"
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
# "You don't need a hint", "no more clues needed": said when the game is over.
NO_HINT = re.compile(
    r"(?:\b(?:hints?|clues?)(?: (?:\d+|\w+))?: )?\b(?:(?:you|we) (?:don't|didn't|won't|hardly"
    r"|do not|did not) need|(?:there's |there is )?no need (?:for|of))"
    r"(?: (?:an?|any|the|my|more|another|further|other))*(?: \w+)? (?:hints?|clues?)(?: \d+)?\b"
    r"|\bno (?:(?:more|further|other) )?(?:hints?|clues?) (?:was |were |is )?(?:needed|necessary"
    r"|required)\b"
)
# The host is not sure, or wants to hear more.
WONDERS = re.compile(
    r"\b(?:think about|help me|what (?:do|would) you|what's your|tell (?:me|us)|show (?:me|us)"
    r"|explain|convince me|(?:could|might|may) be(?! (?:one of|the same|an? (?:male|female|kitten"
    r"|cub|young|old|mother|mom|boy"
    r"|girl)|pregnant|male|female|related|about|up to|around|\d)\b)|(?:maybe|perhaps|possibly)"
    r"(?! (?:next|one day|someday|\d|an? (?:male|female|young|old)|male|female)\b)|don't know yet"
    r"|not (?:yet|sure)|undecided|i(?:'m| am) (?:not sure|leaning|tempted)|i lean|hmm+)\b"
)
# Questions that a host asks of nobody.
# "Well done, Ann": said of something that is finished, unless it is of trying.
WELL_DONE = re.compile(
    r"\W*(?:(?:oh|ooh|ha|haha|wow|hey|yay|aw+|very|really)\b[ ,!]*)*(?:well done|well played"
    r"|nicely done"
    r"|beautifully done|congrat\w*|bravo|brava|bravissim[oa]|chapeau|hats? off|kudos"
    r"|(?:good|great|nice|excellent|super|superb|fine|amazing|fantastic|brilliant) (?:job|work|id))"
    r"(?:[ ,]+(?:to )?(?!for\b|on\b|but\b|with\b|trying\b|everyone\b|everybody\b|all\b|folks\b"
    r"|team\b"
    r"|anyway\b|though\b)\w+)?\W*"
)
RHETORICAL = re.compile(
    r"^\W*(?:(?:\w+, )?(?:see|notice|did you (?:see|notice|spot|know)|do you see|can you see|isn't"
    r"|ain't|aren't|who knew|who would|how (?:do|did|could|can) you|what gave it away|where (?:did"
    r"|do) you|surprised|fooled|(?:would|can|will) you believe|so,? what (?:was|is)|you know what"
    r"|know what|could it be|want (?:more|to)|how (?:cool|cute|great|lucky)|right|really|what a"
    r"|how about that|guess (?:who|what)|were you|who (?:got|guessed|knew|saw)|did (?:any|you)|ok"
    r"|okay|remember|why|how many of you (?:got|had|guessed|knew)|have you ever|did (?:it|that|he"
    r"|she|this)|show of"
    r"|who had|had you|were any|what (?:threw|fooled|tripped|tipped) you|would you like)\b)"
)
MAX_ASIDE_CHARACTERS = 40  # "Cougar? Without a tail?" asks nobody
TO_PLAYERS = re.compile(
    r"\b(?:you|your|yours|anyone|anybody|who|others|guess|mine|ours|what|why|which)\b"
)
# "Too easy, was it?" asks nothing.
TAG_QUESTION = re.compile(
    r", (?:was|wasn't|is|isn't|does|doesn't|did|didn't|has|hasn't|are|aren't|can|can't|eh|huh"
    r"|innit)"
    r"(?: (?:it|he|she|they|that|you))?\?"
)
QUESTION = re.compile(r"\?[!?.\s]*$")
