"""Build hook: ship the plugin, metadata.json and Dockerfile of a site inside the package.

All metadata is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SITE_FILES = ("metadata.json", "plugins/critterdb_plugin.py", "Dockerfile")


class BuildWithSiteFiles(build_py):
    """Copy what `critterdb init` puts into a site from the root, where its one source is."""

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return
        for name in SITE_FILES:
            target = Path(self.build_lib, "critterdb", "site", "files", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)


setup(cmdclass={"build_py": BuildWithSiteFiles})
