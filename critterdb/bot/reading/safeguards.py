"""What makes a name in a host's message less than the host's own plain word; it only downgrades.

parser.py asks here before it takes a name as said: whether somebody else speaks, whether it is not
a real animal or not an animal at all, whether it is irony, a rule or another week. What is stopped
here waits for a person. All but `is_contradicted` take lower-case text with plain apostrophes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from .cats import with_house_cats

if TYPE_CHECKING:
    from collections.abc import Collection

_A_DAY = (
    r"(?:yesterday|last (?:night|week|friday)|this (?:week|morning)|today|tonight|the day"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
_OURS_IN_OTHER_WORDS = (
    (re.compile(r"\bmtn?\.? ?lion\b"), "mountain lion"),
    (re.compile(r"\bmountain-lion"), "mountain lion"),
    (re.compile(r"\bbob(?:by)?[-. ]{0,2}(?:cat|kitty|kitten)(s?)\b"), r"bobcat\1"),
    (re.compile(r"\b(?:them|they)(?:'s| is)(?= )"), "these are"),
    (re.compile(r"\bbob the (?:bob)?cat\b"), "bobcat"),
    (
        re.compile(r"\b(?:look\w*|very|so|rather|quite|too|kinda|a bit|a little) dog(?:gy|gish)\b"),
        " ",
    ),
    (re.compile(r"\bcat[,:]? (?:a )?(domestic|house|feral|pet)(?=\W*[,.!])"), r"\1 cat"),
    # "And the winner is... drum roll... a bobcat!"
    (
        re.compile(
            r"\b(is|are|was|were|it's|that's|winner|answer)\s?(?:\.{2,}"
            r"|…)\s?(?:[(*]?(?:drum ?roll|wait for it|ta-?da)"
            r"(?:,? please)?[)*]?[\s.…!,:]*)?"
        ),
        r"\1 ",
    ),
    # "A lynx, a Eurasian one".
    (
        re.compile(r"\blynx\W{1,3}(?:an? |the )?(eurasian|european|iberian|canadian|canada) one\b"),
        r"\1 lynx",
    ),
    (re.compile(r"\b(domestic|house)\. cat\b"), r"\1 cat"),
    (re.compile(r"\b(?:pas une?|keine?|no es una?|non è una?)\b"), "not a"),
    (re.compile(r"\bcat \((house|domestic)\)"), r"\1 cat"),
    (
        re.compile(r"\b(just an?|an?|only|it's|is|be) domestic(?=\W*(?:[.,!?]|$))"),
        r"\1 domestic cat",
    ),
    (
        re.compile(
            r"\b(?:in (?:my|our) (?:language|country)|in english)\b([^.!?]*,) (?:you|we|they) say\b"
        ),
        r"\1 it's a",
    ),
    # Only of a cougar is it in doubt whether there is a black one.
    (
        re.compile(
            r"\bblack (?=(?:labrador|dog|puppy|wolf|german shepherd|mutt|mouth|fox|squirrel"
            r"|great dane|poodle"
            r"|domestic|house|pet|barn|feral|stray|tabby|tuxedo|moggy)\b)"
        ),
        "",
    ),
    # "The answer to yesterday's quiz: …" is about this post, if it replies to it.
    (
        re.compile(
            r"\b(?:the )?(?:answer|solution|reveal|result)s?(?: \w+)? (?:to|of|for|from)"
            rf" (?:{_A_DAY}|everybody|everyone|all|this|that)(?:'s)?(?: \w+){{0,2}}"
            r" ?(?=[:,—–-]| (?:is|was)\b)(?!.*\b(?:today's|this one|next|new)\b)"
        ),
        "the answer",
    ),
    (
        re.compile(
            rf"^{_A_DAY}'s (?:\w+ )?(?:game|bird|cat|animal|photo|picture|quiz|mystery|round"
            rf"|critter|puzzle"
            r"|challenge|post|corvid|hawk|poser|question)(?: solved| answer| solution| reveal"
            r"(?:ed)?|, \w+)?"
            r" ?(?=[:—–])"
        ),
        "the answer",
    ),
    # "Oops: yesterday's bird is a merlin", in reply to the photo or in a quote of it.
    (
        re.compile(
            r"^((?=.*\b(?:oops|whoops|correct\w*|fix\w*|key|erratum|revis\w+|mistake"
            r"|wrong)\b)(?!.*\b(?:today|today's|this (?:one|week)|next"
            r"|new|hints?|clues?|remember)\b|.*\?).*?)\b(?:yesterday|last night)'s"
            r" (?:\w+ )?(?:game|bird|cat"
            r"|animal|photo|picture|mystery|critter|post|corvid|hawk|one) (?=is|was|turned out)",
            re.DOTALL,
        ),
        r"\1this one ",
    ),
    # What cats at home are called in fun.
    (
        re.compile(
            r"\b(?:little|tiny|mini|miniature|pocket|living[- ]room|sofa|couch|indoor|household"
            r"|house|suburban|backyard|garden) (?:panther|tiger|lion|leopard|jaguar)s?\b"
        ),
        "rascal",
    ),
    # "Congratulations, Klaus Fuchs!" Of what an animal is called elsewhere, some are surnames.
    (
        re.compile(
            r"\b(?!(?:an?|the|der|die|das|den|des|ein|eine|einen|kein|keine|el|la|los|un|una|le|les"
            r"|une|no|not|kein|pas|ist|es|is|was|it's|that's|yes|ja|s[ií]|oui|und|od[e]r|and|or|y|o"
            r"|ou|et|answer|reveal|definitely|clearly|young|adult|called|juvenile)\b)([a-z]+)"
            r" (?:fuchs|luchs|elster|lobo|renard|zorro|dachs|amsel|marder)(?=\W*(?:[.!?,]|$))"
        ),
        r"\1",
    ),
    (re.compile(r"\b(?:any|every)thing but\b|\bthe opposite of\b"), "not"),
    (re.compile(r"\bnothing but\b"), " "),
    (re.compile(r"(?<![\w'.])([b-hj-z])\. (?=[a-z])"), r"\1 "),  # J. Beaver
    # "Sorry, everyone: it's a fox" is the host's own word.
    (
        re.compile(
            r"\b(sorry|thanks|thank you|hello|hi|hey|listen|okay|ok|well),?"
            r" (?:everyone|everybody|people|friends|folks|all) ?:"
        ),
        r"\1:",
    ),
    (re.compile(r"\b(?:bear with (?:me|us)|hold your horses)\b"), " "),
)
# A statement in quotation marks is somebody else's; one word in them may only be stressed.
_QUOTED = re.compile(
    r"(?<!\w)\"[^\"\n]*? [^\"\n]*\""
    r"|(?<![\w'])'(?=[^'\n]*(?:'\w[^'\n]*)* )[^'\n]*(?:'\w[^'\n]*)*'(?!\w)"
)
# A face upside down, rolling eyes; crosses, of which nobody knows to which word they belong.
_SAYS_NO = re.compile("[\U0001f643\U0001f644❌✖\U0001f6ab]")
_MARKED_LIST = re.compile("\\s*(?:✅.*❌|❌.*✅)", re.DOTALL)
_TAKEN_BACK = re.compile(
    r"\bif (?:you|i) (?:squint|never|say so|ask)\b"
    r"|(?<!kid you )(?<!should )(?<!does )(?<!did )(?<!could )(?<!would )(?<!has )(?<!had"
    r" )(?<!can )"
    r"(?<!have )(?<!of course )(?<!certainly )(?<!definitely )(?<!probably )(?<!why )(?<!do )"
    r"\bnot\W*$|\bas if\b"
    r"|\byeah,? right\b|\bin (?:my|your) dreams\b|\bqueen of\b"
    r"|\bwhat (?:[\w']+ ){0,3}?[\w']+(?: would|'d| will) (?:say|think|guess)\b"
    r"|\bthe (?:latter|former)\b|[,;—–-] ?or (?:maybe|perhaps|possibly|rather|an?)\b"
)
# After the name that was said: the host laughs, or calls for another look.
_UNDONE = re.compile(
    r"\b(?:look (?:again|closer)(?! at\b)|think again|made you look|gotcha|no,? wait|wait,? (?:no"
    r"|what)"
    r"|or so (?:i|we) thought|just (?:checking|testing|seeing)|(?:haha|lol),? no)\b"
    r"|(?:^|[.!…(,;]) ?(?:(?:no|nah|nope|not)|(?:it|this|that)(?: is not| isn't|'s not))\b\W*$"
)
# "There's the first cougar of the day": a guess that is counted.
_ONE_OF_MANY = re.compile(r"\bthe (?:first|second|third|next|last|obligatory|usual|inevitable) $")
# Before the name, in its own clause: an image, a likeness, or less than the whole animal.
_NO_REAL_ONE = re.compile(
    r"\b(?:fake|toy|wannabe|stuffed|taxiderm\w*|concrete|cardboard|plastic|plush|metal|wooden"
    r"|stone|bronze|ceramic|carved|painted|cartoon|inflatable|ghost|super|mega|cgi|ai|ai-generated"
    r"|mini"
    r"|photoshopped|honorary|imaginary|so-called|such|practically|basically|essentially|part"
    r"|virtually|spiritually|emotional support|(?:sort|kind) of|half|pink"
    r"|black)(?: an?)?(?: \w+)? $"
    r"|\b(?!100)\d+ ?(?:%|percent)[^%]*$|\b(?:non|ex|un)-$|[/&+] ?$"
    r"|\b(?:as much|as little|more|less)(?: an?)? $"
)
_ON_A_THING = re.compile(
    r"^ on (?:the|an?|my|his|her|your) (?:shirt|poster|sign|mug|tv|screen|flag)"
)
# Cats that play, drive, dig and sleep: teams and their people, cars, machines, pets.
_OF_A_NAME = re.compile(
    r"\b(?:wsu|byu|uh|txst|msu|state|university|college|team|coach|go|mercury|ford|couch|porch"
    r"|sofa|house|lap|pocket|living room)(?: \w+)? $|\b(?:proud|fellow|lifelong) $"
)
# Teams, cars and the like that are called after an animal.
_NAMED_FOR_ONE = re.compile(
    r"^ (?:football|basketball|baseball|softball|soccer|hockey|volleyball|marching|band|alum\w*"
    r"|nation|pride|athletics|jersey|mascot|logo|shoes?|sneakers?|excavators?|loaders?|skid)"
)
_MACHINE = re.compile(r"\b(?:skid[ -]?steers?|excavators?|horsepower)\b")
# "Both a cougar and a bobcat", but not "both cougars".
_ONE_OF_TWO = re.compile(r"\bbetween\b|\bboth\b.* and\b")
_BOTH, _AND = re.compile(r"\bboth (?:an? |the )?(?:\w+ )?$"), re.compile(r"^s? ?(?:and|&|,)")
_ATTRIBUTED = re.compile(
    r"^ here ?:|^\W{0,3}(?:said|says|claim(?:s|ed)|insist(?:s|ed)|swears|swore|wrote|writes|thinks"
    r"|thought) (?!i\b|we\b)\w"
)
_BELIEVED = re.compile(r"\bif (?:i|we) had to\b|\b(?:i|we) think so\b|\bgun to my head\b")
_SHARE_OF_PEOPLE = re.compile(
    r"(?:^|[\s(:])\d+ $"
    r"|\b\d+ ?(?:%|percent)(?: of (?:you|\w+))? (?:said|say|guess\w*|vot\w+|picked|chose|went"
    r"|thought|think|got)\b[^%]*$"
)
# "Every year somebody reports one as a panther."
_TAKEN_FOR = re.compile(
    r"\b(?:mistak\w+|mistook|took|takes?|taken|report\w*|confus\w+|mislabel\w*|pass\w*)\b"
    r"[^.!?]{0,30} (?:for|as|with)(?: an?| the)?(?: \w+)? $"
)
_POLL = re.compile(r"\b(?:polls?|votes?|voted|voting|split|went|said|guess\w*)\b")
_PERCENT = re.compile(r"\d ?(?:%|percent) $")
_UNSURE = re.compile(
    r"\b(?:unless|presumably|supposed|meant to|label+ed|believed to|rumou?red|considered|assumed"
    r"|reportedly|reported (?:to be|as)\b|(?:is|was|been) reported|(?:said|thought) to be"
    r"|always(?! (?:was|has been|is|were)\b)"
    r"|usually"
    r"|typically|statistically|consensus)\b"
)
_NOT_STATED = re.compile(
    r"\b(?:convince \w+|persuade \w+|show \w+|prove|deny|(?:not|cannot|\w+n't) (?:\w+ )?"
    r"(?:say|confirm|promise|claim|swear))(?: that)? (?:it|this|that)(?:'s| is| was) "
    r"|(?:\bnot|n't) (?:an? )?not\b"
)
_PRETENDS = re.compile(r"\bpretend\w*(?: to be| it's| that it's)? (?:an? |the )?(?:\w+ )?$")
# Who took or sent a photo, or where it was taken, may have an animal's name.
_CREDIT = re.compile(
    r"\b(?:photos?|pics?|pictures?|images?|shots?|videos?)(?: was| were)?(?: \w+)? by\b|\bvia\b"
    r"|\bcredits?\b|\bcourtesy\b|\bthank(?:s| you)\b"
    r"|\b(?:sent|submitted|shared|taken)(?: in| to \w+)? by\b"
)
_PLACE = re.compile(
    r"^ ?, (?:wa|ca|ut|mt|az|nv|wy|nm|tx|fl|bc|washington|california|oregon|montana|utah)\b"
)
# What stands before a colon and says that somebody else speaks, or of what else.
_LABEL_OF_OTHERS = re.compile(
    r"(?:(?:^|[.,;!?:] ?)(?:[\w']+ ){0,3}"
    r"(?:thoughts?|glance|(?<!breaking )news|myth|brains?|heart|mum|mom|dad|uncle|aunt"
    r"|neighbou?rs?|sender"
    r"|submitter|reader|friends?|kids?|husband|wife|twitter|internet|everyone|everyone else|people"
    r"|everybody|they|some|others|half|thumb|theory|hypothesis|options?|caption|subject|headline"
    r"|e-?mail|note|previous|before|zooming|yesterday|rumou?rs?|guess(?:es)?|polls?|votes?|see"
    r"|facebook|players?|(?<!professional )(?<!expert )(?<!final )(?<!medical )(?<!official"
    r" )(?<!our )"
    r"(?<!considered )(?<!veterinary )(?<!scientific )(?<!my )opinion|take|wrong answers? only"
    r"|wrong answer|previous answer|top answer"
    r"|popular vote|favou?rite|spoken|tentatively|probably|possibly|maybe|perhaps"
    r"|presumably|photos?|credits?|location|place|here"
    r"|(?:you|they|people|players|many|most|some|few|fewer|several|others|half|two|three|lots)"
    r"(?: all| mostly| of you)?"
    r" (?:said|wrote|guessed|answered|voted|say|think|guess|vote))"
    # "Not correct: cougar", "Similar species: cougar", "Ben's answer: cougar".
    r"|\b(?:not|never|isn't|wasn't)(?: (?:the|an?|quite|my|our))*(?: (?:answer|correct|right|true"
    r"|species|winner))+|\bincorrect|\b(?:similar|related|other|another|wrong|common|confusing"
    r"|look-?alike) (?:species|animals?|birds?|cats?)"
    r"|\b(?!(?:today|yesterday|tonight|week|night|morning|\w+day|game|round|photo|picture|quiz|host"
    r"|lab|museum|expert|everyone|everybody|here|it|that|what|curator|biologist|ranger|nature)'s)"
    r"(?:your|his|her|their|\w+'s) (?:first |final |last )?(?:answer|verdict|id|conclusion)"
    r"|(?:^|[.,;!?] ?)(?:you|me|her|him|us|them"
    r"|rt)|\b(?:answer|option) (?:[a-d]|[1-9])"
    # What most people said: "mode of responses: cougar. Truth: bobcat".
    r"|\b(?:mode|median|majority|consensus|crowd|public|popular|audience|responses|replies"
    r"|(?:most (?:common|frequent|popular)|top|popular|usual) (?:answer|guess|reply)|entries"
    r"|submissions|comments|commenters|expectations?|impression|looks like"
    r"|predictions?|expected|hoped|feared)(?: (?:of|from|in|on|for) (?:(?:the|all|your|our) )?\w+"
    r"| (?:choice|pick|opinion|answer|vote|view|says?|said))?)\s*$"
)
_ELSEWHEN = re.compile(
    r"^\s*(?:statistically|usually|typically|normally|rt)\b"
    r"|\bwhen(?:ever)? (?:in doubt|you)\b|\bin (?:19|20)\d\d\b|(?<!ten )(?<!10 )\bout of (?:\d+"
    r"|ten)\b"
    r"|^\s*(?:\w+ )?(?:few )?(?:days?|weeks?|months?|years?) ago\b"
)
_NOT_INCONCLUSIVE = re.compile(
    r"\b(?:not|never|no longer)(?: \w+)? inconclusive\b|n't inconclusive\b|\binconclusive as\b"
    r"|\b(?:you|many|most|some|people|who) (?:of you )?"
    r"(?:sa(?:y|id)|thinks?|thought|found|guess\w*|vot\w+)\b"
    r"|\b(?:last|previous|other) (?:week|time|photo|one)|\byesterday|\baccept\b"
    r"|\byou (?:can't|cannot) (?:tell|say)(?! from th(?:is|e) (?:photo|picture|pic|image|angle))"
    r"|\b(?:can ?not|can't|couldn't|could not) say (?:uh|um|er\b|yes\b|no\b|nope|hello|hi\b|boo\b"
    r"|a (?:single )?(?:word|thing)|its|his|her|their|your|much|enough)"
    r"|\bif (?:you|we|i) (?:can't|cannot)\b|\bcats apart\b|\bknow about\b"
    r"|\b(?:tell|say) (?:me|enough|(?:that )?(?:i|i've|it's|it is|this is)\b)"
)


def in_our_words(message: str) -> str:
    """The message with other spellings and turns put as parser.py knows them."""
    for pattern, words in _OURS_IN_OTHER_WORDS:
        message = pattern.sub(words, message)
    return with_house_cats(message)


def without_quotations(message: str) -> tuple[str, list[str]]:
    """The message without what it quotes, and that."""
    return _QUOTED.sub(" , ", message), _QUOTED.findall(message)


def with_marks_as_words(text: str) -> str:
    """The text with the ticks and crosses of a list as words: "✅ bobcat ❌ cougar"."""
    if not _MARKED_LIST.match(text):
        return text  # a cross by itself: nobody knows to which word it belongs
    return re.sub("[❌✖]\ufe0f?", ". not a ", re.sub("[✅✔☑]\ufe0f?", ". it's a ", text))


def is_contradicted(text: str) -> bool:
    """Whether a picture in the text as it was written says the opposite of its words."""
    return bool(_SAYS_NO.search(text))


def is_taken_back(message: str, names: Collection[str] = ()) -> bool:
    """Whether a message takes back what it names, or what it names speaks of no animal.

    After the first of `names`, some more words take it back.
    """
    ends = [message.find(name) + len(name) for name in names if name in message]
    rest = message[min(ends) :] if ends else ""
    patterns = (_TAKEN_BACK.search(message), _MACHINE.search(message), _UNDONE.search(rest))
    return any(patterns)


def downgrade(
    before: str, after: str, clause: str, sentence: str
) -> Literal["mentioned", "doubted"] | None:
    """Return the lesser role of a name between `before` and `after` of its clause; else None."""
    head, colon, _ = sentence[: max(sentence.find(clause), 0)].rpartition(":")
    following = sentence[max(sentence.find(clause), 0) + len(clause) - len(after) :]
    if (
        (colon and _LABEL_OF_OTHERS.search(head.strip()))
        or _CREDIT.search(before)
        or _ELSEWHEN.search(sentence)
        or _NOT_STATED.search(before)
        or _PRETENDS.search(before)
        or _ON_A_THING.search(after)
        or _PLACE.search(following)
        or _ATTRIBUTED.search(following)
        or _OF_A_NAME.search(before)
        or _NAMED_FOR_ONE.search(after)
        or _SHARE_OF_PEOPLE.search(before)
        or _ONE_OF_TWO.search(before)
        or (_BOTH.search(before) and _AND.search(after))
        or _ONE_OF_MANY.search(before)
        or _TAKEN_FOR.search(before)
        or (_PERCENT.search(before) and _POLL.search(sentence))
    ):
        return "mentioned"
    if _NO_REAL_ONE.search(before) or _UNSURE.search(clause) or _BELIEVED.search(sentence):
        return "doubted"
    return None


def is_no_verdict(sentence: str) -> bool:
    """Whether words such as "can't tell" or "inconclusive" in it speak of something else."""
    return bool(_NOT_INCONCLUSIVE.search(sentence))
