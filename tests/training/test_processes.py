"""Two processes make the steps that one makes; four unequal micro-batches as well."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from softlabel.data.batch import Batch
from softlabel.losses import SumAndMass
from softlabel.methods.base.method import Terms
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.training.config import RunConfig
from softlabel.training.progress import Progress
from softlabel.training.step import Updater, micro_batches
from softlabel.training.term_tally import TermTally
from softlabel.training.train import train
from tests.training.killed_run import server


def config(**training: object) -> RunConfig:
    """A network without batch normalisation, on augmented images in batches that cannot be divided evenly."""
    values = {"epochs": 2, "batch_size": 255, "augment": "shift", "clip_norm": 1.0, "ema": 0.9, "learning_rate": 0.05}
    return RunConfig.model_validate(
        {
            "method": "online_label_smoothing",
            "network": {"backbone": "mlp", "hidden": [16]},
            "training": {**values, **training},
        }
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(config(), folder=tmp_path_factory.mktemp("one") / "run").folder


def assert_same(one: Path, other: Path) -> None:
    a, b = (CheckpointFolder(folder / "checkpoints").load("last").tensors for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(
            a[name], b[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
    losses = [
        [json.loads(line)["loss"] for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (one, other)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_two_processes_make_the_steps_of_one(one: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    result = train(config(processes=2), folder=folder)
    assert_same(one, folder)
    assert result.cell["status"] == "finished"
    assert not torch.distributed.is_initialized()


class StopAfterAnEpoch(Progress):
    """Ctrl-C between two epochs."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt


@pytest.mark.slow
def test_what_two_processes_began_one_goes_on_with(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(config(processes=2), folder=folder, progress=StopAfterAnEpoch())
    assert CheckpointFolder(folder / "checkpoints").load("last").values["epoch"] == 1
    with pytest.warns(UserWarning, match="processes was 2, is 1"):
        train(config(), folder=folder, resume=True)
    assert_same(one, folder)


def test_the_other_processes_end_with_the_first(tmp_path: Path) -> None:
    context = server()
    first = context.Process(target=train, args=(config(processes=2, epochs=1000),), kwargs={"folder": tmp_path / "run"})
    first.start()
    assert first.pid is not None
    wait_until(partial(children, first.pid))
    (other,) = children(first.pid)
    first.kill()
    first.join()
    wait_until(lambda: not Path(f"/proc/{other}").exists())


def children(process: int | None) -> list[int]:
    """The process numbers of a process's children; on Linux."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class SharedSum:
    """An all-reduce between threads, which stand for processes."""

    def __init__(self, world: int) -> None:
        self.barrier = threading.Barrier(world)
        self.given: dict[int, Tensor] = {}

    def __call__(self, rank: int, tensor: Tensor) -> Tensor:
        self.given[rank] = tensor.clone()
        self.barrier.wait()
        total = torch.stack([self.given[key] for key in sorted(self.given)]).sum(0)
        self.barrier.wait()
        return total


class ThreadEngine:
    """The part of an engine that gradient accumulation needs."""

    def __init__(self, rank: int, world: int, shared: SharedSum) -> None:
        self.rank, self.world, self.shared = rank, world, shared
        self.fabric = self

    def all_reduce(self, tensor: Tensor, operation: str) -> Tensor:
        return self.shared(self.rank, tensor)

    def without_reduction(self, wrapped: object) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def backward(self, total: Tensor, retain_graph: bool = False) -> None:
        total.backward(retain_graph=retain_graph)


class TwoTerms(nn.Module):
    """Two terms with masses of their own, and a parameter that only one of them reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.linspace(-1, 1, 4, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def weights(self) -> dict[str, float]:
        return {"second": 0.3}

    def forward(self, batch: Batch) -> Terms:
        values = batch.inputs @ self.a
        positive = (values > 0).double()
        return {
            "first": SumAndMass((values**2).sum(), torch.tensor(float(len(batch)))),
            "second": SumAndMass((values.exp() * positive).sum() * self.b, positive.sum()),
        }


def gradients_of(inputs: Tensor, shares: list[Tensor], accumulate: int) -> list[list[Tensor]]:
    """Gradients in each of several threads, every one of which sees its share of the rows."""
    shared, modules = SharedSum(len(shares)), [TwoTerms() for _ in shares]

    def work(rank: int) -> None:
        rows, module = shares[rank], modules[rank]
        optimiser = torch.optim.SGD(module.parameters(), lr=1.0)
        engine: Any = ThreadEngine(rank, len(shares), shared)
        updater = Updater(module, module, optimiser, engine, None)  # type: ignore[arg-type]
        batch = Batch(inputs[rows], rows, rows)
        updater.update(micro_batches(batch, accumulate), TermTally(module.weights()))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(shares))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start = list(TwoTerms().parameters())
    return [[a.detach() - b.detach() for a, b in zip(start, m.parameters(), strict=True)] for m in modules]


def test_terms_with_masses_of_their_own_are_divided_over_all_parts() -> None:
    inputs = torch.randn(23, 4, dtype=torch.float64)
    module = TwoTerms()
    terms = module(Batch(inputs, torch.arange(23), torch.arange(23)))
    total = terms["first"].sum / 23 + 0.3 * terms["second"].sum / terms["second"].mass
    expected = list(torch.autograd.grad(total, list(module.parameters())))
    rows = torch.arange(23)
    for shares, accumulate in [
        ([rows], 1),
        ([rows], 4),
        ([rows[:4], rows[4:]], 3),
        ([rows[:9], rows[9:16], rows[16:]], 2),
    ]:
        for found in gradients_of(inputs, shares, accumulate):
            for a, b in zip(found, expected, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_micro_batches_make_the_steps_of_a_batch(one: Path, tmp_path: Path) -> None:
    folder = tmp_path / "four"
    train(config(accumulate=4), folder=folder)
    assert_same(one, folder)
