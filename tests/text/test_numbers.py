"""Numbers as they are written, and text as it is shown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softlabel.report.sections.calibration import pooled
from softlabel.text.numbers import count, duration, interval, number, signed
from softlabel.text.visible import one_line, shortened, visible, visible_tree


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.31249, "0.312"),
        (-0.31251, "-0.313"),
        (0.0, "0.000"),
        (0.0004, "0.0004"),
        (-0.00004, "-0.00004"),
        (1e-9, "1.0e-09"),
        (123.456, "123.5"),
        (3e9, "3.0e+09"),
        (math.nan, "–"),
        (math.inf, "–"),
        (None, "–"),
        ("1", "–"),
        (True, "–"),
    ],
)
def test_number(value: object, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e6, 1e6))
def test_a_number_is_never_shown_as_another_one(value: float) -> None:
    shown = float(number(value))
    assert abs(shown - value) <= max(0.0005, 0.05 * (abs(value) >= 100), 0) + 1e-9 * abs(value)
    assert (shown == 0) == (value == 0)


def test_signs_intervals_counts_and_durations() -> None:
    assert [signed(0.1), signed(-0.1), signed(0.0), signed(None)] == ["+0.100", "-0.100", "0.000", "–"]
    assert interval([0.1, 0.2]) == "[0.100, 0.200]"
    assert interval([-0.1, 0.2], sign=True) == "[-0.100, +0.200]"
    assert interval([None, None]) == interval(None) == interval([math.nan, 1.0]) == ""
    assert [count(12_345), count(2.5), count(None)] == ["12,345", "2.5", "–"]
    assert [duration(2.64), duration(61), duration(125), duration(7_300), duration(None)] == [
        *("2.6 s", "61 s", "2 min 05 s", "2 h 01 min", "–")
    ]


def test_bins_are_pooled_by_their_edges_not_their_order() -> None:
    first = [{"low": 0.0, "high": 0.5, "count": 2, "confidence": 0.4, "accuracy": 0.5}]
    second = [
        {"low": 0.0, "high": 0.5, "count": 6, "confidence": 0.2, "accuracy": 0.0},
        {"low": 0.5, "high": 1.0, "count": 4, "confidence": 0.9, "accuracy": 1.0},
    ]
    low, high = pooled([first, second])
    assert (low.count, low.confidence, low.accuracy) == pytest.approx((4, 0.25, 0.125))
    assert (high.low, high.count, high.accuracy) == (0.5, 2, 1.0)


def test_visible_text() -> None:
    assert visible("a\x00b\x1b\x7f\x9b\ud800\uffff") == "a␀b␛␡\ufffd\ufffd\ufffd"
    assert visible("línea\n\tשלום 🙂") == "línea\n\tשלום 🙂"
    assert visible_tree({"\x00": ["\x07", 1, None, {"a": "b"}]}) == {"␀": ["␇", 1, None, {"a": "b"}]}
    assert one_line(" a\n b\t") == "a b"
    assert shortened("abcdef", 4) == "abc…"


@given(st.text())
def test_visible_text_can_stand_in_xml(text: str) -> None:
    from xml.etree import ElementTree

    element = ElementTree.Element("text")
    element.text = visible(text)
    assert ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode")).text in (visible(text), None)
