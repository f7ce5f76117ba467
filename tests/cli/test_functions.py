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


@pytest.mark.parametrize("from_stdin", [True, False])
def test_a_script_needs_neither_a_file_nor_a_guard(from_stdin: bool, tmp_path: Path) -> None:
    text = SCRIPT.format(runs=str(tmp_path / "runs"))
    script = tmp_path / "script.py"
    script.write_text(text)
    command = [sys.executable, "-" if from_stdin else str(script)]
    done = subprocess.run(command, input=text if from_stdin else "", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cross_entropy is the only method with a result" in " ".join(done.stdout.split())
    assert str(tmp_path / "runs" / "digits-0001") in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80


def test_methods_in_the_place_of_the_recipe_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"recipe must be the path of a TOML file.*methods=\[...\]"):
        softlabel.compare(["cross_entropy"])  # type: ignore[arg-type]
