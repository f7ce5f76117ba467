"""The rows that a report shows are those of the largest measure, whatever the chunks they came in."""

from __future__ import annotations

import base64
import io

import pytest
import torch
from PIL import Image

from softlabel.data.samples import HeldSamples
from softlabel.evaluation.extreme_rows import LARGEST_SIDE, ExtremeRows, data_uri, entropy, loss_against
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.pose import Pose

TASK = Classification(["a", "b", "c"])


@pytest.mark.parametrize("chunk", [1, 7, 40])
def test_the_most_wrong_rows_come_first(chunk: int) -> None:
    logits, truth = torch.randn(40, 3), torch.randint(0, 3, (40,))
    samples = HeldSamples(torch.randn(40, 2), torch.arange(40), truth, torch.arange(40) + 100)
    worst = ExtremeRows("loss", loss_against(truth), 5, temperature=2.0)
    for rows in torch.split(torch.arange(40), chunk):
        worst.watch(rows, logits[rows])
    losses = torch.nn.functional.cross_entropy(logits / 2.0, truth, reduction="none")
    expected = losses.argsort(descending=True)[:5]
    found = worst.to_json(samples, TASK)
    assert [entry["sample_id"] for entry in found] == (expected + 100).tolist()
    assert [entry["loss"] for entry in found] == pytest.approx(losses[expected].tolist())
    assert [entry["truth"] for entry in found] == [TASK.class_names[name] for name in truth[expected].tolist()]


def test_entropy_and_the_loss_of_a_distribution_are_scipys() -> None:
    from scipy.stats import entropy as reference

    p, q = torch.randn(6, 4).softmax(-1), torch.randn(6, 4).softmax(-1)
    rows = torch.tensor([3, 0])
    assert entropy(rows, p[rows].log()).tolist() == pytest.approx(reference(p[rows].numpy(), axis=1).tolist(), rel=1e-5)
    expected = reference(q.numpy(), p.numpy(), axis=1) + reference(q.numpy(), axis=1)
    assert loss_against(q)(rows, p[rows].log()).tolist() == pytest.approx(expected[rows].tolist(), rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 300, 200)])
def test_stored_images_are_small_and_small_ones_exact(shape: tuple[int, int, int]) -> None:
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(data_uri(pixels).partition(",")[2])))
    assert max(image.size) <= LARGEST_SIDE
    if max(shape) <= LARGEST_SIDE:
        assert list(image.tobytes()) == pixels.flatten().tolist()


@pytest.mark.parametrize(("labels", "pooled", "length"), [(11, 1, 11), (100, 1, 100), (231, 3, 77)])
def test_rows_of_a_label_axis_keep_their_whole_distribution(labels: int, pooled: int, length: int) -> None:
    task = Ordinal(torch.arange(float(labels)), AxisConfig(unit="years"))
    annotation = torch.tensor([[3.4, 1.0], [7.0, float("nan")]])
    logits = torch.randn(2, labels)
    samples = HeldSamples(torch.randn(2, 2), torch.arange(2), annotation, torch.arange(2))
    watched = ExtremeRows("entropy", entropy, 2, temperature=1.0)
    watched.watch(torch.arange(2), logits)
    assert all("label" not in entry["axis"] for entry in watched.to_json(samples, task))
    for entry in watched.to_json(samples, task, lambda values: task.spread_label(values, 2.0)):
        row, axis = entry["sample_id"], entry["axis"]
        label = torch.exp(-((torch.arange(labels) - (3.4, 7.0)[row]) ** 2).double() / 8)
        label = torch.stack([part.sum() for part in torch.split(label / label.sum(), pooled)])
        assert [int(share) / 10_000 for share in axis["label"].split()] == pytest.approx(label.tolist(), abs=6e-5)
        p = logits[row].double().softmax(-1)
        expected = [float(p[start : start + pooled].sum()) for start in range(0, labels, pooled)]
        assert axis["pooled"] == pooled
        shares = [int(share) / 10_000 for share in axis["shares"].split()]
        assert len(shares) == length
        assert shares == pytest.approx(expected, abs=6e-5)
        assert axis["truth"] == pytest.approx((3.4, 7.0)[row])
        assert axis["value"] == pytest.approx(float(p @ torch.arange(float(labels)).double()), rel=1e-5)
        assert axis["low"] <= axis["value"] <= axis["high"]
        assert axis["said"].startswith(f"{axis['value']:.1f} years, 80 % between")


@pytest.mark.parametrize(("sides", "pooled", "shape"), [((3, 5), 1, (3, 5)), ((4, 31), 3, (2, 11))])
def test_rows_of_two_angles_keep_their_whole_distribution(
    sides: tuple[int, int], pooled: int, shape: tuple[int, int]
) -> None:
    task = Pose(*(torch.arange(float(side)) for side in sides), AxisConfig(unit="degrees"))
    annotation = torch.tensor([[1.5, 0.5], [2.0, 4.0]])
    logits = torch.randn(2, sides[0] * sides[1])
    samples = HeldSamples(torch.randn(2, 2), torch.arange(2), annotation, torch.arange(2))
    watched = ExtremeRows("entropy", entropy, 2, temperature=1.0)
    watched.watch(torch.arange(2), logits)
    for entry in watched.to_json(samples, task):
        row, grid = entry["sample_id"], entry["grid"]
        p = logits[row].double().softmax(-1).view(sides)
        expected = [
            float(p[a : a + pooled, b : b + pooled].sum())
            for a in range(0, sides[0], pooled)
            for b in range(0, sides[1], pooled)
        ]
        assert grid["pooled"] == pooled
        assert len(expected) == shape[0] * shape[1]
        assert [int(share) / 10_000 for share in grid["shares"].split()] == pytest.approx(expected, abs=6e-5)
        assert (grid["true_pitch"], grid["true_yaw"]) == tuple(annotation[row].tolist())
        assert grid["yaw"] == pytest.approx(float(p.sum(0) @ torch.arange(float(sides[1])).double()), rel=1e-5)
        assert grid["said"].startswith(f"pitch {grid['pitch']:.1f} [")


def test_rows_of_classes_have_no_axis() -> None:
    samples = HeldSamples(torch.randn(2, 2), torch.arange(2), torch.tensor([0, 1]), torch.arange(2))
    watched = ExtremeRows("entropy", entropy, 2, temperature=1.0)
    watched.watch(torch.arange(2), torch.randn(2, 3))
    assert all("axis" not in entry for entry in watched.to_json(samples, TASK))
