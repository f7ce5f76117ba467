"""The running table of online label smoothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels.online_table import OnlineTable
from tests.oracle.online_table import next_table


def batches(num_classes: int, count: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    g = torch.Generator().manual_seed(seed)
    sizes = torch.randint(0, 7, (count,), generator=g).tolist()
    return [(torch.randn(n, num_classes, generator=g), torch.randint(0, num_classes, (n,), generator=g)) for n in sizes]


@given(num_classes=st.integers(2, 5), count=st.integers(1, 4), seed=st.integers(0, 1000))
def test_two_epochs_equal_the_loop_over_samples(num_classes: int, count: int, seed: int) -> None:
    table = OnlineTable(num_classes)
    expected = table.current.double().numpy()
    for epoch in range(2):
        seen = batches(num_classes, count, seed + 10_000 * epoch)
        for logits, index in seen:
            table.observe(logits, index)
        table.turn()
        expected = next_table(expected, [(z.double().numpy(), y.numpy()) for z, y in seen])
        np.testing.assert_allclose(table.current.double().numpy(), expected, atol=1e-6)


def test_a_wrong_prediction_leaves_the_table_as_it_is() -> None:
    table = OnlineTable(3)
    before = table.current.clone()
    table.observe(torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([1]))
    table.turn()
    assert torch.equal(table.current, before)


def test_a_class_without_a_correct_prediction_keeps_its_last_row() -> None:
    table = OnlineTable(2)
    table.observe(torch.tensor([[3.0, 0.0]]), torch.tensor([0]))
    table.turn()
    learned = table.current[0].clone()
    table.observe(torch.tensor([[0.0, 4.0]]), torch.tensor([1]))
    table.turn()
    assert torch.equal(table.current[0], learned)
    assert table.current.isfinite().all()


def test_rows_sum_to_one_and_peak_on_the_diagonal_after_correct_predictions() -> None:
    table = OnlineTable(4)
    index = torch.arange(4).repeat(5)
    logits = 2 * torch.eye(4)[index] + torch.rand(20, 4)
    table.observe(logits, index)
    table.turn()
    torch.testing.assert_close(table.current.sum(-1), torch.ones(4))
    assert torch.equal(table.current.argmax(-1), torch.arange(4))


def test_only_the_previous_epoch_counts() -> None:
    table, fresh = OnlineTable(2), OnlineTable(2)
    table.observe(torch.tensor([[9.0, 0.0]]), torch.tensor([0]))
    table.turn()
    for each in (table, fresh):
        each.observe(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
        each.turn()
    assert torch.equal(table.current[0], fresh.current[0])


def test_ignored_samples_never_count() -> None:
    table = OnlineTable(2)
    table.observe(torch.tensor([[9.0, 0.0]]), torch.tensor([-100]))
    assert table.tensor("counts").sum() == 0
    assert table.tensor("sums").sum() == 0


def test_two_halves_reduced_equal_the_whole() -> None:
    whole, first, second = OnlineTable(3), OnlineTable(3), OnlineTable(3)
    logits, index = torch.randn(40, 3), torch.randint(0, 3, (40,))
    whole.observe(logits, index)
    first.observe(logits[:13], index[:13])
    second.observe(logits[13:], index[13:])
    first.merge_(second)
    whole.turn()
    first.turn()
    torch.testing.assert_close(whole.current, first.current, atol=1e-7, rtol=0)


def test_one_reduction_an_epoch() -> None:
    calls = []

    def all_reduce(tensor: torch.Tensor, operation: str) -> torch.Tensor:
        calls.append(operation)
        return tensor * 2  # two processes that saw the same samples

    table, alone = OnlineTable(3), OnlineTable(3)
    logits, index = torch.randn(30, 3), torch.randint(0, 3, (30,))
    table.observe(logits, index)
    alone.observe(logits, index)
    table.turn(all_reduce)
    alone.turn()
    assert calls == ["sum"]
    torch.testing.assert_close(table.current, alone.current)


def test_state_round_trip_within_an_epoch() -> None:
    table, restored = OnlineTable(3), OnlineTable(3)
    table.observe(torch.randn(10, 3), torch.randint(0, 3, (10,)))
    restored.load_state_dict(table.state_dict())
    table.turn()
    restored.turn()
    assert torch.equal(table.current, restored.current)


@pytest.mark.parametrize(("num_classes", "epsilon"), [(1, 0.1), (3, -0.1), (3, 1.1), (3, float("nan"))])
def test_impossible_tables_are_refused(num_classes: int, epsilon: float) -> None:
    with pytest.raises(ValueError, match=r"num_classes|start_epsilon"):
        OnlineTable(num_classes, epsilon)
