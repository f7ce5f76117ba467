"""Limits for scores, and the exit code that answers to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softlabel.cli.screens.limits import of_comparison, read_limits

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
    result = json.loads(failed.out.splitlines()[-3])["result"]["selected"]["after"]
    words = "limit    {} does not hold: {} is {:.6g} (test split)"
    for text, score in (("accuracy>1", "accuracy"), ("nll < 0", "nll")):
        assert words.format(text, score, result[score]) in failed.err.splitlines()
    assert failed.err.count("does not hold") == 2

    run = str(next(Path("runs").iterdir()))
    scored = softlabel("evaluate", run, "--require", "accuracy>1", "--json")
    assert scored.code == 3
    scores = json.loads(scored.out)
    assert scores["split"] == "test"
    said = f"limit    accuracy>1 does not hold: accuracy is {scores['after']['accuracy']:.6g} (test rows)"
    assert scored.err.splitlines()[-1] == said
    assert softlabel("evaluate", run, "--require", "accuracy<=1").code == 0


def test_compare_answers_for_the_kept_model(softlabel, table: None) -> None:
    methods = ["--methods", "cross_entropy,label_smoothing", "--seeds", "1"]
    failed = softlabel("compare", *TABLE, *methods, "--json", "--require", "accuracy>=0", "--require", "nll<0")
    assert failed.code == 3
    events = [json.loads(line) for line in failed.out.splitlines()]
    (results,) = [event["results"] for event in events if event["event"] == "result"]
    (limit,) = [event for event in events if event["event"] == "limit"]
    kept = results["verdict"]["kept"]["method"]
    value = next(cell for cell in results["cells"] if cell["method"] == kept)["selected"]["after"]["nll"]
    assert (limit["require"], limit["score"], limit["value"]) == ("nll<0", "nll", value)
    whose = f"(test split, kept model: {kept}, seed 0)"
    assert failed.err.splitlines()[-1] == f"limit    nll<0 does not hold: nll is {value:.6g} {whose}"


def test_compare_without_a_kept_model_answers_for_the_best_method(softlabel, table: None) -> None:
    words = ["--methods", "cross_entropy", "--seeds", "1", "--protocol", "published"]
    held = softlabel("compare", *TABLE, *words, "--require", "accuracy>=0")
    assert (held.code, "limit " in held.out) == (0, False)


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
