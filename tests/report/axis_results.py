"""results.json of comparisons on a label axis that never ran: made from those of classes."""

from __future__ import annotations

import copy

import numpy as np

from tests.report.results import SCORES, Json, comparison_results

GRID = [float(value) for value in range(20, 71)]
SCORES_OF_VALUES = {
    "nll": {"name": "mae", "title": "MAE in years"},
    "accuracy": {"name": "cs_5", "title": "CS(5)"},
    "brier": {"name": "crps", "title": "CRPS in years"},
    "few": {"name": "epsilon_error", "title": "ε-error", "better": "lower"},
}


def axis_results(methods: int = 3, seeds: int = 2, unit: str = "years") -> Json:
    """Ages between 20 and 70; the ε-error is undefined, as it is where no row has a spread."""
    results = _renamed(comparison_results(methods, seeds, epochs=4))
    counts = [float(round(40 * np.exp(-(((value - 35) / 12) ** 2)))) for value in GRID]
    results["task"] = "ordinal"
    results["data"] |= {
        "source": "csv:ages.csv",
        "class_names": [f"{value:g}" for value in GRID],
        "training_counts": counts,
        "effective_validation_size": float(results["data"]["rows"]["validation"]),
    }
    results["settings"]["axis"] = {"grid": ["20:70"], "decoding": "expectation", "tolerance": 5.0, "unit": unit}
    for place, cell in enumerate(results["cells"]):
        rows = _by_value(counts, np.random.default_rng(place))
        cell["details"] = {"reliability": {"before": [], "after": []}, "by_value": rows}
        cell["table"] = None
        for number, entry in enumerate(cell["ambiguous"] + cell["worst"]):
            _place(entry, number, unit)
    return results


def sweep_results() -> Json:
    """Three widths of one method's labels."""
    results = axis_results()
    named = {entry["method"]: f"width_{place}" for place, entry in enumerate(results["summary"])}
    for entry in [*results["summary"], *results["cells"], results["verdict"]["kept"]]:
        entry["method"] = named[entry["method"]]
    results["baseline"] = named[results["baseline"]]
    results["settings"]["methods"] = {
        name: {"method": "dldl", "sigma": sigma} for name, sigma in zip(named.values(), (8.0, 2.0, 0.5), strict=True)
    }
    return results


def _renamed(results: Json) -> Json:
    names = {old: new["name"] for old, new in SCORES_OF_VALUES.items()}

    def rename(scores: Json | None) -> Json | None:
        if not isinstance(scores, dict):
            return scores
        return {names.get(name, name): None if name == "few" else value for name, value in scores.items()}

    results = copy.deepcopy(results)
    kept = [score for score in SCORES if score["name"] != "balanced_accuracy"]
    results["scores"] = [score | SCORES_OF_VALUES.get(score["name"], {}) for score in kept]
    results["primary"] = "mae"
    for cell in results["cells"]:
        for when in ("last", "selected"):
            cell[when] = {part: rename(scores) for part, scores in cell[when].items()}
        for entry in cell["curves"]:
            entry["validation"] = rename(entry["validation"])
    for entry in results["summary"]:
        entry["scores"] = {name: value for name, value in (rename(entry["scores"]) or {}).items() if value}
        entry["difference"] = rename(entry["difference"])
    return results


def _by_value(counts: list[float], dice: np.random.Generator) -> list[Json]:
    """Every second age has test rows; answers are drawn to 35."""
    found = []
    for value, count in list(zip(GRID, counts, strict=True))[4::2]:
        error = 0.3 * (35 - value) + float(dice.normal())
        test = int(dice.integers(1, 9))
        rows = {"value": value, "training_count": count, "test_count": test}
        found.append({**rows, "error": error, "absolute_error": abs(error) + 0.5})
    return found


def _gaussian(middle: float, spread: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    shares = np.exp(-(((np.array(GRID) - middle) / spread) ** 2) / 2)
    return shares / shares.sum()


def _place(entry: Json, number: int, unit: str) -> None:
    """A row whose distribution is a Gaussian about an age."""
    middle, spread = 30.0 + number, 3.0 + number / 4
    shares = _gaussian(middle, spread)
    low, high = round(middle - 1.28 * spread), round(middle + 1.28 * spread)
    entry["truth"] = f"{middle + 4:g} {unit}"
    entry["probabilities"] = {f"{middle:g}": float(shares.max())}
    entry["axis"] = {
        "truth": middle + 4,
        "shares": " ".join(f"{10_000 * share:.0f}" for share in shares),
        "label": " ".join(f"{10_000 * share:.0f}" for share in _gaussian(middle + 4, 2.0)),
        "pooled": 1,
        "value": middle,
        "low": float(low),
        "high": float(high),
        "said": f"{middle:.1f} {unit}, 80 % between {low} and {high}",
    }
