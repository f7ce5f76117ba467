"""Soft borders of masks against the filtered one-hot map: time, bytes kept, peak memory.

    python benchmarks/spatial.py [--masks camvid_subset_train.npz]     writes benchmarks/results/spatial-<device>.*

A figure is for one training step's share: the label made from the mask (unchecked, as a loop does it), the loss, and
its backward. The rival is what one writes by hand: one-hot map without void, depthwise convolution, division by the
sum, PyTorch's cross-entropy of probabilities; also compiled. "hard" is PyTorch's cross-entropy of the mask itself: what
no soft label can be cheaper than while the softmax is made by the same operations. Steps take turns (A B C D A ...), a
ratio is the median of those of neighbours with the middle half of them in brackets. "kept" is what the graph holds for
backward besides the logits, the label included; "peak" the highest extra memory of label, forward and backward (the
high-water mark of the process); both in units of the logits. Synthetic scenes are blobs, with a strip of void.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from losses import RETURN_MEMORY_AT_ONCE, kept_for_backward, peak_extra, run, wait
from PIL import Image
from torch import Tensor

from softlabel.labels import spatial
from softlabel.losses import cross_entropy

SIZES = [(4, 21, 256, 256), (4, 11, 360, 480)]
VOID = 255
OURS = "softlabel"
Step = Callable[[], Tensor]
Size = tuple[int, int, int, int]


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


def contest(mask: Tensor, num_classes: int, device: str) -> tuple[Tensor, dict[str, Step]]:
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


def measure(mask: Tensor, num_classes: int, repeats: int, device: str) -> list[dict[str, object]]:
    logits, steps = contest(mask, num_classes, device)
    values = [step().item() for step in steps.values()][:3]
    assert max(values) - min(values) < 1e-4, values
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats + 2):
        for name, step in steps.items():
            wait(device)
            start = time.perf_counter()
            run(logits, step)
            wait(device)
            if turn >= 2:
                times[name].append(time.perf_counter() - start)
    rows: list[dict[str, object]] = []
    for rival in list(steps)[1:]:
        ratios = sorted(b / a for a, b in zip(times[OURS], times[rival], strict=True))
        quarter = len(ratios) // 4
        rows.append(
            {
                "shape": [len(mask), num_classes, *mask.shape[1:]],
                "rival": rival,
                "ours_ms": 1e3 * statistics.median(times[OURS]),
                "rival_ms": 1e3 * statistics.median(times[rival]),
                "ours_least_ms": 1e3 * min(times[OURS]),
                "rival_least_ms": 1e3 * min(times[rival]),
                "ratio": statistics.median(ratios),
                "middle_half": [ratios[quarter], ratios[-1 - quarter]],
            }
        )
    return rows


def masks_of(size: Size, file: str | None) -> tuple[str, Tensor, int]:
    """Synthetic masks, or the first of a packed CamVid file: PNGs of classes 0 to 10, and 11 for void."""
    if file is None:
        return "blobs", scene(size), size[1]
    stored = np.load(file)
    ends = stored["mask_off"][: size[0] + 1]
    pictures = [stored["mask_buf"][a:b].tobytes() for a, b in pairwise(ends)]
    masks = np.stack([np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures])
    return Path(file).stem, torch.from_numpy(np.where(masks == size[1], VOID, masks).astype(np.uint8)), size[1]


def memory_in_child(arguments: list[str]) -> dict[str, dict[str, float]]:
    command = [sys.executable, __file__, *arguments]
    answer = subprocess.run(command, env=os.environ | RETURN_MEMORY_AT_ONCE, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, float]] = json.loads(answer.stdout.splitlines()[-1])
    return found


def memory(mask: Tensor, num_classes: int, device: str) -> dict[str, dict[str, float]]:
    logits, steps = contest(mask, num_classes, device)
    return {
        name: {"kept": kept_for_backward(logits, step), "peak": peak_extra(logits, step, device)}
        for name, step in steps.items()
    }


HEADER = (
    f"{'masks':22} {'N x K x H x W':>15} {'border':>6} {'rival':18} {'ours ms':>8} {'rival ms':>8}  {'rival / ours':18}"
    f" {'of the fastest':>14}  kept: ours rival  peak: ours rival"
)


def line(row: dict[str, object]) -> str:
    shape, ours, theirs = row["shape"], row["ours_memory"], row["rival_memory"]
    low, high = row["middle_half"]  # type: ignore[misc]
    least = row["rival_least_ms"] / row["ours_least_ms"]  # type: ignore[operator]
    return (
        f"{row['masks']:22} {'x'.join(map(str, shape)):>15} {row['border']:6.1%} {row['rival']:18}"  # type: ignore[call-overload]
        f" {row['ours_ms']:8.1f} {row['rival_ms']:8.1f}  {row['ratio']:5.2f} [{low:.2f}, {high:.2f}] {least:14.2f}"
        f"      {ours['kept']:5.2f} {theirs['kept']:5.2f}  {ours['peak']:10.2f} {theirs['peak']:5.2f}"  # type: ignore[index]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--masks", help="packed CamVid file with real masks")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    contests = [(size, None) for size in SIZES] + ([(SIZES[1], options.masks)] if options.masks else [])
    if options.memory_of is not None:
        _, mask, num_classes = masks_of(*contests[options.memory_of])
        print(json.dumps(memory(mask, num_classes, options.device)))
        return
    name = torch.cuda.get_device_name() if options.device == "cuda" else torch.backends.cpu.get_cpu_capability()
    about = (
        f"{options.device.upper()} ({name}), {options.threads} thread(s), load average {os.getloadavg()[0]:.1f} on"
        f" {os.cpu_count()} processors at the start, torch {torch.__version__}, Python {platform.python_version()},"
        " float32"
    )
    print(about, HEADER, sep="\n", flush=True)
    results: list[dict[str, object]] = []
    for place, chosen in enumerate(contests):
        masks, mask, num_classes = masks_of(*chosen)
        border = len(spatial(mask, num_classes).place.unique()) / mask.numel()
        more = ["--masks", options.masks] if options.masks else []
        found = memory_in_child(["--memory-of", str(place), "--device", options.device, *more])
        for row in measure(mask, num_classes, options.repeats, options.device):
            row |= {"masks": masks, "border": border}
            results.append(row | {"ours_memory": found[OURS], "rival_memory": found[str(row["rival"])]})
            print(line(results[-1]), flush=True)
    folder = Path(__file__).parent / "results"
    text = "\n".join([f"python benchmarks/spatial.py  ({about})", "", HEADER, *map(line, results), "", __doc__ or ""])
    (folder / f"spatial-{options.device}.txt").write_text(text)
    (folder / f"spatial-{options.device}.json").write_text(
        json.dumps({"about": about, "rows": results}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
