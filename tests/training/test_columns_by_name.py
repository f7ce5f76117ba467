"""A trained model finds its columns by name in whatever table it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from softlabel.data.config import DataConfig
from softlabel.deployed.export import MEANING, export_model
from softlabel.deployed.model_folder import load_model
from softlabel.deployed.predict import predict
from softlabel.deployed.rescore import evaluate
from softlabel.errors import DataError, RunError
from softlabel.runs.trained_on import record, recorded, refuse_changed_data
from softlabel.tasks.prepared import prepare
from softlabel.training.config import RunConfig
from softlabel.training.fingerprinted import fingerprint_for
from softlabel.training.train import train
from tests.data import made_sources as made
from tests.data.made_sources import edited, in_order


def trained(root: Path, data: DataConfig) -> Path:
    training = {"epochs": 1, "learning_rate": 0.01}
    config = RunConfig.model_validate({"data": data.model_dump(), "training": training, "network": {"hidden": [4]}})
    return train(config, folder=root / "run").folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("votes")
    trained(root, made.votes(root))
    return root


@pytest.fixture
def other(folder: Path, tmp_path: Path) -> Path:
    made.votes(tmp_path)
    return tmp_path


def answers(run: Path, table: Path, *columns: str) -> list[dict[str, float]]:
    return [row["distribution"] for row in predict(run, table, feature_columns=columns)]


def scores(run: Path, root: Path, votes: str = "v_*", **options: list[str]) -> dict[str, float | None]:
    return evaluate(run, DataConfig(source=f"csv:{root / 't.csv'}", vote_columns=[votes], **options)).after


def test_the_order_of_columns_and_further_ones_make_no_difference(folder: Path, other: Path) -> None:
    run = folder / "run"
    expected, scored = answers(run, other / "t.csv"), scores(run, other)
    in_order(["v_dog", "f3", "v_cat", "f1", "v_cow", "f2", "f0"])(other)
    edited(lambda header, rows: (["f_note", *header, "f9"], [["text", *row, ""] for row in rows]))(other)
    assert answers(run, other / "t.csv") == answers(run, other / "t.csv", "f*") == expected
    assert scores(run, other) == scores(run, other, feature_columns=["f*"]) == scored


@pytest.mark.parametrize("name", ["F2", " f2", "f2 ", "f22"])
def test_a_renamed_column_is_refused_by_name(folder: Path, other: Path, name: str) -> None:
    edited(lambda header, rows: header.__setitem__(2, name))(other)
    for ask in (lambda: answers(folder / "run", other / "t.csv"), lambda: scores(folder / "run", other)):
        with pytest.raises(DataError, match=r"t.csv: no column 'f2', which the model was trained on; did you mean"):
            ask()


def test_columns_that_occur_twice_or_are_left_out_are_refused(folder: Path, other: Path) -> None:
    with pytest.raises(DataError, match="in 'f0', 'f1': no column 'f2' \\(and 1 more\\)"):
        answers(folder / "run", other / "t.csv", "f0", "f1")
    edited(lambda header, rows: header.__setitem__(1, "f0"))(other)
    with pytest.raises(DataError, match="no column 'f1'"):
        answers(folder / "run", other / "t.csv")


def test_a_missing_vote_column_is_refused(folder: Path, other: Path) -> None:
    with pytest.raises(DataError, match="no column of votes for 'cat', expected one for each class of the model"):
        scores(folder / "run", other, "v_[cd]o*")


def test_a_missing_level_column_is_refused(tmp_path: Path) -> None:
    data = made.levels(tmp_path)
    run = trained(tmp_path, data)
    with pytest.raises(DataError, match="no column of levels for 'cow', expected one for each class of the model"):
        evaluate(run, data.model_copy(update={"level_columns": ["is_cat", "is_dog"]}))


def test_exports_carry_the_names(folder: Path, tmp_path: Path) -> None:
    assert load_model(folder / "run").inputs.names == made.FEATURES
    export_model(folder / "run", tmp_path / "m.pt2", "torch")
    files = {MEANING: ""}
    torch.export.load(tmp_path / "m.pt2", extra_files=files)
    stored = json.loads(files[MEANING])
    assert stored["inputs"]["names"] == made.FEATURES
    assert stored["class_names"] == list(made.CLASSES)


def test_several_values_are_matched_by_name(tmp_path: Path) -> None:
    data = made.angles(tmp_path)
    run = trained(tmp_path, data)
    expected = evaluate(run, data).after
    assert evaluate(run, data.model_copy(update={"value_columns": ["yaw", "pitch"]})).after == expected


def test_a_run_does_not_score_or_go_on_with_other_data(folder: Path) -> None:
    run, before = folder / "run", (folder / "t.csv").read_text()
    now = prepare(DataConfig(source=f"csv:{folder / 't.csv'}", feature_columns=["f*"], vote_columns=["v_*"]))
    refuse_changed_data(run, fingerprint_for(now))
    expected = evaluate(run)
    tested, trained_on = (int(part.sample_id[0]) for part in (now.splits.test, now.splits.training))
    edited(lambda header, rows: rows[tested].__setitem__(4, "40"))(folder)
    with pytest.raises(RunError, match=r"the data have changed since: 1 of all 60 labels differ"):
        evaluate(run)
    assert any("test part: 1 of" in note for note in evaluate(run, split="validation").notes)
    (folder / "t.csv").write_text(before)
    edited(lambda header, rows: rows[trained_on].__setitem__(4, "40"))(folder)
    scored = evaluate(run)
    assert (scored.rows, scored.after) == (now.rows["test"], expected.after)
    assert scored.notes[0].startswith("changed since the training, which decides no score of the test part: training")
    with pytest.raises(RunError, match="training part: 1 of"):
        evaluate(run, split="training")
    (folder / "t.csv").write_text(before)
    assert evaluate(run).notes == []


def test_a_run_finds_its_own_columns_in_another_order(folder: Path) -> None:
    run, before = folder / "run", (folder / "t.csv").read_text()
    expected = evaluate(run).after
    in_order(["v_dog", "f3", "v_cat", "f1", "v_cow", "f2", "f0"])(folder)
    try:
        scored = evaluate(run)
        assert (scored.after, scored.notes) == (expected, [])
    finally:
        (folder / "t.csv").write_text(before)


def test_a_record_comes_back_and_a_damaged_one_is_refused(folder: Path, tmp_path: Path) -> None:
    stored = recorded(folder / "run")
    record(tmp_path, stored)
    refuse_changed_data(tmp_path, stored)
    path = tmp_path / "data.safetensors"
    for content in (b"", path.read_bytes()[:-9], path.read_bytes().replace(b"class_names", b"class_nomes")):
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"data\.safetensors is damaged"):
            recorded(tmp_path)
    path.unlink()
    with pytest.raises(RunError, match="is missing, so nothing says whether"):
        recorded(tmp_path)
