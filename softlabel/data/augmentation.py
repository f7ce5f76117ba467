"""Augmentation of whole batches that leaves the annotation true; every draw comes from the generator it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from softlabel.data.annotation import VOID
from softlabel.data.cropping import randomly_cropped, randomly_erased
from softlabel.data.trivial_augment import trivially_augmented
from softlabel.errors import ConfigError
from softlabel.randomness import addressed

AugmentationName = Literal["auto", "none", "shift", "crop-flip", "resized-crop", "colour", "trivial", "erasing"]
Augmentation = Literal["none", "shift", "crop-flip", "resized-crop", "colour", "trivial", "erasing"]
SMALL = 48
"""Side of images up to which parts of them are not enlarged, in pixels."""
_JITTER = (0.4, 0.4, 0.4, 0.1)
"""Largest changes of brightness, contrast, saturation and hue (the values of SimCLR-like set-ups, halved)."""


def augmentation_for(
    name: AugmentationName, input_kind: str, input_shape: tuple[int, ...], *, mirrors: bool = True, masks: bool = False
) -> Augmentation:
    """The augmentation that fits the inputs: 'auto' shifts grey images, crops and flips colour ones, and takes random
    parts, enlarged, of those above 48 pixels.

    mirrors  whether images may be mirrored; without, 'auto' shifts
    masks    whether every pixel has a label, which moves with it
    Raises ConfigError for images' augmentation on features, for colour jitter on grey images, for images that may not
    be mirrored, and for what would not leave masks true.
    """
    if input_kind != "image":
        if name not in ("auto", "none"):
            raise ConfigError(f"augment {name!r} is for images, and these inputs are features: use 'auto' or 'none'")
        return "none"
    grey = input_shape[0] == 1
    if name == "auto":
        if grey or not mirrors:
            return "shift"
        return "resized-crop" if min(input_shape[1:]) > SMALL and not masks else "crop-flip"
    if name in ("resized-crop", "trivial", "erasing") and masks:
        raise ConfigError(f"augment {name!r} would not leave masks true: use 'shift', 'crop-flip' or 'colour'")
    if name == "colour" and grey:
        raise ConfigError(
            "augment 'colour' needs images with three channels, and these are grey: use 'shift' or 'crop-flip'"
        )
    if name not in ("none", "shift") and not mirrors:
        raise ConfigError(
            f"augment {name!r} mirrors images, and the mirrored values are not on the label axis: "
            "use 'shift' or 'none', or a grid that is symmetric about 0"
        )
    return name


def augment(inputs: Tensor, kind: Augmentation, generator: torch.Generator) -> Tensor:
    """A changed copy of uint8 images (N, C, H, W), or the inputs themselves for 'none'.

    shift       moved by up to an eighth of the size in each direction (one pixel at 8 x 8), zeros where nothing was
    crop-flip   the same, and half of the images mirrored left to right: at 32 x 32 the usual 4-pixel pad and crop
    resized-crop  a random part of 8 to 100 % of the area, brought back to size, and half of the images mirrored
    colour      crop-flip, then kornia's jitter of brightness, contrast, saturation and hue
    trivial     as `auto`, then one operation of TrivialAugment for each image
    erasing     as `auto`, then half of the images lose a rectangle to random pixels
    """
    return _augmented(inputs, kind, generator)[0]


def augment_with_annotation(
    inputs: Tensor,
    annotation: Tensor,
    kind: Augmentation,
    generator: torch.Generator,
    mirror: Callable[[Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """`augment` of images (N, C, H, W) whose annotation (N, ...) is changed with those that are mirrored.

    mirror  annotation and bool (N,), which images are mirrored, to the annotation that is true of them
    """
    moved, mirrored = _augmented(inputs, kind, generator)
    return moved, annotation if mirrored is None else mirror(annotation, mirrored)


def augment_with_mask(
    inputs: Tensor, mask: Tensor, kind: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`augment` of images (N, C, H, W) whose masks (N, H, W) move with them; what comes in from outside is void."""
    if kind == "none" or not len(inputs):
        return inputs, mask
    both = torch.cat([inputs, (VOID - mask)[:, None]], 1)  # zeros from outside become void
    moved = augment(both, "shift" if kind == "shift" else "crop-flip", generator)
    images = moved[:, :-1]
    return _jitter(images, generator) if kind == "colour" else images, VOID - moved[:, -1]


def _shift(inputs: Tensor, generator: torch.Generator) -> Tensor:
    size, _, height, width = inputs.shape
    up, left = max(1, height // 8), max(1, width // 8)
    padded = functional.pad(inputs, (left, left, up, up))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2 up + 1, 2 left + 1, H, W), a view
    rows = torch.randint(0, 2 * up + 1, (size,), generator=generator)
    columns = torch.randint(0, 2 * left + 1, (size,), generator=generator)
    sample, row, column = (index.to(inputs.device) for index in (torch.arange(size), rows, columns))
    return windows[sample, :, row, column]


def _augmented(inputs: Tensor, kind: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """The changed images, and which of them are mirrored, None where the kind mirrors none."""
    if kind == "none" or not len(inputs):
        return inputs, None
    large = min(inputs.shape[2:]) > SMALL
    parts = kind == "resized-crop" or (large and kind in ("trivial", "erasing"))
    moved = (randomly_cropped if parts else _shift)(inputs, generator)
    if kind == "shift":
        return moved, None
    mirrored = (torch.rand(len(inputs), generator=generator) < 0.5).to(inputs.device)
    flipped = torch.where(mirrored[:, None, None, None], moved.flip(-1), moved)
    return _FURTHER.get(kind, _nothing_further)(flipped, generator), mirrored


def _nothing_further(images: Tensor, generator: torch.Generator) -> Tensor:
    return images


def _jitter(inputs: Tensor, generator: torch.Generator) -> Tensor:
    from kornia.augmentation import ColorJitter

    seed = int(torch.randint(0, 2**62, (1,), generator=generator))
    with addressed(seed, "colour jitter"):  # kornia takes no generator
        changed = ColorJitter(*_JITTER, p=1.0)(inputs.float() / 255)
    pixels: Tensor = (changed * 255).round_().clamp_(0, 255).to(torch.uint8)
    return pixels


_FURTHER: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "colour": _jitter,
    "trivial": trivially_augmented,
    "erasing": randomly_erased,
}
"""What is done after moving and mirroring."""
