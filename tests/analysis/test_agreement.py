"""A model beside people's votes: the truth itself, half of the voters, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import softlabel as package
from softlabel.analysis.agreement import OFF_VOTES, PRIOR, agreement
from softlabel.cli.main import main
from softlabel.cli.screens.agreement_table import agreement_table
from softlabel.data.config import DataConfig
from softlabel.deployed.model_folder import load_model
from softlabel.deployed.predict import training_data
from softlabel.errors import UnsupportedError
from softlabel.metrics.vote_agreement import jensen_shannon, shares
from softlabel.tasks.prepared import prepare
from tests.oracle import vote_agreement as oracle


def crowd(rows: int, voters: int, classes: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """What is true of each row, and the votes of people who know it."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(classes, 0.7), rows)
    return torch.from_numpy(truth), torch.from_numpy(rng.multinomial(voters, truth)).float()


def value(logs: Tensor, votes: Tensor, name: str, which: str = "model") -> float:
    measured = agreement(logs, votes).scores[name][which].value  # type: ignore[index]
    assert measured is not None
    return measured


def test_numbers_are_means_over_rows_of_the_formulas() -> None:
    truth, votes = crowd(40, 7)
    logs = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).log_softmax(-1)
    found = agreement(logs, votes)
    every, off = [], []
    for p, counts in zip(logs.exp().tolist(), votes.int().tolist(), strict=True):
        every.append(oracle.jensen_shannon(p, [v / sum(counts) for v in counts]))
        label, people = oracle.off_label(counts, PRIOR)
        others = [x / (1 - p[label]) for k, x in enumerate(p) if k != label]
        if sum(counts) - counts[label] >= OFF_VOTES:
            off.append((oracle.jensen_shannon(others, people), oracle.kendall(others, people)))
    assert found.scores["all.js"]["model"].value == pytest.approx(np.mean(every))
    assert found.scores["off.js"]["model"].value == pytest.approx(np.mean([js for js, _ in off]))
    assert found.scores["off.kendall"]["model"].value == pytest.approx(np.nanmean([tau for _, tau in off]))
    assert found.off_rows == found.scores["off.js"]["model"].rows == len(off)
    assert 0 < len(off) < len(truth)


def test_who_knows_the_truth_is_nearer_to_people_than_half_of_them() -> None:
    truth, votes = crowd(400, 8)
    found = agreement(truth.log(), votes).scores
    for name, scores in found.items():
        model, half = scores["model_half"], scores["half"]
        assert model.interval is not None
        assert half.interval is not None
        better = model.interval[1] < half.interval[0] if name.endswith("js") else model.interval[0] > half.interval[1]
        assert better, name


def test_more_voters_predict_each_other_better() -> None:
    few, many = (agreement(*_known(voters)).scores["all.js"]["half"].value for voters in (6, 60))
    assert few is not None
    assert many is not None
    assert many < few / 4


def _known(voters: int) -> tuple[Tensor, Tensor]:
    truth, votes = crowd(200, voters)
    return truth.log(), votes


def test_votes_that_order_nothing_are_left_out() -> None:
    truth, votes = crowd(30, 7)
    votes[:4] = 2.0
    found = agreement(truth.log(), votes).scores["all.kendall"]
    assert found["model"].rows == 26
    assert agreement(truth[:4].log(), votes[:4]).scores["all.kendall"]["model"].value is None


def test_rows_of_one_vote_and_two_classes() -> None:
    single = agreement(torch.full((4, 3), math.log(1 / 3)), torch.eye(3)[[0, 1, 2, 0]])
    assert single.scores["all.js"]["model"].rows == 4
    assert single.scores["all.js"]["half"].rows == single.scores["all.js"]["model_half"].rows == 0
    two = agreement(torch.full((4, 2), math.log(0.5)), torch.tensor([[5.0, 4.0]] * 4))
    assert two.off_rows == 0
    assert "–" in agreement_table(two)


def test_the_same_rows_give_the_same_numbers() -> None:
    truth, votes = crowd(60, 9)
    assert agreement(truth.log(), votes) == agreement(truth.log(), votes)
    assert agreement(truth.log(), votes) != agreement(truth.log(), votes, seed=1)


def test_the_table_fits_80_columns() -> None:
    truth, votes = crowd(60, 9)
    lines = agreement_table(agreement(-truth, votes)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1] == "all classes (60 rows, 9 votes each)"
    assert [line.split()[0] for line in lines[2:4]] == ["JS", "Kendall"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on votes, and the same rows with labels and with shares."""
    folder = tmp_path_factory.mktemp("votes")
    draws = np.random.default_rng(0)
    lines = {"votes": ["a,b,v_x,v_y,v_z"], "shares": ["a,b,v_x,v_y,v_z"], "labels": ["a,b,kind"]}
    for _ in range(120):
        x = draws.normal(size=2)
        p = np.exp([x[0], x[1], 0.0]) / np.exp([x[0], x[1], 0.0]).sum()
        votes = draws.multinomial(9, p)
        start = f"{x[0]:.3f},{x[1]:.3f},"
        lines["votes"].append(start + ",".join(map(str, votes)))
        lines["shares"].append(start + ",".join(f"{v / 9:.6f}" for v in votes))
        lines["labels"].append(start + "xyz"[int(votes.argmax())])
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["--feature-columns", "a,b", "--vote-columns", "v_*", "--epochs", "10", "--learning-rate", "0.02"]
        assert main(["train", "--source", "csv:votes.csv", *words]) == 0
    return folder / "runs"


COLUMNS = ["--feature-columns", "a,b"]
VOTES = ["--vote-columns", "v_*"]


def test_the_command_tells_both(run: Path, softlabel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    folder = sorted(run.iterdir())[-1]
    openings = len((folder / "test-openings.txt").read_text().splitlines())
    words = softlabel("evaluate", str(folder), "--votes")
    assert words.code == 0, words.err
    assert "NLL ↓" in words.out
    assert "rows, 9 votes each)" in words.out
    told = json.loads(softlabel("evaluate", str(folder), "--votes", "--json").out)
    assert told["votes"]["rows"] == told["rows"]
    model, test = load_model(folder), prepare(training_data(folder) or DataConfig()).splits.test
    assert model.temperature != 1
    shipped = jensen_shannon(model(test.read(torch.arange(len(test)))).detach(), shares(test.annotation))
    assert told["votes"]["scores"]["all.js"]["model"]["value"] == pytest.approx(float(shipped.mean()), abs=1e-6)
    assert set(told["votes"]["scores"]) == {f"{part}.{s}" for part in ("all", "off") for s in ("js", "kendall")}
    assert len((folder / "test-openings.txt").read_text().splitlines()) == openings + 2
    assert "votes" not in json.loads(softlabel("evaluate", str(folder), "--json").out)


def test_the_function_answers_as_the_command_does(run: Path, softlabel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    folder = sorted(run.iterdir())[-1]
    other = {"source": "csv:votes.csv", "feature_columns": ["a", "b"], "vote_columns": ["v_*"]}
    told = package.evaluate(folder, votes=True, **other)
    words = softlabel("evaluate", str(folder), "--votes", "--json", "--source", "csv:votes.csv", *COLUMNS, *VOTES)
    assert told.to_json() == json.loads(words.out)
    assert told.votes.rows == told.rows
    with pytest.raises(UnsupportedError, match="no votes to compare with"):
        package.evaluate(folder, votes=True, source="csv:labels.csv", feature_columns=["a", "b"], label_column="kind")


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        (
            "csv:labels.csv",
            ["--label-column", "kind"],
            "rows of csv:labels.csv have no votes to compare with",
        ),
        ("csv:shares.csv", ["--vote-columns", "v_*"], "rows of csv:shares.csv hold shares, expected counts"),
    ],
)
def test_rows_without_counts_are_refused(
    source: str, column: list[str], words: str, run: Path, softlabel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    folder = str(sorted(run.iterdir())[-1])
    outcome = softlabel("evaluate", folder, "--votes", "--source", source, *COLUMNS, *column)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.out == ""
