"""CutMix: a rectangle of each image comes from another one, and the label says how much of each is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.methods.cutmix import CutMix, rectangle
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from tests.methods.made import answered, batch, made
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def numbered(rows: int, side: int = 12) -> Batch:
    """Images of which every pixel is the number of its row."""
    pixels = torch.arange(rows, dtype=torch.uint8)[:, None, None, None].expand(rows, 1, side, side).contiguous()
    index = torch.arange(rows) % 4
    return Batch(pixels, index, torch.arange(rows))


@pytest.mark.parametrize("seed", range(8))
def test_the_share_of_a_label_is_that_of_its_pixels(seed: int) -> None:
    method, whole = made("cutmix"), numbered(9)
    mixed = method.transform(whole, torch.Generator().manual_seed(seed))
    assert mixed.partner is not None
    assert mixed.own_share is not None
    rows = torch.arange(9, dtype=torch.uint8)
    own = (mixed.inputs == rows[:, None, None, None]).double().mean((1, 2, 3))
    strangers = [set(image.unique().tolist()) - {row} for row, image in enumerate(mixed.inputs)]
    for row, others in enumerate(strangers):
        assert len(others) <= 1
        if others:
            assert own[row] == pytest.approx(mixed.own_share[row].item(), abs=1e-6)
            assert mixed.partner[row] == whole.annotation[others.pop()]
    again = method.transform(whole, torch.Generator().manual_seed(seed))
    assert torch.equal(again.inputs, mixed.inputs)


def test_what_is_cut_out_is_one_rectangle() -> None:
    mixed = made("cutmix").transform(numbered(6), torch.Generator().manual_seed(3))
    taken = mixed.inputs[0, 0] != 0
    rows, columns = taken.any(1).nonzero().flatten(), taken.any(0).nonzero().flatten()
    assert taken[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
    assert taken.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)


def test_sides_go_by_the_root_of_the_share_and_the_middle_is_anywhere() -> None:
    draws = np.random.default_rng(0)
    boxes = np.array([rectangle(100, 60, 0.75, draws) for _ in range(4000)])
    inside = (boxes[:, 0] > 0) & (boxes[:, 1] < 100) & (boxes[:, 2] > 0) & (boxes[:, 3] < 60)
    assert set(np.unique(boxes[inside, 1] - boxes[inside, 0])) == {50}
    assert set(np.unique(boxes[inside, 3] - boxes[inside, 2])) == {30}
    assert boxes[:, 0].min() == 0
    assert boxes[:, 1].max() == 100
    assert (boxes[:, 1] - boxes[:, 0]).min() < 30  # the edge has cut it


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing(share: float) -> None:
    top, bottom, left, right = rectangle(8, 8, share, np.random.default_rng(0))
    assert (bottom - top) * (right - left) == 0 if share == 1 else (bottom - top) * (right - left) > 0


def test_the_loss_is_that_of_the_mixed_rows() -> None:
    method = made("cutmix").eval()
    mixed = method.transform(batch(), torch.Generator().manual_seed(3))
    own, other = (label_oracle.hard(index.numpy(), 4) for index in (mixed.annotation, mixed.partner))
    rows = label_oracle.mix(own, other, mixed.own_share.double().numpy())
    values, mass, _ = oracle.loss(answered(method, mixed), rows)
    term = method(mixed)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()


def test_a_share_of_the_batches_is_mixed() -> None:
    method, whole = made("cutmix", probability=0.0), numbered(5)
    assert method.transform(whole, torch.Generator().manual_seed(1)) is whole


def test_rows_of_numbers_have_no_parts() -> None:
    network = build_network(NetworkConfig(backbone="mlp"), InputSpec("features", (3,), [0.0] * 3, [1.0] * 3), 2, 0)
    assert "rows of numbers" in str(CutMix.supports(Classification(["a", "b"]), network))
