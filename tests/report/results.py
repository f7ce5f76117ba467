"""Makes results.json of comparisons that never ran: simulated logits on real digits, and the edge cases of a report."""

from __future__ import annotations

import base64
import copy
import io
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

Json = dict[str, Any]

SCORES = [
    {"name": "nll", "title": "NLL", "better": "lower", "calibration": True},
    {"name": "accuracy", "title": "accuracy", "better": "higher", "calibration": False},
    {"name": "balanced_accuracy", "title": "balanced accuracy", "better": "higher", "calibration": False},
    {"name": "few", "title": "few accuracy", "better": "higher", "calibration": False},
    {"name": "brier", "title": "Brier", "better": "lower", "calibration": True},
    {"name": "ece", "title": "ECE", "better": "lower", "calibration": True},
]
METHODS = ("online_label_smoothing", "label_smoothing", "cross_entropy", "mixup", "dasl")


def comparison_results(methods: int = 3, seeds: int = 3, classes: int = 10, epochs: int = 20) -> Json:
    """A comparison in which every method finished; the first three of METHODS with a baseline among them."""
    names = list(METHODS[:methods]) if methods >= 3 else ["cross_entropy", "label_smoothing"][:methods]
    data = _data(classes)
    cells = [_cell(method, seed, place, data, epochs) for place, method in enumerate(names) for seed in range(seeds)]
    summary = [_summary(method, place, cells, len(names)) for place, method in enumerate(names)]
    kept = cells[0]
    text = (
        "No clear winner: on NLL online_label_smoothing and label_smoothing cannot be told apart. "
        "A difference under 0.021 would probably not have been seen; 12 seeds would see 0.011."
        if methods >= 3
        else f"{names[0]} is the only method with a result."
        if methods == 1
        else "No clear winner: on NLL the differences are no more than noise."
    )
    return {
        "format": 1,
        "softlabel": "0.1.0",
        "command": "softlabel compare --seeds 3",
        "created": "2026-11-21T02:36:00+00:00",
        "data": data["json"],
        "task": "classification",
        "primary": "nll",
        "baseline": "cross_entropy",
        "scores": SCORES,
        "settings": {
            "task": "auto",
            "comparison": {"methods": names, "seeds": seeds, "baseline": None},
            "data": {"source": "digits", "imbalance": 20.0, "resize": None},
            "training": {"epochs": epochs, "optimiser": "sgd", "learning_rate": 0.05, "ema": False},
            "methods": {},
        },
        "cells": cells,
        "summary": summary,
        "verdict": {
            "text": text,
            "smallest_visible_difference": 0.021 if methods > 1 else None,
            "more_seeds": {"seeds": 12, "smallest_visible_difference": 0.011} if methods > 1 else None,
            "kept": {key: kept[key] for key in ("method", "seed", "folder", "temperature")},
        },
        "seconds": 27.4,
    }


def with_failed_cell() -> Json:
    """One run of three broke."""
    results = comparison_results()
    broken = results["cells"][1]
    failed = {key: broken[key] for key in ("method", "seed", "folder")}
    results["cells"][1] = {**failed, "status": "failed", "reason": "FloatingPointError: the loss is NaN at epoch 3"}
    results["summary"][0] |= {"seeds": 2, "failed": 1}
    return results


def with_failed_method() -> Json:
    """Every run of a method broke: it has no rank and no score, and must not vanish."""
    results = comparison_results()
    for place in range(3):
        broken = results["cells"][place]
        failed = {key: broken[key] for key in ("method", "seed", "folder")}
        results["cells"][place] = {**failed, "status": "failed", "reason": "out of memory"}
    empty = {
        "method": METHODS[0],
        "rank": 3,
        "seeds": 0,
        "failed": 3,
        "seconds": None,
        "scores": {},
        "difference": None,
    }
    results["summary"][0] = empty
    results["verdict"]["kept"] = {"method": METHODS[1], "seed": 0, "folder": "cells/x", "temperature": 1.2}
    return results


def published() -> Json:
    """The protocol that selects and calibrates nothing."""
    results = comparison_results()
    results["data"] |= {"protocol": "published", "effective_validation_size": None}
    results["data"]["rows"]["validation"] = 0
    for cell in results["cells"]:
        cell |= {"temperature": 1.0, "temperature_interval": [None, None], "selected": cell["last"]}
        cell["last"]["after"] = None
        cell["details"]["reliability"]["after"] = None
        for entry in cell["curves"]:
            entry["validation"] = None
    results["verdict"]["kept"] = None
    return results


def votes_task() -> Json:
    """Truth is a distribution: no confusion, the truth of a row is told in words."""
    results = comparison_results(methods=2)
    results["task"] = "distribution"
    for cell in results["cells"]:
        cell["details"]["confusion"] = None
        cell["table"] = None
        for entry in cell["ambiguous"] + cell["worst"]:
            entry["truth"] = "3: 0.60, 8: 0.40"
    return results


def empty_group() -> Json:
    """No class has few rows."""
    results = comparison_results(methods=2)
    for cell in results["cells"]:
        cell["details"]["groups"][2] = {"name": "few", "classes": 0, "rows": 0, "accuracy": None}
        for scores in (cell["last"], cell["selected"]):
            for part in scores.values():
                part["few"] = float("nan")
    for entry in results["summary"]:
        entry["scores"]["few"] = {"mean": None, "spread": None, "interval": None}
        if entry["difference"]:
            del entry["difference"]["few"]
    return results


EDGE_CASES = {
    "full": comparison_results,
    "one method, one seed": lambda: comparison_results(methods=1, seeds=1),
    "failed cell": with_failed_cell,
    "failed method": with_failed_method,
    "published": published,
    "votes": votes_task,
    "100 classes": lambda: comparison_results(classes=100),
    "empty group": empty_group,
}


def hostile(results: Json, payload: str) -> Json:
    """The results with the payload in every text that comes from data, files or the command line."""
    changed = copy.deepcopy(results)
    data = changed["data"]
    data |= {"source": payload, "description": payload, "test_hash": payload, "notes": [payload]}
    data["class_names"] = [f"{payload}{place}" for place, _ in enumerate(data["class_names"])]
    renamed = {method["method"]: f"{method['method']}{payload}" for method in changed["summary"]}
    for entry in changed["summary"] + changed["cells"] + [changed["verdict"]["kept"]]:
        entry["method"] = renamed[entry["method"]]
    changed |= {"command": payload, "created": payload, "softlabel": payload, "baseline": renamed[changed["baseline"]]}
    changed["verdict"]["text"] = payload
    changed["settings"] = {payload: {payload: payload}}
    for cell in changed["cells"]:
        cell |= {"temperature_flag": payload, "folder": payload}
        for entry, name in zip(cell["details"]["per_class"], data["class_names"], strict=True):
            entry["class"] = name
        if cell["table"]:
            cell["table"] |= {"title": payload, "row_names": data["class_names"], "column_names": data["class_names"]}
        for place, entry in enumerate(cell["ambiguous"] + cell["worst"]):
            entry |= {"sample_id": payload, "truth": payload, "probabilities": {payload: 0.6, payload + "b": 0.4}}
            if place % 2:
                entry["image"] = payload
    changed["cells"].append(
        {"method": changed["cells"][0]["method"], "seed": 99, "status": "failed", "reason": payload, "folder": payload}
    )
    return changed


def _data(classes: int) -> Json:
    digits = load_digits()
    rng = np.random.default_rng(7)
    test = rng.permutation(len(digits.target))[:450]
    truth = digits.target[test] if classes == 10 else rng.integers(0, classes, 2000)
    counts = np.maximum(1, np.round(116 * (1 / 20) ** (np.arange(classes) / max(classes - 1, 1)))).astype(int)
    names = (
        [str(name) for name in range(classes)] if classes == 10 else [f"class {name:03d}" for name in range(classes)]
    )
    json = {
        "source": "digits",
        "description": "handwritten digits, 8×8 (scikit-learn)",
        "rows": {"training": int(counts.sum()), "validation": 58, "test": len(truth)},
        "input": {"kind": "image", "shape": [1, 8, 8]},
        "class_names": names,
        "training_counts": counts.tolist(),
        "test_hash": "9f2c1ab47e0d",
        "protocol": "hold-out",
        "effective_validation_size": 31.4,
        "groups": "counts",
        "notes": ["The training part was made long-tailed after the split (imbalance 20)."],
    }
    return {"json": json, "truth": truth, "images": digits.images[test], "counts": counts}


def _cell(method: str, seed: int, place: int, data: Json, epochs: int) -> Json:
    rng = np.random.default_rng([place, seed])
    truth, counts = data["truth"], data["counts"]
    classes = len(counts)
    skill = (0.6 + 0.4 * np.log(counts) / np.log(counts.max()))[truth] * (1.15, 1.12, 0.9, 1.0, 1.1)[place]
    logits = rng.normal(size=(len(truth), classes)) * 1.5
    logits[np.arange(len(truth)), truth] += 4.6 * skill * np.sqrt(np.log10(classes))
    sharpness = (1.3, 1.2, 2.4, 1.6, 1.4)[place]
    well = min((0.5 + 0.1 * step for step in range(20)), key=lambda scale: _nll(_softmax(logits * scale), truth))
    before, after = _softmax(logits * well * sharpness), _softmax(logits * well)
    scores = {"before": _scores(before, truth, counts), "after": _scores(after, truth, counts)}
    hardest = np.argsort(-_entropy(after))[:16]
    losses = -np.log(after[np.arange(len(truth)), truth] + 1e-12)
    names = data["json"]["class_names"]
    return {
        "method": method,
        "seed": seed,
        "status": "finished",
        "reason": None,
        "seconds": 2.6 + 0.3 * place + 0.05 * seed,
        "images_per_second": 8100.0 - 300 * place,
        "folder": f"cells/{method}-seed{seed}",
        "bytes": 402_000 + 1000 * seed,
        "intra_class_variance": 0.137 + 0.01 * place + 0.001 * seed,
        "temperature": sharpness + 0.02 * seed,
        "temperature_interval": [sharpness - 0.1, sharpness + 0.12],
        "temperature_flag": None,
        "selected_epoch": max(0, epochs - 2 - seed),
        "last": copy.deepcopy(scores),
        "selected": scores,
        "details": {
            "reliability": {"before": _bins(before, truth), "after": _bins(after, truth)},
            "confusion": _confusion(after, truth, classes),
            "per_class": _per_class(after, truth, counts, names),
            "groups": _groups(after, truth, counts),
        },
        "curves": _curves(rng, place, epochs),
        "table": _table(after, truth, names) if method == "online_label_smoothing" else None,
        "ambiguous": [_row(row, data, after[row], names, entropy=_entropy(after)[row]) for row in hardest],
        "worst": [_row(row, data, after[row], names, loss=losses[row]) for row in np.argsort(-losses)[:12]],
    }


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _nll(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(truth)), truth] + 1e-12).mean())


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return -(probabilities * np.log(probabilities + 1e-12)).sum(1)


def _scores(probabilities: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> Json:
    right = probabilities.argmax(1) == truth
    recalls = [float(right[truth == name].mean()) for name in np.unique(truth)]
    few = right[counts[truth] < 20]
    target = np.eye(len(counts))[truth]
    bins = _bins(probabilities, truth)
    gaps = [entry["count"] * abs(entry["confidence"] - entry["accuracy"]) for entry in bins if entry["count"]]
    return {
        "nll": _nll(probabilities, truth),
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "few": float(few.mean()) if few.size else float("nan"),
        "brier": float(((probabilities - target) ** 2).sum(1).mean()),
        "ece": float(sum(gaps) / len(truth)),
    }


def _bins(probabilities: np.ndarray, truth: np.ndarray, number: int = 15) -> list[Json]:
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((confidence * number).astype(int), number - 1)
    found = []
    for bin_ in range(number):
        inside = place == bin_
        some = inside.any()
        found.append(
            {
                "low": bin_ / number,
                "high": (bin_ + 1) / number,
                "count": int(inside.sum()),
                "confidence": float(confidence[inside].mean()) if some else None,
                "accuracy": float(right[inside].mean()) if some else None,
            }
        )
    return [entry for entry in found if entry["count"]]


def _confusion(probabilities: np.ndarray, truth: np.ndarray, classes: int) -> list[list[int]]:
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (truth, probabilities.argmax(1)), 1)
    return table.tolist()


def _per_class(probabilities: np.ndarray, truth: np.ndarray, counts: np.ndarray, names: list[str]) -> list[Json]:
    right, confidence = probabilities.argmax(1) == truth, probabilities.max(1)
    return [
        {
            "class": name,
            "training_count": int(counts[place]),
            "test_count": int((truth == place).sum()),
            "accuracy": float(right[truth == place].mean()),
            "mean_confidence": float(confidence[truth == place].mean()),
        }
        for place, name in enumerate(names)
    ]


def _groups(probabilities: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> list[Json]:
    right = probabilities.argmax(1) == truth
    members = {"many": counts > 100, "medium": (counts >= 20) & (counts <= 100), "few": counts < 20}
    return [
        {
            "name": name,
            "classes": int(inside.sum()),
            "rows": int(inside[truth].sum()),
            "accuracy": float(right[inside[truth]].mean()),
        }
        for name, inside in members.items()
    ]


def _curves(rng: np.random.Generator, place: int, epochs: int) -> list[Json]:
    floor = (0.62, 0.55, 0.08, 0.3, 0.5)[place]
    curve = []
    for epoch in range(epochs):
        loss = floor + 2.2 * np.exp(-epoch / 4) + rng.normal() * 0.02
        validation = 0.45 + 0.08 * place + 1.7 * np.exp(-epoch / 5) + rng.normal() * 0.03
        entry = {
            "stage": "train",
            "epoch": epoch,
            "learning_rate": 0.05,
            "loss": float(loss),
            "terms": {"cross_entropy": float(loss)},
        }
        curve.append({**entry, "validation": {"nll": float(validation)}})
    return curve


def _table(probabilities: np.ndarray, truth: np.ndarray, names: list[str]) -> Json:
    values = np.stack([probabilities[truth == place].mean(0) for place in range(len(names))])
    return {"title": "Online labels", "row_names": names, "column_names": names, "values": values.tolist()}


def _row(row: int, data: Json, probabilities: np.ndarray, names: list[str], **measured: float) -> Json:
    has_image = len(names) == 10
    return {
        "sample_id": str(row),
        "image": png_of(data["images"][row]) if has_image else None,
        "truth": names[data["truth"][row]],
        "probabilities": {name: float(value) for name, value in zip(names, probabilities, strict=True)},
        **{name: float(value) for name, value in measured.items()},
    }


def png_of(image: np.ndarray) -> str:
    """An 8×8 digit as a data URI."""
    stream = io.BytesIO()
    Image.fromarray((image * 255 / 16).astype(np.uint8)).save(stream, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _summary(method: str, place: int, cells: list[Json], methods: int) -> Json:
    own = [cell for cell in cells if cell["method"] == method]
    baseline = [cell for cell in cells if cell["method"] == "cross_entropy"]
    difference = None
    if method != "cross_entropy" and methods > 1:
        difference = {score["name"]: _difference(own, baseline, score) for score in SCORES}
    return {
        "method": method,
        "rank": 1 if place < 2 else place + 1,
        "seeds": len(own),
        "failed": 0,
        "seconds": float(np.mean([cell["seconds"] for cell in own])),
        "scores": {
            score["name"]: _spread([cell["selected"]["after"][score["name"]] for cell in own]) for score in SCORES
        },
        "difference": difference,
    }


def _spread(values: list[float]) -> Json:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    middle = float(np.mean(values))
    return {"mean": middle, "spread": spread, "interval": [middle - 0.03, middle + 0.03]}


def _difference(own: list[Json], baseline: list[Json], score: Json) -> Json:
    first, second = ([cell["selected"]["after"][score["name"]] for cell in cells] for cells in (own, baseline))
    estimate = float(np.mean(first) - np.mean(second))
    lower_is_better = score["better"] == "lower"
    apart = abs(estimate) > 0.025
    verdict = "no more than noise" if not apart else "better" if (estimate < 0) == lower_is_better else "worse"
    return {
        "estimate": estimate,
        "interval": [estimate - 0.025, estimate + 0.025],
        "p_adjusted": 0.004 if apart else 0.31,
        "verdict": verdict,
    }
