"""The turns of phrase by which a host says that nobody can tell what the animal is.

All are for lower-case text with plain apostrophes.
"""

from __future__ import annotations

import re

# Only a statement that nobody can tell ends a game so; "for now" or a question beside it does not.
INCONCLUSIVE = re.compile(
    r"\binconclusive\b|\bundetermined\b|\bunidentifiable\b|\bwe(?:'ll| will| may"
    r"| might) never know\b"
    r"|\b(?:impossible|too (?:blurry|dark|far|fuzzy|grainy|hard|little)(?: \w+){0,3}) to"
    r" (?:tell|say|call|id|identify|be sure)\b"
    r"|\b(?:can ?not|can't|couldn't|could not|unable to)(?: \w+ly)? "
    r"(?:tell|say|be sure|be certain|decide|call it|id|identify|make it out|determine)\b"
    r"|\btoo (?:blurry|dark|far|fuzzy|grainy|small) for an? id\b"
    r"|^\W*no idea,? (?:sorry|folks)\W*$"
    r"|\b(?:can't|cannot|couldn't|could not) be (?:identified|determined|told|id'd)\b"
    r"|\b(?:can't|cannot|can not|couldn't|could not|won't) be (?:known|called|named|told apart"
    r"|pinned down|decided|separated|resolved|settled"
    r"|distinguished|answered|determined|identified)\b"
    r"|\b(?:can't|cannot|can not|will never|won't|won't ever|'ll never) know\b"
    r"|\bnot (?:identifiable|determinable|possible to (?:tell|say|id|identify|know|separate)"
    r"|enough (?:detail|pixels|info\w*|to (?:go on|say|tell|identify|id)))\b"
    r"|\bno way to (?:say|be sure|separate|distinguish|id|identify)\b"
    r"|\b(?:unknowable|unanswerable|indeterminate|undeterminable|undecidable|unresolvable)\b"
    r"|\bnever (?:found|find) out\b|\bwe never will\b"
    r"|\b(?:nobody|no one|noone|none of us|neither of us|not even (?:the )?\w+|we|i)"
    r" (?:(?:will|'ll) never(?: \w+)?|(?:will|can|could|would)(?: ever| possibly|n't ever)?"
    r"|(?:is|are|am|was|were|'re|'m) (?:ever |never )(?:going to|gonna))(?<!we can)(?<!i can)"
    r"(?<!we could)(?<!i could)(?<!we will)(?<!i will)(?<!we would)(?<!i would)"
    r" (?:ever )?(?:know|tell|say|find out|be sure|be certain)\b"
    r"|\b(?:undiagnosable|unsolvable|unprovable|beyond (?:identification|id|recognition|knowing))\b"
    r"|\b(?:couldn't|could not|can't|cannot|can not) (?:tell|say|agree|decide|identify it) either\b"
    r"|\b(?:answer|verdict|result|ruling|reveal|id)(?: is| was)?:? (?:unknown|undetermined"
    r"|unidentified|none|we don't know|nobody knows|not possible|a mystery|no id|no answer|unclear"
    r"|unresolved|insufficient)\b"
    r"|(?:^\W*|[.,:;!] ?)(?:so,? )?no (?:result|verdict|answer|id|winners?"
    r"|decision)(?: (?:is )?(?:possible|this"
    r" (?:week|time|round|one)|today|for this (?:one|photo)|from (?:me|us)))?\W*$"
    r"|\b(?:drawer|folder|pile|box|cabinet|archive|bin|shelf)\b[^.!?]{0,25}\b(?:unknowns?|unsolved"
    r"|unidentified|unidentifiable|myster\w+|who knows)\b"
    r"|\bthere(?:'s| is| will be) no (?:answer|solution|verdict|result)\b(?! (?:yet|so far|until))"
    r"|\bleave (?:it|this|that|him|her)(?: one)? (?:as )?(?:an? )?(?:unidentified|unknown"
    r"|undetermined|unsolved)\b"
    r"|\bforever (?:a )?(?:mystery|unknown)\b"
    r"|\b(?:answer|verdict|solution|result|truth) is(?: that|:)? (?:there (?:isn't|is not|is no"
    r"|won't be|will be no|was none|is none)(?: (?:one|any|an? (?:answer|verdict|solution|winner)"
    r"|answer|verdict|solution|winner))?|we (?:have|found|got)"
    r" (?:none|no (?:answer|verdict|solution|winner|idea))"
    r"|we (?:don't|do not|haven't|never) (?:have|got|found) (?:one|any)|no answer"
    r"|none exists)(?=\W*(?:[.!,;]|$))"
    r"|\bthere (?:just |simply )?(?:isn't|is not|won't be|will not be|will never be) an? (?:answer"
    r"|solution|verdict)\b(?! (?:yet|so far|until|today|before))"
    r"|\bjury(?:'s| is) still out\b|\b(?:nobody|no one) (?:knows|can (?:tell|say))\b"
    r"|^\W*(?:case |officially |still )?(?:unsolved|unresolved|undetermined|unidentified"
    r"|unidentifiable)\W*$"
    r"|\b(?:i|we) (?:really |honestly |just |simply )?(?:don't|do not) know\b|\bno way to (?:tell"
    r"|know)\b"
)
# These only say so beside a word that ends the game.
SEEMS_INCONCLUSIVE = re.compile(
    r"\b(?:doesn't|does not|didn't|don't|do not|not) show(?:ing)? enough\b"
    r"|\b(?:remains?|stays?|will (?:remain|stay|be)) (?:an? )?(?:\w+ )?(?:mystery|unknown|unsolved"
    r"|unidentified)\b|\b(?:species|identity|id) (?:\w+ )?unknown\b|\b(?:fil(?:e|ed|ing)|goes"
    r"|put|chalk)\b[^.!?]{0,15} (?:under|as"
    r"|up to) [^.!?]{0,12}"
    r"(?:unknown|myster\w+|who knows|unidentified)\b|\bunknown (?:felid|animal|cat|bird|corvid"
    r"|species)\b"
    r"|\b(?:give|gave|giving) up\b|\bcould be either\b|\bspp?\b|\btoo close to call\b"
    r"|\bno telling\b|\bno winners?\b"
)
ENDS_THE_GAME = re.compile(
    r"\b(?:sorry|remains|stays|fil(?:e|ed|ing)|goes down|chalk|can't do better|no agreement"
    r"|official(?:ly)?|final(?:ly)?|ruling|verdict|reveal|answer|result|forever|case closed"
    r"|no winners?"
    r"|leave it (?:there|at that))\b"
)
# These say that nobody can tell; what else is in INCONCLUSIVE may only be the host's word for now.
FOR_GOOD = re.compile(
    r"\binconclusive\b|\bundetermined\b|\bunidentifiable\b|\bnever know\b|\bimpossible\b"
    r"|\b(?:nobody|no one|noone|none of us|neither of us|not one of us) (?:will|'ll"
    r"|is going to) ever"
    r" (?:know|find out|be sure)\b"
    r"|\btoo (?:blurry|dark|far|fuzzy|grainy|hard|little|small)\b|\bbe identified\b|\bsorry\b"
    r"|\b(?:officially|undeterminable|unanswerable|official|final|ruling|verdict|reveal|forever"
    r"|be known|separated|identifiable|no way"
    r"|indeterminate|not enough|show enough|unknowable|case closed)\b"
)
# "No idea!" may be teasing the players: it waits for a person.
SHRUG = re.compile(
    r"^\W*(?:no idea|(?:(?:i|we) )?(?:(?:really|honestly|just) )?(?:don't|do not) know|dunno"
    r"|beats me|who knows)\W*$"
)
ASKS, FOR_NOW = (
    re.compile(r"\?|\bhelp\b|\bany(?:one|body)\b"),
    re.compile(r"\b(?:for now|so far)\b"),
)
NOT_INCONCLUSIVE = re.compile(
    r"\b(?:tell|say) (?:you|which|what kind|more|yet|anything|until|much|without|how|whose|who"
    r"|where|when|why|(?:whether|if) (?:it|he|she|this|that)(?:'s| is) (?:an? (?:male|female|boy"
    r"|girl|he"
    r"|she|kitten|cub|adult)|male|female|your|yours|the same|pregnant|alive|old|young))\b"
    r"|\bat first\b|\byet\b"
    r"|\binitially\b|\?"
)
