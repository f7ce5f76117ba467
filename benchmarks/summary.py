"""The table of benchmarks in the README, from what several of them stored."""

from __future__ import annotations

from benchmarks import markdown
from benchmarks.benchmark import Json
from benchmarks.stored import RESULTS, read

HEADS = ("what", "rival", "ours")


def table() -> str:
    """A line a claim; rivals that win included."""
    return markdown.table(HEADS, [*_losses(), *_calibration(), _loop(), _equal_methods()])


def _losses() -> list[tuple[str, str, str]]:
    rows = _measured("losses-cpu")["rows"]

    def row(size: tuple[int, int], label: str, rival: str) -> Json:
        (found,) = [
            row for row in rows if (row["rows"], row["classes"], row["label"], row["rival"]) == (*size, label, rival)
        ]
        return dict(found)

    def faster(size: tuple[int, int], label: str, rival: str) -> str:
        return f"{row(size, label, rival)['ratio']['median']:.1f} ×"

    def later(label: str, rival: str) -> str:
        found = row((128, 10), label, rival)
        return f"{1000 * (found['ours_ms'] - found['rival_ms']):.0f}"

    large, wide = (1024, 10_000), (64, 128_000)
    smoothing = row(large, "smoothing", "torch label_smoothing")
    ours, theirs = (smoothing[f"{side}_memory"]["peak"] for side in ("ours", "rival"))
    compiled = row(wide, "dense", "copied compiled")["ratio"]["median"]
    return [
        (
            "cross-entropy, smoothed, 1024 × 10,000",
            "PyTorch `label_smoothing`; the same compiled",
            f"{faster(large, 'smoothing', 'torch label_smoothing')} and {faster(large, 'smoothing', 'torch compiled')}"
            f" faster; extra memory {ours:.1f} against {theirs:.1f} × the logits",
        ),
        (
            "cross-entropy, dense soft labels, 1024 × 10,000",
            "PyTorch with probabilities; the copied formula, compiled",
            f"{faster(large, 'dense', 'torch probabilities')} and {faster(large, 'dense', 'copied compiled')} faster",
        ),
        (
            "cross-entropy, mixup, 1024 × 10,000",
            "PyTorch with a dense target; with two losses",
            f"{faster(large, 'mixup', 'torch, dense target')} and {faster(large, 'mixup', 'torch, two losses')} faster",
        ),
        (
            "smoothed, dense and mixup at 64 × 128,000",
            "PyTorch",
            f"{faster(wide, 'smoothing', 'torch label_smoothing')}, {faster(wide, 'dense', 'torch probabilities')} and"
            f" {faster(wide, 'mixup', 'torch, dense target')} faster; on dense labels {compiled:.2f} × the speed of the"
            " copied formula, compiled",
        ),
        (
            "small batches, 128 × 10",
            "PyTorch",
            f"slower: {later('hard', 'torch')} µs more for class indices, {later('dense', 'torch probabilities')} for"
            f" probabilities, {later('smoothing', 'torch label_smoothing')} for smoothing and"
            f" {later('mixup', 'torch, dense target')} for mixup with the making of the label",
        ),
    ]


def _calibration() -> list[tuple[str, str, str]]:
    stored = read(RESULTS / "calibration-cpu")
    fits, streams = stored.measured["temperature"]["fits"], stored.measured["ece"]["streams"]
    ours, theirs = fits["softlabel"], fits["scikit-learn"]
    own, other = streams["softlabel"], streams["torchmetrics"]
    rows = " × ".join(f"{number:,}" for number in stored.measured["temperature"]["shape"])
    streamed = " × ".join(f"{number:,}" for number in stored.measured["ece"]["shape"])
    return [
        (
            f"temperature of {rows} logits",
            f"scikit-learn {stored.versions['scikit-learn']}",
            f"{theirs['ratio']['median']:.1f} × faster, off the optimum by {_power(ours['error'])}"
            f" (theirs {_power(theirs['error'])})",
        ),
        (
            f"ECE of a stream of {streamed}",
            f"torchmetrics {stored.versions['torchmetrics']}",
            f"{other['ratio']['median']:.1f} × faster, {own['state_bytes']:,} bytes of state"
            f" (theirs {other['state_bytes']:,})",
        ),
    ]


def _loop() -> tuple[str, str, str]:
    networks = {name.partition(",")[0]: found for name, found in _measured("loop-cpu")["loop"].items()}
    small, large, mlp = (f"{networks[name]['ratio']['median']:.2f} ×" for name in ("resnet8", "resnet20", "mlp"))
    return (
        "images/s of the training loop",
        "a minimal PyTorch loop written by hand",
        f"{small} with ResNet-8, {large} with ResNet-20, {mlp} with an MLP that takes 1 ms a step",
    )


def _equal_methods() -> tuple[str, str, str]:
    first = _measured("comparison-cpu")["claims"][0]
    assert (first["methods"], first["seeds"]) == (3, 3)
    return (
        "three methods that are equal (3 seeds)",
        "the truth of a simulation",
        f"any two told apart in {100 * first['told_apart']:.1f} % of {first['comparisons']:,} comparisons, a winner"
        f" named in {100 * first['winner']:.1f} %",
    )


def _power(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-")


def _measured(name: str) -> Json:
    return read(RESULTS / name).measured
