"""What was understood of the data, before anything was trained."""

from __future__ import annotations

from softlabel.report.comparison import Comparison
from softlabel.report.drawing.cell_grid import cell_grid
from softlabel.report.drawing.label_axis import LabelAxis, label_axis
from softlabel.text.numbers import count, is_number, number

_PROTOCOLS = {
    "published": "published: all training rows, last epoch; nothing selected, nothing calibrated",
    "hold-out": "hold-out: epoch and temperature are chosen on validation rows, never on the test split",
}
_GROUPS = {
    "counts": "by training rows: many over 100, medium 20 to 100, few under 20",
    "thirds": "thirds of the classes, by training rows",
}


def understood(comparison: Comparison) -> list[tuple[str, str]]:
    """Headings and answers, in the order in which a reader checks them."""
    data = comparison.results["data"]
    rows = data["rows"]
    axis, grid = label_axis(comparison), cell_grid(comparison)
    classes = axis is None and grid is None
    grouped = any(cell["details"].get("groups") for cell in comparison.cells)
    parts = [f"{name} {count(rows.get(name))}" for name in ("training", "validation", "test")]
    answers = [
        ("source", " · ".join(filter(None, [data["source"], data.get("description")]))),
        ("task", comparison.results["task"]),
        ("rows", ", ".join(parts)),
        ("input", _input(data.get("input") or {})),
        ("label axis", _axis(axis) if axis else ""),
        ("label axes", f"{grid.told()}, {len(grid.training):,} cells" if grid else ""),
        ("classes", _classes(comparison.class_names) if classes else ""),
        ("tail", _tail(comparison.class_names, data.get("training_counts") or []) if classes else ""),
        ("protocol", _PROTOCOLS.get(data["protocol"], data["protocol"])),
        ("groups", _GROUPS.get(data.get("groups", ""), data.get("groups") or "") if grouped else ""),
        ("test split", _test_split(comparison)),
    ]
    worth = data.get("effective_validation_size")
    if is_number(worth) and worth != rows.get("validation"):
        answers.insert(9, ("validation", f"every class counts alike, which makes it worth {number(worth, 1)} rows"))
    return [(heading, answer) for heading, answer in answers if answer]


def _test_split(comparison: Comparison) -> str:
    data, runs = comparison.results["data"], sum(cell["status"] == "finished" for cell in comparison.results["cells"])
    openings = data.get("test_openings")
    if openings is None:
        return f"hash {data['test_hash']}"
    further = openings - runs
    more = f", and {'once' if further == 1 else f'{count(further)} times'} more" if further > 0 else ""
    return f"hash {data['test_hash']}; scored by {count(runs)} runs, after their training{more}"


def _input(spec: dict[str, object]) -> str:
    shape = spec.get("shape")
    size = " × ".join(map(str, shape)) if isinstance(shape, list) else ""
    return f"{spec.get('kind', '')} {size}".strip()


def _axis(axis: LabelAxis) -> str:
    return f"{axis.values[0]:g} to {axis.told(axis.values[-1])}, {len(axis.values)} labels"


def _classes(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{len(names)}: {shown}" + (f", and {len(names) - 12} more" if len(names) > 12 else "")


def _tail(names: list[str], counts: list[float]) -> str:
    if not counts:
        return ""
    rarest, most = min(range(len(counts)), key=counts.__getitem__), max(range(len(counts)), key=counts.__getitem__)
    ratio = f", {number(counts[most] / counts[rarest], 1)} to 1" if counts[rarest] > 0 else ""
    return f"most {names[most]} ({count(counts[most])}), fewest {names[rarest]} ({count(counts[rarest])}){ratio}"
