"""Writes the tables of README.md and docs anew, from stored files.

    python -m benchmarks.tables

A page has such a table between two comments. The first names a stored file, and a table of its benchmark if that has
several; without one it is what the benchmark tells, as text. Of a file of docs/results it names a comparison by its
place, and the epoch.

    <!-- benchmarks/results/comparison-cpu.json claims -->
    <!-- benchmarks/results/label-review-cpu.json -->
    <!-- docs/results/long-tail.json 0 last -->
    <!-- benchmarks/results summary -->
    <!-- end -->
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

from benchmarks import results_page, summary
from benchmarks.benchmark import ROOT, load
from benchmarks.stored import read

BLOCK = re.compile(r"^<!-- ((?:benchmarks|docs)/results\S*)((?: [\w-]+)*) -->\n.*?^<!-- end -->$", re.M | re.S)


def pages() -> list[Path]:
    """All pages that may have such tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """A page with its tables as the stored files say."""
    return BLOCK.sub(lambda block: _block(block[1], block[2].split()), text)


def _block(source: str, words: list[str]) -> str:
    return f"<!-- {' '.join([source, *words])} -->\n\n{made(source, words)}\n\n<!-- end -->"


def made(source: str, words: list[str]) -> str:
    """A table, or a text as a block of code. Raises ValueError where a mark names nothing."""
    if (source, words) == ("benchmarks/results", ["summary"]):
        return summary.table()
    if not source.endswith(".json") or not (ROOT / source).exists():
        raise ValueError(f"there is no stored file {source!r}")
    if source.startswith("docs/"):
        place, epoch = words
        comparisons = json.loads((ROOT / source).read_text(encoding="utf-8"))
        return "\n".join(results_page.table(comparisons[int(place)], epoch))
    stored = read(ROOT / source)
    if not words:
        return f"```text\n{load(stored.benchmark).told(stored.measured).rstrip()}\n```"
    tables: dict[str, str] = importlib.import_module(f"benchmarks.{stored.benchmark}").tables(stored.measured)
    (name,) = words
    if name not in tables:
        raise ValueError(f"{stored.benchmark} has no table {name!r}; it has {', '.join(tables)}")
    return tables[name]


def main() -> None:
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
