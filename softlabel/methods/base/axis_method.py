"""What methods share whose rows have a number each, on the one label axis of the task."""

from __future__ import annotations

from torch import Tensor

from softlabel.methods.base.method import Method, MethodConfig, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class AxisMethod(Method):
    """Base of methods that need a label axis: annotations are (N, 2), a value and its spread.

    grid   the values of the labels, ascending float (K,), on the method's device
    """

    grid: Tensor

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if task.grid is None:
            return f"it needs one label axis, which the task {task.name} has not"
        return super().supports(task, network)

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        assert task.grid is not None
        self.register_buffer("grid", task.grid.clone(), persistent=False)
