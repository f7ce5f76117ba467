"""What lies in the place of a file or a folder of ours is refused, and stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from softlabel.errors import RunError
from softlabel.runs.atomic import make_folder, write_bytes


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RunError, match=r"report\.html is a folder, expected a file"):
        write_bytes(tmp_path / "report.html", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "review").write_bytes(b"x")
    for path in (tmp_path / "review", tmp_path / "review" / "folds-2"):
        with pytest.raises(RunError, match="review is not a folder"):
            make_folder(path)
