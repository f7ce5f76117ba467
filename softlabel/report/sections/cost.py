"""What each method cost."""

from __future__ import annotations

from softlabel.report.comparison import Comparison, mean
from softlabel.report.page import Cell, Section, Table
from softlabel.text.numbers import bytes_of, count, duration, is_number


def cost_section(comparison: Comparison) -> Section:
    """Time, throughput and disk by method."""
    rows: list[list[Cell | str]] = []
    for method in comparison.methods:
        cells = comparison.of(method)
        speed = mean(cell.get("images_per_second") for cell in cells)
        seconds = [cell["seconds"] for cell in cells if is_number(cell.get("seconds"))]
        rows.append(
            [
                Cell(method, tone="strong"),
                duration(mean(seconds)),
                duration(sum(seconds)) if seconds else duration(None),
                count(round(speed) if is_number(speed) else None),
                bytes_of(mean(cell.get("bytes") for cell in cells)),
            ]
        )
    total = duration(comparison.results.get("seconds"))
    return Section(
        "Cost",
        [f"The whole comparison took {total}; runs that train at the same time share the machine."],
        tables=[Table("Time and disk", ["method", "a run", "all seeds", "rows/s", "disk/run"], rows)],
    )
