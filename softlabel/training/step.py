"""One update: micro-batches forward and backward, one division, clipping, the optimiser."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from softlabel.data.batch import Batch
from softlabel.methods.base.method import Method, Step, Terms
from softlabel.training.engine import Engine, Wrapped
from softlabel.training.term_tally import TermTally, divisors, objective


class Updater:
    """Makes updates of one stage.

    Whatever the number of micro-batches and processes, the gradient is that of

        sum over terms of weight * (sum of the term over all of them) / (mass of the term over all of them)
    """

    def __init__(
        self, method: Method, wrapped: Wrapped, optimiser: Optimizer, engine: Engine, clip_norm: float | None
    ) -> None:
        self._method = method
        self._wrapped = wrapped
        self._optimiser = optimiser
        self._engine = engine
        self._clip_norm = clip_norm
        self._reduce = engine.all_reduce if engine.world > 1 else None
        self._parameters: list[nn.Parameter] = [p for group in optimiser.param_groups for p in group["params"]]

    def update(self, batches: Sequence[Batch], tally: TermTally) -> None:
        """An ordinary update from one batch, or from several micro-batches."""
        if len(batches) == 1:
            terms = self._wrapped(batches[0])
            tally.add(terms)
            self._backward(terms)
        else:
            self._backward_in_parts(batches, tally)
        self._step(tally)

    def custom_update(self, batch: Batch, second: Batch | None, generator: torch.Generator, tally: TermTally) -> None:
        """An update whose gradients the method makes."""
        step = Step(batch, second, self._wrapped, self._backward, self._optimiser, generator)
        tally.add(self._method.update(step))
        self._step(tally)

    def _step(self, tally: TermTally) -> None:
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        self._optimiser.step()
        self._optimiser.zero_grad()
        tally.next_step()

    def _backward(self, terms: Terms) -> None:
        total = objective(terms, self._method.weights(), self._reduce)
        self._engine.backward(total * self._engine.world if self._engine.world > 1 else total)  # DDP takes the mean

    def _backward_in_parts(self, batches: Sequence[Batch], tally: TermTally) -> None:
        """Masses are known only after the last micro-batch, so each term's gradients are added up by themselves."""
        gradients: dict[str, list[Tensor | None]] = {}
        masses: dict[str, Tensor] = {}
        for batch in batches:
            with self._engine.without_reduction(self._wrapped):
                terms = self._wrapped(batch)
                tally.add(terms)
                for place, (name, term) in enumerate(terms.items()):
                    if term.sum.requires_grad:
                        self._engine.fabric.backward(term.sum, retain_graph=place + 1 < len(terms))
                    gradients[name] = _added(gradients.get(name), self._taken_gradients())
                    masses[name] = masses[name] + term.mass if name in masses else term.mass
        self._combine(gradients, divisors(masses, self._reduce))

    def _taken_gradients(self) -> list[Tensor | None]:
        taken = [parameter.grad for parameter in self._parameters]
        self._optimiser.zero_grad()
        return taken

    def _combine(self, gradients: dict[str, list[Tensor | None]], masses: dict[str, Tensor]) -> None:
        weights = self._method.weights()  # asked for in every step, as a method may ramp them
        factors = {name: weights.get(name, 1.0) / masses[name].double() for name in gradients}
        for place, parameter in enumerate(self._parameters):
            parts = [(of[place], factors[name]) for name, of in gradients.items()]
            known = [part * factor.to(part.dtype) for part, factor in parts if part is not None]
            if known:
                parameter.grad = torch.stack(known).sum(0) if len(known) > 1 else known[0]
            elif self._reduce is not None:
                parameter.grad = torch.zeros_like(parameter)  # every process must take part with the same tensors
        if self._reduce is not None:
            self._reduce_gradients()

    def _reduce_gradients(self) -> None:
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        flat = self._engine.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]), "sum")
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def micro_batches(batch: Batch, count: int) -> list[Batch]:
    """A batch in `count` parts of (nearly) equal size; fewer where it has fewer samples."""
    return [batch] if count == 1 else batch.parts(min(count, len(batch)))


def _added(total: list[Tensor | None] | None, new: list[Tensor | None]) -> list[Tensor | None]:
    if total is None:
        return new
    return [b if a is None else a if b is None else a.add_(b) for a, b in zip(total, new, strict=True)]
