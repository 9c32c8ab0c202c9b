"""What people call a cat that lives with people: "our library cat", "somebody's old tom"."""

from __future__ import annotations

import re

_LOOKS = (
    r"(?:big|huge|fat|chubby|chonky|old|young|little|small|tiny|fluffy|long-haired|longhaired"
    r"|short-haired|shorthaired|orange|ginger|red|black|white|brown|grey|gray|cream|buff|striped"
    r"|spotted|tabby|tuxedo|calico|large|lost|well-fed|overfed|elderly|handsome|very|rather|own"
    r"|pet|friendly|grumpy|naughty|beloved|missing|escaped|half-wild|black-and-white)"
)
_CAT = r"(?:cat|kitty|kitten|puss|pussycat|moggy|moggie|tabby|tomcat|tom|feline|kitteh)"
_LIVES = (
    r"(?:library|bookshop|bookstore|shop|store|school|church|barn|station|ship|ship's|boat|lab"
    r"|laboratory|campus|clinic|pub|hotel|inn|brewery|winery|vineyard|cafe|café|monastery|convent"
    r"|cathedral|museum|garage|office|farm|farmhouse|farmyard|ranch|stable|dairy|mill|factory"
    r"|warehouse|post office|bakery|bodega|deli|market|harbour|harbor|marina|campground|campsite"
    r"|visitor cent(?:er|re)|village|town|city|street|alley|backyard|back yard|garden|yard|porch"
    r"|parking lot|neighbou?rhood|housing estate|colony|community|shelter|rescue|therapy|apartment"
    r"|flat|lap|sofa|couch|family|household|suburban|domestic|domesticated|pet|house|home|indoor"
    r"|outdoor|stray|feral|free-roaming|free-ranging|roaming|rescued|collared|microchipped"
    r"|gift shop|bar|gym|fire station|police station|golf club|clubhouse|lodge|neutered|spayed"
    r"|neighbou?rs?|neighbou?r's|neighbou?rs'|siamese|persian|manx|bengal|burmese"
    r"|abyssinian|ragdoll|sphynx|savannah|siberian|norwegian forest|russian blue|british shorthair"
    r"|maine coon|ocicat|everyday|garden-variety|garden variety|common or garden|bog-standard"
    r"|run-of-the-mill|common house|normal|ordinary|regular|plain)"
)
# "Today's cat" is the one in the photo.
_OWNER = (
    r"(?!(?:it|that|this|here|there|he|she|who|what|where|how|let|everybody|everyone|nobody"
    r"|today|tonight|yesterday|tomorrow|morning|week|month|year|season|winter|summer|spring|autumn"
    r"|fall|game|round|world|nature|park|forest|america|canada|\w+day)'s)[a-z]+(?:s'|'s)"
)
_NO_WILD_ONE = re.compile(
    rf"\b{_LIVES} (?:{_LOOKS} ){{0,2}}{_CAT}\b(?! (?:food|flap|door|toy|person|people|guess\w*))"
    rf"|\b(?:(?:my|our|his|her|their) (?:[a-z]+ )?|(?:uncle|aunt|auntie|cousin|old|mrs?"
    rf"|miss) )?{_OWNER} (?:{_LOOKS} ){{0,2}}{_CAT}\b(?! (?:food|flap|door|toy|guess\w*))"
    r"|\b(?:feral|stray|free-roaming) domestics?\b|\b(?:a|somebody's|someone's"
    r"|the) pet(?=\W*(?:[.,!?]|$))"
    rf"|\b{_CAT},? (?:who|that|which) (?:lives|sleeps|works|rules|hangs out|belongs|naps|resides"
    rf"|guards|greets \w+|runs) (?:(?:at|in|on|to|with|behind|under) )?"
    rf"(?:our|the|my|a|his|her|their) (?:\w+ ){{0,2}}{_LIVES}(?=\W*(?:[.,!?;]|$))"
    # "Kitty. The domestic sort."
    rf"|\b{_CAT}[.,;:!—–-]+ ?(?:(?:just|as in|i mean|of|but) )?(?:the |an? |your )?(?:{_LIVES}"
    rf"|tame)"
    r" (?:sort|kind|type|variety|one|version|breed)(?: of cat)?\b"
    r"|\bdomestic(?= (?:feral|stray)\b)|\bmouser\b|\bmanx(?! shearwater)\b"
)


def with_house_cats(message: str) -> str:
    """The message with every cat of a house, a place or an owner as a "house cat"."""
    return _NO_WILD_ONE.sub(_house_cat, message)


def _house_cat(match: re.Match[str]) -> str:
    somebody = re.match(r"(?:somebody|someone)'s ", match[0])
    return f"{somebody[0] if somebody else ''}house cat"


_OWN = re.compile(
    r"\b(it's|it was|it is|that's|that was|this is|he's|she's)((?: just| only| actually)? )(?:my"
    r"|our|her|his|their)"
    r" (?:own |\w+ )?(?:cat|kitty|kitten)(?=\W*(?:[.,!]|$))"
)


def with_own_cats(message: str) -> str:
    """The message of a host with "it was my cat" as a house cat."""
    return _OWN.sub(r"\1\2a house cat", message)
