"""A method that is moved to a device takes everything along: the `meta` device stands for a GPU."""

from __future__ import annotations

import collections
import functools
import inspect
import types
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Any

import pytest
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from softlabel.methods.base.decoupled import Decoupled
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.running_state import RunningState
from softlabel.tasks.task import Task
from tests.contract.test_methods import TASKS, batch_for, build, no_teacher, refusal, some_task
from tests.methods.made import made

PASSED_BY = (Task, BaseModel, type, types.ModuleType, Enum, str, bytes, torch.device, torch.dtype)
"""What holds no tensor of the method's: a task reads annotations on whichever device they are (below)."""
REPRESENTATIONS = [
    name
    for name in method_names()
    if not issubclass(find_method(name), Decoupled) and find_method(name).head_kind == "linear"
]
DECOUPLED = [name for name in method_names() if issubclass(find_method(name), Decoupled)]


def reachable(value: Any, path: str, seen: dict[int, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that can be reached from a value, and how."""
    if id(value) in seen or isinstance(value, PASSED_BY):
        return
    seen[id(value)] = value  # kept, so that no other object gets its number
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from reachable(part, f"{path}[{key!r}]", seen)
    elif isinstance(value, types.MethodType):
        yield from reachable(value.__self__, path, seen)
        yield from reachable(value.__func__, path, seen)
    elif isinstance(value, types.FunctionType):
        yield from reachable(inspect.getclosurevars(value).nonlocals, f"{path}()", seen)
        yield from reachable(value.__defaults__, f"{path}()", seen)
    elif isinstance(value, functools.partial):
        yield from reachable((value.func, value.args, value.keywords), path, seen)
    else:
        for name in attributes(value):
            yield from reachable(getattr(value, name, None), f"{path}.{name}", seen)
        if isinstance(value, Collection) and not isinstance(value, nn.Module):
            for place, part in enumerate(value):
                yield from reachable(part, f"{path}[{place}]", seen)


def attributes(value: Any) -> list[str]:
    """The names of what an object holds itself, and of tensors that its class does."""
    classes = [vars(kind) for kind in type(value).__mro__]
    slots = [name for kind in classes for name in kind.get("__slots__", ())]
    shared = [name for kind in classes for name, part in kind.items() if isinstance(part, Tensor)]
    return [*getattr(value, "__dict__", {}), *slots, *shared]


def left_behind(method: Method) -> list[str]:
    return [path for path, tensor in reachable(method, "method", {}) if tensor.device.type != "meta"]


def begin(method: Method, places: int) -> None:
    for stage in method.stages()[: places + 1]:
        method.begin_stage(stage)
        method.begin_epoch(0, 2)


def stages_of(name: str) -> int:
    return len(build(name, some_task(name)).stages())


EVERY_STAGE = [(name, place) for name in method_names() for place in range(stages_of(name))]


@pytest.mark.parametrize(("name", "place"), EVERY_STAGE)
def test_moved_before_a_stage_and_within_it(name: str, place: int) -> None:
    for task in TASKS.values():
        if refusal(name, task) is None:
            method = build(name, task).to("meta")
            begin(method, place)
            assert left_behind(method) == []
            method = build(name, task)
            begin(method, place)
            assert left_behind(method.to("meta")) == []


@pytest.mark.parametrize("name", DECOUPLED)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_the_first_stage_comes_along_whatever_it_is(name: str, representation: str) -> None:
    from softlabel.errors import ConfigError

    try:
        method = made(name, representation=representation)
    except ConfigError as error:
        pytest.skip(str(error))
    method.to("meta")
    for place in range(2):
        begin(method, place)
        assert left_behind(method) == []


@pytest.mark.parametrize(
    "name", [name for name in DECOUPLED if "classifier_labels" in find_method(name).Config.model_fields]
)
@pytest.mark.parametrize("labels", ["hard", "label_smoothing", "online_label_smoothing"])
def test_tables_of_the_second_stage_are_made_where_the_method_is(name: str, labels: str) -> None:
    method = made(name, classifier_labels=labels).to("meta")
    begin(method, 1)
    assert left_behind(method) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dmue", {"bank": True}),
        ("dive", {"student_loss": "cross_entropy"}),
        ("dive", {"teacher": "runs/some"}),
        ("focal", {"weighting": "inverse"}),
        ("logit_adjustment", {"when": "post-hoc"}),
        ("ncm", {"features": "normalised"}),
        ("ncm", {"features": "plain"}),
        ("dasl", {"classifier_auxiliary": "reinitialise"}),
    ],
)
def test_options_that_hold_more_come_along_too(name: str, options: dict[str, Any]) -> None:
    method = made(name, **options).to("meta")
    begin(method, len(method.stages()) - 1)
    assert left_behind(method) == []


class Slotted:
    __slots__ = ("kept",)
    kept: torch.Tensor


class Narrow(Slotted):
    __slots__ = ()


class Forgetful(Method):
    """Holds tensors in every way that a method may."""

    shared = torch.zeros(2)

    def __init__(self, config: MethodConfig, network: Any, task: Any, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.plain = torch.zeros(2)
        self.hidden = (nn.Linear(2, 2), {"kept": torch.zeros(1)})
        self.state = RunningState()
        self.state.declare("sums", torch.zeros(3), "sum")
        self.given = training_set
        kept = torch.zeros(1)
        self.closure = lambda: kept
        self.partial = functools.partial(torch.add, torch.zeros(1))
        self.queue = collections.deque([torch.zeros(1)])
        self.narrow = Narrow()
        self.narrow.kept = torch.zeros(1)

    def forward(self, batch: Any) -> Terms:
        return {}


def test_the_law_finds_what_is_left_behind_and_running_states_are_moved() -> None:
    task = TASKS["classification"]
    network = build("cross_entropy", task).network
    training_set = TrainingSet(3, torch.ones(4), no_teacher, torch.zeros(3))
    method = Forgetful(MethodConfig(), network, task, training_set).to("meta")
    assert left_behind(method) == [
        "method.plain",
        "method.hidden[0]._parameters['weight']",
        "method.hidden[0]._parameters['bias']",
        "method.hidden[1]['kept']",
        "method.given.class_counts",
        "method.given.annotation",
        "method.closure()['kept']",
        "method.partial[1][0]",
        "method.queue[0]",
        "method.narrow.kept",
        "method.shared",
    ]


@pytest.mark.parametrize("kind", sorted({*TASKS} - {"multi-label"}))  # which looks at values, and `meta` has none
def test_a_task_makes_labels_where_the_annotation_is(kind: str) -> None:
    task = TASKS[kind]
    label = task.label(batch_for(task).annotation.to("meta"))
    found = [tensor for _, tensor in reachable(label, "label", {})]
    assert found
    assert {tensor.device.type for tensor in found} == {"meta"}


def test_statistics_are_moved_and_never_cast() -> None:
    method = build("online_label_smoothing", TASKS["classification"]).half()
    assert {tensor.dtype for state in method.running_states().values() for _, tensor in state} == {
        torch.float32,
        torch.float64,
    }
    assert method.network.head.weight.dtype == torch.float16
