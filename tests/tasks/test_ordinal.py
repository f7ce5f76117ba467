"""The ordinal task: its axis, labels, scores, answers, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.data.annotation import LABEL, VALUE
from softlabel.errors import ConfigError, DataError
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.grid import coarse_axis, parse_grid, spanned_grid
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.resolve import task_for, task_from_json

TASK = Ordinal(torch.arange(0.0, 101.0), AxisConfig(unit="years"))


def example(names: list[str]) -> Ordinal:
    return Ordinal(torch.arange(float(len(names))), AxisConfig())


def annotation(*values: float, sigma: float = math.nan) -> torch.Tensor:
    return torch.tensor([[value, sigma] for value in values])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0:4", [0, 1, 2, 3, 4]), ("-90:90:45", [-90, -45, 0, 45, 90]), ("0:1:0.25", [0, 0.25, 0.5, 0.75, 1])],
)
def test_a_grid_as_people_write_it(text: str, expected: list[float]) -> None:
    assert parse_grid(text).tolist() == expected


@pytest.mark.parametrize("text", ["", "5", "a:b", "4:0", "0:9:0", "0:9:-1", "0:inf", "0:nan", "1:2:3:4", "0:1e9"])
def test_no_grid(text: str) -> None:
    with pytest.raises(ConfigError, match=r"axis\.grid"):
        parse_grid(text)


@given(st.integers(-500, 500), st.integers(1, 500), st.floats(0, 0.99))
def test_the_spanned_grid_holds_all_values(low: int, width: int, part: float) -> None:
    values = torch.tensor([low + part, float(low + width)], dtype=torch.float64)
    if values[0] < values[1]:
        grid = spanned_grid(values)
        assert float(grid[0]) <= float(values.min())
        assert float(values.max()) <= float(grid[-1])
        assert float(grid[1]) > float(values.min())


def test_values_that_make_no_axis() -> None:
    with pytest.raises(DataError, match="every value is 3"):
        spanned_grid(torch.tensor([3.0, 3.0]))
    with pytest.raises(DataError, match=r"set axis\.grid, such as 0:20000:200"):
        spanned_grid(torch.tensor([0.0, 20_000.0]))


def test_the_default_label_is_all_of_the_nearest_value() -> None:
    assert TASK.index(annotation(3.4, 3.6, 3.5, -5, 200)).tolist() == [3, 4, 3, 0, 100]
    label = TASK.label(annotation(3.4)).dense()
    assert float(label[0, 3]) == 1


def test_a_spread_label_takes_the_rows_own_sigma_or_two_steps() -> None:
    for sigma, expected in ((None, 2.0), (4.0, 4.0)):
        q = TASK.spread_label(annotation(50), sigma).dense().double()[0]
        assert float(((TASK.grid - 50) ** 2 * q).sum()) == pytest.approx(expected**2, rel=1e-4)
    own = TASK.spread_label(annotation(50, sigma=7.0), None).dense().double()[0]
    assert float(((TASK.grid - 50) ** 2 * own).sum()) == pytest.approx(49, rel=1e-3)
    assert float(TASK.spread_label(annotation(1), None).dense().sum()) == pytest.approx(1)


def test_strata_are_tenths_that_keep_equal_values_together() -> None:
    values = np.random.default_rng(0).integers(0, 30, 1000)
    strata = TASK.stratify(annotation(*values.tolist()))
    assert 8 <= len(set(strata.tolist())) <= 10
    assert all(len(set(strata[values == value].tolist())) == 1 for value in range(30))
    assert set(TASK.stratify(annotation(*[1.0] * 50, 2.0)).tolist()) <= {0, 1}


def test_scores_and_errors_along_the_axis() -> None:
    evaluator = TASK.evaluator(torch.ones(101), "counts", keep_rows=True)
    certain = torch.full((3, 101), -1e3)
    certain[[0, 1, 2], [20, 30, 47]] = 0
    evaluator.update(certain[:2], annotation(22, 30))
    evaluator.update(certain[2:], annotation(40))
    scores = evaluator.scores()
    assert (scores["mae"], scores["cs_5"], scores["crps"]) == pytest.approx((3, 2 / 3, 3), abs=1e-6)
    assert scores["epsilon_error"] is None
    rows = evaluator.details()["by_value"]
    assert [row["value"] for row in rows] == [22, 30, 40]
    assert [row["error"] for row in rows] == pytest.approx([-2, 0, 7])
    assert evaluator.row_contributions()["mae"].values[:, 0].tolist() == pytest.approx([2, 0, 7], abs=1e-6)
    assert evaluator.statistics[0].name == TASK.selection_score()


def test_an_answer_is_a_value_with_its_interval() -> None:
    q = TASK.spread_label(annotation(27.4), 3.0).dense()
    (answer,) = TASK.answer(q)
    assert answer["value"] == pytest.approx(27.4, abs=0.01)
    assert (answer["low"], answer["high"]) == (24, 31)
    assert TASK.tell(answer) == ["27.4 years, 80 % between 24 and 31"]
    assert set(TASK.answer_fields) | {"distribution"} == set(answer)
    assert TASK.describe(annotation(27.4)) == ["27.4 years"]


def test_argmax_decoding_answers_with_the_most_probable_value() -> None:
    task = Ordinal(TASK.grid, AxisConfig(decoding="argmax"))
    q = torch.zeros(1, 101)
    q[0, [10, 90]] = torch.tensor([0.6, 0.4])
    assert task.answer(q)[0]["value"] == 10
    assert TASK.answer(q)[0]["value"] == pytest.approx(42)


def test_round_trip_through_json() -> None:
    again = task_from_json(TASK.to_json())
    assert isinstance(again, Ordinal)
    assert (again.grid.tolist(), again.axis, again.class_names) == (TASK.grid.tolist(), TASK.axis, TASK.class_names)


def test_the_task_that_a_number_asks_for() -> None:
    values = annotation(1, 5)
    assert task_for("auto", VALUE, [], values, AxisConfig()).num_classes == 5
    assert task_for("ordinal", VALUE, [], values, AxisConfig(grid=["0:10:2"])).class_names[-1] == "10"
    with pytest.raises(ConfigError, match="one axis, but 2 grids"):
        task_for("ordinal", VALUE, [], values, AxisConfig(grid=["0:1", "0:1"]))
    with pytest.raises(ConfigError, match="a number per row: use 'ordinal' or 'auto'"):
        task_for("classification", VALUE, [], values, AxisConfig())
    with pytest.raises(ConfigError, match="has no label axis"):
        task_for("classification", LABEL, ["a", "b"], torch.zeros(2), AxisConfig(unit="years"))


def test_scores_in_the_unit_of_the_axis_say_so() -> None:
    titles = {score.name: score.title for score in TASK.statistics(torch.ones(101), "counts")}
    assert titles["mae"] == "MAE in years"
    assert titles["mae_argmax"] == "MAE, arg-max in years"
    assert titles["crps"] == "CRPS in years"
    assert titles["interval_width_80"] == "width of the 80 % interval in years"
    assert "years" not in titles["nll"] + titles["cs_5"] + titles["epsilon_error"] + titles["coverage_error_80"]
    bare = Ordinal(TASK.grid, AxisConfig()).statistics(torch.ones(101), "counts")
    assert bare[0].title == "MAE"


def test_decimals_on_an_axis_of_few_labels_are_told_of_a_grid() -> None:
    (note,) = coarse_axis(torch.tensor([0.02, 0.5, 0.98]), "age")
    assert note == ("age from 0.02 to 0.98 share 2 labels, whole numbers from 0 to 1; --grid 0:1:0.01 tells more apart")
    assert parse_grid("0:1:0.01").numel() == 101
    assert coarse_axis(torch.tensor([0.0, 1.0, 2.0])) == []
    assert coarse_axis(torch.tensor([0.5, 30.0])) == []
