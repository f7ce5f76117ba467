"""The house stays one in which people find their way: rooms and files of a bounded size, and nothing that runs back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "softlabel"
LARGE_ROOMS = ("methods", "report/sections")
"""One file a method, one file a section."""

FOLDERS = sorted({file.parent for file in HOUSE.rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_a_folder_has_at_most_thirty_files(folder: Path) -> None:
    files = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(files) <= 30 or folder.relative_to(HOUSE).as_posix() in LARGE_ROOMS


def test_a_file_has_at_most_350_lines() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in HOUSE.rglob("*.py")}
    assert {file.name: lines for file, lines in lengths.items() if lines > 350} == {}


def test_no_file_looks_like_a_test_that_is_none() -> None:
    assert [
        file.name for file in HOUSE.rglob("*.py") if file.name.startswith("test_") or file.stem.endswith("_test")
    ] == []


def test_floors_and_no_circles() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
