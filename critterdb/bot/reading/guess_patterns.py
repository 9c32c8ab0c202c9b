"""The turns of phrase by which guesses.py tells what a name does in a player's message.

All are for lower-case text with plain apostrophes. Patterns that end in `$` are for what stands
before a name in its clause, those that begin with `^` for what follows it.
"""

from __future__ import annotations

import re

# "Looks to me as a jackdaw", as people write whose own language has one word for as and like.
LOOKS_AS = re.compile(
    r"\b(looks?|seems?|appears?|sounds?)(?: (?:to|for) (?:me|us))?,? (?:as|like)"
    r" (?!if\b|though\b|it\b|he\b|she\b|that\b)",
    re.IGNORECASE,
)
# A repost, and the lines of somebody else that a message answers.
NOT_THEIRS = re.compile(r"^\s*(?:rt\b.*|>.*)$", re.MULTILINE | re.IGNORECASE)
QUOTED = re.compile(r"\"[^\"\n]*\"|(?<![\w'])'[^'\n]*(?:\w'\w[^'\n]*)*'(?!\w)")
SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")
# What these say is not the player's guess: "Mom: cougar."
LABEL_OF_OTHERS = re.compile(
    r"^\W*(?:my |the )?(?:mom|mum|mama|dad|wife|husband|kids?|son|daughter|brother|sister|friends?"
    r"|boss"
    r"|neighbou?rs?|roommate|partner|boyfriend|girlfriend|grandma|grandpa|toddler|app|google"
    r"|chatgpt"
    r"|ai|merlin|seek|inat\w*|everyone|everybody|others|people|internet|twitter|them|they|him|her"
    r"|he"
    r"|she|option \w+)(?: (?:here|app|says))?\W*:"
)
# "If it's Texas, bobcat."
IF_IT_IS = re.compile(
    r"^\W*(?:(?:well|so|but|and|now|ok) )*(?:if|unless) (?:(?:it|this|that|we)"
    r"(?:'s|'re| is| was| were| are)|not|so|the|there)\b"
)
CLAUSE = re.compile(
    r"[,:()—–=>→]| - |…|\b(?:but|so|because|though|although|however|while|now|actually|wait"
    r"|and (?=that's|this is|it's|i say)|edit|hence|therefore|i mean)\b"
)
JOKE = re.compile(
    r"\b(?:kidding|jk|joking|psych|april fools?|as if|yeah,? (?:right|sure)|in (?:my|your) dreams"
    r"|mother in law|(?:no one|nobody|noone) ever|oh (?:sure|yeah|yes|of course)"
    r"|(?:and|(?:just |exactly )?like|as much as|the way|as surely as) (?:i'm|i am"
    r"|my (?:\w+ )?\w+ (?:is|was)"
    r"|my \w+'s) (?:the|a|an) \w+)\b|(?:^|\s)/s\b"
)
# "A bob", "bob!", but not "thanks Bob"; and the end of an animal that is seen of it.
BOB = re.compile(
    r"((?:^|[.!?\n,;:]) ?|\b(?:an?|its|it's|is|be|definitely|team|say|vote|guess|think|like|for|on"
    r"|the"
    r"|another|prob|probably|maybe) )bob(?:by|ber|bo|s)?(?=\W*(?:[.,!?;:\n]|$))"
)
# "Someone left the barn cat out."
LET_OUT = (
    r"(?:^|(?<=[.!?] ))(?:oh |looks like |so )?(?:someone|somebody|the neighbou?rs?) (?:has |have "
    r"|just |must have |clearly )*(?:left|let|lost|forgot|misplaced|(?:needs|should"
    r"|ought) (?:to )?"
    r"(?:fetch|bring|call|collect)|is missing|are missing) (?:the|their|a|his|her)(?: \w+)? (%s)"
    r"(?= (?:out|outside|in|home|again|inside|loose|outdoors)\b|\W*(?:[.!,]|$))"
)
# "Somebody's tabby is out past curfew", "that bobcat looks hungry": it is the one in the photo.
SUBJECT_HERE = (
    r"(?:^|(?<=[.!?] ))(?:this|that|somebody's|someone's) (%s)(?= (?:is|has|looks|got|needs|wants"
    r"|just"
    r"|must be|forgot|missed|seems)\b(?! (?:not|a|an|the|out|wrong|my|your|guess)\b(?! (?:for"
    r"|past|of|after|at|late)\b)))"
)
# "If this isn't a cougar I'll eat my hat", "I know a raven when I see one".
SURE_OF_IT = (
    r"\bif (?:it|this|that|he|she)(?:'s not| isn't| ain't| is not|'s no) (?:an? )?(?:\w+ )?(%s)"
    r",? (?:then )?(?:(?:i|we)(?:'ll| will|'d| would)(?! (?:say|guess|go|think|vote|try|pick|call"
    r"|be (?:surprised|tempted)))|(?:i'm|i am|my name(?:'s| is)) (?!thinking|guessing|going|saying"
    r"|leaning|sure\b|not\b)|call me|you (?:can|may)|(?:i|we) (?:don't|do not) know (?:what|any)"
    r"|nothing (?:is|ever))"
    r"|\b(?:i|we) (?:do |sure |would )?know (?:an? )?(?:\w+ )?(%s) when\b"
)
# "A crow isn't that shaggy" is said of its kind, and rules it out here.
OF_A_KIND, LACKS = (
    re.compile(r"^\W*(?:(?:well|but|and|so|nah|no) )?(?:an? |any )$"),
    re.compile(
        r"^ (?:is not|isn't|ain't|doesn't|does not|wouldn't|would not|hasn't|has not|won't"
        r"|never (?:has|looks|had)|would never|can't|cannot)\b(?! (?:it\b|the answer|ruled"
        r"|out of the question"
        r"|excluded))"
    ),
)
# "No crows here, I only like to watch": where the player lives.
NO_SUCH, AROUND = (
    re.compile(r"(?:\b(?:no|without|not any)|n't (?:have|get)(?: any)?) $"),
    re.compile(
        r"^(?:e?s) (?:here|around|at|near|in(?! (?:this|the|that|your|my)"
        r" (?:photo|pic|image|frame|shot))|round|where|on|over|this side|for miles)\b"
    ),
)
# "It came out bobcat 17, cougar 3": who counted votes guesses what has most of them.
COUNTED = (
    r"\b(?:(?P<name>{any_name})(?: got| has| had| with)?[:=]? ?(?P<votes>\d{{1,4}})\b ?%?"
    r"|(?P<before>\d{{1,4}}) ?%?(?: votes?)?(?: (?:for|say|said))? (?:an? )?(?P<after>{any_name}))"
)
VOTED = re.compile(
    r"\b(?:votes?|voted|voting|polls?|polled|tally|tallied|came out|survey\w*|scores?"
    r"|show of hands|ballots?"
    r"|straw poll|results?)\b|%"
)
MIN_PERCENT_OF_A_GUESS = 75  # of "bobcat 90%, house cat 10%"
# "A lion", where cougars live: "that's a lion", "lion!", but not "a lion's share".
LION = re.compile(
    r"(?<!mountain )(?<!mountains )(?<!african )(?<!mtn )(?<!mt )(?<!sea )(?<!ant )(?<!the"
    r" )(?<!of )"
    r"(?<![-\w])lion(?=s?(?: (?:for|obviously|again|imo|no|with|because|here|to me|i|all)\b"
    r"|\W*(?:[.,!?;:\n]|$)))"
)
REAR_END = re.compile(
    r"'s? (?:rear end|butt|bum|behind|backside|bottom|rump|hind end|back end|hindquarters"
    r"|tush\w*)\b"
)
# "Cougar or not" and "cougar? or not?" is the name of a game.
NAME_OF_GAME = " or (?:not?|nah)\\b"
# "I say bobcat, she says cougar. We'll never agree."
NO_AGREEMENT = re.compile(
    r"\b(?:we|they|us)(?:'ll| will|'ve| have)? (?:never|can't|cannot|won't|don't|couldn't|do not"
    r"|still don't) (?:ever |quite )?agree(?:d)?\b(?! with)|\b(?:we|they) (?:still )?disagree\b"
    r"|\b(?:house|office|family|marriage|class|team|household|room) (?:is )?divided\b"
    r"|\b(?:no agreement|agree to disagree|at war over|argu(?:ing|ed) (?:about|over) (?:it|this))\b"
)
# "Could be a bobcat, could be anything."
COULD_BE_ANYTHING = re.compile(
    r"\b(could|may|might)(?: well| also)? be\b[^.!?]*[,;] ?(?:(?:or|and|but) )?(?:it |then )?"
    r"(?:could|may|might)(?: also| just as (?:well|easily)| as well| easily| equally)? "
    r"(?:be (?!male\b|female\b|young\b|old\b|a (?:male|female|young|small|big|juvenile)\b|wrong\b"
    r"|mistaken\b|off\b|sure\b|the\b|my\b|just\b|more\b)|not(?: be\b|\W*(?:[.!?]|$)))"
)
UNDECIDED = re.compile(
    r"\b(?:either|can't (?:decide|choose)|cannot decide|torn|who knows|difference"
    r"|maybe\b.{1,30}\bmaybe|toss[- ]?up"
    r"|coin (?:flip|toss)|50 ?[/-] ?50|fifty[- ]fifty|one of)\b"
)
MAYBE = re.compile(
    r"\b(?:maybe|perhaps|could|might|may|possibly|probably|think|thinking|guess(?:ing)?|looks?"
    r"|seems?|not sure|unsure|no (?:idea|clue)|idk|suspect|leaning|hm+|if i had to|always wrong)\b"
    r"|\?"
)
NO = re.compile(r"^\W*(?:no|nope|nah|not|wrong)(?: way)?\W*$")
# "Not!" is what players of such a game write if it is another animal.
NOT_IS_THE_GUESS = re.compile(
    r"^\W*(?:(?:i(?:'d)? (?:say|vote|think|guess)|my (?:guess|vote|answer)(?: is)?|it's|definitely"
    r"|answer|a|definite)(?: ?: ?| ))*not\W*$"
)
_BETWEEN = (
    r"(?: (?:an?|the|any|your|really|even|actually|think|thinking|believe|it's|it|its|is|be|that"
    r"|that's|this|this is|look|looks|looking|like|convinced|say|see|buying|seeing|going|with|for"
    r"|way|a real|real|wild|quite|necessarily|buy|as)){0,5}"
)
DENIED = re.compile(
    r"\b(?:cross(?:ed|ing)?|rul(?:e|ed|ing)|strik(?:e|ing)|struck) (?:off|out)(?: both)?(?: an?"
    r"| the)? $"
    r"|\b(?:eliminat|exclud|discount|dismiss|discard)(?:e|es|ed|ing)?(?: both)?(?: an?| the)? $|"
    rf"\bdoubt(?: that)?(?: (?:it's|that's|this is|it is))?(?: an?)? $|"
    rf"(?:\b(?:not|no|neither|nor|nope not|0 ?%|zero)|n't|\bcannot){_BETWEEN} $"
)
NOT_SEEN = re.compile(r"\b(?:can't|cannot|can not|don't|couldn't) see(?: \w+){0,3} $")
DENIED_AFTER = re.compile(
    r"^ (?:(?:it|this|that) (?:is not|isn't|'s not|ain't)|is (?:out|wrong|not it)|no|nope|nah)\b"
)
IF = re.compile(r"\b(?:if|unless|whether)\b(?! i (?:had|have|must))")
UNSURE = re.compile(r"(?:\bnot|n't|\bun)(?: so| very| really| too)? ?(?:sure|certain|convinced)")
# What goes on after "not a cougar": "not a cougar or a bobcat".
CROSSED_OFF = re.compile(
    r"\b(?:(?:cross|rul|strik|struck)\w* (?:off|out)|(?:eliminat|exclud|discount|dismiss"
    r"|discard)\w*)\b"
)
JOINED_DENIAL = re.compile(r"^ ?(?:,|or|nor|and)? ?(?:or|nor)? ?(?:an? )?$")
ALTERNATIVE = re.compile(
    r"^(?: (?:kitten|cub))? ?\W{0,2} ?(?:or|vs\.?|versus|/|and/or)"
    r"(?: (?:an?|the|maybe|perhaps))* ?$"
)
_OTHERS = (
    r"(?:every(?:one|body)|people|they|he|she|some(?:one|body|body else)?|others|you|y'all|who"
    r"|nobody|most|many|half|all"
    r"|(?:the )?(?:commenter|person|guy|lady|man|woman|poster|reply|comment|replies|comments)"
    r"(?: (?:above|below|before me|up there|over me))?"
    r"|(?!(?:i|we) )[a-z]+ (?:will|would|'ll|is going to|is gonna)"
    r"|my (?:uncle|aunt|cousin|grand\w+|students?|class|team|app|phone|computer|kids?|sons?"
    r"|daughters?|husband|wife|partner|mum|mom|dad|friends?|ex|boss|neighbou?rs?"
    r"|brother|sister|toddler|\d+[ -]year[ -]old|cat|dog)|merlin|the (?:app|internet|crowd|poll))"
)
_SAY = (
    r"(?:calls?|called|would (?:say|call)|says?|said|saying|thinks?|thought|thinking|guess(?:ed|es"
    r"|ing)?|vot(?:ed|es|ing)|keeps?"
    r"|insists?|swears?|believes?|answer(?:ed|s)|wrote|went|goes|going|picked|sure)"
)
BY_OTHERS = re.compile(
    rf"\b{_OTHERS}(?:'s|'re)?(?: \w+){{0,2}} (?:is |are )?{_SAY}(?: [\w']+){{0,4}} $|^\W*(?:said"
    rf"|says|thinks|wrote) "
    r"(?:[\w']+ ){0,3}$"
)
# "Priya thinks it's a bobcat": anybody's name may begin a clause. "Tail says cougar" is a guess.
BY_SOMEBODY = re.compile(
    r"(?:^\W*|\b(?:and|but|while|so|since|because|that|if|although|though) )"
    r"(?!(?:i|we|it|this|that|which|all|everything|me|and|but|so|then|still|also|just|or|it's|my"
    r"|first|second|third|further|initial|had|have|never|always|what|who|how|why|would|could|to)\b"
    r"|\w*(?:tail|ear|face|leg|paw|head|nose|fur|coat|spot|stripe|tuft|ruff|size|shape|build|bill"
    r"|beak|eye|wing|gut|heart|instinct|brain|mind|money|vote|experience|bet|guess|answer|body"
    r"|feet|foot|bod|neck|chest|throat|marking|pattern|gait|posture|location|habitat|look|bar"
    r"|whisker|cheek|shoulder|color|colour|proportion|silhouette|stance|walk|logic"
    r"|evidence|science|intuition|context|scale|math|geography|season|range|track|length|ratio"
    r"|height|camera)s? )"
    r"[a-z]{2,12} (?:says|said|thinks|thought|reckons|votes|voted|insists|swears|guessed|guesses"
    r"|claims|believes)(?: (?:it|that|this|it's|that's|is|was|be|an?|the|for|definitely|probably"
    r"|maybe|surely|clearly)){0,4} $"
)
_ADJECTIVES = (
    r"(?:(?:an?|the|el|los|las|il|der|die|das|den|det|ett|os|un|una|um|ein|eine|le|la|one|some"
    r"|florida|texas|whole|entire|adult|young|baby|juvenile"
    r"|immature|female|male|big|small|little|huge"
    r"|tiny|fat|fluffy|skinny|wild|cute|beautiful|gorgeous|handsome|lovely|pretty|real|classic"
    r"|typical|definite|very|super|fine|old|ol'|feral|american|common|nice|cool|just|only|plain"
    r"|another|lost|somebody's|someone's|obvious|boring|solid|clear|mama|my grandma's|good|what"
    r"|friendly|local|single|lone|sleepy|grumpy|angry|happy|hungry|first|second|final|falcon|two"
    r"|three"
    r"|four|five|several|both|(?:pair|couple|trio|family|duo|group|bunch) of|proper|textbook|total"
    r"|standard|chunky|chonky|round|long|short|tall|old|pregnant|well fed|massive|giant|mini|sneaky"
    r"|suspicious|majestic|magnificent|common|garden variety|regular|ordinary|normal|domestic|wet"
    r"|soggy|dark|light|pale|brown|gray|grey|tan|tawny|spotted|striped|red|orange|black|white|mangy"
    r"|sick|skinny|slim|healthy|stealthy|winter|summer|hidden|blurry|your|our|the neighbou?r's"
    r"|good old|(?:very|really|truly|rather|quite|extremely|pretty|super|so|most|seriously|fairly"
    r"|wonderfully|awfully|impossibly) (?!not\b|much\b|like\b|sure\b|likely\b|fake\b|stuffed\b)"
    r"[\w-]+"
    r"|[a-z]{3,}(?:ful|ous|ish|less|some|iest|ly-fed|-fed|-looking)"
    r"|plain old|big old|regular old|large|lost|juvie|juv|imm|first-year|1st year) )*"
)
# What may stand right before a guess. After any other word a name is only mentioned.
LEAD = re.compile(
    r"(?:^\W*(?:(?:is|was) )?|[/=>] ?|\b(?:between|either|es|c'est|est|das ist|ist|è|é"
    r"|(?:could|can|might|may) (?:it|this|that|he|she) be"
    r"|(?:switch\w*|chang\w*|lean\w*)(?: \w+){0,3} to|(?:vote|votes|going|go|down|here) for|"
    r"(?:it|this|that|he|she|this one|that one|what i see|(?:the |my |our )?(?:final "
    r"|first )?(?:answer"
    r"|guess|vote|bet|verdict|id|thought|instinct|money)|animal|critter|cat|bird|kitty)(?:'s|s| is"
    r"| was)?|there's|there is|these are|those are|they're|they are|dat|its|tis"
    r"|is (?:it|this|that)|was it|we have|i have|i got|i've got"
    r"|(?:must|has(?: got)? to|gotta|got to|have to|could|might|may|would|should|'d|can only"
    r"|seems? to|appears to) be|gotta"
    r"|say|says|saying|said|guess|guesses|guessing|vote|votes|voting|go|going|go with|going with"
    r"|going for|go for|went with|think|thinks|thinking|lean|leans|believe|pick|choose|take|try"
    r"|bet|call it"
    r"|calling|suspect|reckon|see|spot|spy|mean|meant|means|towards?|leaning|on|team"
    r"|(?:feels|smells|looks?|looking|seems|sounds|seem)(?: like| to be)?|like|screams?"
    r"|giving|gives|prefer|d[e]f[ei]n[ai]t(?:e|el|l|le)?y|def|defo|defs"
    r"|gonna go with"
    r"|going? (?:w|with|for)|rolling? with|betting on|backing|plus one for|\+1 for"
    r"|\+1|serious(?:ly)?|probably|prob|maybe|perhaps|possibly|clearly|obviously"
    r"|surely|certainly|likely|totally|absolutely|also|still|sure|certain|yes|yep|yup|yeah|no|nope"
    r"|nah|sorry|oops|ok|okay|then|idk|dunno|idea|clue|hm+|um+|uh|lol|haha|ha|wow|oh|ooh|same"
    r"|rather|answer|guess|final|instinct|glance|or|and|vs|not|neither|nor|isn't|wasn't|ain't"
    r"|can't be|n't|final answer|today|today's|100 ?%|\d+ ?%|\d+|aka|why not|what about"
    r"|is|was|be|all|belongs to|butt of|from [\w' -]{1,30} to|put me down for|down as|stick"
    r"(?:ing)? with"
    r"|settl(?:e|ing) (?:on|for)|plump(?:ing)? for|opt(?:ing)? for|bets? on|money(?:'s| is)? on"
    r"|wager"
    r"|agree(?:d)?|seconded|ditto"
    r"|(?<!you )(?:name|dub|declare|pronounce|christen|deem|proclaim) (?:it|this|that|him|her"
    r"|thee|you)"
    r"(?: to be)?|(?:on|upon) (?:second|third|further|closer) (?:thoughts?|look|reflection"
    r"|inspection)|on reflection|come to think of it|looking closer"
    r"|count me (?:as|for|in for)|chose|choosing|most|likely|gonna say"
    r"|pretty sure|fairly sure|quite sure|id as|read(?:s|ing)? as|points? to|pointing to"
    r"|says to me|indicates?"
    r"|suggests?|tells me|makes? (?:it|this|me think)|i'm|thats|thatsa|yay|finally|hello|hi|omg"
    r"|well|hey|plus|thx|thanks|ima|imma)"
    rf")[^\w]* ?{_ADJECTIVES}$"
)
# What may follow a guess. Before any other word a name is only mentioned: "Cougar Town".
FOLLOW = re.compile(
    r"^(?:\W*$| ?/ ?(?!(?:not?|nope|nah|or|maybe)\b)\w"
    r"|\W* (?:for (?:sure|me|the win|real)|because|i(?:'d| would| do|'ll"
    r"| will)? (?:guess"
    r"|think|say|believe|suppose|bet"
    r"|swear|promise|see|know|vote|reckon|recon|rekon|figure|wager|imagine|assume|expect|fancy"
    r"|suspect|feel|hope"
    r"|presume|go with|gather)|i(?:'m| am) (?:sure|certain|guessing|thinking|saying|going with"
    r"|pretty"
    r"|fairly|quite|positive|convinced|afraid)|to (?:me|us|my)|all (?:the way|day|right)|alright"
    r"|(?:is|was) my|vibes"
    r"|energy|lol|haha|kittens?|cubs?|pups?"
    r"|please|pls|plz|gets|wins|is (?:my|our|the|it)|it is|obviously|then|maybe|perhaps|probably"
    r"|tho|though|too|either|again|with|in|on|at|from(?! last)|appears|spotted|here|there|male"
    r"|female|or|and|not|no|nor|yes"
    r"|rather|over|instead|100|\d+|if|but|this time|today|final|easy|duh|yay|y'all|folks|friend"
    r"|right|correct|definitely|for|hiding|sitting|sleeping|walking|looking|standing|lying"
    r"|resting|bobcat|cougar|of course|as|since|like|am i|edit|changed|scratch|wait|sorry|no wait"
    r"|actually|after all|vs|versus|imo|imho|fwiw|fyi|i'm|that's|looks|oops|by the|nice|beautiful"
    r"|thanks|thank|great|cute|mama|mom|mum|mother|momma|dad|papa|father|baby|babies|kit|kits"
    r"|kitty|butt|bum"
    r"|rump|backside|behind|bc|b/c|cause|cuz|cos|coz|due|given|based|judging|going|by|up|out|off"
    r"|down"
    r"|under|near|close|next|beside|past|w|w/|without|having|caught|spied|isn't|ain't|innit|eh|huh"
    r"|no doubt"
    r"|without a doubt|easily|every|just|so|to (?:this|these|the)|of (?:some|the|a)|per|via"
    r"|methinks|vibe"
    r"|but|this (?:week|round|time|one)|and her|\w+ing|tbh|ngl|y'all|yall|bro|dude|mate|team"
    r"|territory vibes|doing|after|before|mid"
    r"|\w+ly|sow|doe|girl|boy|lady|gal|fella|youngster|teenager|subadult|sub-adult|kitten|10|100"
    r"|who|which|that|somebody|sp|juv|juvenile|adult|young|immature"
    r"|thx|ftw|non|ne|od[e]r|verdad|n'est-ce pas|nicht wahr|ya|yah|si|100%|sir|madam|ma'am|miss"
    r"|professor|prof|doc|doctor|boss|captain|teacher|buddy|pal|chief|mister"
    r"|my (?:friend|dear|guess|vote|answer|bet|pick|choice))\b)"
)
# It names the animal and does not guess it: questions about it, tales, wishes, comparisons.
ASIDE = re.compile(
    r"\b(?:why|how|when|where|what(?! about| an? )|what's|which|do|does|did|are there|is there"
    r"|are you|were you|you sure|did you|know|stop|quit|enough|always|usually|never seen|once"
    r"|learn(?:ed|t)?|tempted|almost said|nearly said|love|hate|wish\w*"
    r"|hop(?:e|ed|ing)|want(?:ed|s)?|rooting|if|let it be|never|refuse|won't|imagine|will"
    r"|yesterday|yesterday's|ruled? out|week's)\b"
    r"(?: [\w'-]+){0,7} $"
    r"|\b(?:i|we|he|she|my (?:\w+ ){1,2})(?:'ve|'d)? ?(?:saw|seen|met|counted|passed|drove|drive"
    r"|own|heard|had|has"
    r"|have|ate|shot|chased|photographed|live)\b(?: [\w'-]+){0,5} $"
    r"|\b(?:than|unlike|as|versus|about|from|instead of|compared (?:to|with)"
    r"|(?:too|enough|so)(?: [\w'-]+){1,3} (?:for|to be)|enough (?:for|to be))(?: an?| the| any)? $"
    r"|\b(?:go|mercury|ford|wsu|byu|coach|mascot is an?|mascot|the wild|eat(?:ing)?|stone the"
    r"|quoth the|as the|like the|chicken|murder of|flock of)(?: an?| my)? $"
    r"|\b(?:last|next|previous|other) (?:one|time|week|round|photo|game)\b(?: \w+){0,5} $"
    r"|\bthoughts (?:on|about)(?: an?| the)? $"
    r"|\b(?:(?<!second )(?<!further )(?<!third )thought|thinking|said|guessed|was going to say)"
    r"(?: [\w']+){0,3} $"
)
# "My son says bobcat and I trust him."
TRUSTS = re.compile(
    r"\b(?:and|so) (?:i|we) (?:trust|agree|believe|concur|second|think so)\b"
    r"|\bi(?:'m| am) with (?:him|her|them)\b|\b(?:she|he|they)(?:'s| is|'re| are) (?:never wrong"
    r"|always right"
    r"|usually right|rarely wrong|seldom wrong|right|good at this)\b"
)
# "I always say cougar and I won't stop now."
ALWAYS = re.compile(r"\b(?:i|we) (?:always|usually|keep|invariably)\b[^.!?]*$")
AS_ALWAYS = re.compile(
    r"^.*?\b(?:and|so)\b,?(?: (?:i|we|it|that|today|this|why|now|here|there))?(?:'m| am|'s| is"
    r"| was"
    r"|'ll| will)? ?(?:(?:not )?(?:won't|will not|not|never|don't|see no|no) (?:\w+ )?(?:stop\w*"
    r"|chang\w*|going to (?:stop|change)|gonna (?:stop|change)|exception|different"
    r"|reason to (?:stop"
    r"|change)|quit\w*)|stick\w* (?:to|with) (?:it|that|my)|still do|do so again|again today"
    r"|again(?! (?:i|we) (?:was|were|am|got)\b| (?:it|that) was\b| wrong)"
    r"|(?:today|this) (?:too|as well)|why (?:stop|change))\b"
)
# "I bet Ann will say cougar."
FORETOLD = re.compile(
    r"\b(?!(?:i|we|it|this|that|you)\b)[a-z]+(?: will|'ll| would| is going to| is gonna)"
    r" (?:say|guess|call|think|claim|vote)(?: [\w']+){0,3} $"
)
OUR_OWN = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are|'ll|'d| would)? (?:say|think|guess|vote|go(?:ing)?|also think"
    r"|still (?:say|think)|bet|believe|choose|pick|(?:want|wanna|would like|have)(?: to)? (?:say"
    r"|go))(?: [\w']+){0,3} $"
    r"|^\W*(?:(?:i'm|i am|we're|we are|still) )?thinking(?: \w+){0,4} $"
    r"|\bwhat about(?: an?| the)? $"
)
# "Between a cougar and a bobcat" is a choice of two.
BETWEEN = re.compile(r"\bbetween(?: an?| the)? $")
BETWEEN_AND = re.compile(r"^ and (?:an? |the )?$")
# "I thought cougar at first": what was thought before.
EARLIER = re.compile(r"^ (?:at first(?! glance)|first|initially|before|until)\b")
THING_AFTER = re.compile(
    r"^(?:'s?\b|-\w|s' |\s(?:tails?|ears?|paws?|tracks?|prints?|faces?|legs?|pattern|spots|coats?"
    r"|fur|whiskers|sized?|guess(?:es|ers?)|voters?|people|crowd|camp|fans?|lovers?|habitat|country"
    r"|territory|range|sightings?|attacks?|app|id|bird id|football|basketball|baseball|hockey"
    r"|nation|jersey|excavators?|loaders?|nevermore|flies|answers?)\b)"
)
SUBJECT = re.compile(
    r"^s? (?:would|could|can|tends?|usually|often|never|always|will|should|have|has|had|do|does"
    r"|won|lost|play|played|beat|rule|live|lives|weigh|weighs|need|needs|looks|are"
    r"|were|says?|said|is (?:bigger|smaller|larger"
    r"|much|usually|way|a bit|too)|was (?:here|there|in|on))\b"
)
# "Could be a cougar, could be a bobcat", "60% cougar, 40% bobcat".
# Questions about animals, and not about the one in the photo.
ASKS = re.compile(
    r"^\W*(?:do|does|did|why|how|when|where|who|(?:isn't|aren't) (?:an?|the))\b.*\?", re.DOTALL
)
COULD, SHARE = re.compile(r"\b(?:could|may|might)\b"), re.compile(r"\d ?%")
STANDS_ALONE = 4  # words in a clause at most in which a short name ("downy") is a bird
