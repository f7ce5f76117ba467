"""Real digits as flat plates that are turned in front of a pinhole camera: pitch and yaw are exactly known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

SIZE = 16
DISTANCE, FOCAL = 2.5, 1.9
"""Of the camera, in half sides of the plate; near enough that the farther side is visibly smaller."""


def turned_digits(angles: Tensor, seed: int = 0) -> Tensor:
    """One digit for each row of pitch and yaw in degrees (N, 2), uint8 (N, 1, 16, 16); mirrored, its yaw is negated."""
    pictures = torch.tensor(load_digits().images, dtype=torch.float64) / 16
    chosen = torch.randint(0, len(pictures), (len(angles),), generator=torch.Generator().manual_seed(seed))
    plates = torch.zeros(len(angles), 1, 10, 10, dtype=torch.float64)
    plates[:, :, 1:-1, 1:-1] = 0.3 + 0.7 * pictures[chosen][:, None]
    places = _on_plate(angles.double())
    seen = functional.grid_sample(plates, places, align_corners=False, padding_mode="zeros")
    return (255 * seen).round().clamp(0, 255).to(torch.uint8)


def pose_table(folder: Path, n: int = 300, seed: int = 0) -> Path:
    """Pictures and a CSV of their angles, drawn evenly from -45 to 45 degrees."""
    angles = np.random.default_rng(seed).uniform(-45, 45, (n, 2)).round(1)
    (folder / "plates").mkdir(parents=True)
    table = folder / "poses.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "pitch", "yaw"])
        for row, (pixels, pair) in enumerate(zip(turned_digits(torch.tensor(angles), seed), angles, strict=True)):
            Image.fromarray(pixels[0].numpy()).save(folder / "plates" / f"{row:04d}.png")
            rows.writerow([f"plates/{row:04d}.png", *pair.tolist()])
    return table


def _on_plate(angles: Tensor) -> Tensor:
    """Where the ray of every pixel meets the plate, (N, 16, 16, 2), its corners at -1 and 1."""
    pitch, yaw = torch.deg2rad(angles).unbind(-1)
    zero, one = torch.zeros_like(pitch), torch.ones_like(pitch)
    about_x = _matrices([one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()])
    about_y = _matrices([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()])
    turn = about_y @ about_x
    away = torch.tensor([0.0, 0.0, DISTANCE], dtype=torch.float64).expand(len(angles), 3)
    to_camera = torch.stack([turn[:, :, 0], turn[:, :, 1], away], -1)  # of (x, y, 1) on the plate
    line = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE * 2 - 1
    down, right = torch.meshgrid(line, line, indexing="ij")
    rays = torch.stack([right / FOCAL, down / FOCAL, torch.ones_like(right)], -1).view(1, -1, 3)
    met = rays @ torch.linalg.inv(to_camera).transpose(1, 2)
    return (met[..., :2] / met[..., 2:]).view(len(angles), SIZE, SIZE, 2)


def _matrices(entries: list[Tensor]) -> Tensor:
    return torch.stack(entries, -1).view(-1, 3, 3)
