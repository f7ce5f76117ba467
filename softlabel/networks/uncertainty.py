"""How far a row's label can be trusted, from what its neighbours in the batch are labelled (DMUE, section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PairwiseUncertainty(nn.Module):
    """Similarity of a row to each class, and its own class -> confidence in (0, 1).

    knows_label   False for a confidence that is not told which class the row's own is: its similarity comes first, the
                  others follow in descending order
    """

    def __init__(self, num_classes: int, knows_label: bool = True) -> None:
        super().__init__()
        self.knows_label = knows_label
        self.hidden = nn.Linear((1 + knows_label) * num_classes, num_classes, bias=False)
        self.activation = nn.PReLU()
        self.output = nn.Linear(num_classes, 1, bias=False)

    def forward(self, similarity: Tensor, one_hot: Tensor) -> Tensor:
        """(N, K), (N, K) -> (N,)."""
        statistics = torch.cat([similarity, one_hot], -1) if self.knows_label else own_first(similarity, one_hot)
        return torch.sigmoid(self.output(self.activation(self.hidden(statistics))))[:, 0]


def own_first(similarity: Tensor, one_hot: Tensor) -> Tensor:
    """Similarity (N, K) to the row's own class (N, K), then to the others in descending order, (N, K)."""
    own = one_hot.bool()
    others = similarity[~own].view(len(similarity), -1)
    return torch.cat([similarity[own][:, None], others.sort(-1, descending=True).values], -1)


def class_similarity(
    features: Tensor,
    others: Tensor,
    one_hot: Tensor,
    own_row: Tensor | None = None,
    means: Tensor | None = None,
) -> Tensor:
    """S of the paper: mean cosine between each row and the rows of each class, (n, K).

    features   (n, D); others (N, D) with their classes one_hot (N, K), among them the rows themselves
    own_row    (n,) indices of the rows among the others, to leave each row out of its own mean; None counts it
    means      (K, D) what stands for a class that no row has; without it such a class has similarity 0
    """
    rows, columns = F.normalize(features.float()), F.normalize(others.float())
    cosine = rows @ columns.T
    counts = one_hot.sum(0).expand(len(rows), -1)
    if own_row is not None:
        own = torch.zeros_like(cosine).scatter_(1, own_row[:, None], 1.0)
        cosine = cosine * (1 - own)
        counts = counts - one_hot[own_row]
    similarity = (cosine @ one_hot) / counts.clamp_min(1)
    if means is None:
        return similarity
    return torch.where(counts > 0, similarity, rows @ F.normalize(means.float()).T)


def min_max_scaled(similarity: Tensor) -> Tensor:
    """Each row brought to 0 .. 1, as the released code does; 0 where all its values are equal."""
    low, high = similarity.aminmax(dim=-1, keepdim=True)
    return (similarity - low) / torch.where(high > low, high - low, 1)
