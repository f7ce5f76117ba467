"""A Gaussian around each true label of several, so that related absent labels get a share.

Peaks are those that P/D/N labels would have (DLDL, section 3.2.3): weights come from non-negative least squares, since
Gaussians of neighbouring labels overlap. Nominal labels have no order, so distances between labels say what is near.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from softlabel.labels.checks import and_more, first
from softlabel.labels.dense import Dense
from softlabel.labels.levels import DIFFICULT, POSITIVE, Empty, check_amounts, check_levels, normalised


def gaussian_mixture(
    level: Tensor,
    distance: Tensor,
    sigma: float,
    positive: float = 1.0,
    difficult: float = 0.3,
    negative: float = 0.005,
    *,
    empty: Empty = "ignore",
    validate: bool = True,
) -> Dense:
    """q proportional to negative + sum_l pi_l exp(-d_lk^2 / 2 sigma^2), with pi >= 0 nearest to the peaks asked for.

    Shapes: level (..., K) codes 2, 1, 0 as in `levels`, distance (K, K)  ->  labels of shape (..., K).
    sigma towards 0 is `levels` with its amounts less `negative`. A difficult label beside a positive one may get pi 0:
    then the neighbour explains more than was asked for it. Needs scipy, once per set of labels that occurs.
    Raises ValueError for codes, amounts, distances or a sigma that cannot be.
    Source: ours, with the peaks of DLDL (Gao et al., IEEE TIP 2017, section 3.2.3).

    >>> import torch
    >>> import softlabel as sl
    >>> distance = torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 3.0], [3.0, 3.0, 0.0]])  # dog, wolf, car
    >>> sl.labels.gaussian_mixture(torch.tensor([[2, 0, 0]]), distance, sigma=1.0).dense()  # a dog alone
    tensor([[0.6156, 0.3746, 0.0099]])
    """
    check_amounts(positive, difficult, negative)
    if validate:
        check_levels(level)
        check_distance(distance, level.shape[-1])
    if not sigma >= 0:
        raise ValueError(f"sigma is {sigma}, expected a width from 0")
    kernel = label_kernel(distance, sigma)
    patterns, place = torch.unique(level.reshape(-1, level.shape[-1]), dim=0, return_inverse=True)
    peaks = {POSITIVE: positive - negative, DIFFICULT: difficult - negative}
    amounts = np.stack([negative + mixture_of(row, kernel, peaks) for row in patterns.cpu().numpy()])
    rows = torch.from_numpy(amounts).to(level.device, torch.get_default_dtype())[place]
    return normalised(rows.reshape(level.shape), level, empty)


def label_kernel(distance: Tensor, sigma: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """exp(-d^2 / 2 sigma^2) with a diagonal of 1, (K, K)."""
    apart: np.ndarray[tuple[int, int], np.dtype[np.float64]] = distance.detach().cpu().double().numpy()
    with np.errstate(over="ignore"):  # a tiny sigma: nothing is near
        scaled = apart / sigma if sigma > 0 else np.where(apart == 0, 0, np.inf)
        kernel: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.exp(-(scaled**2) / 2)
    return kernel


def mixture_of(
    level: np.ndarray[tuple[int], np.dtype[np.int64]],
    kernel: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    peaks: dict[int, float],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The sum of the Gaussians of one row's labels, (K,), without the floor of negative labels."""
    from scipy.optimize import nnls

    present = np.flatnonzero(level)
    if len(present) == 0:
        return np.zeros(len(level))
    asked = np.array([peaks[int(level[k])] for k in present])
    weights, _ = nnls(kernel[np.ix_(present, present)], asked)
    summed: np.ndarray[tuple[int], np.dtype[np.float64]] = weights @ kernel[present]
    return summed


def check_distance(distance: Tensor, num_classes: int) -> None:
    """Square, symmetric, not negative, 0 on the diagonal."""
    if distance.shape != (num_classes, num_classes):
        raise ValueError(f"distance has shape {tuple(distance.shape)}, expected ({num_classes}, {num_classes})")
    bad = ~torch.isfinite(distance) | (distance < 0) | ~torch.isclose(distance, distance.T)
    if bad.any():
        one, other = first(bad)
        there, back = distance[one, other].item(), distance[other, one].item()
        raise ValueError(
            f"distance, labels {one} and {other}: {there:g} one way and {back:g} the other; expected a symmetric matrix"
            f" of finite numbers from 0{and_more(bad)}"
        )
    bad = distance.diagonal() > 1e-6
    if bad.any():
        (label,) = first(bad)
        raise ValueError(f"distance, label {label}: {distance[label, label].item():g} from itself, expected 0")
