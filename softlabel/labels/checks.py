"""Checks of values, with the first bad row. They wait for a GPU, so loops switch them off with validate=False."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.labels.modes import may_look

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def split_ignored(index: Tensor, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """The index as int64 with 0 in the ignored places, and the bool tensor of the places that are known.

    None instead of the latter if all are known, where finding that out costs no wait.
    """
    if index.dtype not in _INTEGERS:
        raise TypeError(f"index is {index.dtype}, expected an integer dtype")
    if may_look(index) and none_ignored(index, ignore_index):
        return index.long(), None
    known = index != ignore_index
    return torch.where(known, index, 0).long(), known


def none_ignored(index: Tensor, ignore_index: int) -> bool:
    """Whether no place is ignored, which is looked up."""
    if ignore_index < 0:  # a minimum is the fastest look; another negative index is not ignored but wrong
        return index.numel() == 0 or index.amin().item() >= 0
    return all_true(index != ignore_index)


def all_true(flags: Tensor) -> bool:
    """Whether all of these bools are True, by a minimum of bytes, which is ten times as fast as all()."""
    return flags.numel() == 0 or bool(flags.view(torch.uint8).amin())


def check_index(index: Tensor, num_classes: int, ignore_index: int) -> None:
    """Every index lies in [0, num_classes) or is the ignored one."""
    if index.dtype not in _INTEGERS:
        raise TypeError(f"index is {index.dtype}, expected an integer dtype")
    bad = ((index < 0) | (index >= num_classes)) & (index != ignore_index)
    if bad.any():
        row = first(bad)
        expected = f"a class from 0 to {num_classes - 1}, or {ignore_index} for ignored"
        raise ValueError(f"index, {place(row)}: {index[row].item()} is not {expected}{and_more(bad)}")


def check_probabilities(rows: Tensor, name: str) -> None:
    """Every row is non-negative, finite, and sums to 1."""
    bad = ~torch.isfinite(rows) | (rows < 0)
    if bad.any():
        where, value = entry(rows, bad, "class")
        raise ValueError(f"{name}, {where}: {value:g} is not a probability{and_more(bad)}")
    tolerance = 1e-5 if rows.dtype in (torch.float32, torch.float64) else 1e-2
    total = rows.sum(-1, dtype=torch.float64)
    bad = (total - 1).abs() > tolerance
    if bad.any():
        row = first(bad)
        raise ValueError(f"{name}, {place(row)}: sums to {total[row].item():.6g}, expected 1{and_more(bad)}")


def check_share(share: float | Tensor, num_classes: int, name: str) -> None:
    """A number in [0, 1], or one per class."""
    values = torch.as_tensor(share)
    if values.ndim and values.shape != (num_classes,):
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}, expected a number or one per class, ({num_classes},)"
        )
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        row = first(bad)
        where = f", class {row[0]}" if row else ""
        raise ValueError(f"{name}{where} is {values[row].item():g}, expected a share between 0 and 1")


def check_votes(counts: Tensor, prior: float | Tensor) -> None:
    """Counts are finite and not negative, and no row is without a vote."""
    bad = ~torch.isfinite(counts) | (counts < 0)
    if bad.any():
        *row, column = first(bad)
        value = counts[(*row, column)].item()
        raise ValueError(
            f"counts, {place(tuple(row))}, class {column}: {value:g} is not a count of votes{and_more(bad)}"
        )
    extra = torch.as_tensor(prior)
    if not (torch.isfinite(extra) & (extra >= 0)).all():
        raise ValueError(f"prior is {prior}, expected a number of votes (from 0)")
    bad = (counts + prior).sum(-1) == 0
    if bad.any():
        raise ValueError(f"counts, {place(first(bad))}: no vote at all; mask the row, or give a prior{and_more(bad)}")


def check_top_k(values: Tensor, indices: Tensor, num_classes: int, rest: str) -> None:
    """Values are probabilities with a sum of at most 1, indices distinct classes of the same shape."""
    if values.shape != indices.shape:
        raise ValueError(f"values have shape {tuple(values.shape)}, indices {tuple(indices.shape)}; expected the same")
    if not values.is_floating_point():
        raise TypeError(f"values are {values.dtype}, expected a floating dtype")
    if indices.dtype not in _INTEGERS:
        raise TypeError(f"indices are {indices.dtype}, expected an integer dtype")
    bad = (indices < 0) | (indices >= num_classes)
    if bad.any():
        where, value = entry(indices, bad, "entry")
        raise ValueError(f"indices, {where}: {value} is not a class from 0 to {num_classes - 1}{and_more(bad)}")
    ordered = indices.sort(-1).values
    bad = (ordered[..., 1:] == ordered[..., :-1]).any(-1)
    if bad.any():
        raise ValueError(f"indices, {place(first(bad))}: a class is listed twice{and_more(bad)}")
    bad = ~torch.isfinite(values) | (values < 0)
    if bad.any():
        where, value = entry(values, bad, "entry")
        raise ValueError(f"values, {where}: {value:g} is not a probability{and_more(bad)}")
    check_listed_mass(values, num_classes, rest)


def check_listed_mass(values: Tensor, num_classes: int, rest: str) -> None:
    """The listed probabilities leave a rest that the rule can place."""
    total = values.sum(-1, dtype=torch.float64)
    tolerance = 1e-5 if values.dtype in (torch.float32, torch.float64) else 1e-2
    bad = total > 1 + tolerance
    expected = "at most 1"
    if rest == "renormalise":
        bad, expected = bad | (total == 0), "more than 0 and at most 1"
    elif values.shape[-1] >= num_classes:
        bad, expected = (total - 1).abs() > tolerance, "1, since every class is listed"
    if bad.any():
        row = first(bad)
        raise ValueError(f"values, {place(row)}: sum to {total[row].item():.6g}, expected {expected}{and_more(bad)}")


def first(bad: Tensor) -> tuple[Any, ...]:
    """The position of the first True."""
    return tuple(bad.nonzero()[0].tolist())


def entry(rows: Tensor, bad: Tensor, column_name: str) -> tuple[str, float]:
    """The words for the place of the first bad entry of rows (..., m), and its value."""
    position = first(bad)
    return f"{place(position[:-1])}, {column_name} {position[-1]}", rows[position].item()


def place(row: tuple[int, ...]) -> str:
    """The words for a position in the batch."""
    return "row " + ", ".join(map(str, row)) if row else "the only row"


def and_more(bad: Tensor) -> str:
    count = int(bad.sum())
    return f" ({count} such in all)" if count > 1 else ""
