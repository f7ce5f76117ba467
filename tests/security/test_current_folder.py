"""No command runs what lies in the current folder: not the program, not its children, however PYTHONPATH is set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.traps import TRAPS, set_traps

ROOT = Path(__file__).parents[2]
SMALL = ["--source", "csv:points.csv", "--feature-columns", "x,y", "--label-column", "label", "--epochs", "1"]
RUN = "runs/points-0001"
OF_RUNPY = ("collections", "contextlib", "functools", "importlib", "operator", "types", "warnings")
"""What `python -m` imports from the current folder before it comes to us."""
COMMANDS = [
    ["--help"],
    ["--version"],
    ["compare", "--help"],
    ["methods"],
    ["sources"],
    ["train", *SMALL, "--processes", "2"],
    ["compare", *SMALL, "--methods", "cross_entropy,label_smoothing", "--seeds", "1"],
    ["evaluate", RUN],
    ["predict", RUN, "points.csv", "--out", "answers.parquet"],
    ["review", RUN, "--folds", "2"],
    ["export", RUN, "--format", "torch"],
    ["report", "runs/points-0002"],
]


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder with traps and a table."""
    (tmp_path / "here").mkdir()
    set_traps(tmp_path / "here", tmp_path / "sprung")
    rows = [f"{place % 7},{place % 5},{'ab'[place % 2]}" for place in range(80)]
    (tmp_path / "here" / "points.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    return tmp_path


def said_by(program: list[str], words: list[str], folder: Path, python_path: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONPATH": python_path, "PYTHONSTARTUP": "startup.py"}
    done = subprocess.run(
        [sys.executable, *program, *words],
        cwd=folder / "here",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stderr)
    assert not (folder / "sprung").exists(), (words, (folder / "sprung").read_text())
    return done.stdout


@pytest.mark.slow
def test_no_command_springs_a_trap(trapped: Path) -> None:
    """The program as it is installed: a script in another folder, and a package that is found by a full path."""
    assert len(TRAPS) > 90
    script = trapped / "bin" / "softlabel"
    script.parent.mkdir()
    script.write_text("import sys\nfrom softlabel.__main__ import main\nsys.exit(main())\n")
    for words in COMMANDS:
        said_by([str(script)], words, trapped, str(ROOT))


@pytest.mark.parametrize("module", ["softlabel", "softlabel.cli.main"])
def test_the_program_leaves_the_current_folder_before_it_imports(module: str, trapped: Path) -> None:
    for name in OF_RUNPY:
        (trapped / "here" / f"{name}.py").unlink()
    assert "label_smoothing" in said_by(["-m", module], ["methods"], trapped, str(ROOT))


@pytest.mark.parametrize("leftover", ["{root}:", ":{root}", "{root}:.", "{root}:../here", "{root}:sub/.."])
def test_moving_entries_of_the_python_path_are_left_out(leftover: str, tmp_path: Path) -> None:
    (tmp_path / "here" / "sub").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    code = (
        "import json, sys, softlabel; from softlabel.isolation import *; leave_current_folder();"
        "print(json.dumps([sys.path, child_path(), child_environment().get('PYTHONPATH')]))"
    )
    python_path = f"{tmp_path / 'kept'}:{leftover.format(root=ROOT)}"
    path, child, inherited = json.loads(said_by(["-c", code], [], tmp_path, python_path))
    for places in (path, child, inherited.split(":")):
        assert str(tmp_path / "here") not in places
        assert all(os.path.isabs(place) for place in places)
        assert {str(tmp_path / "kept"), str(ROOT)} <= set(places)


def test_a_place_that_the_python_path_names_in_full_stays(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    code = "import sys; from softlabel.isolation import *; leave_current_folder(); print(sys.path, child_path())"
    assert said_by(["-c", code], [], tmp_path, f"{ROOT}:{here}").count(str(here)) == 2


CHILDREN = """
import sys
from softlabel.isolation import leave_current_folder
leave_current_folder()
from pathlib import Path
from softlabel.experiments import cells
from softlabel.training.workers import Workers
cells.PRELOADED = ["json", "random", "struct", "numpy"]
cells.warm_up()
cells.wait_until_warm()
sys.path.insert(0, "")  # as somebody's notebook has it
cells.wait_until_warm()
with Workers(Path("nowhere"), 2) as others:
    while not others._workers[0].ended:
        pass
print(others._workers[0].complaint())
"""


def test_no_child_springs_a_trap(trapped: Path) -> None:
    """Fork server, resource tracker, a process of a comparison and one of a run; the last one finds no run folder."""
    script = trapped / "children.py"
    script.write_text(CHILDREN)
    assert "exit code 1: softlabel.errors.RunError: nowhere is not a run folder" in said_by(
        [str(script)], [], trapped, str(ROOT)
    )
