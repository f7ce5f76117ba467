"""The sigmoid focal loss against NumPy and PyTorch, its gradient, and certain answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.losses import sigmoid_focal_loss


def sigmoid_focal_twin(z, t, gamma):
    s = 1 / (1 + np.exp(-z))
    return -t * (1 - s) ** gamma * np.log(s) - (1 - t) * s**gamma * np.log(1 - s)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_sigmoid_focal_equals_its_twin(gamma):
    g = torch.Generator().manual_seed(0)
    z, t = 3 * torch.randn(7, 4, generator=g, dtype=torch.float64), torch.rand(7, 4, generator=g, dtype=torch.float64)
    twin = sigmoid_focal_twin(z.numpy(), t.numpy(), gamma)
    np.testing.assert_allclose(sigmoid_focal_loss(z, t, gamma, reduction="none").numpy(), twin, rtol=1e-9)
    if gamma == 0:
        plain = F.binary_cross_entropy_with_logits(z, t, reduction="none")
        torch.testing.assert_close(sigmoid_focal_loss(z, t, 0.0, reduction="none"), plain)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_gradient_of_sigmoid_focal_is_that_of_its_values(gamma):
    z, t = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.eye(5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: sigmoid_focal_loss(z, t, gamma, reduction="none"), (z,))
    sure = torch.tensor([500.0, -500.0, 500.0], requires_grad=True)
    loss = sigmoid_focal_loss(sure, torch.tensor([1.0, 0.0, 0.0]), gamma, reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0, 500.0]
    assert sure.grad.tolist() == [0.0, 0.0, 1.0]
