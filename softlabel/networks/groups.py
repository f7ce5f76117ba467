"""Operations whose inputs may lead with a dimension of groups, so that a call mapped by `torch.func.vmap` is one."""

from __future__ import annotations

from torch import Tensor


def groups_first(count: int, dims: tuple[int | None, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Inputs of a mapped call, with the mapped dimension (None: the same for all) in front."""
    return tuple(
        value.expand(count, *value.shape) if dim is None else value.movedim(dim, 0)
        for dim, value in zip(dims, inputs, strict=True)
    )
