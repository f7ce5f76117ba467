"""The judgement of a label is the paper's, whatever the order of rows and classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from softlabel.analysis import label_quality as module
from softlabel.analysis.label_quality import LabelQuality, label_quality
from tests.oracle import label_quality as oracle

Case = tuple[NDArray[np.float64], NDArray[np.int64]]
OF_ROWS = ("confidence", "margin", "ambiguity", "suggested", "suspected")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Distributions, some of them certain, and labels; not every class has rows."""
    rows, classes = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.1, 1.0, 20.0]))), rows)
    p[rng.random(rows) < 0.2] = np.eye(classes)[0]
    return p, rng.integers(0, classes, rows)


@given(cases())
def test_equals_the_formulas(case: Case) -> None:
    found, expected = label_quality(*case), oracle.label_quality(case[0].tolist(), case[1].tolist())
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-12, atol=1e-12, err_msg=name)


@given(cases(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(case: Case, random) -> None:
    order = list(range(len(case[1])))
    random.shuffle(order)
    plain, moved = label_quality(*case), label_quality(case[0][order], case[1][order])
    for name in ("confidence", "margin", "ambiguity", "suggested"):
        np.testing.assert_array_equal(getattr(plain, name)[order], getattr(moved, name))
    np.testing.assert_allclose(plain.thresholds, moved.thresholds, rtol=1e-12)


@given(cases())
def test_what_follows_from_the_formulas(case: Case) -> None:
    found = label_quality(*case)
    assert not (found.suspected & (found.margin >= 0.5)).any()
    assert ((found.ambiguity >= 0) & (found.ambiguity <= 1)).all()
    assert not np.isin(found.suggested[found.suspected], np.flatnonzero(np.isnan(found.thresholds))).any()


@settings(max_examples=10)
@given(cases())
def test_rows_are_taken_in_chunks_of_any_size(case: Case) -> None:
    whole = label_quality(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 2)
        parts = label_quality(*case)
    for name in LabelQuality.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_a_seldom_sure_class_is_not_all_suspected() -> None:
    """Class 1 is a shade of class 0: its rows are seldom sure, so that is no reason to suspect them."""
    p = np.array([[0.9, 0.1]] * 8 + [[0.6, 0.4]] * 4 + [[0.95, 0.05]])
    given = np.array([0] * 8 + [1] * 5)
    assert label_quality(p, given).suspected.tolist() == [False] * 12 + [True]


@pytest.mark.parametrize(
    ("shape", "labels"), [((3,), [0, 0, 0]), ((3, 1), [0, 0, 0]), ((3, 2), [0, 0]), ((2, 2), [0, 2]), ((2, 2), [0, -1])]
)
def test_other_shapes_and_labels_are_refused(shape: tuple[int, ...], labels: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        label_quality(np.full(shape, 0.5), np.array(labels))
