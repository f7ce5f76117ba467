"""What the pages show runs: every Python block, in order, page by page; every flag and file they name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from softlabel.methods.base.discovery import find_method

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def command_lines(page: Path) -> list[list[str]]:
    lines = re.findall(r"^    (softlabel .*)$", page.read_text(encoding="utf-8"), re.M)
    return [shlex.split(line, comments=True) for line in lines]


@pages
def test_python_blocks_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    for block in python_blocks(page):
        exec(compile(block, page.name, "exec"), namespace)


@pages
def test_commands_have_only_options_that_exist(page: Path) -> None:
    for words in command_lines(page):
        command = words[1]
        known = (ROOT / "softlabel" / "cli" / "help" / f"{command}.txt").read_text(encoding="utf-8")
        named = {word[2:-7]: words[place + 1] for place, word in enumerate(words) if word.endswith(".method")}
        for word in words[2:]:
            if word.startswith("--") and "." in word:
                method, option = word[2:].split(".")
                known_options = {
                    *find_method(named.get(method, method).replace("-", "_")).Config.model_fields,
                    "method",
                }
                assert option.replace("-", "_") in known_options, f"{page.name}: {method} has no option {option}"
            elif word.startswith("--"):
                flag = word.partition("=")[0]
                assert re.search(rf"{re.escape(flag)}\b", known), f"{page.name}: softlabel {command} has no {flag}"


@pages
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pages
def test_named_files_exist(page: Path) -> None:
    for name in re.findall(
        r"`((?:benchmarks|recipes|docs|tests|softlabel)/[\w./-]+\.\w+)`", page.read_text(encoding="utf-8")
    ):
        assert (ROOT / name).exists(), name
