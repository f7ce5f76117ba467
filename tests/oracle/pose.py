"""Scores of two angles in NumPy, one row at a time; p (N, A, B), truth (N, 2)."""

from __future__ import annotations

import math

import numpy as np


def decoded(p: np.ndarray, pitch: np.ndarray, yaw: np.ndarray, decoding: str) -> tuple[float, float]:
    if decoding == "joint":
        a, b = np.unravel_index(np.argmax(p), p.shape)
        return float(pitch[a]), float(yaw[b])
    of_pitch = [sum(p[a, b] for b in range(len(yaw))) for a in range(len(pitch))]
    of_yaw = [sum(p[a, b] for a in range(len(pitch))) for b in range(len(yaw))]
    if decoding == "marginal":
        return float(pitch[int(np.argmax(of_pitch))]), float(yaw[int(np.argmax(of_yaw))])
    return float(np.dot(of_pitch, pitch)), float(np.dot(of_yaw, yaw))


def counted(p: np.ndarray, truth: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(a, b) for a, b in zip(p, truth, strict=True) if not np.isnan(b).any()]


def error(
    p: np.ndarray, truth: np.ndarray, pitch: np.ndarray, yaw: np.ndarray, angle: str, decoding: str = "joint"
) -> float:
    errors = []
    for row, true in counted(p, truth):
        found = decoded(row, pitch, yaw, decoding)
        one, other = abs(found[0] - true[0]), abs(found[1] - true[1])
        errors.append({"pitch": one, "yaw": other, "both": math.hypot(one, other)}[angle])
    return float(np.mean(errors))


def accuracy(
    p: np.ndarray, truth: np.ndarray, pitch: np.ndarray, yaw: np.ndarray, angle: str, decoding: str = "joint"
) -> float:
    right = []
    for row, true in counted(p, truth):
        found = decoded(row, pitch, yaw, decoding)
        one = found[0] == pitch[np.argmin(abs(pitch - true[0]))]
        other = found[1] == yaw[np.argmin(abs(yaw - true[1]))]
        right.append({"pitch": one, "yaw": other, "both": one and other}[angle])
    return float(np.mean(right))


def nll(p: np.ndarray, truth: np.ndarray, pitch: np.ndarray, yaw: np.ndarray) -> float:
    return float(
        np.mean(
            [
                -math.log(row[np.argmin(abs(pitch - true[0])), np.argmin(abs(yaw - true[1]))])
                for row, true in counted(p, truth)
            ]
        )
    )
