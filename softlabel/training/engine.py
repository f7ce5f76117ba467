"""Devices, processes and precision, as the loop needs them: a thin layer over lightning-fabric."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from softlabel.data.batch import Batch
from softlabel.methods.base.method import Method, Terms
from softlabel.training.precision import Precision
from softlabel.training.rendezvous import meet


class Engine:
    """One process's view of the machine: its device, its rank, and the means to act together with the others."""

    def __init__(
        self,
        device: str,
        precision: Precision,
        processes: int = 1,
        rank: int = 0,
        port: int = 0,
        refuse_failed: Callable[[], None] = lambda: None,
    ) -> None:
        from lightning_fabric import Fabric

        plugins: list[Any] = [_environment(processes, rank, port)] if processes > 1 else []
        self.precision = precision
        self.rank = rank
        self.world = processes
        self.fabric: Any = Fabric(
            accelerator=device,
            devices=processes,
            strategy="ddp" if processes > 1 else "auto",
            precision=precision.for_fabric,
            plugins=plugins,
        )
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # a bar or a pipe is no place for its banner
        if processes > 1:
            rank_device = torch.device(device, rank) if device == "cuda" else torch.device(device)
            meet(rank_device, processes, rank, port, refuse_failed)
        self.fabric.launch()
        self.device: torch.device = self.fabric.device

    def to_device(self, module: nn.Module) -> None:
        """Move a module to the device, in the memory layout that goes with the precision."""
        module.to(self.device)
        if self.precision.channels_last:
            cast(Any, module).to(memory_format=torch.channels_last)

    def wrap(self, method: Method) -> Wrapped:
        """The training module behind precision and processes; made anew for each stage, as its gradients change."""
        return Wrapped(self.fabric.setup_module(_TrainingModule(method), move_to_device=False))

    def backward(self, total: Tensor) -> None:
        """Add the gradients of a scalar to those of the parameters (the mean over processes)."""
        self.fabric.backward(total)

    def without_reduction(self, wrapped: Wrapped) -> contextlib.AbstractContextManager[None]:
        """Inside, gradients stay in this process."""
        if self.world == 1:
            return contextlib.nullcontext()
        return cast("contextlib.AbstractContextManager[None]", self.fabric.no_backward_sync(wrapped.module))

    def all_reduce(self, tensor: Tensor, operation: Literal["sum", "max"]) -> Tensor:
        """The sum or the maximum over all processes."""
        if self.world == 1:
            return tensor
        return cast(Tensor, self.fabric.all_reduce(tensor, reduce_op=operation))

    def wait_for_all(self) -> None:
        """Every process gets here before any goes on."""
        self.fabric.barrier()

    def close(self) -> None:
        """Part from the other processes."""
        if self.world > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


class Wrapped:
    """Calls the training module through Fabric: batch -> named terms."""

    def __init__(self, module: Callable[[Any], Any]) -> None:
        self.module = module

    def __call__(self, batch: Batch) -> Terms:
        terms: Terms = self.module(_Sealed(batch)).content
        return terms


class _Sealed:
    """Keeps Fabric from casting what is inside: votes and loss terms stay fp32 under autocast, and time is saved."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content


class _TrainingModule(nn.Module):
    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, sealed: _Sealed) -> _Sealed:
        return _Sealed(self.method(sealed.content))


def _environment(processes: int, rank: int, port: int) -> Any:
    """Tells Fabric of processes that were started by us, on this machine."""
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

    class OwnProcesses(ClusterEnvironment):  # type: ignore[misc, unused-ignore]
        creates_processes_externally = True
        main_address = "127.0.0.1"
        main_port = port

        @staticmethod
        def detect() -> bool:
            return False

        def world_size(self) -> int:
            return processes

        def set_world_size(self, size: int) -> None:
            pass

        def global_rank(self) -> int:
            return rank

        def set_global_rank(self, rank: int) -> None:
            pass

        def local_rank(self) -> int:
            return rank

        def node_rank(self) -> int:
            return 0

    return OwnProcesses()


def device_name(asked: str) -> str:
    """cpu or cuda. Raises ConfigError when cuda is asked for and there is none."""
    from softlabel.errors import ConfigError

    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise ConfigError("training.device: cuda is asked for, but PyTorch finds no GPU; use cpu or auto")
    return "cuda" if available and asked != "cpu" else "cpu"
