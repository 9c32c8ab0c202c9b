"""The command: quick to start, light to import, and clear when something is wrong."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.storage.database import SiteDatabase, open_database, site_folder
from tests.support.datasette_site import add_model, add_photo, jpeg
from tests.support.signals import interruptible

HEAVY = (
    *("torch", "fastai", "onnxruntime", "datasette", "sqlite_utils", "numpy"),
    *("tweepy", "mastodon", "atproto", "atproto_client"),
)
HELP_LIMIT_S = 0.3


def run(*arguments: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=input)


def command_paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that name each command, those of the program itself (none) included."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from command_paths(child, (*path, name))


def one_line_error(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.serial
def test_help_is_quick(busy: float) -> None:
    command = [sys.executable, "-m", "critterdb", "--help"]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < HELP_LIMIT_S * busy


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    script = f"""
import sys
import critterdb, critterdb.cli
try:
    critterdb.cli.main(["--help"])
except SystemExit:
    pass
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "new"),
        ("status",),
        ("backup", "copy.db"),
        ("answers",),
        ("answers", "settle", "1", "nothing"),
        ("games",),
    ],
)
def test_what_only_reads_the_database_imports_nothing_else(
    site: Path, arguments: tuple[str, ...]
) -> None:
    """Neither the guard of fetches nor pixels; numpy would come along with sqlite-utils."""
    unwanted = ("httpx", "httpcore", "ssrfguard", "anyio", "asyncio", "numpy", "PIL", "pandas")
    script = f"""
import sys
import critterdb.cli
sys.argv[1:] = {list(arguments)!r}
try:
    critterdb.cli.main()
except SystemExit:
    pass
print([name for name in {unwanted!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=site
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "import critterdb.storage.database",
        "import numpy, critterdb.storage.database",
        "import critterdb.cli; critterdb.cli.main(['games'], standalone_mode=False)",
        "import sys, critterdb.cli; sys.argv[1:] = ['serve', '--help']; "
        "critterdb.cli.main(standalone_mode=False); import critterdb.storage.database",
    ],
)
def test_in_another_program_sqlite_utils_keeps_the_types_of_numpy(site: Path, first: str) -> None:
    script = f"""
{first}
import numpy, sqlite_utils
db = sqlite_utils.Database(memory=True)
db["sizes"].insert({{"size": numpy.float64(2.5)}})
print(db["sizes"].columns_dict)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=site, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["{'size': <class 'float'>}"], done.stderr


@pytest.mark.slow
def test_another_thread_can_import_numpy_meanwhile(site: Path) -> None:
    script = """
import sys, threading
import critterdb.cli
failures = []
def work():
    while "sqlite_utils" not in sys.modules:
        pass
    try:
        import numpy
    except ImportError as error:
        failures.append(str(error))
thread = threading.Thread(target=work)
thread.start()
sys.argv[1:] = ["games"]
critterdb.cli.main(standalone_mode=False)
thread.join()
print(failures)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=site, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_a_help_text(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert main.commands[name].help


def test_init_makes_a_whole_site(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "mine"))
    assert result.exit_code == 0, result.output
    names = {str(p.relative_to(tmp_path / "mine")) for p in (tmp_path / "mine").rglob("*")}
    assert names >= {"critters.db", "metadata.json", "plugins/critterdb_plugin.py"}
    assert "critterdb sync" in result.stdout


def test_init_of_a_site_with_photos_suggests_what_comes_next(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    add_photo(tmp_path, 1, jpeg("red"))
    assert "critterdb train" in run("init", str(tmp_path)).stdout
    add_model(tmp_path)
    assert "critterdb serve" in run("init", str(tmp_path)).stdout


def test_init_keeps_what_people_edited(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    (tmp_path / "metadata.json").write_text('{"title": "Mine"}')
    (tmp_path / "plugins/critterdb_plugin.py").write_text("old = True")
    assert run("init", str(tmp_path)).exit_code == 0
    assert json.loads((tmp_path / "metadata.json").read_text()) == {"title": "Mine"}
    assert "old = True" not in (tmp_path / "plugins/critterdb_plugin.py").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("games",),
        ("sync", "cougarornot"),
        ("train",),
        ("models",),
        ("classify", "cat.jpg"),
        ("status",),
        ("serve",),
        ("bot", "--on", "jsonl:posts.jsonl"),
        ("backup", "copy.db"),
    ],
)
def test_without_a_site_every_command_says_how_to_make_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    result = run("--db", str(tmp_path / "none.db"), *arguments)
    assert "critterdb init" in one_line_error(result)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_as_database(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" * 400)
    assert "not a database" in one_line_error(run("--db", str(path), "games"))
    assert path.read_bytes() == b"\xff\xd8\xff" * 400


def test_a_full_disk_is_not_called_a_wrong_file(site: Path) -> None:
    command = [sys.executable, "-m", "critterdb", "--db", str(site / "critters.db"), "status"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert done.returncode == 1
    assert "Check the free disk space" in done.stderr
    assert "--db" not in done.stderr


def test_an_unknown_game(site: Path) -> None:
    database = str(site / "critters.db")
    assert "cougarornot" in one_line_error(run("--db", database, "sync", "wombats"))
    assert "no game yet" in one_line_error(run("--db", database, "train"))


def test_no_model_yet(site: Path, tmp_path: Path) -> None:
    result = run("--db", str(site / "critters.db"), "classify", "cat.jpg")
    assert "critterdb train" in one_line_error(result)


def test_the_database_comes_from_the_environment(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_DB", str(site / "critters.db"))
    result = run("games")
    assert result.exit_code == 0
    assert "cougarornot" in result.stdout


def test_status_and_backup(site: Path, tmp_path: Path) -> None:
    database = str(site / "critters.db")
    status = json.loads(run("--db", database, "status", "--json").stdout)
    assert status["rows"]["photos"] == 0
    copy = tmp_path / "copy.db"
    assert run("--db", database, "backup", str(copy)).exit_code == 0
    assert json.loads(run("--db", str(copy), "status", "--json").stdout)["rows"] == status["rows"]
    assert "already exists" in one_line_error(run("--db", database, "backup", str(copy)))


@pytest.mark.parametrize("path", list(command_paths(main)), ids=" ".join)
def test_every_command_has_help_under_h_with_examples_and_takes_v(path: tuple[str, ...]) -> None:
    done = run(*path, "-h")
    assert done.exit_code == 0
    assert "-v, --verbose" in done.stdout
    assert "-h, --help" in done.stdout
    before_options = done.stdout.partition("Options:")[0].partition("\n")[2]
    assert re.search(rf"critterdb (--db \S+ )?{' '.join(path)}", before_options)


@pytest.mark.slow
def test_verbose_works_before_and_after_the_command(site: Path) -> None:
    script = """
import json, logging, sys
from critterdb.cli import main
for arguments in json.loads(sys.argv[1]):
    logging.getLogger("critterdb").setLevel(logging.NOTSET)
    main(arguments, standalone_mode=False)
    print("level", logging.getLogger("critterdb").getEffectiveLevel())
"""
    database = str(site / "critters.db")
    commands = [
        ["-v", "--db", database, "games"],
        ["--db", database, "games", "-v"],
        ["--db", database, "games", "show", "cougarornot", "--verbose"],
        ["--db", database, "games"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=True,
    )
    levels = [line for line in done.stdout.splitlines() if line.startswith("level ")]
    assert [level == "level 10" for level in levels] == [True, True, True, False]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("traim",), "Did you mean train?"),
        (("games", "ad"), "Did you mean add?"),
        (("version",), "--version?"),
        (("help",), "--help?"),
        (("games", "wombat"), "Commands: "),
    ],
)
def test_a_misspelt_command_is_met_with_a_suggestion(arguments: tuple[str, ...], hint: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert hint in done.stderr


def test_h_with_a_host_still_serves_there(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit files say `serve -h 0.0.0.0`, from when -h was short for --host."""
    monkeypatch.chdir(site)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} of 127.0.0.1" in run("serve", "-h", "127.0.0.1", "-p", port).stderr
    assert run("serve", "-h", "--port", "1").stdout.startswith("Usage: ")


@pytest.mark.parametrize("command", [("serve",), ("demo", "somewhere", "--serve")])
def test_a_port_in_use_is_one_line_before_anything_else(
    site: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(site)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(*command, "--port", str(port))
    said = one_line_error(done)
    assert f"Port {port} of 127.0.0.1 is in use" in said
    assert f"--port {port + 1}" in said
    assert done.stdout == ""
    assert not (site / "somewhere").exists()


def test_a_port_that_is_none_is_said_so(site: Path) -> None:
    database = str(site / "critters.db")
    done = run("--db", database, "serve", "--port", "99999")
    assert done.exit_code == 2
    assert "99999" in done.stderr


def test_ctrl_c_says_what_to_do_next(site: Path) -> None:
    """In a sync whose server takes its time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            [sys.executable, "-m", "critterdb", "--db", str(site / "critters.db"),
             "sync", "cougarornot"],
            env={
                **os.environ,
                "CRITTERDB_INATURALIST_API": f"http://127.0.0.1:{silent.getsockname()[1]}",
            },
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )  # fmt: skip
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        connection.close()
    assert process.returncode == 1
    assert errors.strip() == "Stopped. What was fetched is kept. Run it again to continue."


def test_a_read_only_folder_is_said_so() -> None:
    # Root may write anywhere. Another user may not even import what is below /root, so the command
    # runs once before.
    script = """
import os, sys
from critterdb.cli import main
command = ["--db", sys.argv[1] + "/critters.db", "status"]
main(command, standalone_mode=False)
os.chmod(sys.argv[1], 0o555)
if os.geteuid() == 0:
    os.setgroups([])
    os.setuid(65534)
main(command)
"""
    with tempfile.TemporaryDirectory() as name:
        open_database(Path(name) / "critters.db", create=True).close()
        done = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True)
        Path(name).chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {name} is read-only"), done.stderr
    assert "critterdb serve --read-only" in done.stderr
    assert done.stderr.count("\n") == 1


def test_usage_errors_end_with_two(site: Path) -> None:
    database = str(site / "critters.db")
    assert run("--db", database, "bot", "--on", "x", "--every", "soon").exit_code == 2
    assert run("dance").exit_code == 2


def test_the_help_follows_the_data_and_leaves_no_command_out() -> None:
    help_text = CliRunner().invoke(main, ["--help"]).stdout
    listed = re.findall(r"^  (\w+)  +[A-Z]", help_text, re.MULTILINE)
    assert sorted(listed) == sorted(main.commands)
    assert listed.index("init") < listed.index("sync") < listed.index("train")
    assert listed.index("train") < listed.index("bot") < listed.index("serve")
    assert help_text.count("...") == 1  # ARGS...; no summary was cut off
    assert "More:" not in help_text


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_is_explained(name: str) -> None:
    command = main.commands[name]
    commands = [command, *getattr(command, "commands", {}).values()]
    for subcommand in commands:
        assert subcommand.help, subcommand.name
        options = [p for p in subcommand.params if isinstance(p, click.Option)]
        assert [option.name for option in options if not option.help] == []


def test_status_has_colours_only_in_a_terminal(site: Path) -> None:
    command = ["--db", str(site / "critters.db"), "status"]
    plain = CliRunner().invoke(main, command)
    assert "\x1b" not in plain.stdout
    assert "outbox     none yet" in plain.stdout
    coloured = CliRunner().invoke(main, command, color=True)
    assert "\x1b[1moutbox" in coloured.stdout
    wished = CliRunner().invoke(main, command, color=True, env={"NO_COLOR": "1"})
    assert wished.stdout == plain.stdout


def test_status_tells_a_sync_that_was_interrupted_and_one_that_failed(db: SiteDatabase) -> None:
    command = ["--db", str(site_folder(db) / "critters.db"), "status"]
    db["games"].insert({"slug": "cougarornot"})
    row = {"game": "cougarornot", "source": "x", "started_at": "2026-11-25T10:00:00Z"}
    db["syncs"].insert(row)
    assert "interrupted: run it again" in CliRunner().invoke(main, command).stdout
    db["syncs"].insert(row | {"error": "no network"})
    output = CliRunner().invoke(main, command).stdout
    assert "failed: no network" in output
    assert "cougarornot (no model yet)" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert "_CRITTERDB_COMPLETE" in done.stdout


def test_completion_knows_the_options() -> None:
    environment = {
        **os.environ,
        "_CRITTERDB_COMPLETE": "bash_complete",
        "COMP_WORDS": "critterdb publish --no",
        "COMP_CWORD": "2",
    }
    script = "import sys; sys.argv[0] = 'critterdb'; from critterdb.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert "--no-photos" in done.stdout
