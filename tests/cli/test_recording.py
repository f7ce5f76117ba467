"""The recording in the README is what the first command shows: the same lines, whatever their numbers."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from benchmarks import recording

pytestmark = pytest.mark.slow
"""All of them look at one comparison by the command."""

ROOT = Path(__file__).parents[2]
METHODS = ("cross_entropy", "label_smoothing", "online_label_smoothing")


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """The screen of a quick run of the same command."""
    text: str = recording.recorded(["--epochs", "1", "--backbone", "mlp"])
    return text.splitlines()


@pytest.fixture(scope="module")
def readme() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split(recording.BEGIN)[1].split(recording.END)[0].strip("\n")
    return [line.removeprefix("    ") for line in block.splitlines()]


def titles(lines: list[str]) -> list[str]:
    """What the lines begin with, each thing once: titles, the bar, headings, methods in the order of their names."""
    first = [line.split()[0].replace("…", "") for line in lines if line.strip() and not line.startswith(" ")]
    kinds = ["[bar]" if word.startswith("[") else word for word in first]
    ranked = [word for word in kinds if not re.fullmatch(r"\d|–", word)]
    return [word for word in dict.fromkeys(ranked) if not any(method.startswith(word) for method in METHODS)]


def headings(lines: list[str]) -> list[list[str]]:
    return [re.split(r"  +", line) for line in lines if line.startswith(("#", "method "))]


def test_the_same_lines_in_the_same_order(shown: list[str], readme: list[str]) -> None:
    assert titles(shown) == titles(readme)
    assert titles(shown)[:6] == ["folder", "data", "task", "splits", "network", "note"]
    assert "[bar]" in titles(shown)


def test_the_same_columns(shown: list[str], readme: list[str]) -> None:
    assert headings(shown) == headings(readme)
    assert headings(shown)[0][:3] == ["#", "method", "test NLL ↓"]


def test_what_does_not_depend_on_the_training_is_the_same_to_the_letter(shown: list[str], readme: list[str]) -> None:
    for title in ("folder", "data", "task", "splits", "next"):
        assert [line for line in shown if line.startswith(title)] == [
            line for line in readme if line.startswith(title)
        ], title
    assert understood(shown) == understood(readme)


def understood(lines: list[str]) -> list[str]:
    """The notes on the data; those below the table are on its numbers."""
    before = itertools.takewhile(lambda line: not line.startswith("plan"), lines)
    return [line for line in before if line.startswith("note")]


def test_every_line_fits_eighty_columns(shown: list[str], readme: list[str]) -> None:
    assert max(map(len, shown)) <= 80
    assert max(map(len, readme)) <= 80


def test_the_first_and_the_last_line_are_the_folder(shown: list[str]) -> None:
    assert shown[0] == shown[-1] == "folder   /home/me/runs/digits-0001"


def test_states_of_a_line_become_the_one_that_stays() -> None:
    bars = "".join(f"\r[{'#' * n}] {10 * n}%  left {9 - n} s" for n in range(11))
    assert recording.screen(f"a\r\n{bars}\r\nb\r\n").splitlines() == [
        "a",
        "[##] 20%  left 7 s",
        "[#####] 50%  left 4 s",
        "[#######] 70%  left 2 s",
        "[##########] 100%  left -1 s",
        "b",
    ]
