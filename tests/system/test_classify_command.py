"""`critterdb classify`: files, addresses and standard input, as a table or as JSON."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.fakes.server import Request, StandIn
from tests.support.datasette_site import MODEL_ID, TAXON, add_model, jpeg, make_site, rows
from tests.support.models import COUGARS_LIVE, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RED = jpeg("red")


class PhotoHost(StandIn):
    def handle(self, request: Request) -> None:
        if request.path == "/red.jpg":
            request.answer(RED)
        else:
            request.answer(b"<html>", kind="text/html")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with PhotoHost() as server:
        monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{urlsplit(server.base).port}")
        yield server.base


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def run(*arguments: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["classify", *arguments], input=input)


def test_files_addresses_and_standard_input_agree(folder: Path, host: str) -> None:
    (folder / "red.jpg").write_bytes(RED)
    done = run("red.jpg", f"{host}/red.jpg", "-", "--json", input=RED)
    assert done.exit_code == 0, done.output
    answers = json.loads(done.stdout)
    assert [answer["source"] for answer in answers] == ["red.jpg", f"{host}/red.jpg", "-"]
    assert {answer["answer"]["taxon_id"] for answer in answers} == {TAXON}
    assert {answer["prediction_id"] for answer in answers} == {1}
    [row] = rows(folder, "SELECT source, taxon_id FROM predictions")
    assert row == {"source": "cli", "taxon_id": TAXON}


def test_a_person_gets_a_table_with_bars(folder: Path) -> None:
    (folder / "red.jpg").write_bytes(RED)
    words = run("red.jpg").stdout
    assert "Cougar" in words
    assert "█" in words
    assert "Bobcat" in words


def test_several_photos_of_one_animal_give_one_more_answer(folder: Path) -> None:
    for name, colour in (("red", "red"), ("odd", "grey")):
        (folder / f"{name}.jpg").write_bytes(jpeg(colour))
    answers = json.loads(run("red.jpg", "odd.jpg", "--together", "--json").stdout)
    assert [answer["reason"] for answer in answers] == [None, "not_a_critter", None]
    assert answers[2]["source"] == "2 together"
    assert answers[2]["answer"] == answers[0]["answer"]
    assert (answers[2]["image"], answers[2]["prediction_id"]) == (None, None)
    assert "2 together: Cougar" in run("red.jpg", "odd.jpg", "--together").stdout
    assert [row["n"] for row in rows(folder, "SELECT count(*) AS n FROM predictions")] == [2]


def test_nothing_known_is_said_so(folder: Path) -> None:
    words = run("-", input=jpeg("grey")).stdout
    assert "not_a_critter" in words.splitlines()[0]


def test_one_bad_image_does_not_keep_the_others_back(folder: Path, host: str) -> None:
    (folder / "red.jpg").write_bytes(RED)
    (folder / "cut.jpg").write_bytes(RED[:-20])
    bad = ["cut.jpg", "missing.jpg", f"{host}/page", "http://127.0.0.1/x.jpg", "ftp://a.example/"]
    done = run(*bad, "red.jpg", "--json")
    assert done.exit_code == 1
    answers = json.loads(done.stdout)
    assert [answer.get("code") for answer in answers] == [
        "image_truncated",
        "missing_image",
        "not_an_image",
        "fetch_failed",
        "url_invalid",
        None,
    ]
    spoken = run(*bad)
    assert spoken.exit_code == 1
    assert len(spoken.stderr.splitlines()) == len(bad)
    assert all(line.startswith("Error: ") for line in spoken.stderr.splitlines())


def test_a_folder_gives_a_row_for_every_picture(folder: Path) -> None:
    cards = folder / "cards"
    (cards / "night" / ".hidden").mkdir(parents=True)
    (cards / "a.jpg").write_bytes(RED)
    (cards / "night" / "b.JPG").write_bytes(jpeg("grey"))
    (cards / "night" / "cut.jpg").write_bytes(RED[:-20])
    (cards / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    (cards / "notes.txt").write_text("dear diary")
    (cards / "night" / ".hidden" / "c.jpg").write_bytes(RED)
    done = run("cards", "red.jpg", "--csv", "answers.csv")
    assert done.exit_code == 1
    assert "answers.csv: 5 pictures, answered 1 of 5." in done.stdout
    assert "3 pictures could not be read" in done.stderr
    table = read_csv(folder / "answers.csv")
    assert [(row["file"], row["answer"], row["reason"], row["error_code"]) for row in table] == [
        ("cards/a.jpg", "Cougar", "", ""),
        ("cards/night/b.JPG", "", "not_a_critter", ""),
        ("cards/night/cut.jpg", "", "", "image_truncated"),
        ("cards/phone.heic", "", "", "not_an_image"),
        ("red.jpg", "", "", "missing_image"),
    ]
    assert table[0]["scientific_name"] == "Puma concolor"
    assert float(table[0]["confidence"]) > 0.99
    assert table[0]["model"] == MODEL_ID
    assert "cut off" in table[2]["error"]
    assert len(rows(folder, "SELECT * FROM predictions")) == 2


def test_several_folders_and_the_terminal(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "red.jpg").write_bytes(RED)
    said = run("one", "two").stdout
    assert "one/red.jpg: Cougar, over 99%" in said
    assert "two/red.jpg: Cougar, over 99%" in said
    assert run("one", "two", "--csv", "x.csv").exit_code == 0
    assert [row["file"] for row in read_csv(folder / "x.csv")] == ["one/red.jpg", "two/red.jpg"]


@pytest.mark.parametrize("start", "=+-@")
def test_no_cell_of_the_table_is_a_formula(folder: Path, start: str) -> None:
    (folder / f"{start}1+1.jpg").write_bytes(RED)
    assert run("--csv", "x.csv", "--", f"{start}1+1.jpg").exit_code == 0
    [row] = read_csv(folder / "x.csv")
    assert row["file"] == f"'{start}1+1.jpg"


def test_the_table_is_written_whole_or_not_at_all(folder: Path) -> None:
    (folder / "red.jpg").write_bytes(RED)
    (folder / "x.csv").write_text("years of work")
    (folder / "empty").mkdir()
    refused = run("empty", "--csv", "x.csv")
    assert "empty does not contain pictures" in refused.stderr
    nowhere = run("red.jpg", "--csv", "nowhere/x.csv")
    assert nowhere.exit_code == 1
    assert "nowhere/x.csv could not be written" in nowhere.stderr
    assert (folder / "x.csv").read_text() == "years of work"
    assert run("red.jpg", "--csv", "x.csv", "--json").exit_code == 2
    assert run("red.jpg", "--csv", "x.csv").exit_code == 0
    assert not list(folder.glob("*.part"))


def test_bars_under_no_answer_are_not_read_as_one(folder: Path) -> None:
    assert "If it had to choose:" in run("-", input=jpeg("grey")).stdout
    assert "If it had to choose:" not in run("-", input=RED).stdout


def test_a_file_is_named_once_in_its_error(folder: Path) -> None:
    said = run("nowhere.jpg").stderr
    assert said == "Error: nowhere.jpg: No such file or directory. Check the file name\n"
    similar = CliRunner().invoke(main, ["similar", "nowhere.jpg"])
    assert similar.stderr == said


def test_a_model_file_needs_no_site(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = folder / "models" / f"{MODEL_ID}.onnx"
    done = run("--model", str(file), "-", "--json", input=RED)
    assert done.exit_code == 0, done.output
    [answer] = json.loads(done.stdout)
    assert (answer["answer"]["taxon_id"], answer["prediction_id"]) == (TAXON, None)


@pytest.mark.parametrize(
    ("model", "words"),
    [("nobody", f"no model nobody. Known ones: {MODEL_ID}"), ("no.onnx", "could not be read")],
)
def test_an_unknown_model_is_one_clear_error(folder: Path, model: str, words: str) -> None:
    done = run("--model", model, "-", input=RED)
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_place_adds_a_second_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder, knows_places=True)
    monkeypatch.chdir(folder)
    (folder / "cat.jpg").write_bytes(picture("yellow"))
    (folder / "bobcat.jpg").write_bytes(picture("green"))
    place = ["--latitude", str(COUGARS_LIVE[0]), "--longitude", str(COUGARS_LIVE[1])]
    done = run("cat.jpg", "bobcat.jpg", *place, "--on", "2024-06-15")
    assert done.exit_code == 0, done.output
    assert "cat.jpg: I can't tell" in done.stdout
    assert "With the place: Cougar, " in done.stdout
    assert "Unusual: seldom or never observed near there" in done.stdout
    placed = json.loads(run("cat.jpg", "--json", *place).stdout)[0]["with_place"]
    assert placed["answer"]["common_name"] == "Cougar"
    assert "With the place" not in run("cat.jpg").stdout
    assert "With the place" not in run("cat.jpg", "--use-exif").stdout
    assert "With the place: Cougar, " in run("cat.jpg", "cat.jpg", "--together", *place).stdout
    failed = run("cat.jpg", *place[:2])
    assert failed.exit_code == 1
    assert "A place needs both latitude and longitude" in failed.stderr
