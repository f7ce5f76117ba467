"""Stored results say how, when and where they were measured; their text, and the pages, are made from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import equal_budget, stored, tables
from benchmarks.benchmark import ROOT, entries, load
from benchmarks.stored import RESULTS

FILES = sorted(RESULTS.glob("*.json"))
PAGES = [page for page in tables.pages() if "results" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_file_names_the_command_that_makes_it(path: Path) -> None:
    found = stored.read(path)
    assert found.benchmark in entries()
    assert found.command.startswith(f"python -m benchmarks {found.benchmark} ")
    assert found.command.endswith(f" --out benchmarks/results/{path.stem}")
    assert "--quick" not in found.command
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found.date)
    complete = {"cpu", "cores", "memory_gib"} <= set(found.machine) and {"softlabel", "torch"} <= set(found.versions)
    assert complete or found.note


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_text_is_made_from_it(path: Path) -> None:
    found = stored.read(path)
    told = load(found.benchmark).told(found.measured)
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == stored.text(found, told)


def test_there_is_nothing_else_among_the_results() -> None:
    assert {path.stem for path in RESULTS.iterdir()} == {path.stem for path in FILES}
    assert {path.suffix for path in RESULTS.iterdir()} == {".json", ".txt"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_made_from_stored_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.filled(text) == text, "python -m benchmarks.tables writes them anew"
    opened = re.findall(r"^<!-- (?:benchmarks|docs)/results", text, re.M)
    assert len(opened) == len(re.findall(r"^<!-- end -->$", text, re.M)) == len(tables.BLOCK.findall(text))


def test_a_table_that_differs_is_seen() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    spoilt = page.replace("| both | 3 | 3 | 2000 | 3.8 %", "| both | 3 | 3 | 2000 | 3.7 %")
    assert spoilt != page
    assert tables.filled(spoilt) == page


def test_a_mark_that_names_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no stored file 'benchmarks/results/no"):
        tables.made("benchmarks/results/no.json", [])
    with pytest.raises(ValueError, match="comparison has no table 'no'; it has claims, coverage"):
        tables.made("benchmarks/results/comparison-cpu.json", ["no"])


def test_folders_of_a_machine_are_not_stored() -> None:
    words = ["packed:/a/b/train_0,test_1", "--out", "/tmp/x/found", "--masks=/data/m.npz", "~/ldl/x", "runs/RUN", "a/b"]
    told = "packed:PATH/train_0,test_1 --out PATH/found --masks=PATH/m.npz PATH/x runs/RUN a/b"
    assert stored.without_folders(words) == told


def test_what_is_stored_is_read_again(tmp_path: Path) -> None:
    found = stored.circumstances("losses", ["--rounds", "1"], ["numpy"], "cpu").model_copy(
        update={"measured": {"a": 1}}
    )
    stored.write(tmp_path / "found", found, "told")
    assert stored.read(tmp_path / "found") == found
    assert (tmp_path / "found.txt").read_text(encoding="utf-8").endswith("\n\ntold\n")
    assert {"cpu", "cores", "threads", "memory_gib"} <= set(found.machine)


def test_a_recipe_of_an_equal_budget_has_the_best_setting_of_each_method() -> None:
    rows = stored.read(RESULTS / "equal-budget").measured["rows"]
    best = min((row for row in rows if row["name"] == "ldam"), key=lambda row: row["nll"])
    assert best["options"]["margin"] == 0.5
    lines = [line for line in equal_budget.told({"rows": rows}).splitlines() if line.startswith("ldam ")]
    assert len(lines) == 4
    assert lines[0].endswith(f"{best['nll']:.4f}")
