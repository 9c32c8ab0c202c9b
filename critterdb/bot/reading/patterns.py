"""The turns of phrase by which parser.py tells what a name does in a message.

All are for lower-case text with plain apostrophes.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_COMPILED = 1000  # patterns: 3 MB


@lru_cache(maxsize=MAX_COMPILED)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern with names in it, compiled.

    `re` itself forgets the oldest of 512, in use or not, and compiling takes longer than reading.
    """
    return re.compile(pattern)


SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
CLAUSE = re.compile(r"[,;:()—–]| - |…|\b(?:but|though|although|however|whereas|while|because)\b")
IDIOMS = re.compile(
    r"\b(?:not (?:only|just)(?: any)?|(?:(?:i'm|i am|we're|we are|it) )?(?:sorry|happy|pleased"
    r"|glad|delighted|proud"
    r"|hate|pains me|have|joy) to (?:say|report|inform you|tell you|announce|admit)(?: that)?"
    r"|no doubt(?: about it)?|without (?:a|any) doubt|no question(?: about it)?|no surprise"
    r"|not surprisingly|none other than|hands down|no kidding|why not|not bad"
    r"|believe it or not|if ever there was one)\b"
)
MARK = re.compile(
    r"\b(?:(?:it|this|that|he|she) (?:sure|really|indeed|truly|so|certainly|definitely|surely)"
    r"|it|this|that|this one|that one|he|she|(?:today|this week|this friday)'s \w+"
    r"|(?:the|our|this|that|your) (?:\w+ )?(?:cat|kitty|animal|critter|creature|bird|corvid|culprit"
    r"|beast|guest|visitor|one|fellow|guy|lady|chap|beauty)"
    r"(?: in question| in (?:the|this) (?:photo|picture)| here)?"
    r"|(?:this|our|today's) (?:\w+ )?(?:photo|picture|pic|image|frame|shot|still)"
    r"(?: (?:from|of|by|in|on|at) (?:\w+ ){0,3}?\w+)?)"
    r"(?:'s| is| was|'d be| has to be| must be)\b|\bit(?:s| is) in fact\b|\bits(?= an? )"
    r"|\b(?:looking at|i see|we have|we've got|you have|here is|here's|there is|there's|meet"
    r"|say (?:hello|hi) to|turn(?:s|ed) out(?: to be)?|(?:answer|verdict|reveal|id)(?: is| was)?"
    r"|what (?:you|we|i)(?: all)? (?:saw|see|have|had|got|took)(?: here)? (?:is|was)"
    r"|what (?:you're|you are|we're|we are) (?:seeing|looking at)(?: here)? is"
    r"|yes|yep|yup|indeed|correct|bingo|definitely|clearly|obviously|certainly|of course|aye"
    r"|correctly (?:said|guessed|picked|identified|called)(?: (?:it|this|that))?(?: as)?"
    r"|(?:it|this|that) can only be|we(?:'ve| have)? (?:all )?(?:agreed?|settled?) on"
    r"|(?<!what )makes? (?:it|this|that|him)"
    r"|(?:i'm|i am|we're|we are) calling (?:it|this|that)(?: one)?"
    r"|confirm(?:s|ed) (?:this|it|that|him|her|the id)(?: as| is| was| to be)"
    r"|(?:dna|genetic|lab) (?:tests?|results?)(?: \w+){0,6} sa(?:y|ys|id)"
    r"|(?:these|those|they)(?: are|'re| were)|(?:these|those|they)(?: all)? belong to"
    r"|(?:it|this|that|which|one|(?:tail|butt|foot|ear|shadow|eye|paw|blur|leg)s?) belongs to"
    r"|(?:it|that|this|he|she|which|everything|all of it|we|and)(?: all)? (?:comes? out|works? out"
    r"|ends? up|pans? out|shakes? out|adds? up|boils? (?:it )?down|amounts?|narrows? (?:it )?down"
    r"|lands?"
    r"|points? us|leads? us|brings? us|leaves? us|takes? us)(?: being)? (?:as|to be|to|at|on|with)"
    r"|(?:and|so|then|together|,) (?:you|we) (?:get|end up with|arrive at)|i give you|behold"
    r"|introducing|there (?:stays"
    r"|remains) only"
    r"|for me(?: it)? is|hence|therefore|adds? up to|spells|equals|leaves only|which (?:makes"
    r"|leaves) (?:it|us with))\b"
    # "Is a puma", as people write whose own language needs no "it".
    r"|^\W*(?:(?:sorry|s[ií]|yes|yep|no|nope|ja|well|ah|oh|so|and|but|then|also) )*(?:is|was)\b"
    r"(?! not)"
)
# "What looked like a cougar turned out to be a", "our panther is somebody's".
TURNED_OUT = (
    r"\b(?:what (?:\w+ ){1,4}|(?:our|this|that|your|today's|the so-called) (?:\w+ )?)"
    r"(?:an? )?['\"]?(?:%s)['\"]?"
    r"(?: [^.!?,;:]{1,40})? (?:is|was|turn(?:s|ed) out(?: to be)?|proved to be)(?: \w+ly| just"
    r"| in fact| really)?"
    r" (?:an?|some\w+'s|my (?:own )?|the neighbou?r's) (?=(?:\w+ ){0,3}(?:%s)\b)"
)
# Of these a host names several: "these are bobcats", "two bobcats!".
SEVERAL = re.compile(
    r"\b(?:these|those|they|both|both of (?:them|these))(?: are|'re| were)(?: (?:all|both"
    r"|actually|indeed|in fact|\w+ly))? $"
    r"|\b(?:it's|it is|this is|that's|is|was) one of (?:our|the|my|their)(?: \w+){0,2} $"
    r"|^ ?(?:just |only |yes )?(?:two|three|four|five|six|several|an? (?:pair|couple|trio) of)"
    r"(?: \w+)? $"
)
# "Both cougars!", "all of them are bobcats", but not "both cougars of this valley wear collars".
ALL_OF_THEM = re.compile(
    r"^ ?(?:and |yes )?(?:both|all (?:of them|two|three|four|five))(?: of them)?(?: (?:are|were))?"
    r"(?: (?:\w+ly|indeed|young|adult))? $"
)
# "It's a big old tired bobcat" is a statement; beyond that something else stands between.
MAX_WORDS_AFTER_MARK = 6
DENIAL = re.compile(
    r"(?<!t )(?<!not )\b(?:rule|ruled|ruling) out(?: an?| the)? $|(?:\b(?:not|no|never|neither"
    r"|nor)|n't(?: be)?)(?: (?:actually|really|quite|even|in fact))*"
    r"(?: (?:an?|the|any))?(?: (?:real|actual|true|wild))? $"
)
NEGATION = re.compile(r"\b(?:not|no|never|neither|nor|nobody|none|hardly)\b|n't\b")
# Between two names of one animal: "a mountain lion, or cougar".
ALSO_CALLED = (
    r"(?: ?/ ?|,? (?:or|aka|a\.k\.a\.?|also (?:known as|called)|i\.?e\.?,?) )(?:an? |the )?"
)
COMPARED = re.compile(
    r"\b(?:than|like|unlike|as|vs|versus|between|for|with|to|from|about|resembl\w+|rather than"
    r"|instead of|near(?:by|est)?"
    r"|behind|under|beside|over|past|around|onto|against|in front of)(?: (?:an?|the|any|your|my"
    r"|some))?(?: \w+)? $"
)
DOUBT = re.compile(
    r"\b(?:h+m+|u+m+|uh+|er+m|maybe|perhaps|might|may be|may|could|probably|possibly|likely"
    r"|seems?|suspect|leaning|if|or|whether|would|should|wonder(?:ing)?|almost|nearly|hint|clue"
    r"|poll"
    r"|vot(?:e|ing)|bet|apparently|otherwise|(?:i|we) (?:think|guess|say|reckon|believe)"
    r"|i(?:'d| would) (?:say|guess)|my guess"
    r"|looks? like|looked like"
    r"|(?:pretty|fairly|quite|almost|rather) (?:sure|certain)|not sure|unsure|supposedly"
    r"|allegedly|pretend)\b"
)
WOULD = re.compile(r"\b(?:would|should|could|or)\b")
CALLED = re.compile(r"\b(?:called|named) (?:[\w']+)\W*$")
REPORT = re.compile(
    r"\b(?:said|saying|say|says|guess(?:es|ed|ing)?|votes?|voted|answered|thought|thinks?|thinking"
    r"|believes?|insists?|swears"
    r"|picked|chose|called|went (?:with|for)|go(?:ing)? (?:with|for)|fooled|tempted"
    r"|expect(?:ed)?|report(?:s|ed|ing)?|claim(?:s|ed|ing)?)\b"
)
AGAINST_FACT = re.compile(
    r"\bif (?:it|this|that|he|she) (?:was|were|had been)\b|\bwish"
    r"|\bhop(?:e|ed|ing)\b|\bwant(?:ed|ing)?\b"
    r"|\b(?:withdr[ae]w\w*|retract\w*|revok\w*|(?:take|taking|took) back|scrap|unsay"
    r"|scratch|strike|forget|delete|cross (?:out|off)|erase|ignore|disregard|cancel|undo|ditch|bin"
    r"|drop|take|taking|took|overturn\w*|goodbye|bye|bye[- ]bye|farewell|so much for)"
    r" (?:(?:the|my|our|that|your) )?$"
)
# "Identified as a bobcat by most of you."
BY_PLAYERS = re.compile(
    r"^ by (?:\w+ of you|one|two|some|most|many|half|few|several|you|players|everyone|everybody"
    r"|people|nobody|\d+|a (?:few|player|reader))\b"
)
# What the host wrote before: "an earlier reply identified it as a bobcat".
OF_EARLIER = re.compile(
    r"\b(?:my|our|the|an?|that|this account's|yesterday's) (?:earlier|previous|first|last|initial"
    r"|original|prior|old|hasty|wrong) (?:reply|post|answer|tweet|toot|skeet|message|note|id"
    r"|identification|call|verdict|caption|label|card|announcement|reveal|ruling)s?\b"
    r"(?! (?:stands|holds|is right|was right|was correct|is correct))[^.!?]*$"
    r"|\b(?:i|we)(?:'d| had|'ve| have)? (?:first |originally |initially |wrongly |mistakenly )?"
    r"(?:called|labell?ed|misidentified|misread|mistook|took|taken|announced|posted|tagged)"
    r" (?:it|this|that|him|her)(?: \w+)? (?:as |for |to be )?(?:an? |the )?$"
)
# "I nearly said bobcat myself" does not mean that the host doubts now.
NEARLY_SAID = re.compile(
    r"\b(?:i|we)(?:'d have| would have| nearly| almost|'d almost|'d nearly| had first| had almost"
    r"| first"
    r"| initially| originally)(?: also| first| too)? (?:said|guessed|thought|called|voted|picked"
    r"|gone with|gone for|bet on|went with|went for)(?: it(?: was)?)?(?: an?| the| for)? $"
)
BY_OTHERS = re.compile(
    r"\b(?:think|thinks|thought|believes?|says?|said|seems?|keeps?|insists?|told|tells?|telling"
    r"|claim\w*|wrote|writes|emailed|convinced|sure|certain|swears?|swore|sworn|argu\w+|calls?"
    r"|called)\b"
)
NOT_STATED = re.compile(
    r"\b(?:when|whenever|until|till|unless|imagine|suppose"
    r"|(?<!\bon )(?<!\bof )(?<!explain )(?<!explains )(?<!\bis )(?<!here's )(?<!that's"
    r" )(?<!reason )"
    r"(?<!reasons )why|how|(?<!for )(?<!at )once|let's say"
    r"|what if|pretend|glad"
    r"|happy|relieved|(?<!can )tell)(?: that)? $"
)
OURSELVES = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are| can)? (?:\w+ly )?(?:sure|certain|say|swear)\b"
    r"|\btells us\b|\bcan tell\b|\btells? us\b|^\W*(?:please |pls |do )?tell (?:him|her|them"
    r"|your \w+)(?: that)? $"
)
JOKE = re.compile(r"\b(?:kidding|jk|joking|psych|april fools?|scratch that|or is it)\b")
TAKEN_BACK = re.compile(
    r"\b(?:correction|i disagree|not really|(?:no one|nobody|noone) ever)\b"
    r"|(?:^|[.!?…,] )(?:no,? )?(?:(?:it|this|that)(?:'s| is| was) not|(?:it|this"
    r"|that) (?:isn't|wasn't))"
    r"\s*(?:[.!?]|$)"
)
RIGHT = re.compile(
    r"\b(?:(?<!\d )right|correct(?:ly)?|congrat\w*|kudos|well done|nailed|bravo|points? (?:to|for)"
    r"|w[io]ns?|winners?|got it|bingo|spot on|good job|(?:i|we) (?:agree|concur)|nice work"
    r"|gold star|full marks"
    r"|out of ten|high five|pat on the back|take a bow|(?:can|may) (?:now )?(?:all )?(?:do (?:a"
    r"|your)"
    r" (?:\w+ )?dance|take|pat|give yourselves|treat|collect|celebrate|rejoice|gloat|purr"
    r"|howl|roar|meow|caw|brag|feel smug"
    r"|be (?:proud|smug))|victory lap|pat yoursel(?:f|ves)|give yoursel(?:f|ves))\b"
)
_LESS_THAN_SAID = (
    r"not|never|would|could|might|may|can(?! (?:all )?see)|should|must|seems?|appears?|looks?"
    r"|usually|often|sometimes|typically|normally|rarely|hardly|almost|nearly|probably|possibly"
    r"|presumably|likely|perhaps|maybe|apparently|supposedly|allegedly|tentatively|if|whether"
    r"|until|once|people|think\w*|thought|says?|said|claim\w*|guess\w*|believ\w*|suspect\w*|hope\w*"
    r"|second|other|another|prey"
)
# These say what it was, whoever says so: "80% of you correctly said bobcat".
SAID_RIGHTLY = re.compile(
    r"^\W*(?:this|our|today's) (?!.*\b(?:guess|vote|bet|theory|hunch|suspicion|feeling|favou?rite"
    r"|mascot"
    r"|team|logo|friend|neighbou?r|app|next|last|first|other|not|never|would|could)\b)"
    r"(?:[\w-]+ ){0,2}[\w-]+"
    r" (?:is|was)(?: \w+ly| indeed| just)? an? $"
    r"|\b(?:that|this)(?:'s| is| was)(?: exactly| just)? what (?:he|she|it|this|that|they|(?:our"
    r"|the|this|that)"
    r" (?:\w+ ){1,3}?)"
    r" ?(?:is|was|'s)(?: \w+)?[,:]? (?:an? )?$"
    r"|\b(?:it|this|that)(?:'s| is| was) what (?:\w+ ){1,5}call(?:s|ed)?(?: an?)? $|"
    r"^\W*(?:the|these|those|that|this) (?![^.!?]*\b(?:territor\w+|valley|forest|land|range|area"
    r"|trail|mountain|road|street|camera|book|house|world|night)\b)"
    rf"(?![^.!?]*(?:n't\b|\b(?:{_LESS_THAN_SAID})\b))"
    r"(?:[\w'-]+ ){1,9}belongs? to an? $"
    rf"|^\W*(?!.*n't\b)(?!.*\b(?:{_LESS_THAN_SAID}|wrongly|falsely|mistakenly|incorrectly"
    r"|initially|originally|nobody|rumou?r|mascot|my|her|his|your|their|hers|one|some|few|first)\b)"
    r"(?:[\w'-]+ ){1,4}(?:(?:is|was|now|officially|hereby|has|been|just|also) ){0,3}"
    r"(?:confirmed|identified|unmasked|verified|exposed|outed) (?:as|to be) (?:an?|the) $"
    r"|\b(?:it|this|that|one|cat|animal|critter|guest|creature)(?:'s| is| was| has)?(?: been)?"
    r" (?:identified|id'?d|confirmed)(?: by (?!an? |some|my|you)[\w ]{1,30})? as an? $"
    r"|\b(?:re-?)?(?:classified|identified|id'?d|label+ed|catalogu?ed|filed|logged|recorded"
    r"|determined|assigned)"
    r" (?:it|this|that|him|her|this (?:animal|cat|bird|one)|the (?:animal|cat|bird))(?: one)? "
    r"(?:as|to be) an? $"
    r"|^\W*(?:the|that|this|our) (?:\w+ ){0,2}(?:cat|animal|critter|creature|thing|blob|guest"
    r"|visitor|beast|bird|shadow|shape|figure)\b(?!.*\b(?:love|like|want|wish|last|next|favou?rite"
    r"|best|only|people|not|never|would|could)\b|.*n't\b)[^?]{0,50} (?:is|was)(?: \w+ly"
    r"| indeed)? an? $"
    r"|^\W*what (?:i|we|you|everyone|people|they)(?: all)? (?:called|took for|thought was|label+ed"
    r"|said was)"
    r"[^.!?]{0,40} (?:is|was)(?: really| actually| in fact)? an? $"
    r"|^\W*(?:well,? |and |so |but )?what (?!.*\b(?:love|like|need|want|wish|hope|expect|miss"
    r"|fear)\w*\b)[^.!?,;]{3,50}"
    r" (?:is|was)(?: really| actually| in fact| just)? an? (?:[\w-]+ ){0,2}$"
    r"|^\W*what you(?:'re| are)? (?:see|seeing|looking at)[^?]{0,30} is an? $"
    r"|\b(?:correctly (?:said|guessed|picked|identified|called)(?: (?:it|this|that))?(?: as)?"
    r"|(?:dna|genetic|lab) (?:tests?|results?)(?: \w+){0,6} sa(?:y|ys|id)"
    r"(?: (?:it|this)(?:'s| is| was))?|(?:collar|ear tag|microchip)(?: \w+)? says it's"
    r"|(?:we're|we are|i'm|i am) going with"
    r"|(?:dna|lab|genetics|results?|tests?)[^.!?]{0,30} (?:came|come|comes) back(?: as| with|:)?"
    r"|(?:photos?|pictures?|pics?|shots?|videos?) of(?= this))(?: an?| this| the)? $"
)
WRONG = re.compile(
    r"\b(?:wrong|incorrect|sorry|mistaken|fooled|oops|nice try|missed)\b|\bnot\b|n't\b"
)
# Last week's animal and tomorrow's are not this one.
ELSEWHEN = re.compile(
    r"\b(?:last|next|previous|another|other|earlier|older) (?:week|time|friday|month|year|one|photo"
    r"|round|game)|\byesterday|\btomorrow|\bremember\b|\bin general\b|\busually\b"
    r"|\bsometimes\b|\boften\b|\bcompar\w+|\bfor reference\b|\bfun fact\b|\baccording to\b"
    r"|\bnot (?:telling|saying)|\byet\b(?! another)"
)
PART = re.compile(
    r"^(?:'s?\b|[-/]|\s(?:tails?|ears?|paws?|tracks?|prints?|face|faces|legs?|heads?|pattern|spots"
    r"|coats?|fur|whiskers|size|sized|guess\w*|votes?|voters?|people|crowd|team|camp|fans?|lovers?"
    r"|cousins?|relatives?|relations?|lookalikes?|look-alikes?|things|hopefuls|believers"
    r"|enthusiasts|it (?:is|was) for (?:you|now|him|her|them)|\d+ ?%|sp"
    r"|spp|species|gang|mode|vibes?|energy|kill"
    r"|scat|poop|skulls?"
    r"|skeletons?|bones?|skins?|pelts?|statues?|plushies?|toys?|signs?|warnings?|butts?|mugs?|dens?"
    r"|calls?|sounds?|ridge|hill|road|creek|canyon|town|week|time|day|dinner|documentary|season"
    r"|trapping"
    r"|habitat|country|territory|range|biolog\w+|research\w*|scien\w+|stud(?:y|ies)|sighting\w*"
    r"|hunt\w*|attacks?|or)\b)"
)
PART_OF_QUESTION = re.compile(r"[—–;(]| - |, (?=see\b|notice|did you|can you see)")
# "This bobcat fooled many of you."
# "Answer: bobcat" is as plain as "the answer is a bobcat".
LABEL_OF_ANSWER = re.compile(
    r"\b(?:answer|verdict|reveal|id|solution|result|ruling|conclusion)\W*:\W*$"
    r"|^\W*(?:(?:the|and|but|so|in) )*(?:(?:ground )?truth|reality"
    r"|actual(?: (?:animal|species|bird|cat))?|fact|correct(?: (?:one|species))?|species"
    r"|(?:true|real) (?:identity|species|name|animal))\W*:\W*$"
)
THIS_ONE = re.compile(r"\b(?:this|our) (?:\w+ )?$")
FOOLED = re.compile(r"^ (?:has )?(?:fooled|tricked|puzzled|stumped|surprised|confused)\b")
# "The dog in the corner is Duke."
THE, IS_SOMEBODY = (
    re.compile(r"^ ?(?:(?:and|but|so|yes|no|oh|also) )?(?:the|that) $"),
    re.compile(
        r"^ (?:in|on|at|by|to|behind|beside|near|under) (?:the|my|our|a|his|her) (?:\w+ )?(?:corner"
        r"|background|foreground|left|right|edge|side|distance|back|front|border|margin|top|bottom"
        r"|reflection|mirror|fence|window|car|truck|porch|feet)\b(?: [\w'-]+){0,6}? "
        r"(?:is|was|belongs|isn't|wasn't|has|came|got)\b"
    ),
)
ARTICLE = re.compile(
    r"^ ?(?:(?:and|but|so|because|since|as|while) )?(?:(?:an?|the|any|your average) )?$"
)
# "A cub of a cougar would have a longer tail."
HYPOTHETICAL = re.compile(
    r"^ (?:(?:kitten|cub|chick|tail)s? )?(?:would|wouldn't|should|shouldn't|could have|might have)"
    r" (?:have|show|be (?:\w+er|more|less|much|twice|half|far|way|too)|look|weigh|need|stand|not"
    r"|never|also)\b"
)
IF_PEOPLE = re.compile(
    r"\bi bet (?=you|many|most|every|some|people)|\b(?:if|all of|those of) (?=you|your|anyone"
    r"|somebody|someone)|\bthose (?:of you )?who\b|\b(?:may|can) now\b"
)
THING_SAID = re.compile(
    r"^ (?:it|this|that) (?:(?:is|was)\b(?! not| for (?:you|now|him|her|them))|belongs to)"
    r"|^ (?:is|was) what (?:i|we|they|it) (?:have|had|see|saw|got|wrote|call|are looking at"
    r"|were looking at|photographed|is|was|says|said|caught|filmed|came up with|end up with"
    r"|ended up with|arrive at|land on|settled on|make of it|get)\b"
    r"|^ (?:is|was) (?:(?:the|my|our|your) )?(?:final |correct |right )?(?:answer|winner"
    r"|correct|right)\b"
)
THING_DENIED = re.compile(
    r"^(?: (?:kitten|cub|butt|bum|rump|\w+))? (?:it|this|that|he|she)(?: is not| was not|'s not"
    r"| isn't| wasn't| ain't)\b(?! (?:just|only))"
    r"|^ (?:(?:it|this|that) (?:(?:is|was)(?: \w+ly| \w+)? not|isn't|wasn't|ain't)"
    r"|(?:we|you|i) can (?:put away|rule out|exclude|discard|forget)|is (?:out|excluded"
    r"|ruled out))\b"
)
SUBJECT = re.compile(
    r"^ (?:(?:kittens?|cubs?) )?(?:has|have|had|is|are|was|were|would|can|could|does|do|did|tends?"
    r"|usually|often|never|always|will|should|looks?|weighs?|lives?|needs?|likes?)\b"
)
# Words that are known to leave a statement intact. Any other one ("it's a cougar skull") makes the
# message a candidate for a person.
GOES_ON = re.compile(
    r"^\W*$|^ [a-z]{1,2}-?\d{1,4}\b|^ (?:to the (?:bone|core|tips?|end|letter|max|life)"
    r"|through and through|every (?:time|day"
    r"|inch)|any day|plain and simple|pure and simple|no (?:contest|question|doubt|doubts|debate)"
    r"|hands down|in the flesh|in person|full stop|period|end of(?: story)?|no less|it is|that is"
    r"|on all counts|doing|for (?:sure|certain|real|the win|the win)|and always|with|in|at|on"
    r"|from|and|who|that|which|since|as|here|again|today|this|by|for"
    r"|all|near|to (?:me|us|the rest of us|others|some)"
    r"|kittens?|cubs?|pups?|calf|fawn|chicks?|juvenile|adult|mom|mama|male|female"
    r"|(?:my |you )?(?:folks|everyone|everybody|friends|people|y'all|loves?|lovel(?:y|ies)|dears?"
    r"|darlings?|lads|lasses|mates?|pals?|chums?|ducks?|pets?|hens?|comrades|amig[ao]s|guys|gang"
    r"|besties)(?=\W*$)|folks|everyone|everybody|friends|people|y'all|of course"
    r"|indeed|after|alas|not|now|then|too|you|we|i|is|was|it|he|she|they|aka|also known"
    r"|confirmed|photographed|taken|seen|caught|spotted"
    r"|standing|sitting|sleeping|walking|lying|looking|hiding|resting|crossing|eating|hunting"
    r"|staring"
    r"|wearing|named|called|in case|if|alright|obviously|of the (?:day|season|year)"
    r"|the (?:whole|entire) time|all along|w|b/?c|cause|cuz|cos|without|under|behind|between"
    r"|beside|next|close|about|ca|approx\w*"
    r"|around|aged?|of (?:about|ca|around)|due|thanks|having|bedded|sow|doe|girl|boy|tom|queen|cub"
    r"|kit"
    r"|youngster|whose|where|so|just|only|really|yes|yay|though|tho|imo|captured|filmed|recorded"
    r"|collared|tagged|rescued|released|passing|out|off|up|inside|outside|through|across|along"
    r"|down|into"
    r"|towards?|before|during|plus|who's|that's|it's|he's|she's|trotting|bounding|heading|\d+"
    r"(?! ?%))\b"
    r"|^ w/"
)
# "A bobcat having a drink": what the animal does, if an article stands before its name.
DOING, AN = (
    re.compile(r"^ (?!warning|crossing|viewing|painting|drawing|carving|building)[a-z]{2,}ing\b"),
    re.compile(r"\b(?:an?|our|another) (?:[\w-]+ ){0,2}$"),
)
# "It's a coyote curled up", but not "it's a bobcat sized dog".
SEEN = re.compile(
    r"^ (?!\w*(?:shaped|sized|infested|related|inspired|themed|colou?red|flavou?red"
    r"|based)\b)[a-z]{2,}ed\b"
)
NO_ANSWER = re.compile(
    r"\b(?:i|you|we|they|my|your(?! (?:friendly|typical|regular|standard|everyday|good old))"
    r"|his|her|their|saw|see|seen|love|loved|want|had|have|know|found|met"
    r"|about|every|each|any|some|many|most|more|all|which|what|why|how|where|when|who|such|ever)\b"
)
# "It looks like a cougar, but" is the beginning of a denial.
LOOKS = re.compile(
    r"\b(?:(?:could|might|may|would)(?: well| easily)? (?:be|have been|pass|look)|look(?:s"
    r"|ed)? like|pass for|mistaken for|confused (?:with|for)|resembl\w+)\b"
)
CONCEDED = re.compile(
    r"\b(?:if|at first|i know|i (?:see|understand) why|from this angle|easily|but|while|although"
    r"|though|however|despite)\b"
)
AFTERTHOUGHT = re.compile(
    r"^(?:or )?(?:(?:i|we) (?:think|guess|believe|suppose|reckon)|maybe|probably|perhaps"
    r"|or not|or so|right|no|change my mind|for now|so far|tentative(?:ly)?"
    r"|(?:(?:most|very|quite) )?likely|by the looks? of \w+|as far as (?:i|we) can tell"
    r"|in all likelihood)[?.! ]*$|^(?:and )?i'd bet\b"
)
YES, NO = (
    "yes|yep|yup|yeah|correct|bingo|indeed|it is",
    "no|nope|not|nah|wrong|it isn't|it's not|it is not",
)
NOT_IS_THE_ANSWER = re.compile(
    r"\b(?:answer|verdict)(?: is| was|:)? (?:a |an )?(?:definite |big |resounding )?[\"“']?not?\b"
    r"(?=[\"”']*\s*(?:[.!,;:—–-]|$))"
    r"|\b(?:it's|it is|this is|this one is|that's|that is) (?:a|an) (?:definite "
    r"|big )?[\"“']?not?\b"
    r"(?=[\"”']*\s*(?:[.!,;:—–-]|$))"
)
