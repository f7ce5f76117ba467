"""Online label smoothing: last epoch's correct predictions are this epoch's labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from tests.methods.made import answered, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle
from tests.oracle.online_table import next_table


def table_of(method) -> np.ndarray:
    return method.table.current.double().numpy().copy()


def total(tensor, operation):
    return tensor


def test_the_first_epoch_smooths_evenly_and_the_next_by_what_was_right() -> None:
    method = made("online_label_smoothing", hard_weight=0.4, start_epsilon=0.2).eval()
    parts = [batch(seed=1), batch(9, seed=2)]
    start = label_oracle.smoothed(np.arange(4), 4, 0.2, "uniform")
    np.testing.assert_allclose(table_of(method), start, atol=1e-7)
    for part in parts:
        method(part)
    np.testing.assert_allclose(table_of(method), start, atol=1e-7)  # it turns at the end of an epoch
    method.end_epoch(total)
    seen = [(answered(method, part), part.annotation.numpy()) for part in parts]
    table = next_table(start, seen)
    assert not np.allclose(table, start)
    np.testing.assert_allclose(table_of(method), table, atol=1e-6)
    np.testing.assert_allclose(*(shown.numpy() for shown in (*method.tables().values(), method.table.current)))


def test_the_loss_and_its_gradient_know_the_table_as_a_label() -> None:
    method, data = made("online_label_smoothing", hard_weight=0.4).eval(), batch()
    index = data.annotation.numpy()
    rows = label_oracle.mix(label_oracle.hard(index, 4), label_oracle.from_table(index, table_of(method)), 0.4)
    values, mass, gradient = oracle.loss(answered(method, data), rows)
    logits = method.network(data.inputs).detach().requires_grad_()
    method.network.forward = lambda inputs: logits
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()
    term.sum.backward()
    np.testing.assert_allclose(logits.grad.numpy(), gradient, atol=1e-5)
    assert not method.table.current.requires_grad


def test_a_hard_weight_of_1_is_cross_entropy() -> None:
    method, plain = made("online_label_smoothing", hard_weight=1.0), made("cross_entropy")
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))


def test_a_class_that_was_never_right_keeps_its_row() -> None:
    method, data = made("online_label_smoothing").eval(), batch()
    before = method.table.current.clone()
    wrong = (torch.from_numpy(answered(method, data)).argmax(1) + 1) % 4
    method(Batch(data.inputs, wrong, data.sample_id))
    method.end_epoch(total)
    assert torch.equal(method.table.current, before)
