"""Made images whose masks are known: a bright disc or square on a dark ground, with void around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ground", "disc", "square")


def write_shapes(folder: Path, count: int = 40, height: int = 30, width: int = 37, seed: int = 0) -> Path:
    """A folder for `masks:PATH`; sides that no power of two divides."""
    draws = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rows, columns = np.mgrid[:height, :width]
    for number in range(count):
        row, column, size = draws.integers(8, height - 8), draws.integers(8, width - 8), draws.integers(4, 8)
        down, right = np.abs(rows - row), np.abs(columns - column)
        kind = 1 + number % 2
        inside = np.hypot(down, right) <= size if kind == 1 else np.maximum(down, right) <= size
        mask = np.where(inside, kind, 0).astype(np.uint8)
        image = np.full((height, width, 3), 40, dtype=np.uint8)
        image[inside] = (200, 60, 60) if kind == 1 else (60, 60, 200)
        noisy = np.clip(image + draws.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        mask[0] = 255
        Image.fromarray(noisy).save(folder / "images" / f"{number:03d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:03d}.png")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return folder
