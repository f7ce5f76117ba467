"""Soft labels at the borders of masks."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import hard, spatial
from softlabel.losses import cross_entropy
from tests.oracle import label_kinds as oracle

VOID = 255


def example(shape, num_classes):
    """Any batch shape: a batch of one axis is one line of pixels."""
    mask = torch.randint(num_classes, shape if len(shape) > 1 else (1, *shape))
    mask.view(-1)[[2, 5]] = VOID
    label, rows = spatial(mask, num_classes), oracle.spatial(mask[None].numpy(), num_classes, 5, 3.0, 1, 2)[0]
    return (label, rows) if len(shape) > 1 else (label.select(0), rows[0])


def scene(height=40, width=48, num_classes=6):
    """Blobs of classes with a void corner."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres, classes = torch.rand(2, 8, 2) * torch.tensor([height, width]), torch.randint(num_classes, (2, 8))
    far = (y[..., None] - centres[:, None, None, :, 0]) ** 2 + (x[..., None] - centres[:, None, None, :, 1]) ** 2
    mask = classes[torch.arange(2)[:, None, None], far.argmin(-1)].to(torch.uint8)
    mask[0, :5, :7] = VOID
    return mask


@given(
    st.integers(0, 10**6),
    st.sampled_from([(5, 3.0, 1, 2), (3, 1.0, 1, 1), (5, 3.0, 2, 2), (4, 2.0, 3, 0), (1, 1.0, 1, 0), (7, 0.5, 1, 5)]),
)
def test_equals_its_twin(seed, window):
    draw = np.random.default_rng(seed)
    mask = draw.choice([0, 1, 2, 3, VOID], (2, 7, 9), p=draw.dirichlet([0.5] * 5))
    label = spatial(torch.from_numpy(mask), 4, *window)
    np.testing.assert_allclose(label.dense(), oracle.spatial(mask, 4, *window), atol=1e-6)


@pytest.mark.parametrize("num_classes", [255, 300])
def test_many_classes(num_classes):
    mask = torch.randint(num_classes, (1, 5, 6))
    label = spatial(mask, num_classes, ignore_index=-100)
    np.testing.assert_allclose(label.dense(), oracle.spatial(mask.numpy(), num_classes, 5, 3.0, 1, 2, -100), atol=1e-6)


def test_the_published_masses_at_a_straight_edge():
    mask = torch.zeros(1, 15, 16, dtype=torch.uint8)
    mask[..., 8:] = 1
    row = spatial(mask, 2).dense()[0, 7]
    assert row[4:8, 0].tolist() == pytest.approx([1, 1, 0.822, 0.611], abs=5e-4)
    assert row[8:12, 1].tolist() == pytest.approx([0.611, 0.822, 1, 1], abs=5e-4)


def test_only_pixels_that_see_another_class_differ_from_hard_labels():
    mask = scene()
    label, plain = spatial(mask, 6), hard(mask.long(), 6, ignore_index=VOID)
    differs = (label.dense() != plain.dense()).any(-1)
    lone = torch.nn.functional.pad(mask.int(), (2, 2, 2, 2), value=VOID)
    windows = lone.unfold(1, 5, 1).unfold(2, 5, 1).flatten(-2)
    sees = ((windows != mask.int()[..., None]) & (windows != VOID)).any(-1) & (mask != VOID)
    assert torch.equal(differs, sees)
    assert len(label.place.unique()) == sees.sum() < mask.numel() / 2
    assert label.mass.tolist() == plain.mass.tolist()


def test_void_never_leaks():
    """What lies behind void, or its size, changes nothing; void has no label and no gradient."""
    mask = torch.zeros(1, 9, 12, dtype=torch.uint8)
    mask[..., 5:7] = VOID
    alone = spatial(mask, 3)
    assert torch.equal(alone.dense(), hard(mask.long(), 3, ignore_index=VOID).dense())
    mask[..., 7:] = 2  # seen by one column of pixels over the void of two columns
    label = spatial(mask, 3)
    assert (label.dense()[..., :5, 2] > 0).any(-2).any(0).tolist() == [False] * 5
    logits = torch.randn(1, 3, 9, 12, requires_grad=True)
    cross_entropy(logits, label).backward()
    assert (logits.grad[..., 5:7] == 0).all()
    everything = spatial(torch.full((1, 4, 4), VOID), 3)
    assert everything.mass.sum() == 0
    assert cross_entropy(torch.randn(1, 3, 4, 4), everything) == 0


def test_mirrored_masks_have_mirrored_labels():
    mask = scene()
    torch.testing.assert_close(spatial(mask.flip(-1), 6).dense(), spatial(mask, 6).dense().flip(-2))
    torch.testing.assert_close(spatial(mask.mT, 6).dense(), spatial(mask, 6).dense().transpose(1, 2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_any_integer_mask_gives_the_same(dtype):
    mask = scene()
    assert torch.equal(spatial(mask.to(dtype), 6).dense(), spatial(mask, 6).dense())
    assert torch.equal(spatial(mask[0].to(dtype), 6).dense(), spatial(mask[:1], 6).dense()[0])


def test_many_border_pixels_are_taken_in_parts(monkeypatch):
    mask = scene()
    whole = spatial(mask, 6).dense()
    monkeypatch.setattr(sys.modules["softlabel.labels.spatial"], "AT_ONCE", 7)
    torch.testing.assert_close(spatial(mask, 6).dense(), whole)


def test_a_compiled_loss_is_the_loss():
    mask, logits = scene(), torch.randn(2, 6, 40, 48, requires_grad=True)
    label = spatial(mask, 6)
    compiled = torch.compile(lambda z: cross_entropy(z, label), backend="eager")
    torch.testing.assert_close(compiled(logits), cross_entropy(logits, label))


def test_bad_arguments_are_named():
    mask = torch.zeros(2, 6, 6, dtype=torch.int64)
    mask[1, 2, 3] = 4
    with pytest.raises(ValueError, match="index, row 1, 2, 3: 4 is not a class from 0 to 2, or 255 for ignored"):
        spatial(mask, 3)
    with pytest.raises(TypeError, match="expected an integer dtype"):
        spatial(mask.float(), 3)
    with pytest.raises(ValueError, match="kernel_size 0, stride 1 and padding 2 make no window"):
        spatial(mask, 5, kernel_size=0)
    with pytest.raises(ValueError, match="sigma is 0, expected a width above 0"):
        spatial(mask, 5, sigma=0)
    with pytest.raises(ValueError, match="a window of 9 pixels is larger than the padded mask"):
        spatial(mask, 5, kernel_size=9, padding=0)
