"""results.json of comparisons of two angles that never ran: made from those of one label axis."""

from __future__ import annotations

from tests.report.axis_results import axis_results
from tests.report.results import Json

PITCH = [-30.0, 0.0, 30.0]
YAW = [-60.0, -30.0, 0.0, 30.0, 60.0]


def pose_results(methods: int = 2, seeds: int = 1, unit: str = "degrees") -> Json:
    """Cell k has k training rows; every second one has test rows, whose error is largest in the last."""
    results = axis_results(methods, seeds, unit)
    names = [f"pitch {pitch:g} yaw {yaw:g}" for pitch in PITCH for yaw in YAW]
    results["task"] = "pose"
    results["scores"][0]["title"] = f"MAE of both in {unit}"
    results["data"] |= {"class_names": names, "training_counts": [float(k) for k in range(len(names))]}
    results["settings"]["axis"]["grid"] = ["-30:30:30", "-60:60:30"]
    for cell in results["cells"]:
        del cell["details"]["by_value"]
        cell["details"]["by_cell"] = [_by_cell(k) for k in range(0, len(names), 2)]
        for number, entry in enumerate(cell["worst"] + cell["ambiguous"]):
            _place(entry, number % len(names), unit)
    return results


def _by_cell(k: int) -> Json:
    place = {"pitch": PITCH[k // len(YAW)], "yaw": YAW[k % len(YAW)], "training_count": float(k)}
    return place | {"test_count": k + 1, "pitch_error": k + 0.25, "yaw_error": k + 0.5, "absolute_error": k + 0.75}


def _place(entry: Json, k: int, unit: str) -> None:
    """A row whose distribution is all of one cell, and whose true angles are a little further up and right."""
    shares = ["0"] * len(PITCH) * len(YAW)
    shares[k] = "10000"
    pitch, yaw = PITCH[k // len(YAW)], YAW[k % len(YAW)]
    entry["truth"] = f"pitch {pitch + 6:g}, yaw {yaw + 9:g} {unit}"
    entry["probabilities"] = {f"pitch {pitch:g} yaw {yaw:g}": 1.0}
    del entry["axis"]
    entry["grid"] = {
        "true_pitch": pitch + 6,
        "true_yaw": yaw + 9,
        "shares": " ".join(shares),
        "pooled": 1,
        **dict.fromkeys(("pitch", "pitch_low", "pitch_high"), pitch),
        **dict.fromkeys(("yaw", "yaw_low", "yaw_high"), yaw),
        "said": f"pitch {pitch:.1f} {unit}, yaw {yaw:.1f} {unit}",
    }
