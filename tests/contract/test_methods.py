"""Laws that hold for every method found: a new file is under them by existing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method, method_names, summary
from softlabel.methods.base.method import Method, Terms, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.task import Task
from tests.data.test_annotation import example
from tests.tasks.examples import examples

NUM_CLASSES = 4
INPUTS = InputSpec(kind="image", shape=(1, 8, 8), mean=[0.5], std=[0.25])
NAMES = [f"class {k}" for k in range(NUM_CLASSES)]
TASKS: dict[str, Task] = examples(NUM_CLASSES)


def no_teacher(folder: str) -> torch.nn.Module:
    raise AssertionError(f"no method asks for a teacher here, {folder}")


def network_for(name: str, task: Task) -> NetworkConfig:
    if task.per_pixel:
        return NetworkConfig(head="pixel")
    return NetworkConfig(backbone="resnet8", head=find_method(name).head_kind)


COUNTS = torch.tensor([40.0, 20.0, 10.0, 5.0], dtype=torch.float64)


def build(name: str, task: Task, seed: int = 0, counts: Tensor = COUNTS) -> Method:
    method = find_method(name)
    network = build_network(network_for(name, task), INPUTS, task.num_classes, seed)
    training_set = TrainingSet(75, counts, no_teacher, batch_for(task, 75).annotation)
    return method(method.Config(), network, task, training_set)


def batch_for(task: Task, n: int = 12, seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (n, 1, 8, 8), generator=g, dtype=torch.uint8)
    return Batch(inputs, example(task.annotation_kind, n, NUM_CLASSES, g), torch.arange(n))


def total(method: Method, terms: Terms) -> Tensor:
    weights = method.weights()
    return sum((weights.get(name, 1.0) * term.sum / term.mass for name, term in terms.items()), torch.zeros(()))


def supported(name: str, kind: str) -> Task:
    task = TASKS[kind]
    reason = refusal(name, task)
    if reason is not None:
        assert len(reason) > 20  # a sentence for the user
        pytest.skip(reason)
    return task


def refusal(name: str, task: Task) -> str | None:
    return find_method(name).refusal(task, build_network(network_for(name, task), INPUTS, NUM_CLASSES, 0))


def some_task(name: str) -> Task:
    """The first task that the method can be used with."""
    return next(task for task in TASKS.values() if refusal(name, task) is None)


every_method = pytest.mark.parametrize("name", method_names())
every_task = pytest.mark.parametrize("kind", sorted(TASKS))


@every_method
def test_a_method_says_what_it_is_and_what_its_options_mean(name: str) -> None:
    method = find_method(name)
    assert len(summary(name)) > 20
    assert (method.__doc__ or "").strip()
    for option, field in method.Config.model_fields.items():
        assert field.description, f"option {option} of {name} has no description"


@every_method
@every_task
def test_terms_are_finite_sums_with_the_mass_of_the_batch(name: str, kind: str) -> None:
    task = supported(name, kind)
    method = build(name, task)
    terms = method(batch_for(task))
    assert terms
    for term in terms.values():
        assert math.isfinite(float(term.sum.detach()))
        assert float(term.mass.detach()) > 0


@every_method
@every_task
def test_every_training_module_learns(name: str, kind: str) -> None:
    task = supported(name, kind)
    method = build(name, task)
    before = {key: value.clone() for key, value in method.named_parameters()}
    optimiser = torch.optim.SGD(method.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        total(method, method(batch_for(task, seed=step))).backward()
        optimiser.step()
    frozen = {
        part for stage in method.stages()[:1] for part, mode in stage.parts.items() if mode in ("frozen", "shift")
    }
    unchanged = {key for key, value in method.named_parameters() if torch.equal(value, before[key])}
    assert {key for key in unchanged if not any(key.startswith(part) for part in frozen)} == set()


@every_method
def test_what_ships_is_the_plain_network(name: str) -> None:
    task = some_task(name)
    plain = build_network(network_for(name, task), INPUTS, NUM_CLASSES, 0)
    shipped = build(name, task).deployable()
    assert [*shipped.state_dict()] == [*plain.state_dict()]
    assert sum(p.numel() for p in shipped.parameters()) == sum(p.numel() for p in plain.parameters())


@every_method
@every_task
def test_saved_and_restored_in_the_middle_of_an_epoch(name: str, kind: str) -> None:
    task = supported(name, kind)
    method, other = build(name, task), build(name, task, seed=1)
    method(batch_for(task))
    other.load_state_dict(method.state_dict())
    for key, state in method.running_states().items():
        other.running_states()[key].load_state_dict(state.state_dict())
    for each in (method, other):
        each.end_epoch(lambda tensor, operation: tensor)
    terms, others = method(batch_for(task, seed=2)), other(batch_for(task, seed=2))
    assert {k: float(t.sum.detach()) for k, t in terms.items()} == {k: float(t.sum.detach()) for k, t in others.items()}


@every_method
@every_task
def test_running_states_of_two_processes_add_up_to_one(name: str, kind: str) -> None:
    task = supported(name, kind)
    whole, first, second = build(name, task).eval(), build(name, task).eval(), build(name, task).eval()
    batch = batch_for(task, 16)
    whole(batch)
    first(Batch(batch.inputs[:5], batch.annotation[:5], batch.sample_id[:5]))
    second(Batch(batch.inputs[5:], batch.annotation[5:], batch.sample_id[5:]))
    for key, state in first.running_states().items():
        state.merge_(second.running_states()[key])
        for field, value in state:
            torch.testing.assert_close(value, whole.running_states()[key].tensor(field), atol=1e-6, rtol=1e-5)


@every_method
@every_task
def test_four_unequal_micro_batches_are_one_batch(name: str, kind: str) -> None:
    task = supported(name, kind)
    if find_method(name).compares_rows:
        pytest.skip("it compares the rows of a batch, and micro-batches are refused")
    method = build(name, task).eval()
    batch = batch_for(task, 16)
    whole = method(batch)
    parts = [
        method(Batch(batch.inputs[a:b], batch.annotation[a:b], batch.sample_id[a:b]))
        for a, b in ((0, 1), (1, 4), (4, 9), (9, 16))
    ]
    for key, term in whole.items():
        torch.testing.assert_close(sum(p[key].sum for p in parts), term.sum, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(sum(p[key].mass for p in parts), term.mass, rtol=1e-5, atol=1e-5)


@every_method
def test_fingerprints_tell_options_apart(name: str) -> None:
    task = some_task(name)
    method = build(name, task)
    for stage in method.stages():
        assert method.fingerprint(stage) == method.fingerprint(stage)
        assert isinstance(method.fingerprint(stage), dict)


COUNTS_FOR_ELSE = {"label_aware_smoothing", "regression"}
"""Read class counts in their loss, but to smooth, and for the unit of the values; not to even classes out."""


@every_method
def test_who_corrects_for_rare_classes_says_so_beside_a_sampler_that_does_too(name: str) -> None:
    task = some_task(name)
    methods = []
    for counts in (COUNTS, torch.full((4,), 20.0).double()):
        torch.manual_seed(0)  # from which networks of its own are drawn
        methods.append(build(name, task, counts=counts).eval())
    tailed, even = methods
    losses = [total(method, method(batch_for(task))).item() for method in (tailed, even)]
    corrects = losses[0] != losses[1] and name not in COUNTS_FOR_ELSE
    for sampler in ("balanced", "square-root", "progressive"):
        told = [note for note in tailed.notes(sampler) if f"so does --sampler {sampler}" in note]
        assert bool(told) == corrects
        assert all(len(note) < 140 for note in told)
    assert not [note for note in tailed.notes("instance") if "--sampler" in note]
