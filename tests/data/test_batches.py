import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.data.augmentation import augment, augmentation_for
from softlabel.data.batches import batches, num_batches
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.samples import HeldSamples
from softlabel.errors import ConfigError
from softlabel.randomness import generator
from tests.oracle import data as oracle

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (40, 3, 16, 24), dtype=np.uint8))


def held(n):
    return HeldSamples(torch.arange(float(n))[:, None], torch.arange(n), torch.arange(n) % 3, torch.arange(n))


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 4))
def test_processes_share_every_batch(rows, batch_size, world):
    samples, order = held(40), torch.randperm(40)[:rows]
    shares = [list(batches(samples, order, batch_size, rank=rank, world=world)) for rank in range(world)]
    assert {len(share) for share in shares} == {num_batches(rows, batch_size)}
    for step, whole in enumerate(order.split(batch_size) if rows else []):
        parts = [share[step] for share in shares]
        assert torch.equal(torch.cat([part.sample_id for part in parts]), whole)
        assert torch.equal(torch.cat([part.inputs for part in parts]).flatten().long(), whole)
        assert torch.equal(torch.cat([part.annotation for part in parts]), whole % 3)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_streamed_batches_equal_held_ones(folder):
    held_, streamed = (open_source(DataConfig(source=f"folder:{folder}", memory=m)).samples for m in ("hold", "stream"))
    order = torch.randperm(len(held_), generator=generator(0))
    for a, b in zip(batches(held_, order, 7), batches(streamed, order, 7), strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.annotation, b.annotation)
        assert torch.equal(a.sample_id, b.sample_id)


def test_leaving_early_stops_the_readers(folder):
    samples = open_source(DataConfig(source=f"folder:{folder}", memory="stream")).samples
    reading = batches(samples, torch.arange(len(samples)), 2)
    next(reading)
    reading.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("softlabel-read")]


@pytest.mark.parametrize("size", [(16, 24), (8, 8), (5, 9)])
def test_shifts_are_whole_pixels_with_zeros_behind(size):
    images = IMAGES[..., : size[0], : size[1]]
    limits = [max(1, n // 8) for n in size]
    seen = set()
    for before, after in zip(images, augment(images, "shift", generator(1)), strict=True):
        fits = [
            (down, right)
            for down in range(-limits[0], limits[0] + 1)
            for right in range(-limits[1], limits[1] + 1)
            if np.array_equal(after.numpy(), oracle.shifted(before.numpy(), down, right))
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) > 5


def test_crop_and_flip_is_a_shift_mirrored_in_half_of_the_images():
    mirrored = 0
    for before, after in zip(IMAGES, augment(IMAGES, "crop-flip", generator(2)), strict=True):
        shifts = [oracle.shifted(before.numpy(), d, r) for d in range(-2, 3) for r in range(-3, 4)]
        plain = any(np.array_equal(after.numpy(), s) for s in shifts)
        flipped = any(np.array_equal(after.numpy(), s[..., ::-1]) for s in shifts)
        assert plain != flipped
        mirrored += flipped
    assert 8 <= mirrored <= 32


@pytest.mark.parametrize("kind", ["none", "shift", "crop-flip", "colour"])
def test_augmentation_is_addressed_and_keeps_its_input(kind):
    original = IMAGES.clone()
    state = torch.random.get_rng_state()
    one, two = augment(IMAGES, kind, generator(3)), augment(IMAGES, kind, generator(3))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.dtype == torch.uint8
    assert one.shape == IMAGES.shape
    assert torch.equal(one, two)
    assert torch.equal(IMAGES, original)
    assert torch.equal(one, augment(IMAGES, kind, generator(4))) == (kind == "none")
    assert len(augment(IMAGES[:0], kind, generator(0))) == 0


def test_colour_changes_more_than_the_place():
    assert len(augment(IMAGES, "colour", generator(0)).unique()) > 100
    moved = augment(IMAGES.clamp(100, 101), "crop-flip", generator(0))
    assert set(moved.unique().tolist()) <= {0, 100, 101}
    assert len(augment(IMAGES.clamp(100, 101), "colour", generator(0)).unique()) > 10


def test_which_augmentation_auto_is():
    assert augmentation_for("auto", "image", (1, 8, 8)) == "shift"
    assert augmentation_for("auto", "image", (3, 32, 32)) == "crop-flip"
    assert augmentation_for("auto", "features", (64,)) == "none"
    assert augmentation_for("none", "image", (3, 32, 32)) == "none"
    with pytest.raises(ConfigError, match="inputs are features"):
        augmentation_for("shift", "features", (64,))
    with pytest.raises(ConfigError, match="three channels"):
        augmentation_for("colour", "image", (1, 8, 8))
