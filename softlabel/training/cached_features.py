"""The training part as a frozen backbone sees it: computed once, without augmentation."""

from __future__ import annotations

import torch

from softlabel.data.batches import batches
from softlabel.data.samples import HeldSamples, Samples
from softlabel.networks.network import Network


@torch.no_grad()
def cached_features(samples: Samples, network: Network, device: torch.device, batch_size: int) -> HeldSamples:
    """Pooled features (N, D) of all samples, in their order, by the network in evaluation mode."""
    was_training = network.training
    network.eval()
    order = torch.arange(len(samples))
    found = [network.features(b.inputs.to(device)).pooled.cpu() for b in batches(samples, order, batch_size)]
    network.train(was_training)
    return HeldSamples(torch.cat(found), order, samples.annotation, samples.sample_id)
