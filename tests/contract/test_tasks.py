"""Laws that hold for every task: what the other floors may ask of it, without asking which one it is."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
import torch

from softlabel.cli.screens.answers import columns, flat, write_parquet
from softlabel.runs.atomic import to_json
from softlabel.runs.drawn_records import DetailsRecord, Reliability
from softlabel.tasks.evaluator import Evaluator
from softlabel.tasks.task import Task
from tests.contract.test_methods import NUM_CLASSES, TASKS, batch_for

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
ROWS = 5


def probabilities(task: Task) -> torch.Tensor:
    shape = (ROWS, NUM_CLASSES, 8, 8) if task.per_pixel else (ROWS, NUM_CLASSES)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).softmax(1)


@every_task
def test_an_answer_is_written_as_the_task_says(task: Task) -> None:
    answers = task.answer(probabilities(task))
    assert [set(answer) for answer in answers] == [{*task.answer_fields, "distribution"}] * ROWS
    numbers = [name for name, kind in task.answer_fields.items() if kind is float]
    rows = [flat({"file": "a.png", **answer}, None) for answer in answers]
    stream = io.BytesIO()
    write_parquet(stream, columns(task.class_names, ["file"], list(task.answer_fields), None), rows, numbers)
    stream.seek(0)
    assert pq.read_table(stream).to_pylist() == rows


@every_task
def test_what_lies_on_one_axis_has_a_value_for_every_label_in_ascending_order(task: Task) -> None:
    if task.grid is not None:
        assert task.grid.shape == (task.num_classes,)
        assert bool((task.grid.diff() > 0).all())
        assert task.spreads
        assert task.describe_axes() is not None


@every_task
def test_where_any_number_of_labels_is_true_the_annotation_has_a_level_for_each(task: Task) -> None:
    annotation = batch_for(task, ROWS).annotation
    if task.several_labels:
        assert not task.one_class
        assert annotation.shape == (ROWS, task.num_classes)
        assert task.read_as("sigmoid").link == "sigmoid"


@every_task
def test_a_row_has_one_drawing_or_none(task: Task) -> None:
    annotation = batch_for(task, ROWS).annotation
    drawn = task.along_axes(annotation, probabilities(task), task.label(annotation))
    assert len(drawn) == ROWS
    assert {tuple(row) for row in drawn} <= {(), ("axis",), ("grid",)}  # what a report knows to draw


@every_task
def test_an_evaluator_serves_scores_and_what_a_report_draws(task: Task) -> None:
    annotation = batch_for(task, ROWS).annotation
    evaluator = task.evaluator(torch.ones(NUM_CLASSES, dtype=torch.float64), "counts", keep_rows=True)
    assert isinstance(evaluator, Evaluator)
    evaluator.update(probabilities(task).log(), annotation)
    assert list(evaluator.scores()) == [statistic.name for statistic in evaluator.statistics]
    assert task.selection_score() in evaluator.scores()
    DetailsRecord.model_validate_json(to_json(evaluator.details()))  # what a report knows to read
    Reliability.model_validate_json(to_json({"before": evaluator.reliability()}))
    alone = evaluator.alone(task.selection_score())
    alone.update(probabilities(task).log(), annotation)
    assert alone.scores() == {task.selection_score(): evaluator.scores()[task.selection_score()]}
