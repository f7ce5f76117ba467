"""Random parts of images, and images with a part missing."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LEAST, MOST = 0.08, 1.0
"""Share of the area that a crop has (Szegedy et al., CVPR 2015, section 6)."""
TALL, WIDE = 3 / 4, 4 / 3
"""Width of a crop over its height."""
TRIES = 10
ERASED = 0.5
"""Share of the images that lose a part (Zhong et al., AAAI 2020, table 1)."""
ERASED_LEAST, ERASED_MOST = 0.02, 0.4
ERASED_TALL = 0.3


def randomly_cropped(images: Tensor, generator: torch.Generator) -> Tensor:
    """A part of each uint8 image (N, C, H, W), brought back to its size: bilinear, anti-aliased where it shrinks.

    The area is uniform between 8 and 100 %, the logarithm of the proportions between 3/4 and 4/3; what does not fit in
    ten tries is the largest middle part of allowed proportions.
    Source: Szegedy et al., CVPR 2015, section 6.
    """
    height, width = images.shape[2:]
    parts = []
    for image in images:
        top, left, tall, wide = crop_box(height, width, generator)
        part = image[None, :, top : top + tall, left : left + wide].float()
        whole = functional.interpolate(part, (height, width), mode="bilinear", align_corners=False, antialias=True)
        parts.append(whole)
    return torch.cat(parts).round_().clamp_(0, 255).to(torch.uint8) if parts else images


def crop_box(height: int, width: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop."""
    for _ in range(TRIES):
        area = height * width * _uniform(LEAST, MOST, generator)
        proportions = math.exp(_uniform(math.log(TALL), math.log(WIDE), generator))
        wide, tall = round(math.sqrt(area * proportions)), round(math.sqrt(area / proportions))
        if 0 < wide <= width and 0 < tall <= height:
            return _below(height - tall, generator), _below(width - wide, generator), tall, wide
    tall = min(height, round(width / TALL)) if width / height < TALL else height
    wide = min(width, round(height * WIDE)) if width / height > WIDE else width
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def randomly_erased(images: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the uint8 images (N, C, H, W) with a rectangle of random pixels, of 2 to 40 % of their area.

    Source: Zhong et al., AAAI 2020, algorithm 1 (random values).
    """
    changed, (height, width) = images.clone(), images.shape[2:]
    for image in changed:
        if _uniform(0, 1, generator) >= ERASED:
            continue
        top, left, tall, wide = _erased_box(height, width, generator)
        noise = torch.randint(0, 256, (len(image), tall, wide), generator=generator, dtype=torch.uint8)
        image[:, top : top + tall, left : left + wide] = noise.to(image.device)
    return changed


def _erased_box(height: int, width: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    while True:
        area = height * width * _uniform(ERASED_LEAST, ERASED_MOST, generator)
        proportions = _uniform(ERASED_TALL, 1 / ERASED_TALL, generator)
        tall, wide = max(1, int(math.sqrt(area * proportions))), max(1, int(math.sqrt(area / proportions)))
        if tall <= height and wide <= width:
            return _below(height - tall, generator), _below(width - wide, generator), tall, wide


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _below(most: int, generator: torch.Generator) -> int:
    """A whole number from 0 to `most`."""
    return int(torch.randint(0, most + 1, (), generator=generator))
