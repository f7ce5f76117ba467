"""Soft borders of masks against the filtered one-hot map: time, bytes kept, peak memory.

    python -m benchmarks spatial --masks camvid_subset_train.npz --out benchmarks/results/spatial-cpu

A figure is for one training step's share: the label made from the mask (unchecked, as a loop does it), the loss, and
its backward. The rival is what one writes by hand: one-hot map without void, depthwise convolution, division by the
sum, PyTorch's cross-entropy of probabilities; also compiled. "hard" is PyTorch's cross-entropy of the mask itself: what
no soft label can be cheaper than while the softmax is made by the same operations. All four take turns; a ratio is the
median of those of the rounds with the middle half of them in brackets. "kept" is what the graph holds for backward
besides the logits, the label included; "peak" the highest extra memory of label, forward and backward (the high-water
mark of the process); both in units of the logits. Synthetic scenes are blobs, with a strip of void.
"""

from __future__ import annotations

import io
from argparse import ArgumentParser, Namespace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.benchmark import Json
from benchmarks.child import called
from benchmarks.held_memory import RETURN_MEMORY_AT_ONCE
from benchmarks.interleaved import ORDER, in_turn, timed
from benchmarks.losses import OURS, Loss, forward_and_backward, memory_of
from benchmarks.options import shape, whole
from benchmarks.ratios import compared, shown
from softlabel.labels import spatial
from softlabel.losses import cross_entropy

RIVAL = "one-hot map, depthwise convolution and PyTorch's cross-entropy, also compiled; the mask itself; float32"
PACKAGES = ()
QUICK = ("--rounds", "1", "--sizes", "1x3x16x16")
SIZES = ((4, 21, 256, 256), (4, 11, 360, 480))
VOID = 255
Size = tuple[int, ...]


def scene(size: Size) -> Tensor:
    """Masks (N, H, W) of 24 blobs each."""
    count, num_classes, height, width = size
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(count, 24, 2, generator=generator) * torch.tensor([height, width])
    classes = torch.randint(num_classes, (count, 24), generator=generator)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    far = [((y[..., None] - c[:, 0]) ** 2 + (x[..., None] - c[:, 1]) ** 2).argmin(-1) for c in centres]
    mask = torch.stack([k[nearest] for k, nearest in zip(classes, far, strict=True)]).to(torch.uint8)
    mask[:, :8] = VOID
    return mask


def filtered(mask: Tensor, kernel: Tensor, num_classes: int) -> Tensor:
    """The target (N, K, H, W) by hand."""
    known = (mask != VOID)[:, None]
    one_hot = F.one_hot(mask.long().masked_fill(mask == VOID, 0), num_classes).movedim(-1, 1).float() * known
    spread = F.conv2d(one_hot, kernel, padding=2, groups=num_classes) * known
    return spread / spread.sum(1, keepdim=True).clamp_min(1e-12)


def by_hand(logits: Tensor, mask: Tensor, kernel: Tensor) -> Tensor:
    target = filtered(mask, kernel, logits.shape[1])
    return F.cross_entropy(logits, target, reduction="sum") / (mask != VOID).sum()


def contest(mask: Tensor, num_classes: int, device: str) -> tuple[Tensor, dict[str, Loss]]:
    mask = mask.to(device)
    logits = torch.randn(len(mask), num_classes, *mask.shape[1:], device=device).requires_grad_()
    steps = torch.arange(-2.0, 3, device=device)
    line = torch.exp(-(steps**2) / 18)
    kernel = (line[:, None] * line).expand(num_classes, 1, 5, 5).contiguous()
    compiled = torch.compile(by_hand, dynamic=False)
    return logits, {
        OURS: lambda: cross_entropy(logits, spatial(mask, num_classes, validate=False)),
        "by hand": lambda: by_hand(logits, mask, kernel),
        "by hand, compiled": lambda: compiled(logits, mask, kernel),
        "hard": lambda: F.cross_entropy(logits, mask.long(), ignore_index=VOID),
    }


def masks_of(size: Size, file: str | None) -> Tensor:
    """Synthetic masks, or the first of a packed CamVid file: PNGs of classes 0 to 10, and 11 for void."""
    if file is None:
        return scene(size)
    stored = np.load(file)
    ends = stored["mask_off"][: size[0] + 1]
    pictures = [stored["mask_buf"][a:b].tobytes() for a, b in pairwise(ends)]
    masks = np.stack([np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures])
    return torch.from_numpy(np.where(masks == size[1], VOID, masks).astype(np.uint8))


def memory(size: Size, file: str | None, device: str) -> dict[str, dict[str, float]]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return memory_of(*contest(masks_of(size, file), size[1], device))


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=whole, default=21)
    parser.add_argument("--sizes", type=shape, nargs="+", default=SIZES, help="N x K x H x W of the logits")
    parser.add_argument("--masks", help="packed CamVid file with real masks, of the last size")


def measure(options: Namespace) -> Json:
    torch.manual_seed(0)
    contests = [(size, None) for size in options.sizes] + (
        [(options.sizes[-1], options.masks)] if options.masks else []
    )
    rows = [row for size, file in contests for row in measured_size(size, file, options)]
    return {"rounds": options.rounds, "order": ORDER, "rows": rows}


def measured_size(size: Size, file: str | None, options: Namespace) -> list[Json]:
    mask, num_classes = masks_of(size, file), size[1]
    border = len(spatial(mask, num_classes).place.unique()) / mask.numel()
    held = called("benchmarks.spatial", "memory", size, file, options.device, environment=RETURN_MEMORY_AT_ONCE)
    logits, losses = contest(mask, num_classes, options.device)
    values = [loss().item() for loss in losses.values()][:3]
    assert max(values) - min(values) < 1e-4, f"the losses differ: {values}"
    works = {name: timed(partial(forward_and_backward, logits, loss)) for name, loss in losses.items()}
    rounds = in_turn(works, options.rounds, warm_up=2)
    found = compared(rounds, OURS)
    return [
        {
            "masks": "blobs" if file is None else Path(file).stem,
            "border": border,
            "shape": list(size),
            "rival": rival,
            "ours_ms": 1e3 * found[OURS]["median"],
            "rival_ms": 1e3 * found[rival]["median"],
            "ours_least_ms": 1e3 * min(rounds[OURS]),
            "rival_least_ms": 1e3 * min(rounds[rival]),
            "ratio": found[rival]["ratio"],
            "ours_memory": held[OURS],
            "rival_memory": held[rival],
        }
        for rival in list(losses)[1:]
    ]


HEADER = (
    f"{'masks':22} {'N x K x H x W':>15} {'border':>6} {'rival':18} {'ours ms':>8} {'rival ms':>8}  {'rival / ours':18}"
    f" {'of the fastest':>14}  kept: ours rival  peak: ours rival"
)


def line(row: Json) -> str:
    ours, theirs = row["ours_memory"], row["rival_memory"]
    least = row["rival_least_ms"] / row["ours_least_ms"]
    return (
        f"{row['masks']:22} {'x'.join(map(str, row['shape'])):>15} {row['border']:6.1%} {row['rival']:18}"
        f" {row['ours_ms']:8.1f} {row['rival_ms']:8.1f}  {shown(row['ratio']):>18} {least:14.2f}"
        f"      {ours['kept']:5.2f} {theirs['kept']:5.2f}  {ours['peak']:10.2f} {theirs['peak']:5.2f}"
    )


def told(measured: Json) -> str:
    about = f"{measured['rounds']} rounds, {measured['order']}"
    return "\n".join([about, HEADER, *map(line, measured["rows"])])
