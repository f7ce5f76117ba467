"""Every benchmark has one habit: it is listed, names its rival, and runs by `python -m benchmarks NAME`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import listed, main
from benchmarks.benchmark import FOLDER, entries
from benchmarks.child import called

SHARED = {
    "__init__",
    "__main__",
    "benchmark",
    "child",
    "gradient_features",
    "held_memory",
    "interleaved",
    "markdown",
    "options",
    "ratios",
    "recording",
    "results_page",
    "stored",
    "summary",
    "tables",
    "training_step",
}
"""What benchmarks stand on, and the makers of pages and data."""
NAMES = sorted(entries())


def test_every_module_is_a_benchmark_or_shared() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*NAMES, *SHARED}
    assert not SHARED & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_is_listed_by_a_line_and_names_its_rival(name: str) -> None:
    entry = entries()[name]
    assert 20 < len(entry.line) <= 120
    assert entry.line[-1] in ".?"
    assert len(entry.rival) > 10
    assert entry.line in listed()
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert f"    python -m benchmarks {name} " in text.split('"""')[1]
    for function in ("add_options", "measure", "told"):
        assert f"\ndef {function}(" in text
    assert "\nQUICK = " in text


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_file_has_at_most_350_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


@pytest.mark.parametrize("name", ["review_claims", "data_checks"])
def test_a_smoke_run_is_told_and_stored(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--quick", "--out", str(tmp_path / "found")]) == 0
    told = capsys.readouterr().out
    stored = (tmp_path / "found.txt").read_text(encoding="utf-8")
    assert stored.startswith(f"python -m benchmarks {name} --quick --out PATH/found\n")
    assert stored.endswith(f"\n\n{told}")
    assert (tmp_path / "found.json").exists()


def test_an_unknown_name_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loses"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'loses'" in said
    assert "losses" in said


def test_an_error_is_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doubted_rows", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err == f"benchmarks: doubted_rows: {tmp_path} is not a run folder: it has no config.toml\n"
    )


def test_a_missing_rival_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.__main__._installed", lambda package: package != "torchmetrics")
    assert main(["calibration"]) == 2
    assert capsys.readouterr().err == "benchmarks: calibration needs: pip install torchmetrics\n"


def test_ctrl_c_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.__main__.run", stopped)
    assert main(["losses"]) == 130
    assert capsys.readouterr().err == "benchmarks: losses: stopped; nothing is stored\n"


def test_without_a_quick_form_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["people_votes", "--quick"])
    assert ended.value.code == 2
    assert "there is no quick form" in capsys.readouterr().err


def test_a_function_answers_in_a_process_of_its_own() -> None:
    assert called("benchmarks.markdown", "table", ["a"], [[1], [2]]) == "| a |\n| --- |\n| 1 |\n| 2 |"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["losses", "--rounds", "0"], "'0' is not a whole number from 1"),
        (["losses", "--rounds", "²"], "'²' is not a whole number from 1"),
        (["losses", "--sizes", "12y"], "'12y' is not a whole number from 1"),
        (["losses", "--sizes", "12"], "'12' is not of the form NxK"),
        (["data_checks", "--rows", "-3"], "'-3' is not a whole number from 1"),
    ],
)
def test_a_number_that_is_none_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
