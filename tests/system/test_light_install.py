"""The base install, alone in a virtual environment: no torch, and yet it works."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest

from critterdb.fakes.inaturalist import StandInINaturalist
from tests.support.container import Image
from tests.support.datasette_site import PATIENCE_S, add_model, jpeg, rows, serving
from tests.support.photos import make_photo_folder

pytestmark = pytest.mark.slow

HEAVY = ("torch", "torchvision", "fastai", "timm", "onnx", "tweepy", "mastodon", "atproto")


@pytest.fixture(scope="session")
def light(image: Image) -> Path:
    """The bin folder of an environment with critterdb's wheel and what it asks for."""
    return image.bin


def test_it_holds_no_training_and_no_bot(light: Path) -> None:
    script = (
        "from importlib.util import find_spec\n"
        f"print([name for name in {HEAVY!r} if find_spec(name)])"
    )
    done = subprocess.run(
        [str(light / "python"), "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def run(light: Path, *arguments: str, folder: Path, **environment: str) -> str:
    """What the installed command prints; it must succeed."""
    done = subprocess.run(
        [str(light / "critterdb"), *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_makes_a_site_classifies_and_serves(light: Path, tmp_path: Path) -> None:
    site = tmp_path / "mysite"
    run(light, "init", str(site), folder=tmp_path)
    assert (site / "plugins" / "critterdb_plugin.py").is_file()
    add_model(site)
    photo = tmp_path / "red.jpg"
    photo.write_bytes(jpeg("red"))
    [answer] = json.loads(run(light, "classify", "--json", str(photo), folder=site))
    assert answer["answer"]["common_name"] == "Cougar"
    program = [str(light / "critterdb"), "serve", "--port", "{port}"]
    with serving(site, program, python=None) as address:
        served = httpx.post(
            f"{address}/-/classify", files={"image": jpeg("red")}, timeout=PATIENCE_S
        ).json()
    assert served["predictions"] == answer["predictions"]


def test_it_syncs(light: Path, tmp_path: Path) -> None:
    run(light, "init", folder=tmp_path)
    taxon = {
        "id": 42007,
        "name": "Puma concolor",
        "rank": "species",
        "ancestor_ids": [41944, 42007],
        "preferred_common_name": "Cougar",
    }
    cats = {"id": 41944, "name": "Felidae", "rank": "family", "ancestor_ids": [41944]}
    observation = {
        "id": 1,
        "quality_grade": "research",
        "taxon": taxon,
        "user": {"id": 1, "login": "ann"},
        "photos": [
            {"id": 5, "license_code": "cc0", "url": "https://x.example/", "attribution": "Ann"}
        ],
    }
    with StandInINaturalist([observation], [cats, taxon], {5: jpeg("red")}) as server:
        output = run(
            light, "sync", "cougarornot", folder=tmp_path, CRITTERDB_INATURALIST_API=server.url
        )
    assert "1 new observation, 0 changed, and 1 photo" in output
    [photo] = rows(tmp_path, "SELECT path, license_code, error FROM photos")
    assert (photo["license_code"], photo["error"]) == ("cc0", None)
    assert (tmp_path / photo["path"]).read_bytes() == jpeg("red")


def test_training_says_what_to_install(light: Path, tmp_path: Path) -> None:
    photos = make_photo_folder(tmp_path / "coats", photos=12)
    run(light, "import", str(photos), "--game", "coats", folder=tmp_path)
    done = subprocess.run(
        [str(light / "critterdb"), "train", "coats"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    [command] = re.findall(r"Install it with: (pip install .+)$", done.stderr, re.MULTILINE)
    requirement = shlex.split(command)[2]
    # The package is on no index here: from the very file that it was installed from.
    assert requirement.endswith("[train]")
    assert Path(requirement.removesuffix("[train]")).is_file()
    assert "Traceback" not in done.stderr
