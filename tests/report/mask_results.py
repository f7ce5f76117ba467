"""results.json of comparisons of masks that never ran: answers of made logits, stored as a run stores them."""

from __future__ import annotations

import torch

from softlabel.data.samples import HeldSamples
from softlabel.evaluation.mask_samples import MaskSamples
from tests.report.results import Json, comparison_results

VOID = 255


def mask_results(
    methods: int = 2, *, names: tuple[str, ...] = ("ground", "disc"), channels: int = 3, side: int = 48, rows: int = 3
) -> Json:
    """Stripes of classes with a void edge, and images of noise; every method is sure but near borders."""
    results = comparison_results(methods, 1, classes=3, epochs=2)
    samples = _samples(len(names), channels, side, rows)
    results["task"] = "segmentation"
    results["data"] |= {"class_names": list(names), "training_counts": [100.0] * len(names)}
    for place, cell in enumerate(results["cells"]):
        watched = MaskSamples(samples, 1.0)
        logits = _logits(samples.annotation, len(names), seed=place)
        watched.watch(torch.arange(rows), logits)
        stored = watched.to_json()
        cell |= {"masks": stored["answers"], "worst": [], "ambiguous": [], "table": None}
        by_class = [_by_class(name, k) for k, name in enumerate(names)]
        reliability = cell["details"]["reliability"]
        cell["details"] = {"reliability": reliability, "borders": watched.borders(), "by_pixel_class": by_class}
        results["mask_images"] = stored["images"]
    return results


def _by_class(name: str, place: int) -> Json:
    """A class that is found the less, the later it comes."""
    pixels = {"training_pixels": 9000 - place, "test_pixels": 800 - place, "predicted_pixels": 700.0}
    return {"class": name, **pixels, "found": 0.9 / (place + 1), "iou": 0.8125 / (place + 1)}


def _samples(classes: int, channels: int, side: int, rows: int) -> HeldSamples:
    dice = torch.Generator().manual_seed(0)
    height = side * 3 // 4
    pixels = torch.randint(0, 256, (rows, channels, height, side), dtype=torch.uint8, generator=dice)
    stripe = (torch.arange(side) * max(4, classes) // side % classes).to(torch.uint8)
    masks = torch.stack([stripe.roll(row).expand(height, -1) for row in range(rows)]).clone()
    masks[:, :3] = VOID
    return HeldSamples(pixels, torch.arange(rows), masks, torch.arange(rows) + 10)


def _logits(masks: torch.Tensor, classes: int, seed: int) -> torch.Tensor:
    noise = torch.randn(len(masks), classes, *masks.shape[1:], generator=torch.Generator().manual_seed(seed))
    truth = torch.nn.functional.one_hot(masks.long() % classes, classes).movedim(-1, 1).float()
    blurred = torch.nn.functional.avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
    return noise + 12 * blurred
