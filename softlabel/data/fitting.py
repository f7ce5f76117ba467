"""How photos of any size become images of one size."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from PIL import Image

from softlabel.networks.inputs import Fit

DONE: dict[Fit, str] = {"crop": "resized and cropped", "pad": "resized and padded", "stretch": "stretched"}
GREY = 127
"""Of bars beside a padded image: what most networks standardise to about nothing."""
PHOTO_SIZE = 224
"""Side of the square that photos become where nothing else is asked for, in pixels; smaller ones keep their size."""
LARGEST_OWN = 256
"""Side up to which images of one size keep it."""
MOST = 0.9
"""The share of images that must have a size for it to be theirs."""
Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Fitting:
    """One size, and what becomes of an image of another one.

    crop      as much as fits of the middle: the short side is brought to size, and what is too long is cut off
    pad       all of it, with grey bars where it is too short
    stretch   all of it, in other proportions
    """

    size: Size
    fit: Fit = "crop"

    def __call__(self, image: Image.Image, resampling: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
        """The image in this size, anti-aliased where it is shrunk."""
        height, width = self.size
        if image.size == (width, height):
            return image
        if self.fit == "pad":
            return self._padded(image, resampling)
        return image.resize((width, height), resampling, box=self._middle(image) if self.fit == "crop" else None)

    def needed(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which an image of this size may be shrunk before, without any loss."""
        share, (tall, wide) = self._share(width, height), self.size
        least = math.ceil(width * share), math.ceil(height * share)
        if self.fit == "pad":  # which rounding may have passed by
            return min(wide, least[0]), min(tall, least[1])
        return max(wide, least[0]), max(tall, least[1])

    def _share(self, width: int, height: int) -> float:
        shares = self.size[1] / width, self.size[0] / height
        return min(shares) if self.fit == "pad" else max(shares)

    def _middle(self, image: Image.Image) -> tuple[float, float, float, float]:
        """The largest part of the middle that has the proportions of the size: left, top, right, bottom."""
        share = self._share(*image.size)
        width, height = min(image.width, self.size[1] / share), min(image.height, self.size[0] / share)
        left, top = (image.width - width) / 2, (image.height - height) / 2
        return left, top, left + width, top + height

    def _padded(self, image: Image.Image, resampling: Image.Resampling) -> Image.Image:
        share = self._share(*image.size)
        width, height = (max(1, round(length * share)) for length in image.size)
        whole = Image.new(image.mode, (self.size[1], self.size[0]), (GREY,) * len(image.getbands()))
        whole.paste(
            image.resize((width, height), resampling), ((whole.width - width) // 2, (whole.height - height) // 2)
        )
        return whole


def size_for(sizes: Sequence[Size]) -> Size:
    """Height and width for images of these sizes: that of nine in ten where it is small, else the square of photos.

    The square has 224 pixels, or the short side that half of the images reach where that is less.

    >>> size_for([(28, 20)] * 19 + [(30, 30)]), size_for([(3000, 4000), (600, 450)]), size_for([(90, 60), (60, 100)])
    ((28, 20), (224, 224), (60, 60))
    """
    ((commonest, count),) = Counter(sizes).most_common(1)
    if count >= MOST * len(sizes) and max(commonest) <= LARGEST_OWN:
        return commonest
    side = min(PHOTO_SIZE, round(statistics.median(min(size) for size in sizes)))
    return side, side


def fitted_note(sizes: Collection[Size], fitting: Fitting) -> str:
    """What is done to images of these sizes, in a line."""
    smallest, largest = min(sizes, key=math.prod), max(sizes, key=math.prod)
    found = (
        f"{len(set(sizes)):,} sizes, {_shown(smallest)} to {_shown(largest)}"
        if smallest != largest
        else _shown(largest)
    )
    return f"images ({found}) are {DONE[fitting.fit]} to {_shown(fitting.size)} (--resize, --fit)"


def _shown(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
