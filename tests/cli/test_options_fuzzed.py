"""Command lines drawn from the real options, with values that fit and values that do not: never a fault."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softlabel.cli.configuring.options import options_of
from softlabel.cli.configuring.schema_words import alternatives
from softlabel.cli.main import main
from softlabel.errors import RunError
from softlabel.experiments.config import CompareConfig
from softlabel.training.config import RunConfig

ODD = ["", "-1", "0", "1", "0.5", "nan", "inf", "1e400", "none", "a,b", "3x4", "a.b=c", "\x00", "ä", "9" * 30, ",", "/"]


def words(model: Any) -> st.SearchStrategy[list[str]]:
    """One or two flags, so that one mistake does not hide another, each with one of its choices or an odd value."""

    def flag(option: Any) -> st.SearchStrategy[str]:
        choices = [str(c) for kind in alternatives(option.schema) for c in kind.get("enum", [])]
        values = st.sampled_from([*choices, str(option.default), *ODD]).map(lambda value: f"{option.flag}={value}")
        return st.one_of(values, st.just(option.flag))

    return st.lists(st.one_of([flag(option) for option in options_of(model)]), min_size=1, max_size=2)


LINES = st.one_of(
    st.tuples(st.just("train"), words(RunConfig)), st.tuples(st.just("compare"), words(CompareConfig))
).map(lambda parts: [parts[0], *parts[1]])


@pytest.fixture(scope="module", autouse=True)
def no_training(tmp_path_factory: pytest.TempPathFactory):
    """An empty folder to be in, and trainings that end where they would begin."""

    def stop(*_: Any, **__: Any) -> None:
        raise RunError("it would train here")

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzzed"))
        patch.setattr("softlabel.training.train.train", stop)
        patch.setattr("softlabel.experiments.compare.compare", stop)
        yield


@settings(max_examples=250, deadline=None)
@given(LINES)
def test_every_command_line_is_understood_or_refused_in_words(line: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line)
    assert code == 2, (line, err.getvalue())
    assert "Traceback" not in err.getvalue(), line
    assert "fault of the program" not in err.getvalue(), line
    assert not list(Path().iterdir())
