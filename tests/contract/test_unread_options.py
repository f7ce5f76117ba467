"""Options of methods that others leave unread: whatever they say, what is learned is the same, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from softlabel.cli.configuring.options import Option, options_of
from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.methods.base.method import Method, MethodConfig, TrainingSet
from softlabel.networks.build import build_network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.training.config import RunConfig, TrainingConfig
from softlabel.training.part_modes import freeze_parts, set_modes
from tests.contract.test_methods import COUNTS, INPUTS, batch_for, network_for, no_teacher, some_task, total
from tests.made_options import near, some_values

EPOCHS = 2
RUN = RunConfig(training=TrainingConfig(epochs=EPOCHS))


def learned(name: str, config: MethodConfig) -> dict[str, Tensor]:
    """What ships after two steps of every stage, which is all that a method may be told apart by."""
    task = some_task(name)
    torch.manual_seed(0)
    network = build_network(network_for(name, task), INPUTS, task.num_classes, 0)
    training_set = TrainingSet(75, COUNTS, no_teacher, batch_for(task, 75).annotation)
    method = find_method(name)(config, network, task, training_set)
    for stage in method.stages():
        torch.manual_seed(1)  # a head that is drawn anew
        method.begin_stage(stage)
        if not stage.gradients:
            with torch.no_grad():
                method.eval().solve(stage, [batch_for(task)])
            continue
        freeze_parts(method, stage.parts)
        optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.1)
        for epoch in range(EPOCHS):
            method.begin_epoch(epoch, EPOCHS)
            set_modes(method, stage.parts)
            optimiser.zero_grad()
            total(method, method(_inputs(method, batch_for(task, 8, seed=epoch), stage.cached_features))).backward()
            optimiser.step()
            method.end_epoch(lambda tensor, how: tensor)
    return {**method.deployable().state_dict(), "answers": answers(method, batch_for(task).inputs)}


def _inputs(method: Method, batch: Batch, cached: bool) -> Batch:
    batch = method.transform(batch, torch.Generator().manual_seed(0))
    if not cached:
        return batch
    with torch.no_grad():
        features = method.network.eval().features(batch.inputs).pooled
    return Batch(features, batch.annotation, batch.sample_id)


@torch.no_grad()
def answers(method: Method, inputs: Tensor) -> Tensor:
    method.eval()
    return method.adjust(method.deployable()(inputs))


def unread(option: Option, rule: ReadOnlyWith, kind: type[MethodConfig]) -> MethodConfig:
    """The nearest configuration in which this rule says that the option is not read."""
    return next(own for own in near(kind, option.name, "representation") if not rule.reads(own, RUN))


def cases() -> Iterator[object]:
    """Every rule with every method; those that a method shares with one before it are slow in number."""
    seen: set[tuple[str, ReadOnlyWith]] = set()
    for name in method_names():
        for option in options_of(find_method(name).Config):
            for rule in option.rules:
                marks = [pytest.mark.slow] if (option.name, rule) in seen else []
                seen.add((option.name, rule))
                yield pytest.param(name, option, rule, id=f"{name}.{option.name}", marks=marks)


@pytest.mark.parametrize(("name", "option", "rule"), list(cases()))
def test_an_unread_option_changes_nothing_that_is_learned(name: str, option: Option, rule: ReadOnlyWith) -> None:
    config = unread(option, rule, find_method(name).Config)
    other = config.model_copy(update={option.name: some_values(option)[-1]})
    one, two = learned(name, config), learned(name, other)
    assert {key for key in one if not torch.equal(one[key], two[key])} == set()
