"""The Python functions as a script calls them: from stdin, without a guard, and with a wrong first argument."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import softlabel
from softlabel.errors import ConfigError

SCRIPT = """
import softlabel
found = softlabel.compare(methods=["cross_entropy"], seeds=1, epochs=1, backbone="mlp", runs={runs!r})
print(found)
"""


@pytest.mark.parametrize("how", ["stdin", *(pytest.param(how, marks=pytest.mark.slow) for how in ("file", "argument"))])
def test_a_script_needs_neither_a_file_nor_a_guard(how: str, tmp_path: Path) -> None:
    done = script(SCRIPT, how, tmp_path)
    assert "cross_entropy is the only method with a result" in " ".join(done.split())
    assert str(tmp_path / "runs" / "digits-0001") in done
    assert max(map(len, done.splitlines()[:-1])) <= 80


@pytest.mark.slow
def test_several_processes_train_from_a_script_without_a_file(tmp_path: Path) -> None:
    text = """
import softlabel
print("once")
found = softlabel.train(epochs=1, backbone="mlp", runs={runs!r}, processes=2)
print(found.cell["status"])
"""
    assert script(text, "stdin", tmp_path) == "once\nfinished\n"


def script(text: str, how: str, folder: Path) -> str:
    """What a new Python printed that has the text from stdin, from a file or as an argument."""
    text = text.format(runs=str(folder / "runs"))
    (folder / "script.py").write_text(text)
    words = {"stdin": ["-"], "file": [str(folder / "script.py")], "argument": ["-c", text]}[how]
    given = text if how == "stdin" else ""
    done = subprocess.run([sys.executable, *words], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_methods_in_the_place_of_the_recipe_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"recipe must be the path of a TOML file.*methods=\[...\]"):
        softlabel.compare(["cross_entropy"])  # type: ignore[arg-type]
