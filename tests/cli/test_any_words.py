"""Whatever is typed, the answer is a line and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softlabel.cli.main import COMMANDS, main

FLAGS = [
    "--json",
    "--out",
    "--top",
    "--split",
    "--format",
    "--overwrite",
    "--source",
    "--resize",
    "-v",
    "--help",
    "--",
    "-x",
]
NAMES = ["empty", "file", "torch", "test", "3", "0", "", "digits", "label_smoothing", "csv", "../..", "\x1b[2J", "a\nb"]
WORDS = st.one_of(st.sampled_from(FLAGS), st.sampled_from(NAMES), st.text(max_size=6))
LIGHT = sorted(set(COMMANDS) - {"train", "compare"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    (folder / "empty").mkdir()
    (folder / "file").write_text("nothing")
    return folder


@given(st.sampled_from(LIGHT), st.lists(WORDS, max_size=5))
def test_no_words_show_the_program_or_write_a_file(folder: Path, command: str, words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([command, *(word for word in words if word not in ("-v", "--traceback"))])
    finally:
        os.chdir(before)
    assert code in (0, 2), err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert "\x1b" not in err.getvalue()
    assert bool(err.getvalue()) == (code == 2)
    assert sorted(path.name for path in folder.iterdir()) == ["empty", "file"]
