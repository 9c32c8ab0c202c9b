"""The base install, alone in a virtual environment: no torch, and yet it works."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "torchvision", "fastai", "timm", "onnx", "tweepy")


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with a wheel of critterdb and nothing beside it."""
    folder = tmp_path_factory.mktemp("light")
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(wheels), str(ROOT)], check=True)
    venv.create(folder / "venv", with_pip=True)
    bin_folder = folder / "venv" / "bin"
    (wheel,) = wheels.glob("critterdb-*.whl")
    subprocess.run(
        [str(bin_folder / "python"), "-m", "pip", "--quiet", "install", str(wheel)], check=True
    )
    return bin_folder


def test_it_holds_no_training_and_no_bot(light: Path) -> None:
    script = (
        "from importlib.util import find_spec\n"
        f"print([name for name in {HEAVY!r} if find_spec(name)])"
    )
    done = subprocess.run(
        [str(light / "python"), "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
