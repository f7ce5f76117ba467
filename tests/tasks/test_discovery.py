"""Tasks are found by their files, and one more of a kind of annotation that has one is asked for by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import softlabel.tasks
from softlabel.data.annotation import LABEL, MASK, AnnotationKind
from softlabel.deployed import rescore
from softlabel.errors import ConfigError, DataError
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import find_task, task_names, tasks_for
from softlabel.tasks.prepared import prepare
from softlabel.tasks.resolve import task_for, task_from_json
from tests.data import made_sources as made

SECOND = '''"""Whole numbers of things: a second task on one label per row."""
from softlabel.tasks.classification import Classification


class HeadCount(Classification):
    """Another reading of one label per row."""

    name = "head-count"
'''
CLASSES = ["cat", "cow", "dog"]


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A file more in the folder of the tasks."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "head_count.py").write_text(SECOND, encoding="utf-8")
    (folder / "counting.py").write_text(SECOND.replace("head-count", "other"), encoding="utf-8")
    monkeypatch.setattr(softlabel.tasks, "__path__", [*softlabel.tasks.__path__, str(folder)])
    _forget()
    yield
    _forget()


def _forget() -> None:
    task_names.cache_clear()
    find_task.cache_clear()
    sys.modules.pop("softlabel.tasks.head_count", None)


def test_a_task_has_the_name_of_its_file() -> None:
    assert {name: find_task(name).name for name in task_names()} == {name: name for name in task_names()}
    assert list(task_names()) == sorted(task_names())
    assert "classification" in task_names()
    for name in ("auto", "resolve", "multi_label", "../x", ""):
        with pytest.raises(KeyError):
            find_task(name)


def test_names_are_known_without_torch() -> None:
    code = "import sys, softlabel.training.config as c, softlabel.tasks.discovery as d; print(d.task_names())"
    code += "; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(task_names())), done.stderr


@pytest.mark.usefixtures("second")
def test_a_second_task_on_a_kind_is_asked_for_by_name() -> None:
    assert tasks_for(LABEL) == ["classification", "head-count"]
    assert "other" not in task_names()  # its file has another name
    with pytest.raises(ConfigError) as error:
        task_for("auto", LABEL, CLASSES, torch.zeros(3), AxisConfig())
    assert str(error.value) == (
        "task: this source has one class label per row, which the tasks classification and head-count take: "
        "choose one with --task"
    )
    for name in tasks_for(LABEL):
        task = task_for(name, LABEL, CLASSES, torch.zeros(3), AxisConfig())
        assert task.name == task_from_json(task.to_json()).name == name
    assert task_for("auto", MASK, CLASSES, torch.zeros(3), AxisConfig()).name == "segmentation"


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize(
    ("name", "kind", "use"),
    [("pose", LABEL, "'classification' or 'head-count'"), ("head-count", MASK, "'segmentation' or 'auto'")],
)
def test_a_task_of_another_kind_is_told_all_that_fit(name: str, kind: AnnotationKind, use: str) -> None:
    with pytest.raises(ConfigError) as error:
        task_for(name, kind, CLASSES, torch.zeros(3), AxisConfig())
    assert str(error.value) == f"task {name!r} does not fit this source, which has {kind.given}: use {use}"


def test_a_kind_without_a_task() -> None:
    class Ranks(AnnotationKind):
        name, has = "ranks", "an order of the classes"

    with pytest.raises(ConfigError, match="this source has an order of the classes per row, which no task takes"):
        task_for("auto", Ranks(), CLASSES, torch.zeros(3), AxisConfig())
    with pytest.raises(ConfigError, match="an order of the classes per row: use another source"):
        task_for("pose", Ranks(), CLASSES, torch.zeros(3), AxisConfig())


@pytest.mark.usefixtures("second")
def test_a_second_task_on_labels_takes_votes_for_labels_too(tmp_path: Path) -> None:
    data = made.annotated(tmp_path, ["v_a", "v_b", "v_c"], made.VOTES, vote_columns=["v_*"])
    prepared = prepare(data, "head-count")
    assert prepared.task.name == "head-count"
    assert torch.equal(prepared.source.samples.annotation, torch.from_numpy(made.VOTES).argmax(1))
    assert prepare(data).task.name == "distribution"


@pytest.mark.usefixtures("second")
def test_a_model_is_scored_by_its_own_task_and_not_by_one_of_several(tmp_path: Path) -> None:
    source = prepare(made.features(tmp_path), "head-count").source
    rescore.refuse_other_annotation(find_task("head-count")(CLASSES), source)
    with pytest.raises(DataError, match="has one class label per row, and the model's task distribution needs votes"):
        rescore.refuse_other_annotation(find_task("distribution")(CLASSES), source)
