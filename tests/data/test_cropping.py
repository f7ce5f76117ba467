"""Random parts of images, and images with a part missing: how large, where, and of what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.data.augmentation import augment, augmentation_for
from softlabel.data.cropping import crop_box, randomly_cropped, randomly_erased
from softlabel.errors import ConfigError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("height", "width"), [(200, 200), (150, 200)])
def test_areas_and_proportions_are_the_published_ones(height: int, width: int) -> None:
    draws = seeded()
    boxes = np.array([crop_box(height, width, draws) for _ in range(3000)])
    top, left, tall, wide = boxes.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + tall <= height).all()
    assert (left + wide <= width).all()
    area = tall * wide / (height * width)
    assert area.min() >= 0.075
    assert area.max() <= 1
    assert np.log(wide / tall).min() >= np.log(3 / 4) - 0.05
    assert np.log(wide / tall).max() <= np.log(4 / 3) + 0.05
    if height == width:  # what does not fit is drawn again, mostly the large ones
        small = area[area < 0.5]
        assert np.mean(small) == pytest.approx((0.08 + 0.5) / 2, abs=0.02)
    assert len(np.unique(top)) > height / 3


@pytest.mark.parametrize(("size", "box"), [((10, 1000), (0, 493, 10, 13)), ((1000, 10), (493, 0, 13, 10))])
def test_what_never_fits_is_the_middle(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    assert crop_box(*size, seeded()) == box


def test_a_crop_is_the_resized_part() -> None:
    images = torch.randint(0, 256, (3, 3, 40, 60), dtype=torch.uint8)
    found, draws = randomly_cropped(images, seeded(5)), seeded(5)
    for image, one in zip(images, found, strict=True):
        top, left, tall, wide = crop_box(40, 60, draws)
        part = image[None, :, top : top + tall, left : left + wide].double()
        expected = F.interpolate(part, (40, 60), mode="bilinear", antialias=True, align_corners=False)[0]
        assert (one.double() - expected).abs().max() <= 0.51


def test_half_of_the_images_lose_a_rectangle() -> None:
    images = torch.full((600, 1, 30, 40), 7, dtype=torch.uint8)
    found = randomly_erased(images, seeded())
    gone = (found != 7).flatten(1).double().mean(1)
    hit = gone > 0
    assert hit.double().mean().item() == pytest.approx(0.5, abs=0.06)
    assert gone[hit].min() >= 0.01
    assert gone[hit].max() <= 0.41
    assert 0.12 < gone[hit].mean().item() < 0.21  # what is too long to fit is drawn again
    noise = found[found != 7].double()
    assert noise.mean().item() == pytest.approx(127.5, abs=1)
    assert torch.equal(images, torch.full_like(images, 7))


@pytest.mark.parametrize("kind", ["resized-crop", "trivial", "erasing"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 60, 50)])
def test_they_keep_shape_and_type_and_are_drawn_alone_by_the_generator(kind, shape) -> None:
    images = torch.randint(0, 256, (5, *shape), dtype=torch.uint8)
    torch.manual_seed(1)
    first = augment(images, kind, seeded(2))
    torch.manual_seed(2)
    assert torch.equal(first, augment(images, kind, seeded(2)))
    assert first.shape == images.shape
    assert first.dtype == torch.uint8
    assert not torch.equal(first, images)
    assert len(augment(images[:0], kind, seeded())) == 0


def test_which_is_taken_where_none_is_named() -> None:
    assert augmentation_for("auto", "image", (3, 49, 60)) == "resized-crop"
    assert augmentation_for("auto", "image", (3, 48, 60)) == "crop-flip"
    assert augmentation_for("auto", "image", (1, 200, 200)) == "shift"
    assert augmentation_for("auto", "image", (3, 200, 200), mirrors=False) == "shift"
    assert augmentation_for("auto", "image", (3, 200, 200), masks=True) == "crop-flip"
    assert augmentation_for("auto", "features", (7,)) == "none"


@pytest.mark.parametrize("name", ["resized-crop", "trivial", "erasing"])
def test_masks_and_images_that_may_not_be_mirrored_are_refused(name) -> None:
    with pytest.raises(ConfigError, match="would not leave masks true"):
        augmentation_for(name, "image", (3, 60, 60), masks=True)
    with pytest.raises(ConfigError, match="mirrors images"):
        augmentation_for(name, "image", (3, 60, 60), mirrors=False)
