"""The agreement with people's votes as a table for a terminal."""

from __future__ import annotations

from softlabel.analysis.agreement import OFF_VOTES, PARTS, TITLES, WHICH, Agreement, Measured
from softlabel.report.comparison import ARROWS
from softlabel.text.numbers import DASH, count

HEADINGS = ("model, all votes", "model, half of them", "the other half")


def agreement_table(agreement: Agreement) -> str:
    """A line a score: the model against all votes, against half of them, and the other half against that half."""
    low, high = agreement.votes
    people = count(low) if low == high else f"{count(low)} to {count(high)}"
    rows = {
        "all": f"{count(agreement.rows)} rows, {people} votes each",
        "off": f"{count(agreement.off_rows)} rows with {OFF_VOTES} such votes or more",
    }
    lines: list[tuple[str, ...]] = [("votes", *HEADINGS)]
    for part, title in PARTS.items():
        lines.append((f"{title} ({rows[part]})",))
        for name, (score, better) in TITLES.items():
            found = agreement.scores[f"{part}.{name}"]
            decimals = 3 if name == "js" else 2
            lines.append((f"  {score} {ARROWS[better]}", *(_told(found[which], decimals) for which in WHICH)))
    widths = [max(len(line[place]) for line in lines if len(line) > 1) for place in range(1 + len(WHICH))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip() for line in lines
    )


def _told(measured: Measured, decimals: int) -> str:
    if measured.value is None or measured.interval is None:
        return DASH
    low, high = measured.interval
    return f"{measured.value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"
