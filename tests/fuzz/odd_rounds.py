"""Real rounds on a stand-in that serves an odd value in one field of each of many people's posts.

Fields are found in what the stand-in serves, so that a new one is covered by itself: whatever
element of a list names one person and nobody else is that person's.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from critterdb.errors import CritterError
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.fuzz.contract import where
from tests.fuzz.strategies import FieldPath, paths, replaced
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from critterdb.fakes.server import Request

SCENARIOS = ("own photo", "parent's photo")
GOOD = ("bob", "cyd")
_NAME = re.compile(r"ann\d{3}")
_ID = re.compile(r"\d+|did:[^/]+")
_TIMES = (("created_at",), ("createdAt",))
_TOP_KEYS = ("id", "uri")  # of a response that is one post or profile itself


@dataclass(frozen=True)
class Field:
    """A value that a stand-in serves: in which request's items, and where in the item."""

    scenario: str
    route: str
    items: str
    path: FieldPath

    def __str__(self) -> str:
        return f"{self.scenario}: {self.route} {self.items} {'.'.join(map(str, self.path))}"


_FIELDS: dict[str, list[Field]] = {}  # of each platform: they are the same in each site


@dataclass(frozen=True)
class Oddity:
    """An odd value, as JSON, in a field."""

    field: Field
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.field} = {self.kind}"


@dataclass
class Spoiler:
    """Changes what a stand-in serves of each person in `oddities`, and gathers the `fields`."""

    oddities: dict[str, Oddity] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    scenario: str = ""
    fields: dict[Field, None] = field(default_factory=dict)

    def serve(self, request: Request, value: Any, **options: Any) -> None:
        """Answer with `value` as JSON, spoiled."""
        raw: dict[str, str] = {}
        route = _ID.sub("*", request.path)
        for path, name, item in self._items(value):
            items = ".".join("*" if isinstance(step, int) else step for step in path)
            if self.scenario:
                fields = (Field(self.scenario, route, items, p) for p in paths(item, unknown=True))
                self.fields |= dict.fromkeys(fields)
            oddity = self.oddities.get(name)
            if oddity and (oddity.field.route, oddity.field.items) == (route, items):
                mark = f"@@{len(raw)}@@"
                try:
                    value = replaced(value, (*path, *oddity.field.path), mark)
                except (KeyError, IndexError, TypeError):
                    continue  # this item does not have that field
                raw[json.dumps(mark)] = oddity.value
        text = json.dumps(value)
        for mark, odd in raw.items():
            text = text.replace(mark, odd)
        request.answer(text.encode(), **options)

    def _items(self, value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, str, Any]]:
        """What is one person's: where it stands, the name, and the item."""
        is_item = bool(path) and isinstance(path[-1], int)
        if not path and isinstance(value, dict):
            is_item = any(key in value for key in _TOP_KEYS)
        names = set(_NAME.findall(json.dumps(value)))
        if not names and isinstance(value, dict) and str(value.get("id")) in self.accounts:
            names = {self.accounts[str(value["id"])]}
        if is_item and len(names) == 1 and not any(good in json.dumps(value) for good in GOOD):
            yield path, names.pop(), value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self._items(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from self._items(inner, (*path, index))


def odd_stand_in(platform: str, spoiler: Spoiler) -> Any:
    """A stand-in of a platform that serves what `spoiler` makes of its answers."""
    kind = STAND_INS[platform]

    class OddStandIn(kind):  # type: ignore[misc, valid-type]
        def handle(self, request: Request) -> None:
            vars(request)["answer_json"] = partial(spoiler.serve, request)
            try:
                super().handle(request)
            except (KeyError, ValueError):
                # The bot asked for what it was served: an id that is not one, say.
                request.answer(b'{"error": "not a request"}', status=400)

    return OddStandIn()


class OddRounds:
    """Sites made from one template below `folder`, to play rounds of a platform in."""

    def __init__(self, platform: str, folder: Path, set_env: Callable[[str, str], None]) -> None:
        self.platform = platform
        self.folder = folder
        self._set_env = set_env
        self._template = folder / "template"
        self._template.mkdir()
        self._played = 0
        db = open_database(self._template / DATABASE_NAME, create=True)
        make_tiny_model(db, GAME, hashtag=HASHTAG)
        db.close()
        set_env("XDG_STATE_HOME", str(folder / "state"))
        set_env("CRITTERDB_REPLIES_PER_DAY", "1000000")

    def fields(self) -> list[Field]:
        """Everything that the stand-in serves of somebody who asks, in each scenario."""
        if self.platform in _FIELDS:
            return _FIELDS[self.platform]
        seen: dict[Field, None] = {}
        for scenario in SCENARIOS:
            spoiler = Spoiler(scenario=scenario)
            with self._stage(spoiler) as stage:
                ask_about(stage, "ann000", scenario)
                play_all(stage, spoiler)
            seen |= spoiler.fields
        return _FIELDS.setdefault(self.platform, list(seen))

    def oddities(self, kinds: Mapping[str, str], *, turn: int) -> list[Oddity]:
        """One odd value for each field, another one with each `turn`."""
        names = sorted(kinds)
        fields = {(field.route, field.items, field.path): field for field in self.fields()}
        chosen = [names[(number * 7 + turn) % len(names)] for number in range(len(fields))]
        return [
            Oddity(field, kind, kinds[kind])
            for field, kind in zip(fields.values(), chosen, strict=True)
        ]

    def failures(self, oddities: Sequence[Oddity]) -> list[str]:
        """What goes wrong with these at once, by halves down to the ones that cause it."""
        problem = self.problem(oddities)
        if problem is None:
            return []
        if len(oddities) == 1:
            return [f"{oddities[0]}: {problem}"]
        middle = len(oddities) // 2
        halves = [self.failures(half) for half in (oddities[:middle], oddities[middle:])]
        return halves[0] + halves[1] or [f"only {len(oddities)} at once: {problem}"]

    def problem(self, oddities: Sequence[Oddity]) -> str | None:
        """What goes wrong with these at once; None where bob and cyd are answered all the same."""
        spoiler = Spoiler({f"ann{number:03}": odd for number, odd in enumerate(oddities)})
        with self._stage(spoiler) as stage:
            before = ask(stage, "bob")
            for name, oddity in spoiler.oddities.items():
                ask_about(stage, name, oddity.field.scenario)
            try:
                play_all(stage, spoiler)
                after = ask(stage, "cyd")
                play_all(stage, spoiler)
                quiet = len(stage.server.sent)
                play_all(stage, spoiler)
            except Exception as error:
                return where(error)
            times = [stage.answered().count(post_id) for post_id in (before, after)]
            if times != [1, 1]:
                return f"bob and cyd were answered {times} times instead of once each"
            return None if len(stage.server.sent) == quiet else "the third round was not quiet"

    def problem_of_page(self, value: str) -> str | None:
        """What is wrong with a round whose page holds a value that no JSON parser has to read.

        It may say that it read nothing, as an error for people, and nothing else; once the value
        is gone everything goes on.
        """
        field = next(candidate for candidate in self.fields() if candidate.path[-1:] in _TIMES)
        spoiler = Spoiler({"ann000": Oddity(field, "unparsable", value)})
        with self._stage(spoiler) as stage:
            asked = ask(stage, "bob")
            ask_about(stage, "ann000", field.scenario)
            try:
                with suppress(CritterError):
                    play_all(stage, spoiler)
                spoiler.oddities.clear()
                for _ in range(2):
                    play_all(stage, spoiler)
            except Exception as error:
                return where(error)
            times = stage.answered().count(asked)
            return None if times == 1 else f"bob was answered {times} times"

    def _stage(self, spoiler: Spoiler) -> _Stage:
        self._played += 1
        site = self.folder / f"site{self._played}"
        shutil.copytree(self._template, site)
        return _Stage(self.platform, site, spoiler, self._set_env)


class _Stage:
    """One site and one stand-in, for as long as a few rounds last."""

    def __init__(
        self, platform: str, site: Path, spoiler: Spoiler, set_env: Callable[[str, str], None]
    ) -> None:
        self.site = site
        self.server = odd_stand_in(platform, spoiler)
        self.db = open_database(site / DATABASE_NAME)
        self.harness = PlatformHarness(self.db, self.server, platform)
        self._set_env = set_env

    def __enter__(self) -> PlatformHarness:
        self.server.start()
        for name, value in self.server.environment().items():
            self._set_env(name, value)
        self.harness.set_host()
        return self.harness

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.db.close()
        shutil.rmtree(self.site)


def ask(stage: PlatformHarness, name: str) -> str:
    """Let somebody ask about a photo of their own; the post's id."""
    photo = stage.server.add_file(picture("green"), f"{name}.jpg")
    return str(stage.server.add_post(name, f"{stage.ask} {name}", [photo]))


def ask_about(stage: PlatformHarness, name: str, scenario: str) -> None:
    """Let somebody ask about a photo in the post, or in one of their own before it."""
    if scenario == SCENARIOS[0]:
        ask(stage, name)
        return
    photo = stage.server.add_file(picture("red"), f"{name}.jpg")
    parent = stage.server.add_post(name, f"look {name}", [photo])
    stage.server.add_post(name, f"{stage.ask} {name}", in_reply_to=parent)


def play_all(stage: PlatformHarness, spoiler: Spoiler) -> None:
    """Play a round, some time after the last one."""
    accounts = getattr(stage.server, "accounts", None) or {}
    spoiler.accounts = {str(a["id"]): n for n, a in accounts.items() if _NAME.fullmatch(n)}
    stage.later += 3600
    stage.play()
