"""How far apart labels are: what says which absent labels are related to a present one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.labels.checks import first


def grid_distance(grid: Tensor) -> Tensor:
    """Between ordered labels: grid (K,) or (K, A) -> (K, K).

    Source: the Euclidean distance of the labels' values, as in a Gaussian of DLDL (Gao et al., IEEE TIP 2017, section
    3.2).

    >>> import torch
    >>> from softlabel.labels.label_distance import grid_distance
    >>> grid_distance(torch.tensor([0.0, 5.0, 15.0])).tolist()
    [[0.0, 5.0, 15.0], [5.0, 0.0, 10.0], [15.0, 10.0, 0.0]]
    """
    points = grid.double().reshape(len(grid), -1)
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def embedding_distance(embeddings: Tensor) -> Tensor:
    """Between labels with embeddings, d^2 = 1 - cosine: (K, D) -> (K, K).

    Raises ValueError with the first label whose embedding has no direction.
    Source: ours; a monotone function of the cosine, by which word embeddings are compared (Mikolov et al. 2013).

    >>> import torch
    >>> from softlabel.labels.label_distance import embedding_distance
    >>> distance = embedding_distance(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]))
    >>> distance.tolist()  # the length of an embedding says nothing
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    length = embeddings.double().norm(dim=-1)
    bad = ~((length > 0) & torch.isfinite(length))
    if bad.any():
        label = first(bad)[0]
        raise ValueError(f"embeddings, label {label}: of length {length[label].item():g}, without a direction")
    unit = F.normalize(embeddings.double())
    return (1 - unit @ unit.T).clamp_min(0).fill_diagonal_(0).sqrt()


def cooccurrence_distance(level: Tensor, floor: float = 1e-3) -> Tensor:
    """Between labels by how often they occur together, d^2 = -log(s), s = n_jk / (n_j + n_k - n_jk), at least `floor`.

    Shapes: level (N, K), above 0 where a label is present (levels, or 0 and 1)  ->  (K, K).
    Source: ours, from the index s of Jaccard (1912).

    >>> import torch
    >>> from softlabel.labels.label_distance import cooccurrence_distance
    >>> level = torch.tensor([[2, 2, 0], [2, 2, 0], [2, 0, 2], [0, 0, 2]])
    >>> [round(d, 3) for d in cooccurrence_distance(level)[0, 1:].tolist()]  # the second label is nearer
    [0.637, 1.177]
    """
    present = (level > 0).double()
    together = present.T @ present
    single = together.diagonal()
    either = single[:, None] + single[None, :] - together
    similarity = (together / either.clamp_min(1)).clamp(floor, 1.0).fill_diagonal_(1.0)
    return (-similarity.log()).clamp_min(0).sqrt()
