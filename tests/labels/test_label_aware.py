"""Label-aware smoothing: end points, forms, conventions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import label_aware, smoothed
from softlabel.labels.label_aware import class_epsilon
from tests.oracle import labels as oracle


def example(shape, num_classes):
    index = torch.randint(num_classes, shape)
    if index.numel() > 2:
        index.view(-1)[2] = -100
    counts = torch.arange(num_classes, 0, -1) ** 2
    label = label_aware(index, counts, 0.4, 0.1)
    epsilon = oracle.class_epsilon(counts.numpy(), 0.4, 0.1, "concave")
    return label, oracle.smoothed(index.numpy(), num_classes, epsilon, "others")


@pytest.mark.parametrize("form", ["concave", "linear", "convex"])
def test_the_most_frequent_class_has_head_and_the_rarest_tail(form):
    epsilon = class_epsilon(torch.tensor([500, 70, 5]), 0.4, 0.1, form)
    assert epsilon[0].item() == pytest.approx(0.4)
    assert epsilon[2].item() == pytest.approx(0.1)
    assert 0.1 < epsilon[1].item() < 0.4


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_forms_equal_their_twin_and_are_monotone(counts, head, tail):
    head, tail = max(head, tail), min(head, tail)
    order = np.argsort(counts, kind="stable")
    for form in ("concave", "linear", "convex"):
        epsilon = class_epsilon(torch.tensor(counts), head, tail, form).numpy()
        np.testing.assert_allclose(epsilon, oracle.class_epsilon(np.array(counts), head, tail, form), atol=1e-12)
        assert (np.diff(epsilon[order]) >= -1e-12).all()


def test_equally_frequent_classes_are_all_smoothed_as_the_head():
    assert class_epsilon(torch.tensor([7, 7, 7]), 0.3, 0.0).tolist() == pytest.approx([0.3] * 3)


def test_the_code_convention_keeps_a_share_for_the_own_class():
    index, counts = torch.tensor([0, 2]), torch.tensor([100, 10, 1])
    paper = label_aware(index, counts, 0.3, 0.0).dense(torch.float64)
    code = label_aware(index, counts, 0.3, 0.0, convention="uniform").dense(torch.float64)
    assert paper[0, 0].item() == pytest.approx(0.7)
    assert code[0, 0].item() == pytest.approx(1 - 0.3 + 0.1)
    as_paper = smoothed(index, 3, 0.3 * 2 / 3, "others").dense(torch.float64)  # epsilon (K - 1) / K
    torch.testing.assert_close(code[0], as_paper[0])
    assert code[1].tolist() == paper[1].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(("head", "tail"), [(1.2, 0.0), (0.3, -0.1)])
def test_shares_outside_of_0_to_1_are_refused(head, tail):
    with pytest.raises(ValueError, match="between 0 and 1"):
        class_epsilon(torch.tensor([2, 1]), head, tail)


def test_another_form_is_refused():
    with pytest.raises(ValueError, match="concave"):
        class_epsilon(torch.tensor([2, 1]), 0.3, 0.1, "cubic")


@pytest.mark.parametrize(
    ("num_classes", "head", "tail"), [(2, 0.6, 0.0), (2, 0.0, 0.51), (3, 0.7, 0.0), (10, 1.0, 0.1)]
)
def test_shares_that_leave_the_own_class_the_least_are_refused(num_classes, head, tail):
    counts, index = torch.arange(num_classes, 0, -1), torch.tensor([0])
    with pytest.raises(ValueError, match=rf"of {num_classes} classes .* which is 1 - 1 / {num_classes}$"):
        label_aware(index, counts, head, tail)
    label_aware(index, counts, head, tail, convention="uniform")


@pytest.mark.parametrize("num_classes", [2, 3, 7, 10])
def test_the_largest_share_is_the_even_label(num_classes):
    label = label_aware(torch.tensor([0]), torch.arange(num_classes, 0, -1), 1 - 1 / num_classes, 0.0)
    np.testing.assert_allclose(label.dense().numpy(), np.full((1, num_classes), 1 / num_classes), atol=1e-6)
