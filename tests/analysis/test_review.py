"""The whole of it: train on digits with wrong labels, review, filter from disk, correct, train again."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.datasets import load_digits

import softlabel as package
from softlabel.analysis import cross_fitting
from softlabel.analysis.cross_fitting import PREDICTIONS, FoldProgress, cross_fit
from softlabel.analysis.folds import folds_of
from softlabel.analysis.review import NUMBERS, Filters, Review, review
from softlabel.cli.main import main
from softlabel.data.batch import Batch
from softlabel.deployed.predict import training_data
from softlabel.errors import ConfigError, RunError, UnsupportedError
from softlabel.evaluation.row_scores import FILE, read_row_scores, write_row_scores
from softlabel.methods.cross_entropy import CrossEntropy
from softlabel.runs.run_folder import read_json
from softlabel.runs.tensor_files import metadata_of
from softlabel.runs.trained_on import record, recorded
from softlabel.tasks.prepared import prepare
from softlabel.text.spreadsheet import read_csv, write_csv
from softlabel.training.progress import Progress
from tests.training.tiny import tiny_prepared

FOLDS = 3
SMALL = ["--backbone", "mlp", "--epochs", "10", "--batch-size", "64", "--augment", "none", "--learning-rate", "0.05"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on labels of which a tenth is wrong, with its review."""
    runs = tmp_path_factory.mktemp("runs")
    assert main(["train", "--noise", "0.1", *SMALL, "--runs", str(runs)]) == 0
    folder = runs / "digits-0001"
    assert main(["review", str(folder), "--folds", str(FOLDS)]) == 0
    return folder


@pytest.fixture(scope="module")
def reviewed(run: Path) -> Review:
    return review(run, FOLDS)


@pytest.fixture
def nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains again")

    monkeypatch.setattr(cross_fitting, "train", refuse)


def wrong_rows(found: Review) -> np.ndarray[Any, Any]:
    return load_digits().target[found.sample_id] != found.given


def test_wrong_labels_come_first(reviewed: Review) -> None:
    wrong, suspects = wrong_rows(reviewed), reviewed.ranked("mislabelled")
    assert 0.06 < wrong.mean() < 0.11
    assert wrong[suspects[:20]].mean() >= 0.95
    assert wrong[suspects].sum() >= 0.65 * wrong.sum()
    assert wrong[suspects].mean() >= 0.9
    true = load_digits().target[reviewed.sample_id]
    assert (reviewed.quality.suggested == true)[suspects[:20]].mean() >= 0.95


def test_suspects_go_by_confidence_and_the_others_by_entropy(reviewed: Review) -> None:
    suspects, others = reviewed.ranked("mislabelled"), reviewed.ranked("ambiguous")
    assert sorted([*suspects, *others]) == list(range(len(reviewed)))
    assert (np.diff(reviewed.quality.confidence[suspects]) >= 0).all()
    assert (np.diff(reviewed.quality.margin[suspects]) < 0).any()
    assert (np.diff(reviewed.quality.ambiguity[others]) <= 0).all()


def test_every_row_was_judged_by_a_model_that_did_not_see_it(run: Path, reviewed: Review) -> None:
    from softlabel.deployed.model_folder import load_model

    folds = reviewed.fitted.folds
    for number in range(FOLDS):
        model = load_model(run / "review" / f"folds-{FOLDS}" / f"fold-{number + 1}")
        rows = folds.fold == number
        assert model.card["rows"]["training"] == int((folds.training & ~rows).sum())
        inputs = folds.samples.read(torch.from_numpy(np.flatnonzero(rows)))
        shares = (model.logits(inputs) / reviewed.fitted.temperature).softmax(-1).detach().numpy()
        np.testing.assert_allclose(shares, reviewed.fitted.probabilities[rows], atol=1e-5)
    assert not set(reviewed.sample_id.tolist()) & set(folds.prepared.splits.test.sample_id.tolist())


def test_one_temperature_makes_the_given_labels_most_probable(reviewed: Review) -> None:
    logs, given = np.log(reviewed.fitted.probabilities.astype(float)), reviewed.given

    def mean_loss(factor: float) -> float:
        scaled = torch.from_numpy(factor * logs).log_softmax(-1).numpy()[np.arange(len(given)), given]
        return -float(scaled.mean())

    assert mean_loss(1.0) < min(mean_loss(0.97), mean_loss(1.03))
    assert 0.5 < reviewed.fitted.temperature < 2


def test_test_rows_are_not_opened_and_checkpoints_go(run: Path) -> None:
    assert len((run / "test-openings.txt").read_text().splitlines()) == 1
    assert not list((run / "review").rglob("checkpoints"))


def test_filters_read_what_is_stored(run: Path, reviewed: Review, nothing_trains: None, softlabel) -> None:
    before = (run / "review" / f"folds-{FOLDS}" / PREDICTIONS).stat().st_mtime_ns
    words = ["--kind", "mislabelled", "--class", "3", "--min-ambiguity", "0.1", "--rows", "4", "--json"]
    outcome = softlabel("review", str(run), "--folds", str(FOLDS), *words)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["rows"] == len(reviewed)
    assert list(told["kinds"]) == ["mislabelled"]
    first = told["kinds"]["mislabelled"]["first"]
    assert 0 < len(first) <= 4
    for row in first:
        assert "3" in (row["given_label"], row["suggested_label"])
        assert row["ambiguity"] >= 0.1
        assert row["suspected"] == "yes"
    expected = reviewed.select(Filters("mislabelled", ("3",), 0.1), "mislabelled")
    assert [row["row"] - 1 for row in first] == reviewed.sample_id[expected[:4]].tolist()
    assert (run / "review" / f"folds-{FOLDS}" / PREDICTIONS).stat().st_mtime_ns == before


def test_the_function_is_the_command(run: Path, reviewed: Review, nothing_trains: None) -> None:
    found = package.review(run, folds=FOLDS)
    np.testing.assert_array_equal(found.fitted.probabilities, reviewed.fitted.probabilities)


def test_a_moved_run_is_still_reviewed(run: Path, tmp_path: Path, reviewed: Review, nothing_trains: None) -> None:
    moved = shutil.copytree(run, tmp_path / "elsewhere")
    assert review(moved, FOLDS).summary() == reviewed.summary()


def table(run: Path, out: Path, softlabel) -> list[dict[str, str]]:
    outcome = softlabel("review", str(run), "--folds", str(FOLDS), "--out", str(out))
    assert outcome.code == 0, outcome.err
    assert f"--corrections {out}" in outcome.out
    with open(out, newline="") as file:
        return list(read_csv(file))


def test_corrected_labels_come_back(run: Path, reviewed: Review, tmp_path: Path, softlabel, nothing_trains) -> None:
    rows = table(run, tmp_path / "reviewed.csv", softlabel)
    assert len(rows) == len(reviewed)
    assert {row["label"] == row["given_label"] for row in rows} == {True}
    suspected = [row for row in rows if row["suspected"] == "yes"]
    assert rows[: len(suspected)] == suspected
    for row in suspected:
        row["label"] = row["suggested_label"]
    with open(tmp_path / "edited.csv", "w", newline="") as file:
        write_csv(file, list(rows[0]), rows)
    outcome = softlabel(
        *("train", "--recipe", str(run / "config.toml"), "--corrections", str(tmp_path / "edited.csv")),
        *("--epochs", "1", "--runs", str(tmp_path)),
    )
    assert outcome.code == 0, outcome.err
    assert f"{len(suspected)} labels changed by edited.csv" in " ".join(outcome.out.split())
    again = tmp_path / "digits-0001"
    assert read_json(again / "result.json")["test_hash"] == read_json(run / "result.json")["test_hash"]
    seen = folds_of(prepare(training_data(again)), FOLDS).samples
    true = torch.from_numpy(load_digits().target)[seen.sample_id]
    assert (seen.annotation != true).float().mean() < 0.5 * wrong_rows(reviewed).mean()


def test_a_table_in_parquet_holds_numbers(run: Path, tmp_path: Path, softlabel, nothing_trains: None) -> None:
    out = tmp_path / "reviewed.parquet"
    outcome = softlabel("review", str(run), "--folds", str(FOLDS), "--out", str(out), "--rows", "5")
    assert outcome.code == 0, outcome.err
    read = pq.read_table(out)
    assert read.num_rows == 10
    kinds = {name: str(read.schema.field(name).type) for name in read.column_names}
    assert {kinds[name] for name in (*NUMBERS, "p_0")} == {"double"}
    assert kinds["row"] == "int64"
    assert kinds["label"] == "string"
    data = training_data(run).model_copy(update={"corrections": str(out)})
    assert "corrections: 0 labels changed by reviewed.parquet, of 10 rows" in prepare(data).splits.notes[-1]


def test_an_existing_table_stays(run: Path, tmp_path: Path, softlabel) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    outcome = softlabel("review", str(run), "--out", "mine.csv")
    assert outcome.code == 2
    assert "exists already" in outcome.err
    assert (tmp_path / "mine.csv").read_text() == "mine"


class _Stops(FoldProgress):
    """Ctrl-C in the middle of the second fold."""

    def fold(self, number: int) -> Progress:
        return _StopsAtThird() if number == 1 else Progress()


class _StopsAtThird(Progress):
    def epoch(self, record: Any) -> None:
        if record["epoch"] == 3:
            raise KeyboardInterrupt


def test_a_stopped_review_goes_on_to_the_same_answers(run: Path, reviewed: Review, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("review"))
    with pytest.raises(KeyboardInterrupt):
        cross_fit(copy, FOLDS, _Stops())
    folder = copy / "review" / f"folds-{FOLDS}"
    assert [path.parent.name for path in folder.glob("*/result.json")] == ["fold-1"]
    assert not (folder / PREDICTIONS).exists()
    begun = (folder / "fold-1" / "result.json").stat().st_mtime_ns
    fitted = cross_fit(copy, FOLDS)
    assert (folder / "fold-1" / "result.json").stat().st_mtime_ns == begun
    np.testing.assert_array_equal(fitted.probabilities, reviewed.fitted.probabilities)


@pytest.mark.parametrize("damage", ["cut", "flipped sums", "other rows", "newer"])
def test_damaged_answers_are_noticed(run: Path, damage: str, tmp_path: Path, nothing_trains: None) -> None:
    from safetensors.torch import load, save

    copy = shutil.copytree(run, tmp_path / "run")
    path = copy / "review" / f"folds-{FOLDS}" / PREDICTIONS
    stored = load(path.read_bytes())
    metadata = metadata_of(path.read_bytes(), path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "flipped sums":
        stored["probabilities"][3] *= -1
        path.write_bytes(save(stored, metadata))
    else:
        key, value = ("rows", "0" * 64) if damage == "other rows" else ("format", "9")
        path.write_bytes(save(stored, metadata | {key: value}))
    words = {"cut": "is damaged", "flipped sums": "no distributions", "other rows": "other rows or labels"}
    with pytest.raises(RunError, match=words.get(damage, "has format 9; this version reads format 1")):
        review(copy, FOLDS)


def test_other_data_than_the_run_had_are_refused(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("review"))
    result = read_json(copy / "result.json")
    (copy / "result.json").write_text(json.dumps(result | {"test_hash": "0"}))
    with pytest.raises(RunError, match="digits has changed since the run"):
        review(copy, FOLDS)


def test_labels_that_have_changed_since_the_run_are_refused(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("review"))
    stored = recorded(copy)
    training = stored.parts["training"]
    other = dataclasses.replace(training, annotation=np.append(training.annotation[:-1], training.annotation[-1] + 1))
    record(copy, dataclasses.replace(stored, parts={**stored.parts, "training": other}))
    with pytest.raises(RunError, match=r"the data have changed since: .*training part: 1 of [0-9,]+ labels differ"):
        review(copy, FOLDS)


def test_too_many_folds_and_classes_that_are_not_there_are_refused(run: Path, reviewed: Review) -> None:
    with pytest.raises(ConfigError, match="folds must be a whole number from 2 to 1,000, not 1"):
        review(run, 1)
    with pytest.raises(ConfigError, match="folds must be a whole number from 2 to 1,000, not 2000"):
        review(run, 2000)
    with pytest.raises(ConfigError, match="there is no class '11'; did you mean '1'"):
        reviewed.select(Filters(classes=("11",)), "ambiguous")


def test_votes_are_reviewed_but_not_corrected(tmp_path: Path, softlabel) -> None:
    draws = np.random.default_rng(0)
    lines = ["a,b,v_x,v_y"]
    for i in range(60):
        x = draws.normal(size=2) + 3 * (i % 2)
        votes = (1, 4) if (i % 2) != (i % 20 == 7) else (4, 1)
        lines.append(f"{x[0]:.3f},{x[1]:.3f},{votes[0]},{votes[1]}")
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    words = ["--source", "csv:votes.csv", "--feature-columns", "a,b", "--vote-columns", "v_*", "--epochs", "8"]
    assert softlabel("train", *words, "--batch-size", "8").code == 0
    outcome = softlabel("review", "runs/votes-0001", "--folds", "2", "--out", "r.csv")
    assert outcome.code == 0, outcome.err
    assert "rows have votes" in outcome.out
    with open(tmp_path / "r.csv", newline="") as file:
        header = next(csv.reader(file))
    assert "label" not in header
    assert {"given_label", "suggested_label", "p_x", "p_y"} <= set(header)


def test_numbers_are_not_reviewed(tmp_path: Path, softlabel) -> None:
    (tmp_path / "ages.csv").write_text("a,age\n" + "\n".join(f"{i},{20 + i % 9}" for i in range(60)))
    words = ["--source", "csv:ages.csv", "--feature-columns", "a", "--value-column", "age", "--epochs", "1"]
    assert softlabel("train", *words, "--method", "dldl").code == 0
    with pytest.raises(UnsupportedError, match="task ordinal; a review is of classification or distribution"):
        review(tmp_path / "runs" / "ages-0001", 2)


def test_a_run_of_several_processes_is_reviewed_in_one(run: Path, tmp_path: Path, nothing_trains: None) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    text = (copy / "config.toml").read_text().replace("processes = 1", "processes = 2")
    (copy / "config.toml").write_text(text)
    assert review(copy, FOLDS).fitted.config.training.processes == 1


class Watching(CrossEntropy):
    """A method that keeps something of every training row."""

    def row_scores(self, batch: Batch) -> dict[str, torch.Tensor]:
        assert not self.training
        rows = batch.sample_id.float()
        return {"alpha": rows / 2000, "latent": torch.stack([rows * 0 + k for k in range(10)], 1)}


def test_what_a_method_says_of_rows_is_shown(run: Path, reviewed: Review, tmp_path: Path, nothing_trains) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    training = reviewed.fitted.folds.prepared.splits.training
    method = Watching.__new__(Watching)
    torch.nn.Module.__init__(method)
    method.weight = torch.nn.Parameter(torch.zeros(1))
    write_row_scores(copy, method, training, 64)
    assert method.training
    kept = read_row_scores(copy)[0].tolist()
    assert sorted(kept) == sorted(training.sample_id.tolist())
    assert kept != training.sample_id.tolist()  # mixed, as a method may compare the rows of a batch
    found = review(copy, FOLDS)
    assert list(found.extra) == ["alpha", *(f"latent_{k}" for k in range(10))]
    assert found.columns().index("latent_9") < found.columns().index("p_0")
    trained = np.isin(found.sample_id, training.sample_id.numpy())
    np.testing.assert_allclose(found.extra["alpha"][trained], found.sample_id[trained] / 2000, rtol=1e-6)
    assert np.isnan(found.extra["alpha"][~trained]).all()
    cells = found.cells(int(np.flatnonzero(~trained)[0]))
    assert cells["alpha"] is None
    stream = io.StringIO()
    write_csv(stream, found.columns(), [cells])
    (copy / FILE).write_bytes(b"no tensors")
    with pytest.raises(RunError, match="is damaged"):
        review(copy, FOLDS)


def test_other_numbers_of_row_scores_are_refused(tmp_path: Path) -> None:
    class Wrong(Watching):
        def row_scores(self, batch: Batch) -> dict[str, torch.Tensor]:
            return {"alpha": batch.sample_id[:1].float()}

    method = Wrong.__new__(Wrong)
    torch.nn.Module.__init__(method)
    method.weight = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(RunError, match=r"row_scores: alpha is \(\d+,\), expected 90 rows"):
        write_row_scores(tmp_path, method, tiny_prepared().splits.training, 64)
    assert not (tmp_path / FILE).exists()


def test_most_methods_keep_no_row_scores(run: Path) -> None:
    assert not (run / FILE).exists()
    assert read_row_scores(run)[1] == {}


def test_a_run_asks_its_method_for_row_scores(
    tmp_path: Path, reviewed: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CrossEntropy, "row_scores", Watching.row_scores)
    folder = package.train(source="digits", backbone="mlp", epochs=1, runs=str(tmp_path)).folder
    sample_id, scores = read_row_scores(folder)
    assert sorted(sample_id.tolist()) == sorted(reviewed.fitted.folds.prepared.splits.training.sample_id.tolist())
    assert list(scores) == ["alpha", "latent"]
