"""NumPy twins of splits, long tail, noise, samplers and shifts, written as plainly as the formulas."""

from __future__ import annotations

import math

import numpy as np


def held_out_size(count, share):
    """min(max(1, round(share n)), n - 1)."""
    if count == 0:
        return 0
    wanted = round(share * count)
    wanted = 1 if wanted < 1 else wanted
    return count - 1 if wanted > count - 1 else wanted


def long_tail_counts(num_classes, largest, imbalance):
    """n_j = int(n_max IF^(-j / (K - 1))), through logarithms."""
    steps = [j / (num_classes - 1) for j in range(num_classes)]
    return [math.floor(math.exp(math.log(largest) - s * math.log(imbalance)) + 1e-9) for s in steps]


def class_probabilities(counts, exponent):
    """p_j = n_j^q / sum n^q over the classes that have rows."""
    counts = np.asarray(counts, dtype=np.float64)
    mass = np.array([n**exponent if n > 0 else 0.0 for n in counts])
    return mass / mass.sum()


def progressive(counts, epoch, epochs):
    """(1 - t / (E - 1)) p_IB + t / (E - 1) p_CB."""
    t = epoch / (epochs - 1)
    return (1 - t) * class_probabilities(counts, 1) + t * class_probabilities(counts, 0)


def symmetric(num_classes, rate):
    """1 - r on the diagonal, r / (K - 1) elsewhere."""
    return np.array(
        [[1 - rate if i == j else rate / (num_classes - 1) for j in range(num_classes)] for i in range(num_classes)]
    )


def class_dependent(num_classes, rate):
    """1 - r on the diagonal, r one to the right of it, around the end."""
    matrix = np.zeros((num_classes, num_classes))
    for k in range(num_classes):
        matrix[k, k] += 1 - rate
        matrix[k, (k + 1) % num_classes] += rate
    return matrix


def shifted(image, down, right):
    """An image (C, H, W) moved down and right by whole pixels, zeros where nothing was."""
    _, height, width = image.shape
    moved = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                moved[:, y, x] = image[:, y - down, x - right]
    return moved


def probabilities_of_votes(votes):
    """Rows divided by their sums."""
    votes = np.asarray(votes, dtype=np.float64)
    return votes / votes.sum(1, keepdims=True)
