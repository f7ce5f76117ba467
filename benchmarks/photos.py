"""Photos into arrays of one size: images a second, beside a hand-written DataLoader with two workers.

    python -m benchmarks photos --out benchmarks/results/photos-cpu

Made photos (smooth fields with grain, JPEG of quality 90) of 500 x 375 and of 4000 x 3000 pixels become 224 x 224. The
rival opens, lets Pillow's draft mode decode at the scale that is needed, resizes the short side, crops the centre, and
collates batches of 32 in two workers that stay; starting them does not count. "streamed" reads the same batches as a
training does whose images are decoded when they are needed; "prepared" is `prepare` on the folder, from the listing of
files over checks and decoding to input statistics and splits, with nothing kept before; "kept" is the same again, from
the cache. All take turns.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.benchmark import Json
from benchmarks.interleaved import ORDER, in_turn, timed
from benchmarks.options import whole
from benchmarks.ratios import compared, shown
from softlabel.data.batches import batches
from softlabel.data.config import DataConfig
from softlabel.data.reading import image_table
from softlabel.tasks.prepared import prepare

RIVAL = "PyTorch's DataLoader, two workers that stay, Pillow's draft mode, batches of 32"
PACKAGES = ("pillow",)
QUICK = ("--rounds", "1", "--small", "24", "--large", "4")
SIDE, BATCH = 224, 32
SIZES = {"500 x 375": (500, 375), "4000 x 3000": (4000, 3000)}


class Photos(Dataset[torch.Tensor]):
    """The photos of a folder, as one reads them by hand."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.rglob("*.jpg"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> torch.Tensor:
        with Image.open(self.files[place]) as image:
            share = SIDE / min(image.size)
            image.draft("RGB", (round(image.width * share), round(image.height * share)))
            share = SIDE / min(image.size)
            small = image.convert("RGB").resize(
                (round(image.width * share), round(image.height * share)), Image.Resampling.BILINEAR
            )
        left, top = (small.width - SIDE) // 2, (small.height - SIDE) // 2
        pixels = np.asarray(small.crop((left, top, left + SIDE, top + SIDE)))
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def make(folder: Path, count: int, width: int, height: int) -> None:
    """Photos of two classes."""
    rng = np.random.default_rng(0)
    for number in range(count):
        fields = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        grain = rng.normal(0, 6, (height, width, 1))
        pixels = np.clip(np.asarray(fields) + grain, 0, 255).astype(np.uint8)
        place = folder / "ab"[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place, quality=90)


@contextmanager
def cache(folder: Path) -> Iterator[None]:
    """Decoded images are kept there, however few they are."""
    before, small = os.environ.get("SOFTLABEL_CACHE"), image_table.SMALL
    os.environ["SOFTLABEL_CACHE"], image_table.SMALL = str(folder), 0
    try:
        yield
    finally:
        image_table.SMALL = small
        os.environ.pop("SOFTLABEL_CACHE")
        if before is not None:
            os.environ["SOFTLABEL_CACHE"] = before


def contest(folder: Path, kept: Path) -> dict[str, Any]:
    """What each contestant does once with all photos."""
    config = DataConfig(source=f"folder:{folder}", resize=(SIDE, SIDE))
    loader = DataLoader(Photos(folder), BATCH, num_workers=2, persistent_workers=True)
    samples = prepare(config.model_copy(update={"memory": "stream"})).source.samples

    def fresh() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        prepare(config)

    return {
        "DataLoader": lambda: [None for _ in loader],
        "streamed": lambda: [None for _ in batches(samples, torch.arange(len(samples)), BATCH)],
        "prepared": fresh,
        "kept": partial(prepare, config),
    }


def add_options(parser: ArgumentParser) -> None:
    """How many photos, and rounds."""
    parser.add_argument("--rounds", type=whole, default=7)
    parser.add_argument("--small", type=whole, default=600, help="photos of 500 x 375")
    parser.add_argument("--large", type=whole, default=60, help="photos of 4000 x 3000")


def measure(options: Namespace) -> Json:
    """Images a second by size and contestant."""
    found = {}
    for (name, (width, height)), count in zip(SIZES.items(), (options.small, options.large), strict=True):
        with tempfile.TemporaryDirectory() as place:
            folder, kept = Path(place) / "photos", Path(place) / "kept"
            make(folder, count, width, height)
            with cache(kept):
                steps = {name: timed(work) for name, work in contest(folder, kept).items()}
                rounds = in_turn(steps, options.rounds)
            speeds = {name: [count / seconds for seconds in times] for name, times in rounds.items()}
            found[name] = {"photos": count, "images_per_second": compared(speeds, "DataLoader")}
    return {"order": ORDER, "side": SIDE, "sizes": found}


def told(measured: Json) -> str:
    """Lines for people."""
    lines = []
    for size, found in measured["sizes"].items():
        lines.append(f"{size} to {measured['side']} x {measured['side']}, {found['photos']} photos:")
        for name, one in found["images_per_second"].items():
            lines.append(f"  {name:12}{one['median']:8.0f} images/s  {shown(one['ratio'])} of the DataLoader's")
    return "\n".join(lines)


def tables(measured: Json) -> dict[str, str]:
    """One table of both sizes."""
    rows = ["| photos | reader | images/s | of the DataLoader's |", "|---|---|---|---|"]
    for size, found in measured["sizes"].items():
        for name, one in found["images_per_second"].items():
            rows.append(f"| {size} | {name} | {one['median']:.0f} | {shown(one['ratio'])} |")
    return {"speed": "\n".join(rows)}
