"""The segmentation task: its labels, scores, answers, augmentation and network, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from softlabel.data.annotation import MASK
from softlabel.data.augmentation import augment, augment_with_mask
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.losses import cross_entropy, kl_divergence, sum_and_mass
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.resolve import task_for, task_from_json
from softlabel.tasks.segmentation import MOST_PIXELS_FOR_TEMPERATURE, Segmentation, uncertainty

TASK = Segmentation(["sky", "road", "car"])
VOID = 255


def example(names: list[str]) -> Segmentation:
    return Segmentation(names)


def masks(n: int = 3, height: int = 9, width: int = 12, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, 4, (n, height, width), generator=draws, dtype=torch.uint8)
    return drawn.masked_fill(drawn == 3, VOID)


def logits(n: int = 3, height: int = 9, width: int = 12, seed: int = 1) -> torch.Tensor:
    return 2 * torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_the_default_label_is_pytorchs_cross_entropy_without_void() -> None:
    z, mask = logits(), masks()
    loss = sum_and_mass(cross_entropy, z, TASK.label(mask))
    assert float(loss.mass) == int((mask != VOID).sum())
    torch.testing.assert_close(loss.sum / loss.mass, F.cross_entropy(z, mask.long(), ignore_index=VOID))


@pytest.mark.parametrize("sigma", [None, 1.0])
def test_the_spread_label_is_a_filtered_one_hot_map(sigma: float | None) -> None:
    """Against one-hot, depthwise convolution and division by the sum over classes, in plain numpy."""
    mask = masks().numpy()
    weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * (sigma or 3.0) ** 2))
    one_hot = np.stack([mask == k for k in range(3)], -1).astype(float)
    padded = np.pad(one_hot, ((0, 0), (2, 2), (2, 2), (0, 0)))
    expected = sum(weights[i] * weights[j] * padded[:, i : i + 9, j : j + 12] for i in range(5) for j in range(5))
    known = mask != VOID
    q = expected[known] / expected[known].sum(-1, keepdims=True)
    label = TASK.spread_label(torch.from_numpy(mask), sigma)
    np.testing.assert_allclose(label.dense().numpy()[known], q, atol=1e-6)
    p = logits().log_softmax(1).movedim(1, -1).numpy()[known]
    loss = sum_and_mass(kl_divergence, logits(), label)
    assert float(loss.sum) == pytest.approx((q * (np.log(np.maximum(q, 1e-30)) - p)).sum(), rel=1e-5)
    assert float(loss.mass) == known.sum()


def test_scores_are_those_of_plain_loops_over_pixels() -> None:
    z, mask = logits(), masks()
    evaluator = TASK.evaluator(TASK.class_counts(mask), "counts", keep_rows=True)
    for place in range(len(mask)):
        evaluator.update(z[place : place + 1], mask[place : place + 1])
    predicted, true = z.argmax(1).numpy(), mask.numpy()
    known = true != VOID
    found = [
        (known & (predicted == k) & (true == k)).sum() / (known & ((predicted == k) | (true == k))).sum()
        for k in range(3)
    ]
    scores = evaluator.scores()
    assert scores["miou"] == pytest.approx(np.mean(found), abs=1e-12)
    assert scores["pixel_accuracy"] == pytest.approx((predicted == true)[known].mean(), abs=1e-12)
    assert scores["nll"] == pytest.approx(float(F.cross_entropy(z, mask.long(), ignore_index=VOID)), rel=1e-6)
    assert [row["iou"] for row in evaluator.details()["by_pixel_class"]] == pytest.approx(found)
    assert sum(row["test_pixels"] for row in evaluator.details()["by_pixel_class"]) == known.sum()
    assert sum(int(b["count"] or 0) for b in evaluator.reliability()) == known.sum()
    assert all(len(rows.cell) == len(mask) for rows in evaluator.row_contributions().values())
    assert TASK.selects == "highest"
    assert TASK.selection_score() == "miou"
    assert evaluator.statistics[0].name == "miou"


def test_class_counts_are_pixels_and_void_is_none() -> None:
    mask = torch.tensor([[[0, 1], [1, VOID]], [[VOID, VOID], [2, 2]]], dtype=torch.uint8)
    assert TASK.class_counts(mask).tolist() == [1, 2, 2]
    assert TASK.index(mask).tolist() == [1, 2]
    assert TASK.stratify(mask).tolist() == [0, 0]


def test_a_temperature_sees_known_pixels_of_all_images_and_a_bounded_number() -> None:
    z, mask = logits(), masks()
    picked, classes, image = TASK.for_temperature(z, mask)
    known = mask != VOID
    torch.testing.assert_close(picked, z.movedim(1, -1)[known])
    assert torch.equal(classes, mask[known].long())
    assert torch.equal(image, known.flatten(1).nonzero()[:, 0])
    large = torch.zeros(2, 400, 400, dtype=torch.uint8)
    large[1] = 1
    picked, classes, _ = TASK.for_temperature(torch.zeros(2, 3, 400, 400), large)
    assert MOST_PIXELS_FOR_TEMPERATURE / 2 < len(picked) <= MOST_PIXELS_FOR_TEMPERATURE
    assert classes.bincount().tolist() == [len(picked) // 2] * 2


def test_an_answer_is_shares_of_pixels_and_the_mean_uncertainty() -> None:
    p = torch.zeros(1, 3, 2, 2)
    p[0, 0], p[0, 1, 0, 0] = 1.0, 0.0
    p[0, :, 1, 1] = torch.tensor([0.0, 0.0, 1.0])
    p[0, :, 0, 0] = torch.tensor([1 / 3 - 1e-3, 1 / 3 + 1e-3, 1 / 3])
    (answer,) = TASK.answer(p)
    assert answer["distribution"] == {"sky": 0.5, "road": 0.25, "car": 0.25}
    assert answer["uncertainty"] == pytest.approx(0.25, abs=1e-4)
    assert TASK.tell(answer)[0] == "sky 50 %"
    assert float(uncertainty(torch.full((1, 3, 1, 1), 1 / 3))) == pytest.approx(1.0)


@given(st.integers(0, 1000), st.sampled_from(["shift", "crop-flip"]))
def test_masks_move_with_their_images(seed: int, kind: str) -> None:
    """A mask that is a function of the image stays that function; from outside come zeros, and void."""
    images = torch.randint(1, 4, (4, 3, 16, 24), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    mask = images[:, 0] - 1
    moved, moved_mask = augment_with_mask(images, mask, kind, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]
    outside = moved[:, 0] == 0
    assert torch.equal(moved_mask == VOID, outside)
    assert torch.equal(moved_mask[~outside], (moved[:, 0] - 1)[~outside])
    assert torch.equal(moved, augment(images, kind, torch.Generator().manual_seed(seed)))  # type: ignore[arg-type]
    assert not torch.equal(moved, images) or seed > 0


def test_the_task_is_found_by_its_masks_and_comes_back_from_json() -> None:
    task = task_for("auto", MASK, ["a", "b"], masks(), AxisConfig())
    assert isinstance(task, Segmentation)
    assert task_from_json(task.to_json()).class_names == ["a", "b"]
    with pytest.raises(ConfigError, match="a class per pixel: use 'segmentation'"):
        task_for("classification", MASK, ["a", "b"], masks(), AxisConfig())
    with pytest.raises(ConfigError, match="no label axis"):
        task_for("segmentation", MASK, ["a", "b"], masks(), AxisConfig(unit="m"))


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (1, 5), (33, 16)])
def test_the_network_answers_every_pixel_of_any_size(size: tuple[int, int]) -> None:
    inputs = InputSpec("image", (3, *size), [0.5] * 3, [0.2] * 3)
    network = build_network(NetworkConfig(head="pixel"), inputs, 4, 0).eval()
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    assert network(images).shape == (2, 4, *size)
    levels, pixels = network.features(images)
    assert tuple(level.shape[1] for level in levels) == network.backbone.widths
    assert pixels.shape == (2, network.backbone.num_features, *size)


@pytest.mark.parametrize(("backbone", "head"), [("resnet8", "pixel"), ("mlp", "pixel"), ("encoder_decoder", "linear")])
def test_backbones_and_heads_that_do_not_go_together(backbone: str, head: str) -> None:
    inputs = InputSpec("image", (3, 8, 8), [0.5] * 3, [0.2] * 3)
    with pytest.raises(UnsupportedError, match="pixel"):
        build_network(NetworkConfig.model_validate({"backbone": backbone, "head": head}), inputs, 4, 0)
