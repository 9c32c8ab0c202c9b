"""Learn the weights of the reader that reads what the rules leave open, and measure it.

    python -m benchmarks.learned_reading            each batch by weights learned from the others
    python -m benchmarks.learned_reading --write    write critterdb/bot/reading/weights.json

It needs scikit-learn, which the extra `train` brings. An example is one animal named in a message.
The texts say what a guess is, or what a sentence says; what a message of a thread says is taken
from the rules, which read all these threads right but a few, and those are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from critterdb.bot.host_answers.findings import read_by_rules
from critterdb.bot.host_answers.players import guess_answered, player_answered
from critterdb.bot.reading import learned
from critterdb.bot.reading.clues import clues_of_message, clues_of_names, names_in
from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.formatting import table_lines
from critterdb.games import PRESETS, Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.readings import (
    HOST,
    TAXON_IDS,
    Guess,
    HostThread,
    Sentence,
    add_games,
    expected_answer,
    load_guesses,
    load_sentences,
    load_threads,
    outcome,
    thread_posts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from critterdb.bot.reading.clues import Answered
    from critterdb.bot.reading.parser import Verdict

WEIGHTS = Path(learned.__file__).with_name(learned.WEIGHTS)
MIN_EXAMPLES = 3  # with a clue, for it to get a weight
MIN_WEIGHT = 0.08  # what counts less is left out
INVERSE_PENALTY: dict[learned.Kind, float] = {
    "answer": 0.5,
    "yes": 0.5,
    "nobody": 1.0,
    "change": 1.0,
    "guess": 1.0,
}
OTHER_AUTHORS = (
    *("sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth"),
)
SENTENCES = "sentences"
MIN_CHANCE: dict[learned.Kind, float] = {
    "answer": learned.MIN_CHANCE_OF_AN_ANSWER,
    "yes": learned.MIN_CHANCE_OF_A_YES,
    "nobody": learned.MIN_CHANCE_THAT_NOBODY_KNOWS,
    "change": learned.MIN_CHANCE_OF_A_CHANGE,
    "guess": learned.MIN_CHANCE_OF_A_GUESS,
}
Games = dict[str, tuple[Game, Vocabulary]]


class Example(NamedTuple):
    """The clues around an animal in a message, and whether the message says that it is this one."""

    kind: learned.Kind
    batch: str
    clues: frozenset[str]
    is_it: bool


def examples_of_guess(guess: Guess, games: Games) -> Iterator[Example]:
    """The animals that a player's message names."""
    _, vocabulary = games[guess.game]
    message = learned.words_of_player(guess.text, vocabulary)
    expected = expected_answer(guess.expected)
    for taxon_id, clues in clues_of_names(message, names_in(message, vocabulary)).items():
        is_it = _means(taxon_id, expected, expected == "other")
        yield Example("guess", guess.batch, frozenset(clues), is_it)


def examples_of_sentence(sentence: Sentence, games: Games) -> Iterator[Example]:
    """The animals in a sentence of a host, which replies to the photo."""
    _, vocabulary = games[sentence.game]
    message = learned.words_of_host(sentence.text, vocabulary)
    names = names_in(message, vocabulary)
    answer = expected_answer(sentence.expected)
    for taxon_id, clues in clues_of_names(message, names).items():
        is_it = _means(taxon_id, answer, answer == "other")
        yield Example("answer", SENTENCES, frozenset(clues), is_it)
    whole = frozenset(clues_of_message(message, names, None))
    yield Example("nobody", SENTENCES, whole, answer == "inconclusive")


def examples_of_thread(thread: HostThread, games: Games) -> list[Example]:
    """The hosts' messages, the animals in them, and the guesses that they answer.

    A thread gives none if the rules do not find its answer in any message.
    """
    game, vocabulary = games[thread.game]
    posts = thread_posts("x:1", thread)
    answered = [post.parent for post in posts if post.author == HOST and post.parent]
    by_host = [post for post in posts if post.author == HOST]
    examples: list[Example] = []
    is_found = thread.expected is None
    for post in by_host:
        guess = guess_answered(post, game, vocabulary)
        verdict, is_yes = read_by_rules(post, game, vocabulary, guess, answered)
        to = player_answered(post, guess, vocabulary)
        message = HostMessage(thread.batch, post.text, to, verdict, is_yes)
        examples += message.examples(
            vocabulary, is_change=thread.correction and post is by_host[-1]
        )
        if verdict:
            read = outcome(verdict.taxon_id, verdict.verdict)
            is_found = is_found or read == expected_answer(thread.expected)
    return examples if is_found else []


class HostMessage(NamedTuple):
    """A host's message, what it answers, and what the rules read; `is_yes` as in Finding."""

    batch: str
    text: str
    to: Answered | None
    verdict: Verdict | None
    is_yes: bool

    def examples(self, vocabulary: Vocabulary, *, is_change: bool) -> Iterator[Example]:
        """What it says as a whole, and of each animal."""
        message = learned.words_of_host(self.text, vocabulary)
        names = names_in(message, vocabulary)
        whole = frozenset(clues_of_message(message, names, self.to))
        by_taxon = clues_of_names(message, names, self.to)
        for taxon_id, clues in by_taxon.items():
            yield Example("answer", self.batch, frozenset(clues), self._says(taxon_id))
        if self.to and self.to.guess is not None and self.to.guess not in by_taxon:
            yield Example("yes", self.batch, whole, self._says(self.to.guess))
        nobody_knows = self.verdict is not None and self.verdict.verdict == "inconclusive"
        yield Example("nobody", self.batch, whole, nobody_knows)
        yield Example("change", self.batch, whole, is_change)

    def _says(self, taxon_id: int) -> bool:
        if self.verdict is None:
            return False
        answer = self.verdict.taxon_id or self.verdict.verdict
        is_other = answer == "other" and (self.is_yes or self.verdict.is_named)
        return _means(taxon_id, answer, is_other)


def _means(taxon_id: int, answer: int | str | None, is_other: bool) -> bool:
    """Whether an answer is this taxon; `is_other` if it is an animal that the texts do not name."""
    return taxon_id == answer or (is_other and taxon_id not in TAXON_IDS.values())


def load_examples() -> list[Example]:
    """Return all examples of the threads, sentences and guesses in tests/data, in order."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_database(Path(folder) / DATABASE_NAME, create=True)) as db,
    ):
        add_games(db)
        every = [get_game(db, slug) for slug in PRESETS]
        games = {game.slug: (game, load_vocabulary(db, game)) for game in every}
    examples = [each for thread in load_threads() for each in examples_of_thread(thread, games)]
    for sentence in load_sentences():
        examples += examples_of_sentence(sentence, games)
    return examples + [each for guess in load_guesses() for each in examples_of_guess(guess, games)]


def fit(examples: Iterable[Example], kind: learned.Kind) -> dict[str, dict[str, int]]:
    """Return the weights of one kind, as they are stored."""
    import numpy as np
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    rows = [example for example in examples if example.kind == kind]
    counts = Counter(clue for example in rows for clue in example.clues)
    clues = sorted(clue for clue, count in counts.items() if count >= MIN_EXAMPLES)
    column = {clue: number for number, clue in enumerate(clues)}
    cells = [
        (row, column[clue])
        for row, example in enumerate(rows)
        for clue in example.clues
        if clue in column
    ]
    row_numbers, column_numbers = np.array(cells, np.int32).T
    shape = (len(rows), len(clues))
    matrix = csr_array((np.ones(len(cells)), (row_numbers, column_numbers)), shape)
    model = LogisticRegression(C=INVERSE_PENALTY[kind], solver="liblinear", max_iter=500)
    model.fit(matrix, np.array([example.is_it for example in rows]))
    stored: dict[str, dict[str, int]] = defaultdict(dict)
    stored[""][""] = round(float(model.intercept_[0]) * learned.UNIT)
    for clue, weight in zip(clues, model.coef_[0], strict=True):
        if abs(weight) >= MIN_WEIGHT:
            group, _, words = clue.partition(":")
            stored[group][words] = round(float(weight) * learned.UNIT)
    return dict(stored)


def learn(examples: list[Example]) -> dict[learned.Kind, dict[str, dict[str, int]]]:
    """Return the weights of all kinds, as they are stored."""
    return {kind: fit(examples, kind) for kind in INVERSE_PENALTY}


def left_out(examples: list[Example]) -> list[dict[str, object]]:
    """Judge each batch by other authors with weights learned from all other texts."""
    rows: list[dict[str, object]] = []
    for batch in OTHER_AUTHORS:
        known = [example for example in examples if example.batch != batch]
        for kind, stored in learn(known).items():
            judge = learned.from_stored(stored)
            new = [each for each in examples if each.batch == batch and each.kind == kind]
            rows.append({"kind": kind, "batch": batch, **_judged(new, judge, MIN_CHANCE[kind])})
    return sorted(rows, key=lambda row: str(row["kind"]))


def _judged(examples: list[Example], judge: learned.Judge, at_least: float) -> Mapping[str, int]:
    sure = [example for example in examples if judge.chance(example.clues) >= at_least]
    return {
        "examples": len(examples),
        "right": sum(example.is_it for example in examples),
        "found": sum(example.is_it for example in sure),
        "wrong": sum(not example.is_it for example in sure),
    }


def as_json(weights: Mapping[learned.Kind, Mapping[str, Mapping[str, int]]]) -> str:
    """Return weights as the file has them."""
    return json.dumps(weights, ensure_ascii=False, separators=(",", ":")) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the weights that ship")
    options = parser.parse_args()
    examples = load_examples()
    if options.write:
        WEIGHTS.write_text(as_json(learn(examples)), "utf-8")
        return
    columns = ["kind", "batch", "examples", "right", "found", "wrong"]
    print("\n".join(table_lines(left_out(examples), columns)))


if __name__ == "__main__":
    main()
