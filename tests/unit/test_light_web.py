"""The pages import without what Python in a browser's tab lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LACKING = ("PIL", "numpy", "onnxruntime", "resource", "fcntl", "termios")
# Datasette first: what it needs itself is there in the tab.
SCRIPT = """
import sys
import datasette.app
sys.modules.update(dict.fromkeys(sys.argv[2:]))
import importlib
importlib.import_module(sys.argv[1])
"""


def try_import(module: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, module, *LACKING]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_plugin_imports_without_them() -> None:
    done = try_import("critterdb.web.hooks")
    assert done.returncode == 0, done.stderr


def test_what_classifies_needs_them() -> None:
    done = try_import("critterdb.web.endpoint.answer")
    assert done.returncode != 0
    assert "halted; None in sys.modules" in done.stderr
