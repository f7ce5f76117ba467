"""Weights of classes against their formulas."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.losses import effective_number, inverse_frequency


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=10))
def test_weights_add_up_to_the_number_of_classes(counts):
    counts = torch.tensor(counts)
    for weights in (inverse_frequency(counts), inverse_frequency(counts, 0.5), effective_number(counts, 0.999)):
        assert weights.sum().item() == pytest.approx(len(counts))
        assert (weights[counts.argsort()].diff() <= 1e-9).all()


def test_effective_numbers_lead_from_no_weights_to_the_inverse_frequency():
    counts = torch.tensor([500.0, 50.0, 5.0])
    assert effective_number(counts, 0.0).tolist() == [1.0, 1.0, 1.0]
    torch.testing.assert_close(effective_number(counts, 1 - 1e-12), inverse_frequency(counts), rtol=1e-6, atol=0)
    ratio = effective_number(counts)[2] / effective_number(counts)[0]
    assert ratio.item() == pytest.approx((1 - 0.9999**500) / (1 - 0.9999**5), rel=1e-9)  # about 97.6: METHODS 6.5
    assert ratio.item() == pytest.approx(97.6, abs=0.1)


def test_a_class_without_samples_counts_as_one():
    assert inverse_frequency(torch.tensor([4.0, 0.0])).tolist() == pytest.approx([0.4, 1.6])
    assert torch.isfinite(effective_number(torch.tensor([4.0, 0.0]))).all()


@pytest.mark.parametrize("beta", [1.0, -0.1])
def test_a_beta_that_is_none_is_refused(beta):
    with pytest.raises(ValueError, match="beta"):
        effective_number(torch.tensor([1.0]), beta)
