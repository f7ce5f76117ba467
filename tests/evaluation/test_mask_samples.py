"""What a report draws of masks: the same images for every model, pictures that hold what was answered, sums by zone."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_cdt

from softlabel.data.samples import HeldSamples
from softlabel.evaluation.mask_samples import IMAGES, LARGEST_SIDE, MaskSamples, evenly_spaced

K, VOID = 3, 255


def drawn(rows: int = 7, height: int = 12, width: int = 16, channels: int = 3) -> tuple[HeldSamples, torch.Tensor]:
    """Noisy images, blocks of classes with some void, and random logits."""
    dice = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (rows, channels, height, width), dtype=torch.uint8, generator=dice)
    coarse = torch.randint(0, K + 1, (rows, height // 4, width // 4), generator=dice).to(torch.uint8)
    masks = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
    masks = masks.masked_fill(masks == K, VOID)
    samples = HeldSamples(pixels, torch.arange(rows), masks, torch.arange(rows) + 100)
    return samples, 2 * torch.randn(rows, K, height, width, generator=dice)


def watched(samples: HeldSamples, logits: torch.Tensor, temperature: float = 1.0, chunk: int = 3) -> MaskSamples:
    found = MaskSamples(samples, temperature)
    for rows in torch.split(torch.arange(len(samples)), chunk):
        found.watch(rows, logits[rows])
    return found


def decoded(uri: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 10, 1000])
def test_images_are_spread_over_the_rows(rows: int) -> None:
    found = evenly_spaced(rows)
    assert len(set(found)) == min(IMAGES, rows)
    assert found == sorted(found)
    assert [rows - 1 - place for place in reversed(found)] == pytest.approx(found, abs=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_hold_what_was_true_and_answered(channels: int) -> None:
    samples, logits = drawn(channels=channels)
    stored = watched(samples, logits, temperature=2.0).to_json()
    assert [entry["sample_id"] for entry in stored["images"]] == [101, 103, 105]
    for row, image, answer in zip((1, 3, 5), stored["images"], stored["answers"], strict=True):
        assert answer["sample_id"] == image["sample_id"] == row + 100
        pixels = samples.read(torch.tensor([row]))[0].numpy()
        assert np.array_equal(decoded(image["image"]), pixels[0] if channels == 1 else pixels.transpose(1, 2, 0))
        assert np.array_equal(decoded(image["truth"]), samples.annotation[row].numpy())
        assert np.array_equal(decoded(answer["prediction"]), logits[row].argmax(0).numpy())
        p = (logits[row].double() / 2).softmax(0)
        expected = -(p * p.log()).sum(0) / np.log(K)
        assert decoded(answer["uncertainty"]) == pytest.approx(255 * expected.numpy(), abs=0.51)


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_zones_are_those_of_the_distance_to_another_class(chunk: int) -> None:
    samples, logits = drawn()
    found = watched(samples, logits, chunk=chunk).borders()
    masks, p = samples.annotation.numpy(), logits.double().softmax(1)
    unsure = (-(p * p.log()).sum(1) / np.log(K)).numpy()
    right = logits.argmax(1).numpy() == masks
    near = np.stack([_within(mask, found["distance"]) for mask in masks])
    for name, zone in (("near", near), ("elsewhere", ~near & (masks != VOID))):
        assert found[name]["pixels"] == zone.sum() > 0
        assert found[name]["accuracy"] == pytest.approx(right[zone].mean())
        assert found[name]["uncertainty"] == pytest.approx(unsure[zone].mean(), rel=1e-5)


def _within(mask: np.ndarray[Any, Any], distance: int) -> np.ndarray[Any, Any]:
    """Pixels of a class with another one within so many rows and columns."""
    near = np.zeros(mask.shape, dtype=bool)
    for name in range(K):
        others = (mask != name) & (mask != VOID)
        if others.any():
            near |= (mask == name) & (distance_transform_cdt(~others, "chessboard") <= distance)
    return near


def test_only_void_and_a_single_class_have_numbers_for_what_is_there() -> None:
    samples, logits = drawn(2)
    samples.annotation[0], samples.annotation[1] = VOID, 1
    void, single = watched(samples, logits).to_json()["answers"]
    nothing = {"pixels": 0, "accuracy": None, "uncertainty": None}
    assert (void["pixels"], void["accuracy"]) == (0, None)
    assert void["borders"]["near"] == void["borders"]["elsewhere"] == single["borders"]["near"] == nothing
    assert single["borders"]["elsewhere"]["pixels"] == single["pixels"] == 12 * 16
    assert single["borders"]["elsewhere"]["accuracy"] == single["accuracy"]


def test_what_is_stored_grows_neither_with_rows_nor_with_pixels() -> None:
    samples, logits = drawn(4, 400, 900)
    stored = watched(samples, logits).to_json()
    for uri in (
        *(one[key] for one in stored["images"] for key in ("image", "truth")),
        stored["answers"][0]["uncertainty"],
    ):
        height, width = decoded(uri).shape[:2]
        assert (height, width) == (85, LARGEST_SIDE)
    assert len(watched(*drawn(60)).to_json()["images"]) == IMAGES
