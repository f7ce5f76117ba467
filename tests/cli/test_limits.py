"""Limits for scores, and the exit code that answers to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softlabel.cli.limits import of_comparison, read_limits

TABLE = ["--source", "csv:table.csv", "--feature-columns", "a", "--label-column", "kind", "--epochs", "1"]


@pytest.fixture
def table(tmp_path: Path) -> None:
    rows = [f"{i % 2},{'xy'[i % 2]}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["a,kind", *rows]), encoding="utf-8")


def test_train_and_evaluate_answer_with_their_exit_code(softlabel, table: None) -> None:
    held = softlabel("train", *TABLE, "--require", "accuracy>=0", "--require", "nll<1e6")
    assert (held.code, "limit" in held.out) == (0, False)
    failed = softlabel("train", *TABLE, "--require", "accuracy>1", "--require", "nll < 0", "--json")
    assert failed.code == 3
    events = [json.loads(line) for line in failed.out.splitlines()]
    assert [event["require"] for event in events if event["event"] == "limit"] == ["accuracy>1", "nll < 0"]
    assert failed.err.count("does not hold") == 2

    run = str(next(Path("runs").iterdir()))
    scored = softlabel("evaluate", run, "--require", "accuracy>1", "--json")
    assert scored.code == 3
    assert json.loads(scored.out)["split"] == "test"
    assert softlabel("evaluate", run, "--require", "accuracy<=1").code == 0


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [("nll>=1", 1, True), ("nll>1", 1, False), ("nll<=1", 1, True), ("nll<1", 1, False), ("nll<1", None, False)],
)
def test_signs(text: str, value: float | None, holds: bool) -> None:
    assert read_limits([text])[0].holds(value) is holds


def test_of_a_comparison_without_a_kept_model_the_best_mean_counts() -> None:
    results = {
        "verdict": {"kept": None},
        "primary": "nll",
        "scores": [{"name": "nll", "better": "lower"}],
        "summary": [{"method": m, "scores": {"nll": {"mean": v}}} for m, v in (("a", 2.0), ("b", 1.0), ("c", None))],
    }
    scores, whose = of_comparison(results)
    assert scores == {"nll": 1.0}
    assert "mean of b" in whose
