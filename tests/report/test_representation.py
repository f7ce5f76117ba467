"""The spread of features: shown where runs have it, left out where none has."""

from __future__ import annotations

import re

from softlabel.report.html import render_report
from tests.report.results import comparison_results


def test_every_method_has_its_mean_and_range() -> None:
    page = render_report(comparison_results())
    assert "Features of one class" in page
    section = page[page.index("Features of one class") :]
    for place in range(3):
        mean = f"{0.137 + 0.01 * place + 0.001:.3f}"
        assert re.search(re.escape(mean), section), mean


def test_runs_without_it_leave_the_section_out() -> None:
    results = comparison_results()
    for cell in results["cells"]:
        cell["intra_class_variance"] = None
    assert "Features of one class" not in render_report(results)
