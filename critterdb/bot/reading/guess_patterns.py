"""The turns of phrase by which guesses.py tells what a name does in a player's message.

All are for lower-case text with plain apostrophes. Patterns that end in `$` are for what stands
before a name in its clause, those that begin with `^` for what follows it.
"""

from __future__ import annotations

import re

# A repost, and the lines of somebody else that a message answers.
NOT_THEIRS = re.compile(r"^\s*(?:rt\b.*|>.*)$", re.MULTILINE | re.IGNORECASE)
QUOTED = re.compile(r"\"[^\"\n]*\"|(?<![\w'])'[^'\n]*(?:\w'\w[^'\n]*)*'(?!\w)")
SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")
CLAUSE = re.compile(
    r"[,:()—–=>→]| - |…|\b(?:but|so|because|though|although|however|while|now|actually|wait"
    r"|edit|hence|therefore|i mean)\b"
)
JOKE = re.compile(
    r"\b(?:kidding|jk|joking|psych|april fools?|as if|yeah,? (?:right|sure)|in (?:my|your) dreams"
    r"|mother in law|(?:no one|nobody|noone) ever|oh (?:sure|yeah|yes|of course)"
    r"|and (?:i'm|i am|my \w+ is|my \w+'s) (?:the |a |an )?\w+)\b|(?:^|\s)/s\b"
)
# "Cougar or not" and "cougar? or not?" is the name of a game.
NAME_OF_GAME = " or (?:not?|nah)\\b"
UNDECIDED = re.compile(
    r"\b(?:either|can't (?:decide|choose)|cannot decide|torn|who knows|toss[- ]?up"
    r"|coin (?:flip|toss)|50 ?[/-] ?50|fifty[- ]fifty|one of)\b"
)
MAYBE = re.compile(
    r"\b(?:maybe|perhaps|could|might|may|possibly|probably|think|thinking|guess(?:ing)?|looks?"
    r"|seems?|not sure|unsure|no (?:idea|clue)|idk|suspect|leaning|hm+|if i had to|always wrong)\b"
    r"|\?"
)
NO = re.compile(r"^\W*(?:no+|nope|nah|not|wrong)(?: way)?\W*$")
# "Not!" is what players of such a game write if it is another animal.
NOT_IS_THE_GUESS = re.compile(
    r"^\W*(?:(?:i(?:'d)? (?:say|vote|think|guess)|my (?:guess|vote|answer)(?: is)?|it's|definitely"
    r"|answer|a|definite) ?:? ?)*not\W*$"
)
_BETWEEN = (
    r"(?: (?:an?|the|any|your|really|even|actually|think|thinking|believe|it's|it|its|is|be|that"
    r"|that's|this|this is|look|looks|looking|like|convinced|say|see|buying|seeing|going|with|for"
    r"|way|a real|real|wild|quite|necessarily|buy|as)){0,5}"
)
DENIED = re.compile(
    rf"(?:\b(?:not|no|never|neither|nor|nope not|0 ?%|zero)|n't|\bcannot){_BETWEEN} $"
)
NOT_SEEN = re.compile(r"\b(?:can't|cannot|can not|don't|couldn't) see(?: \w+){0,3} $")
DENIED_AFTER = re.compile(
    r"^ (?:(?:it|this|that) (?:is not|isn't|'s not|ain't)|is (?:out|wrong|not it)|no|nope|nah)\b"
)
# What goes on after "not a cougar": "not a cougar or a bobcat".
JOINED_DENIAL = re.compile(r"^ ?(?:,|or|nor|and)? ?(?:or|nor)? ?(?:an? )?$")
ALTERNATIVE = re.compile(
    r"^(?: (?:kitten|cub))? ?\W{0,2} ?(?:or|vs\.?|versus|/|and/or)"
    r"(?: (?:an?|the|maybe|perhaps))* ?$"
)
_OTHERS = (
    r"(?:every(?:one|body)|people|they|he|she|some(?:one|body|body else)?|others|you|y'all|who"
    r"|nobody|most|many|half|all"
    r"|my (?:kids?|sons?|daughters?|husband|wife|partner|mum|mom|dad|friends?|ex|boss|neighbou?rs?"
    r"|brother|sister|toddler|\d+[ -]year[ -]old|cat|dog)|merlin|the (?:app|internet|crowd|poll))"
)
_SAY = (
    r"(?:says?|said|saying|thinks?|thought|thinking|guess(?:ed|es|ing)?|vot(?:ed|es|ing)|keeps?"
    r"|insists?|swears?|believes?|answer(?:ed|s)|wrote|went|goes|going|picked|sure|is|are|'s|'re)"
)
BY_OTHERS = re.compile(
    rf"\b{_OTHERS}(?: \w+)?(?: |'|){_SAY}(?: [\w']+){{0,4}} $|^\W*(?:said|says|thinks|wrote) "
    r"(?:[\w']+ ){0,3}$"
)
# It names the animal and does not guess it: questions about it, tales, wishes, comparisons.
ASIDE = re.compile(
    r"\b(?:why|how|when|where|what(?! about)|what's|which|do|does|did|are there|is there"
    r"|are you|were you|you sure|did you|know|stop|quit|enough|always|usually|never seen|once"
    r"|learn(?:ed|t)?|tempted|almost said|nearly said|love|hate|wish\w*"
    r"|hop(?:e|ed|ing)|want(?:ed|s)?|rooting|if|let it be)\b"
    r"(?: [\w'-]+){0,7} $"
    r"|\b(?:i|we|he|she|my (?:\w+ ){1,2})(?:'ve|'d)? ?(?:saw|seen|met|drove|drive|own|heard|had|has"
    r"|have|ate|shot|chased|photographed|live)\b(?: [\w'-]+){0,5} $"
    r"|\b(?:than|unlike|as|versus|about|from|instead of|compared (?:to|with)"
    r"|(?:too|enough|so)(?: [\w'-]+){1,3} (?:for|to be)|enough (?:for|to be))(?: an?| the| any)? $"
    r"|\b(?:go|mercury|ford|wsu|byu|coach|mascot is an?|mascot|the wild|eat(?:ing)?|stone the"
    r"|quoth the|as the|like the|chicken|murder of|flock of)(?: an?| my)? $"
    r"|\b(?:last|next|previous|other) (?:one|time|week|round|photo|game)\b(?: \w+){0,5} $"
    r"|\b(?:thought|thinking|said|guessed|was going to say)(?: [\w']+){0,3} $"
)
OUR_OWN = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are|'ll|'d| would)? (?:say|think|guess|vote|go(?:ing)?|also think"
    r"|still (?:say|think)|bet|believe|choose|pick)(?: [\w']+){0,3} $"
    r"|^\W*(?:(?:i'm|i am|we're|we are|still) )?thinking(?: \w+){0,2} $"
    r"|\bwhat about(?: an?| the)? $"
)
# "Between a cougar and a bobcat" is a choice of two.
BETWEEN = re.compile(r"\bbetween(?: an?| the)? $")
BETWEEN_AND = re.compile(r"^ and (?:an? |the )?$")
# "I thought cougar at first": what was thought before.
EARLIER = re.compile(r"^ (?:at first|first|initially|before|until)\b")
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
COULD, SHARE = re.compile(r"\b(?:could|may|might)\b"), re.compile(r"\d ?%")
STANDS_ALONE = 4  # words in a clause at most in which a short name ("downy") is a bird
