"""CutMix (Yun et al., ICCV 2019, section 3): a part of each image comes from another one, and so much of its label."""

from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import Field

from softlabel.data.batch import Batch
from softlabel.labels import mix
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Terms
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class CutMix(Method):
    """One rectangle per batch; the share of a label is that of the pixels which are there (equation 1)."""

    class Config(MethodConfig):
        alpha: float = Field(1.0, gt=0, le=1e6, description="both parameters of the beta distribution of the share")
        probability: float = Field(1.0, ge=0, le=1, description="share of the batches that are mixed")

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if not getattr(network.backbone, "spatial", False):
            return "it cuts parts out of images, and these inputs, or what this network reads, are rows of numbers"
        return super().supports(task, network)

    def transform(self, batch: Batch, generator: torch.Generator) -> Batch:
        draws = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        share = float(draws.beta(self.config.alpha, self.config.alpha))
        if draws.random() >= self.config.probability or not len(batch):
            return batch
        height, width = batch.inputs.shape[2:]
        box = rectangle(height, width, share, draws)
        other = torch.randperm(len(batch), generator=generator).to(batch.inputs.device)
        mixed = batch.inputs.clone()
        mixed[:, :, box[0] : box[1], box[2] : box[3]] = batch.inputs[other][:, :, box[0] : box[1], box[2] : box[3]]
        kept = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (height * width)  # what is left when the edge has cut it
        shares = torch.full((len(batch),), kept, device=batch.inputs.device)
        return Batch(mixed, batch.annotation, batch.sample_id, batch.annotation[other], shares)

    def forward(self, batch: Batch) -> Terms:
        label = self.task.label(batch.annotation)
        if batch.partner is not None and batch.own_share is not None:
            label = mix(label, self.task.label(batch.partner), batch.own_share)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}


def rectangle(height: int, width: int, share: float, draws: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is cut out: sides by sqrt(1 - share), its middle anywhere (equation 2)."""
    tall, wide = (int(length * math.sqrt(1 - share)) for length in (height, width))
    row, column = int(draws.integers(height)), int(draws.integers(width))
    top, bottom = max(0, row - tall // 2), min(height, row + tall // 2)
    left, right = max(0, column - wide // 2), min(width, column + wide // 2)
    return top, bottom, left, right
