"""Addressed randomness: every draw comes from a generator named by what it is for, so that nothing depends on order."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch

Address = int | str


def seed_of(*address: Address) -> int:
    """A 63-bit seed that depends on nothing but the address, such as (seed, stage, epoch, step, purpose)."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in address)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(*address: Address) -> torch.Generator:
    """A CPU generator for one address."""
    return torch.Generator().manual_seed(seed_of(*address))


@contextlib.contextmanager
def addressed(*address: Address) -> Iterator[None]:
    """Seed the global generators by the address inside the block, and put them back after it.

    For library code that takes no generator: dropout, weight initialisation, kornia.
    """
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(gpus):
        seed_global(*address)
        yield


def seed_global(*address: Address) -> None:
    """Seed the global generators by the address. `torch.manual_seed` does the same, but takes a millisecond or two."""
    seed = seed_of(*address)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
