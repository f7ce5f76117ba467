"""The pose task: its grids, labels, scores, answers, mirrored images, and what it refuses."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch

from softlabel.data.annotation import KINDS, VALUE, VALUES
from softlabel.data.augmentation import augment_with_annotation, augmentation_for
from softlabel.errors import ConfigError, DataError
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.discovery import tasks_for
from softlabel.tasks.pose import Pose
from softlabel.tasks.resolve import task_for, task_from_json
from tests.made_poses import turned_digits

PITCH, YAW = torch.arange(-30.0, 31.0, 15.0), torch.arange(-90.0, 91.0, 15.0)
TASK = Pose(PITCH, YAW, AxisConfig(unit="degrees"))
NAMES = ["pitch", "yaw"]


def example(names: list[str]) -> Pose:
    return Pose(torch.linspace(-10.0, 10.0, len(names) // 2), torch.tensor([-30.0, 30.0]), AxisConfig())


def annotation(*pairs: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(pairs, dtype=torch.float32)


def test_the_default_label_is_all_of_the_nearest_cell() -> None:
    pairs = annotation((-30, -90), (-30, -80), (-21, 0), (30, 90), (100, 100))
    assert TASK.index(pairs).tolist() == [0, 1, 13 + 6, 64, 64]
    assert TASK.label(pairs).dense().argmax(-1).tolist() == TASK.index(pairs).tolist()
    assert [TASK.class_names[k] for k in (0, 1, 64)] == ["pitch -30 yaw -90", "pitch -30 yaw -75", "pitch 30 yaw 90"]
    assert TASK.class_counts(pairs)[64] == 2


@pytest.mark.parametrize(("sigma", "widths"), [(None, (15.0, 15.0)), (6.0, (6.0, 6.0))])
def test_a_spread_label_is_a_gaussian_of_both_angles(sigma: float | None, widths: tuple[float, float]) -> None:
    pitch, yaw = PITCH.double().numpy(), YAW.double().numpy()
    q = np.exp(-((pitch[:, None] - 4) ** 2) / (2 * widths[0] ** 2) - (yaw[None] + 20) ** 2 / (2 * widths[1] ** 2))
    found = TASK.spread_label(annotation((4, -20)), sigma).dense()[0].view(5, 13)
    np.testing.assert_allclose(found.numpy(), q / q.sum(), rtol=1e-4, atol=1e-9)


def test_the_usual_spread_is_one_step_of_each_axis() -> None:
    task = Pose(torch.arange(-50.0, 51.0, 5.0), YAW, AxisConfig())
    q = task.spread_label(annotation((0, 0)), None).dense()[0].double().view(21, 13)
    assert float(q.sum(1) @ task.grids[0].double().square()) ** 0.5 == pytest.approx(5, rel=1e-3)
    assert float(q.sum(0) @ task.grids[1].double().square()) ** 0.5 == pytest.approx(15, rel=1e-3)


def test_scores_and_errors_of_cells() -> None:
    evaluator = TASK.evaluator(torch.arange(65.0), "counts", keep_rows=True)
    certain = torch.full((3, 65), -1e3)
    certain[[0, 1, 2], TASK.index(annotation((0, 0), (15, 30), (-30, 90)))] = 0
    evaluator.update(certain[:2], annotation((3, -4), (15, 30)))
    evaluator.update(certain[2:], annotation((0, 90)))
    scores = evaluator.scores()
    names = ["mae_both", "mae_pitch", "mae_yaw"]
    assert [scores[name] for name in names] == pytest.approx([35 / 3, 11, 4 / 3], abs=1e-4)
    assert [scores[f"accuracy_{angle}"] for angle in ("both", "pitch", "yaw")] == pytest.approx([2 / 3, 2 / 3, 1])
    assert evaluator.statistics[0].name == TASK.selection_score() == names[0]
    assert evaluator.row_contributions()[names[0]].values[:, 0].tolist() == pytest.approx([5, 0, 30], abs=1e-4)
    first = evaluator.details()["by_cell"][0]
    assert first == pytest.approx(
        {"pitch": 0, "yaw": 0, "training_count": 32, "test_count": 1}
        | {"pitch_error": 3, "yaw_error": 4, "absolute_error": 5},
        abs=1e-4,
    )
    rows = {(row["pitch"], row["yaw"]): row for row in evaluator.details()["by_cell"]}
    assert sorted(rows) == [(0, 0), (0, 90), (15, 30)]
    assert rows[0, 90]["absolute_error"] == pytest.approx(30)


@pytest.mark.parametrize("decoding", ["argmax", "marginal", "expectation"])
def test_decodings_answer_with_the_cell_each_angle_or_the_mean(decoding: Any) -> None:
    task = Pose(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 10.0, 20.0]), AxisConfig(decoding=decoding))
    p = torch.tensor([[0.3, 0.0, 0.24, 0.0, 0.2, 0.26]])
    expected = {"argmax": (0, 0), "marginal": (0, 20), "expectation": (4.6, 12)}[decoding]
    (answer,) = task.answer(p)
    assert (answer["pitch"], answer["yaw"]) == pytest.approx(expected, abs=1e-5)
    assert task.statistics(torch.ones(6), "counts")[0].name == task.selection_score()


def test_an_answer_is_two_values_with_their_intervals() -> None:
    q = TASK.spread_label(annotation((-14, 33)), 10.0).dense()
    (answer,) = TASK.answer(q)
    assert set(TASK.answer_fields) | {"distribution"} == set(answer)
    assert sum(answer["distribution"].values()) == pytest.approx(1)
    told = TASK.tell(answer)
    assert told == ["pitch -13.9 [-30, 0]", "yaw 33.0 [15, 45]", "degrees, 80 % intervals"]
    assert Pose(PITCH, YAW, AxisConfig()).tell(answer)[2] == "80 % intervals"
    assert TASK.describe(annotation((-14, 33))) == ["pitch -14, yaw 33 degrees"]


def test_strata_are_cells_of_equally_many_rows() -> None:
    values = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)) * 90 - 45
    counts = np.bincount(TASK.stratify(values))
    assert len(counts) == 16
    assert counts.min() > 180
    assert set(TASK.stratify(annotation(*[(1.0, 2.0)] * 9)).tolist()) == {4 + 1}


def test_a_mirrored_image_has_mirrored_yaw() -> None:
    pairs = annotation((10, 30), (-20, -75))
    assert TASK.mirror(pairs, torch.tensor([True, False])).tolist() == [[10, -30], [-20, -75]]
    rest = turned_digits(annotation((20, 40)))
    other = turned_digits(annotation((20, -40)))
    # the outline of the plate: where anything is to be seen at all
    assert float(((rest.flip(-1) > 0) == (other > 0)).float().mean()) == 1
    assert float(((rest > 0) == (other > 0)).float().mean()) < 0.9


@pytest.mark.parametrize("kind", ["none", "shift", "crop-flip", "colour"])
def test_angles_are_mirrored_with_their_images(kind: Any) -> None:
    """Images whose brighter half says the sign of their yaw; one row has no yaw to mirror."""
    yaw = torch.tensor([30.0, -60.0] * 16)
    images = torch.full((32, 3, 8, 16), 60, dtype=torch.uint8)
    for row, angle in enumerate(yaw.tolist()):
        images[row, :, :, 8:] = 200 if angle > 0 else 60
        images[row, :, :, :8] = 60 if angle > 0 else 200
    pairs = torch.stack([torch.full_like(yaw, 15), yaw], -1)
    draws = torch.Generator().manual_seed(1)
    moved, angles = augment_with_annotation(images, pairs, kind, draws, TASK.mirror)
    brightness = moved.float().mean((1, 2))
    right = brightness[:, 10:14].mean(-1) > brightness[:, 2:6].mean(-1)
    assert torch.equal(right, angles[:, 1] > 0)
    assert torch.equal(angles.abs(), pairs.abs())
    changed = int((angles != pairs).any(-1).sum())
    assert changed == 0 if kind in ("none", "shift") else 6 < changed < 26


def test_images_are_not_mirrored_where_the_grid_has_no_mirrored_yaw() -> None:
    assert TASK.mirrors
    one_sided = Pose(PITCH, torch.arange(0.0, 91.0, 15.0), AxisConfig())
    assert not one_sided.mirrors
    assert augmentation_for("auto", "image", (3, 32, 32), mirrors=False) == "shift"
    assert augmentation_for("crop-flip", "image", (1, 8, 8), mirrors=True) == "crop-flip"
    for name in ("crop-flip", "colour"):
        with pytest.raises(ConfigError, match="a grid that is symmetric about 0"):
            augmentation_for(name, "image", (3, 32, 32), mirrors=False)  # type: ignore[arg-type]


def test_round_trip_through_json() -> None:
    again = task_from_json(TASK.to_json())
    assert isinstance(again, Pose)
    assert [grid.tolist() for grid in again.grids] == [grid.tolist() for grid in TASK.grids]
    assert (again.axis, again.class_names, again.decoding) == (TASK.axis, TASK.class_names, TASK.decoding)


def test_the_grids_are_given_or_spanned() -> None:
    pairs = annotation((-2.5, 0), (2, 7))
    spanned = task_for("auto", VALUES, NAMES, pairs, AxisConfig())
    assert isinstance(spanned, Pose)
    assert [len(grid) for grid in spanned.grids] == [6, 8]
    given = task_for("pose", VALUES, NAMES, pairs, AxisConfig(grid=["-30:30:15", "-90:90:30"]))
    assert given.num_classes == 35


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ({"grid": ["-90:90:15"]}, "two grids, of pitch and of yaw, such as -90:90:15,-90:90:15, not 1"),
        ({"grid": ["0:9"] * 3}, "not 3"),
        ({"grid": ["0:999", "0:999"]}, "make 1,000,000 cells, at most 10,000"),
        ({"grid": ["0:9", "0:1:5"]}, "'0:1:5' has not two different values"),
        ({"tolerance": 3.0}, "no cumulative score"),
    ],
)
def test_axes_that_make_no_grid(axis: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        task_for("pose", VALUES, NAMES, annotation((0, 0), (5, 5)), AxisConfig(**axis))


def test_sources_that_are_no_poses() -> None:
    with pytest.raises(DataError, match="every yaw is 3"):
        task_for("pose", VALUES, NAMES, annotation((0, 3), (5, 3)), AxisConfig())
    with pytest.raises(ConfigError, match="pitch comes first and yaw second, not 'head_yaw' and 'head_pitch'"):
        task_for("pose", VALUES, ["head_yaw", "head_pitch"], annotation((0, 3), (5, 4)), AxisConfig())
    with pytest.raises(ConfigError, match="two numbers per row: use 'pose' or 'auto'"):
        task_for("ordinal", VALUES, NAMES, annotation((0, 3), (5, 4)), AxisConfig())
    with pytest.raises(ConfigError, match="'marginal' is for two values a row"):
        task_for("ordinal", VALUE, [], annotation((0, 3), (5, 4)), AxisConfig(decoding="marginal"))


def test_every_kind_of_annotation_has_its_task() -> None:
    """What is true of one axis or pair is checked above; no kind runs into an error that is not for people."""
    for kind in KINDS:
        with (
            pytest.raises(ConfigError, match="does not fit this source, which has")
            if not kind.is_index
            else nullcontext()
        ):
            task_for("classification", kind, ["a", "b"], annotation((0, 3), (5, 4)), AxisConfig())
        name = tasks_for(kind)[0]
        assert task_for(name, kind, ["a", "b"], annotation((0, 3), (5, 4)), AxisConfig()).annotation_kind is kind
