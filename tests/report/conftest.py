"""Reports are rendered once for all tests that read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from softlabel.report.html import render_report
from tests.report.axis_results import axis_results, sweep_results
from tests.report.page import Page, parse
from tests.report.results import EDGE_CASES, Json


@pytest.fixture(scope="session")
def results() -> Callable[[str], Json]:
    cases = EDGE_CASES | {"label axis": axis_results, "sweep": sweep_results}
    return cache(lambda name: cases[name]())


@pytest.fixture(scope="session")
def report(results: Callable[[str], Json]) -> Callable[[str], str]:
    return cache(lambda name: render_report(results(name)))


@pytest.fixture(scope="session")
def page(report: Callable[[str], str]) -> Callable[[str], Page]:
    return cache(lambda name: parse(report(name)))


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves drawings empty, for tests that look at something else."""
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda self, stream, **_: stream.write("<svg viewBox='0 0 1 1'/>")
    )
