"""Methods on a label axis hold its values, and are refused where the labels lie on none."""

from __future__ import annotations

import pytest
import torch

from softlabel.methods.base.axis_method import AxisMethod
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.methods.base.method import TrainingSet
from softlabel.networks.build import build_network
from tests.contract.test_methods import INPUTS, NUM_CLASSES, TASKS, network_for, no_teacher

ON_AN_AXIS = [name for name in method_names() if issubclass(find_method(name), AxisMethod)]


def test_the_methods_on_an_axis() -> None:
    assert {"dldl_v2", "regression", "sord"} <= {*ON_AN_AXIS}


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_without_one_axis_is_refused(kind: str) -> None:
    task = TASKS[kind]
    network = build_network(network_for("sord", task), INPUTS, NUM_CLASSES, 0)
    reason = AxisMethod.supports(task, network)
    assert reason == (None if kind == "ordinal" else f"it needs one label axis, which the task {kind} has not")


@pytest.mark.parametrize("name", ON_AN_AXIS)
def test_it_holds_a_copy_of_the_axis_that_is_moved_and_not_saved(name: str) -> None:
    task, kind = TASKS["ordinal"], find_method(name)
    network = build_network(network_for(name, task), INPUTS, NUM_CLASSES, 0)
    method = kind(kind.Config(), network, task, TrainingSet(4, torch.ones(NUM_CLASSES), no_teacher))
    assert isinstance(method, AxisMethod)
    assert task.grid is not None
    torch.testing.assert_close(method.grid, task.grid)
    assert method.grid is not task.grid
    assert "grid" not in method.state_dict()
    assert method.to("meta").grid.device.type == "meta"
