"""Schedules, averages, optimisers, parts, terms: each against its oracle."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from softlabel.errors import RunError, UnsupportedError
from softlabel.losses import SumAndMass
from softlabel.methods.base.stage import Stage
from softlabel.training.config import TrainingConfig, settled_training
from softlabel.training.ema import AveragedNetwork
from softlabel.training.optimisers import build_optimiser, load_optimiser, optimiser_tensors, set_rate
from softlabel.training.part_modes import freeze_parts, own_gradients, restore_gradients, set_modes
from softlabel.training.precision import choose_precision
from softlabel.training.schedule import Schedule
from softlabel.training.stage_run import peak_rate
from softlabel.training.term_tally import TermTally, objective
from tests.oracle import training as oracle


@given(
    kind=st.sampled_from(["cosine", "step", "constant"]),
    steps=st.integers(1, 200),
    warmup=st.floats(0, 1),
    peak=st.floats(1e-6, 10),
)
def test_schedule_equals_the_oracle(kind: str, steps: int, warmup: float, peak: float) -> None:
    milestones, decay = [0.5, 0.8], 0.1
    warmup_steps = int(warmup * steps)
    schedule = Schedule(kind, peak, steps, warmup_steps, milestones, decay)  # type: ignore[arg-type]
    found = [schedule.rate(step) for step in range(steps)]
    expected = oracle.learning_rates(kind, peak, steps, warmup_steps, milestones, decay)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * peak)
    assert max(found) <= peak * (1 + 1e-12)


def test_average_equals_the_oracle_and_copies_statistics() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    average = AveragedNetwork(network, 0.6)
    start = network[0].weight.detach().numpy().copy()
    seen = []
    for step in range(12):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(2, 3))
        network(torch.randn(5, 3).double())
        average.update(network, step)
        seen.append(network[0].weight.detach().numpy().copy())
    expected = oracle.moving_average(start, seen, 0.6)
    np.testing.assert_allclose(average.network[0].weight.numpy(), expected, rtol=1e-12)
    assert torch.equal(average.network[1].running_mean, network[1].running_mean)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


@pytest.mark.parametrize(
    ("optimiser", "own", "peak"), [("sgd", None, 0.1), ("adamw", None, 0.001), ("sgd", 0.5, 0.5), ("adamw", 0.5, 0.5)]
)
def test_the_rate_of_a_stage_under_sgd_is_not_taken_by_others(optimiser: str, own: float | None, peak: float) -> None:
    asked = settled_training(TrainingConfig.model_validate({"optimiser": optimiser}), fine_tuning=True)
    assert peak_rate(asked, Stage(learning_rate=own, sgd_learning_rate=0.1)) == peak
    assert peak_rate(asked, Stage()) == asked.learning_rate


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_an_optimiser_goes_on_to_the_same_bits(name: str, memory_format: torch.memory_format) -> None:
    config = TrainingConfig.model_validate({"optimiser": name})
    parameters = [nn.Parameter(torch.randn(8, 5, 3, 3).to(memory_format=memory_format)), nn.Parameter(torch.randn(7))]
    factors = {"part1": 0.1}
    optimiser = build_optimiser(_named(parameters), config, 0.01, factors)
    _steps(optimiser, parameters, range(3))
    stored = {key: value.contiguous().clone() for key, value in optimiser_tensors(optimiser).items()}
    twins = [nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    other = build_optimiser(_named(twins), config, 0.01, factors)
    load_optimiser(other, stored)
    _steps(optimiser, parameters, range(3, 6))
    _steps(other, twins, range(3, 6))
    for mine, twin in zip(parameters, twins, strict=True):
        assert torch.equal(mine, twin)
    fresh = [nn.Parameter(parameter.detach().clone()) for parameter in twins]
    with pytest.raises(RunError, match="has a parameter 1"):
        load_optimiser(build_optimiser(_named(fresh[:1]), config, 0.01), stored)


@pytest.mark.parametrize(
    ("part", "moved"), [("a", {"a.w", "a.b.c"}), ("a.b", {"a.b.c"}), ("ab", {"ab"}), ("a.b.c", {"a.b.c"})]
)
def test_a_rate_factor_is_of_a_part_and_of_nothing_whose_name_only_begins_so(part: str, moved: set[str]) -> None:
    parameters = {name: nn.Parameter(torch.zeros(1)) for name in ("a.w", "a.b.c", "ab")}
    optimiser = build_optimiser(parameters, TrainingConfig(momentum=0.0), 0.0, {part: 0.5})
    for rate in (1.0, 0.2):
        set_rate(optimiser, rate)
        rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
        assert {n: rates[id(p)] for n, p in parameters.items()} == {
            n: rate * (0.5 if n in moved else 1.0) for n in parameters
        }


@pytest.mark.parametrize(("given", "nesterov"), [({}, True), ({"nesterov": False}, False), ({"momentum": 0.0}, False)])
def test_nesterovs_step_can_be_left_out(given: dict[str, object], nesterov: bool) -> None:
    config = TrainingConfig.model_validate(given)
    parameter, twin = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimiser = build_optimiser({"w": parameter}, config, 0.0)
    peer = torch.optim.SGD([twin], lr=0.1, momentum=config.momentum, nesterov=nesterov)
    _steps(optimiser, [parameter], range(3))
    for number in range(3):
        twin.grad = torch.randn(3, generator=torch.Generator().manual_seed(number))
        peer.param_groups[0]["lr"] = 0.1 / (1 + number)
        peer.step()
    torch.testing.assert_close(parameter, twin)


def _named(parameters: list[nn.Parameter]) -> dict[str, nn.Parameter]:
    return {f"part{place}.weight": parameter for place, parameter in enumerate(parameters)}


def _steps(optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], numbers: range) -> None:
    for number in numbers:
        for parameter in parameters:
            generator = torch.Generator().manual_seed(number)
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        set_rate(optimiser, 0.1 / (1 + number))
        optimiser.step()


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.head = nn.Linear(4, 2)
        self.teacher = nn.Linear(3, 2).requires_grad_(False)


@pytest.mark.parametrize("mode", ["train", "fixed-statistics", "shift", "frozen"])
def test_modes_of_a_part(mode: str) -> None:
    module = TwoParts()
    own = own_gradients(module)
    freeze_parts(module, {"body": mode})  # type: ignore[dict-item]
    set_modes(module, {"body": mode})  # type: ignore[dict-item]
    statistics = module.body[1].running_mean.clone()
    module.body(torch.randn(8, 3))
    moves = mode in ("train", "fixed-statistics")
    assert all(parameter.requires_grad == moves for parameter in module.body.parameters())
    assert torch.equal(statistics, module.body[1].running_mean) == (mode in ("fixed-statistics", "frozen"))
    assert module.body[2].training == (mode != "frozen")
    assert module.head.weight.requires_grad
    assert module.head.training
    assert not module.teacher.weight.requires_grad
    module.late = nn.Linear(2, 2).requires_grad_(False)
    restore_gradients(module, own)
    assert all(parameter.requires_grad for parameter in module.body.parameters())
    assert not module.teacher.weight.requires_grad
    assert not module.late.weight.requires_grad


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(UnsupportedError, match="'tail'"):
        set_modes(TwoParts(), {"tail": "frozen"})


def test_objective_divides_once_and_an_empty_term_counts_nothing() -> None:
    logits = torch.randn(6, dtype=torch.float64, requires_grad=True)
    terms = {
        "a": SumAndMass(logits[:3].sum(), torch.tensor(2.5)),
        "b": SumAndMass((logits**2).sum(), torch.tensor(6.0)),
        "none": SumAndMass(logits.sum() * 0, torch.tensor(0.0)),
    }
    sums = {name: [term.sum.item()] for name, term in terms.items()}
    masses = {name: [float(term.mass)] for name, term in terms.items()}
    expected = oracle.total_loss(sums, masses, {"b": 0.3})
    assert objective(terms, {"b": 0.3}).item() == pytest.approx(expected, rel=1e-12)


def test_the_tally_names_epoch_step_and_term_of_a_bad_loss() -> None:
    tally = TermTally({"distill": 2.0})
    for value in (1.0, 3.0, float("nan"), float("nan")):
        tally.add({"cross_entropy": SumAndMass(torch.tensor(4.0), torch.tensor(4.0))})
        tally.add({"distill": SumAndMass(torch.tensor(value), torch.tensor(2.0))})
        tally.next_step()
    means = tally.means()
    assert means["cross_entropy"] == 1.0
    with pytest.raises(RunError, match=r"train, epoch 2, step 3: the loss term 'distill' is nan"):
        tally.refuse_bad(means, "train, epoch 2")


def test_the_tally_divides_over_the_epoch_and_weighs_terms() -> None:
    tally = TermTally({"b": 0.5})
    for total, mass in ((2.0, 1.0), (4.0, 3.0)):
        tally.add(
            {
                "a": SumAndMass(torch.tensor(total), torch.tensor(mass)),
                "b": SumAndMass(torch.tensor(total), torch.tensor(2.0)),
            }
        )
        tally.next_step()
    means = tally.means()
    assert means == {"a": 1.5, "b": 1.5}
    assert tally.loss(means) == pytest.approx(1.5 + 0.75)
    assert TermTally({}).means() == {}
    assert TermTally({}).loss({}) is None


def test_precision_is_what_was_asked_for_or_the_faster_one(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))
    before = copy.deepcopy(network.state_dict())
    inputs = torch.rand(4, 1, 8, 8)
    cpu = torch.device("cpu")
    assert choose_precision("fp32", network, inputs, cpu).for_fabric == "32-true"
    asked = choose_precision("bf16", network, inputs, cpu)
    assert (asked.for_fabric, asked.channels_last) == ("bf16-mixed", True)
    assert not choose_precision("bf16", network, torch.rand(4, 3), cpu).channels_last
    measured = choose_precision("auto", network, inputs, cpu)
    assert measured.measured.keys() == {"fp32", "fp32-channels-last", "bf16"}
    assert measured.setting == max(measured.measured, key=lambda name: measured.measured[name])
    layout = choose_precision("fp32-channels-last", network, inputs, cpu)
    assert (layout.name, layout.channels_last, layout.setting) == ("fp32", True, "fp32-channels-last")
    assert choose_precision("fp32-channels-last", network, torch.rand(4, 3), cpu).setting == "fp32"
    seconds = iter([1.0, 0.25, 0.5])
    monkeypatch.setattr("softlabel.training.precision.seconds_of", lambda step, device: next(seconds))
    assert choose_precision("auto", network, inputs, cpu).name == "bf16"
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
