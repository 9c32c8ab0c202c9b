"""Odd values, documents with one odd value in them, and hypothesis strategies for both."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

FieldPath = tuple[str | int, ...]

DEEP, TOO_DEEP = 200, 100_000  # levels
MOST_PARSED = 700  # levels; Python's JSON parser gives up at about a thousand

ODD_TEXTS = {
    "empty text": "",
    "blank text": " \t\n",
    "lone surrogate": "a\ud800b",
    "NUL": "a\x00b",
    "right to left": "\u202ebobcat\u2066",
    "Kelvin sign": "\u212a",
    "full-width": "＃ｔｉｎｔＯｒＮｏｔ ＠ｃｒｉｔｔｅｒｂｏｔ",
    "combining": "a" + "\u0301" * 3000,
    "long text": "x" * 100_000,
    "handles": "@a " * 20_000,
    "hashtags": "#a" * 20_000,
    "markup": "<a " * 5000 + "<![(<!--",
    "entities": "&#99999999999;&#xd800;&amp" * 500,
    "format": "{0.__class__} %s %n ${x} {{7*7}}",
    "escape": "\x1b[2J\x1b]0;a\x07",
    "javascript": "javascript:alert(1)",
    "bad bracket": "https://[bad]/x.jpg",
    "open bracket": "https://[::1",
    "bad host": "http://\u2100/x.jpg",
    "bad port": "https://a.example:99999999/x.jpg",
    "credentials": "http://user:pass@127.0.0.1:1/x.jpg",
    "long host": f"https://{'a.' * 2000}example/x.jpg",
    "traversal": "../../../etc/passwd",
    "at uri": "at://",
    "year 1": "0001-01-01T00:00:00+01:00",
    "year 999": "0999-01-01T00:00:00.000Z",
    "year 9999": "9999-12-31T23:59:59-23:59",
    "odd offset": "2026-01-01T00:00:00+23:59:59.999999",
    "no time": "2026-02-30T25:61:61Z",
    "digits": "9" * 30,
    "other digits": "\u0663\u00b2",
    "many digits": "9" * 6000,
    "number as text": "1e999",
}

ODD_VALUES: dict[str, object] = {
    **ODD_TEXTS,
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "minus one": -1,
    "2^63": 2**63,
    "10^400": 10**400,
    "fraction": 0.5,
    "1e308": 1e308,
    "empty list": [],
    "empty object": {},
    "list of null": [None],
    "list of lists": [[]],
    "list of texts": ["a", "b"],
    "list of objects": [{}],
    "list of numbers": [1, 2.5],
    "object of objects": {"id": {}, "uri": {}, "type": []},
    "long list": list(range(5000)),
}

# Python's parser reads the first three although they are not JSON, and refuses the rest.
UNPARSABLE = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "5,000 digits": "9" * 5000,
    "too deep": "[" * TOO_DEEP + "]" * TOO_DEEP,
    "too deep objects": '{"a":' * TOO_DEEP + "1" + "}" * TOO_DEEP,
}


@dataclass(frozen=True)
class Deep:
    """Lists inside lists, so many levels deep: as a value only as deep as a parser would go."""

    levels: int

    def value(self) -> list[Any]:
        inner: list[Any] = []
        for _ in range(min(self.levels, MOST_PARSED) - 1):
            inner = [inner]
        return inner

    def text(self) -> str:
        return "[" * self.levels + "]" * self.levels


def expanded(example: Any) -> Any:
    """An example with the values of what is Deep in it."""
    if isinstance(example, Deep):
        return example.value()
    if isinstance(example, dict):
        return {key: expanded(value) for key, value in example.items()}
    if isinstance(example, list | tuple):
        return type(example)(map(expanded, example))
    return example


def json_text(document: object) -> str:
    """A document as JSON, with what is Deep in it as deep as it says."""
    deep: list[Deep] = []

    def mark(value: Deep) -> str:
        deep.append(value)
        return f"@@{len(deep) - 1}@@"

    text = json.dumps(document, default=mark)
    for number, value in enumerate(deep):
        text = text.replace(f'"@@{number}@@"', value.text())
    return text


def odd_json() -> dict[str, str]:
    """Odd values as JSON texts, by what is odd about them; every JSON parser reads them."""
    texts = {name: json.dumps(value) for name, value in ODD_VALUES.items()}
    texts["deep"] = "[" * DEEP + "]" * DEEP
    texts["deep objects"] = '{"a":' * DEEP + "1" + "}" * DEEP
    return texts


def paths(document: object, *, unknown: bool = False) -> Iterator[FieldPath]:
    """Where in a document a value stands; with `unknown` also where one could be added."""
    yield ()
    if isinstance(document, dict):
        for key, value in document.items():
            yield from ((key, *rest) for rest in paths(value, unknown=unknown))
        if unknown:
            yield ("unknownField",)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from ((index, *rest) for rest in paths(value, unknown=unknown))


def replaced(document: Any, path: FieldPath, value: object) -> Any:
    """A copy of a document with another value at a path."""
    if not path:
        return value
    changed = copy.copy(document)
    first, *rest = path
    known = document[first] if rest else None
    changed[first] = replaced(known, tuple(rest), value)
    return changed


def odd_values() -> st.SearchStrategy[Any]:
    """One of the odd values, or any JSON."""
    floats = st.sampled_from([float("nan"), float("inf"), float("-inf")])
    deep = st.sampled_from([Deep(DEEP), Deep(TOO_DEEP)])
    return st.one_of(st.sampled_from(list(ODD_VALUES.values())), floats, deep, any_json())


def any_json() -> st.SearchStrategy[Any]:
    """Any value that JSON can hold, small."""
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), odd_texts(), st.text(max_size=20)
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=8,
    )


def odd_texts() -> st.SearchStrategy[str]:
    """One of the odd texts."""
    return st.sampled_from(list(ODD_TEXTS.values()))


def spoiled(*documents: Any) -> st.SearchStrategy[Any]:
    """One of some good documents with one value replaced, or removed, at any path."""
    places = [(document, path) for document in documents for path in paths(document, unknown=True)]
    return st.tuples(st.sampled_from(places), odd_values()).map(
        lambda drawn: replaced(drawn[0][0], drawn[0][1], drawn[1])
    )


def texts(alphabet: str, *phrases: str) -> st.SearchStrategy[str]:
    """Texts of a parser's own signs and phrases, odd texts among them, some of them very long."""
    pieces = st.one_of(st.sampled_from([*alphabet, *phrases]), odd_texts(), st.text(max_size=8))
    times = st.sampled_from([1, 2, 50, 4000])
    many = st.tuples(pieces, times).map(lambda drawn: (drawn[0] * drawn[1])[:50_000])
    return st.lists(many, max_size=6).map("".join)


def as_bytes(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """The same texts as UTF-8."""
    return strategy.map(lambda text: text.encode("utf-8", "replace"))


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """Bytes with a stretch of them replaced, repeated or cut off."""
    return st.tuples(
        st.integers(0, len(good)), st.integers(0, 64), st.binary(max_size=64), st.integers(0, 3)
    ).map(lambda d: good[: d[0]] + d[2] * d[3] + good[d[0] + d[1] :])
