"""What a segmentation model says of images, as two pictures of each: the class of every pixel, and how unsure it is."""

from __future__ import annotations

import colorsys
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from softlabel.deployed.predict import Predictions
from softlabel.tasks.segmentation import uncertainty

MASKS, UNCERTAINTY = "masks", "uncertainty"
_TURN = 0.381966
"""Of the colour circle between neighbouring classes: the golden angle, so that no few classes look alike."""
_SATURATIONS, _VALUES = (0.75, 0.5), (0.95, 0.55, 0.75)
"""In turn, as hues come close again after 8, 13 and 21 classes."""


def write_masks(predictions: Predictions, folder: Path) -> Iterator[dict[str, Any]]:
    """Write masks/NAME.png and uncertainty/NAME.png for every input into a new folder, and hand on its answer.

    A mask has palette indices, which are the classes; uncertainty is the entropy of a pixel, 0 sure to 255 undecided.
    Both have the size that the model reads.
    """
    names = file_names([str(place) for place in predictions.inputs.names])
    for name, (answer, probabilities) in zip(names, predictions.with_probabilities(), strict=True):
        unsure = (uncertainty(probabilities[None])[0] * 255).round().clamp(0, 255)
        for kind, content in (
            (MASKS, mask_png(probabilities.argmax(0))),
            (UNCERTAINTY, _png(Image.fromarray(unsure.numpy().astype(np.uint8)))),
        ):
            path = folder / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield answer


def file_names(inputs: Sequence[str]) -> list[str]:
    """A different .png for each input, below one folder: its own name, or all of it where two differ by their ending.

    A single input, and one outside of its folder, keeps only the last part of its path.
    """
    inside = [name if len(inputs) > 1 and _is_inside(name) else Path(name).name for name in inputs]
    found = Counter(str(Path(name).with_suffix("")) for name in inside)
    return [
        str(Path(name).with_suffix(".png")) if found[str(Path(name).with_suffix(""))] == 1 else f"{name}.png"
        for name in inside
    ]


def mask_png(mask: Tensor) -> bytes:
    """A mask (H, W) of class indices as a palette PNG, whose indices are the classes."""
    image = Image.fromarray(mask.numpy().astype(np.uint8))
    image.putpalette(palette().tobytes())
    return _png(image)


def palette() -> NDArray[np.uint8]:
    """A colour for each index, (256, 3); void, 255, is white."""
    colours = [
        colorsys.hsv_to_rgb(index * _TURN % 1, _SATURATIONS[index % 2], _VALUES[index % 3]) for index in range(255)
    ]
    return (np.array([*colours, (1.0, 1.0, 1.0)]) * 255).round().astype(np.uint8)


def _is_inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
