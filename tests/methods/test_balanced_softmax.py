"""Balanced Softmax: the training prior is in the training softmax, and not in the answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import TrainingSet
from tests.methods.made import COUNTS, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_the_loss_and_its_gradient_are_the_published_ones() -> None:
    method, data = made("balanced_softmax").eval(), batch()
    logits = method.network(data.inputs)
    logits.retain_grad()
    method.network.forward = lambda inputs: logits
    z = logits.detach().double().numpy() + np.log(COUNTS.numpy())
    values, mass, gradient = oracle.loss(z, label_oracle.hard(data.annotation.numpy(), 4))
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()
    term.sum.backward()
    np.testing.assert_allclose(logits.grad.numpy(), gradient, atol=1e-5)


def test_with_classes_equally_frequent_it_is_cross_entropy() -> None:
    method, plain = made("balanced_softmax"), made("cross_entropy")
    method.log_counts.fill_(3.0)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))


def test_a_class_without_samples_counts_as_one() -> None:
    kind, own = find_method("balanced_softmax"), made("balanced_softmax")
    counts = torch.tensor([9.0, 0.0, 1.0, 3.0], dtype=torch.float64)
    method = kind(kind.Config(), own.network, own.task, TrainingSet(13, counts, lambda folder: own.network))
    assert method.log_counts.exp().tolist() == pytest.approx([9, 1, 1, 3])


def test_answers_are_those_of_the_plain_softmax() -> None:
    logits = torch.randn(5, 4)
    assert torch.equal(made("balanced_softmax").adjust(logits), logits)
    assert made("balanced_softmax").corrects_prior
