"""Real data in every layout: scikit-learn's digits as class folders, tables of paths, features and votes."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

ROWS = 120


@pytest.fixture(scope="session")
def digits():
    """The first 120 digits: pixels uint8 (N, 8, 8), labels (N,), votes (N, 10) of each digit's five nearest others."""
    data = load_digits()
    pixels = np.rint(data.images[:ROWS] * (255 / 16)).astype(np.uint8)
    flat = data.data[:ROWS]
    distance = ((flat[:, None] - flat[None]) ** 2).sum(-1)
    nearest = distance.argsort(1, kind="stable")[:, 1:6]
    votes = np.stack([np.bincount(data.target[row], minlength=10) for row in nearest])
    return SimpleNamespace(pixels=pixels, labels=data.target[:ROWS], votes=votes)


@pytest.fixture
def write(tmp_path):
    """Writes a CSV file from rows of values and returns its source name."""

    def write_rows(name, header, rows, encoding="utf-8", newline=""):
        path = tmp_path / name
        with path.open("w", encoding=encoding, newline=newline) as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write_rows


@pytest.fixture
def folder(tmp_path, digits):
    """The digits as PNG files in class folders."""
    return save_folder(tmp_path / "digits", digits, range(ROWS))


@pytest.fixture
def faces(tmp_path, digits, write):
    """A CSV of image paths and labels beside the images."""
    (tmp_path / "img").mkdir()
    rows = []
    for i, (pixels, label) in enumerate(zip(digits.pixels, digits.labels, strict=True)):
        Image.fromarray(pixels).save(tmp_path / "img" / f"{i:03d}.png")
        rows.append([f"img/{i:03d}.png", str(label)])
    return SimpleNamespace(rows=rows, root=tmp_path, save=lambda rows: write("faces.csv", ["path", "digit"], rows))


def save_folder(root: Path, digits, rows) -> Path:
    for i in rows:
        target = root / str(digits.labels[i])
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.pixels[i]).save(target / f"{i:03d}.png")
    return root
