"""What a method needs of a task is refused where the task has it not, by every method that needs it."""

from __future__ import annotations

import pytest
import torch

from softlabel.methods.base.axis_method import AxisMethod
from softlabel.methods.base.discovery import find_method, method_names
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.pose import Pose
from tests.methods.made import IMAGES

NETWORK = build_network(NetworkConfig(backbone="resnet8"), IMAGES, 4, 0)
NEED_AXIS = [name for name in method_names() if issubclass(find_method(name), AxisMethod)]
NEED_ONE_CLASS = [name for name in method_names() if find_method(name).needs_one_class]
POSE = Pose(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]), AxisConfig())


@pytest.mark.parametrize("task", [POSE, Classification(list("abcd"))], ids=lambda task: task.name)
@pytest.mark.parametrize("name", NEED_AXIS)
def test_methods_that_need_a_label_axis_refuse_tasks_without_one(name: str, task: Classification | Pose) -> None:
    reason = find_method(name).supports(task, NETWORK)
    assert reason is not None
    assert f"the task {task.name} " in reason
    assert task is not POSE or reason == "it needs one label axis, which the task pose has not"


@pytest.mark.parametrize("name", NEED_ONE_CLASS)
def test_methods_that_need_one_class_refuse_several(name: str) -> None:
    reason = find_method(name).supports(MultiLabel(list("abcd")), NETWORK)
    assert reason == "it needs one class that stands for each row, and a row of the task multi-label can have several"


def test_those_that_need_one_are_those_that_are_known_to() -> None:
    assert {"dldl_v2", "sord", "regression"} <= {*NEED_AXIS}
    assert {"online_label_smoothing", "label_aware_smoothing", "crt", "lws", "mislas"} <= {*NEED_ONE_CLASS}
    assert find_method("dldl").supports(POSE, NETWORK) is None  # two angles have neighbours, if no axis
