"""How many lines and branches of each folder the tests run: a table from coverage's JSON report.

    make coverage

measures the tests and prints it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def by_folder(report: dict[str, Any]) -> dict[str, Counter[str]]:
    """Sums of COUNTS for each folder below critterdb/, for its own modules, and for all."""
    sums: dict[str, Counter[str]] = {}
    for name, file in report["files"].items():
        folders = Path(name).parts[1:-1]
        counts = Counter({count: file["summary"][count] for count in COUNTS})
        for folder in (f"{folders[0]}/" if folders else "(modules)", "all"):
            sums[folder] = sums.get(folder, Counter()) + counts
    return dict(sorted(sums.items(), key=lambda item: (item[0] == "all", item[0])))


def share(covered: int, total: int) -> str:
    return f"{covered / total:.1%} of {total:,}" if total else "–"


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print("| folder of critterdb | lines run by tests | branches taken |\n| --- | --- | --- |")
    for folder, counts in by_folder(report).items():
        lines = share(counts["covered_lines"], counts["num_statements"])
        branches = share(counts["covered_branches"], counts["num_branches"])
        print(f"| {folder} | {lines} | {branches} |")


if __name__ == "__main__":
    main()
