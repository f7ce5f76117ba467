"""A label as plain tensors and a word that says what they are: what an operator can take and a file can hold.

    s indices values background     t table row     p index place other share
    d probabilities     m2 <two labels> weight weight

A form whose `known` tensor follows its own is written in capitals.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from softlabel.labels.amounts import exact_dtype
from softlabel.labels.dense import Dense
from softlabel.labels.distribution import Amount, LabelDistribution
from softlabel.labels.from_table import Table
from softlabel.labels.mix import Mixture
from softlabel.labels.patched import Patched
from softlabel.labels.sparse import Sparse


def lower(label: LabelDistribution) -> tuple[str, list[Tensor]]:
    """The word and the tensors of a label; numbers become tensors ()."""
    if isinstance(label, Mixture):
        lowered = [lower(part) for part in label.parts]
        weights = [as_tensor(weight, label.device) for weight in label.weights]
        word = " ".join([f"m{len(lowered)}", *(word for word, _ in lowered)])
        return word, [tensor for _, tensors in lowered for tensor in tensors] + weights
    if isinstance(label, Sparse):
        amounts = [as_tensor(amount, label.device) for amount in (label.values, label.background)]
        word, tensors = "s", [label.indices, *amounts]
    elif isinstance(label, Table):
        word, tensors = "t", [label.table, label.row]
    elif isinstance(label, Patched):
        word, tensors = "p", [label.index, label.place, label.other, label.share]
    elif isinstance(label, Dense):
        word, tensors = "d", [label.probabilities]
    else:
        raise TypeError(f"{type(label).__name__} is not a lowered form")
    return (word, tensors) if label.known is None else (word.upper(), [*tensors, label.known])


def restore(word: str, tensors: list[Tensor], num_classes: int) -> LabelDistribution:
    """The label that `lower` took apart."""
    return restore_next(iter(word.split()), iter(tensors), num_classes)


def restore_next(words: Iterator[str], tensors: Iterator[Tensor], num_classes: int) -> LabelDistribution:
    word = next(words)
    if word.startswith("m"):
        parts = tuple(restore_next(words, tensors, num_classes) for _ in range(int(word[1:])))
        return Mixture(parts, tuple(as_amount(next(tensors)) for _ in parts))
    own = [next(tensors) for _ in range({"s": 3, "t": 2, "p": 4, "d": 1}[word.lower()])]
    known = next(tensors) if word.isupper() else None
    if word.lower() == "s":
        return Sparse(own[0], as_amount(own[1]), as_amount(own[2]), num_classes, known)
    if word.lower() == "p":
        return Patched(own[0], own[1], own[2], own[3], num_classes, known)
    return Table(own[0], own[1], known) if word.lower() == "t" else Dense(own[0], known)


def as_tensor(amount: Amount, device: torch.device) -> Tensor:
    if isinstance(amount, Tensor):
        return amount
    return torch.full((), amount, dtype=exact_dtype(device), device=device)


def as_amount(tensor: Tensor) -> Amount:
    """A number again, where reading it costs no wait."""
    return tensor.item() if tensor.ndim == 0 and tensor.device.type == "cpu" else tensor
