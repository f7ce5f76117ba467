"""Online label smoothing (Zhang et al., IEEE TIP 2021): last epoch's correct predictions are this epoch's labels."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels import from_table, mix
from softlabel.labels.online_table import OnlineTable
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.running_state import AllReduce
from softlabel.tasks.task import Task


class OnlineLabelSmoothing(Method):
    """The label is mixed with its class's mean prediction of the previous epoch, over correct predictions only."""

    needs_one_class = True

    class Config(MethodConfig):
        hard_weight: Share = Field(0.5, description="share of the sample's own label (alpha in the paper)")
        start_epsilon: Share = Field(0.1, description="smoothing of the table that the first epoch uses")

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.table = OnlineTable(task.num_classes, self.config.start_epsilon)

    def forward(self, batch: Batch) -> Terms:
        logits = self.network(batch.inputs)
        index = self.task.index(batch.annotation)
        self.table.observe(logits.detach(), index)  # the table is a label, not a path for gradients
        online = from_table(index, self.table.current, validate=False)
        label = mix(self.task.label(batch.annotation), online, self.config.hard_weight)
        return {"cross_entropy": sum_and_mass(cross_entropy, logits, label)}

    def end_epoch(self, all_reduce: AllReduce) -> None:
        self.table.turn(all_reduce)

    def tables(self) -> dict[str, Tensor]:
        return {"Learned soft labels, one row per class": self.table.current}
