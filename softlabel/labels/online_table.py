"""The running table of online label smoothing (Zhang et al., IEEE TIP 2021), usable in any training loop."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.running_state import AllReduce, RunningState


class OnlineTable(RunningState):
    """Soft labels per class, from the predictions of the previous epoch that were correct.

    Row y of `current` (K, K) is the mean predicted distribution of the samples of class y whose arg-max was y in the
    last finished epoch; there is no average over epochs. A class without a correct prediction keeps its last row;
    before the first epoch every row is the uniformly smoothed label with `start_epsilon`. (The authors' CIFAR script
    starts from zeros, which halves the first epoch's learning rate, and sets empty rows to 1 / K.)

        table = OnlineTable(num_classes)
        for inputs, index in loader:
            logits = network(inputs)
            table.observe(logits.detach(), index)
            label = mix(hard(index, num_classes), from_table(index, table.current), 0.5)
            ...
        table.turn()   # once an epoch; table.turn(all_reduce) with several processes

    Statistics are float64 sums, so that processes and batch sizes do not change the table beyond rounding.
    Source: Zhang et al., IEEE TIP 2021.

    >>> import torch
    >>> import softlabel as sl
    >>> table = sl.labels.OnlineTable(3)
    >>> table.observe(torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 0]))  # one right, one wrong
    >>> table.turn()
    >>> table.current
    tensor([[0.6652, 0.2447, 0.0900],
            [0.0333, 0.9333, 0.0333],
            [0.0333, 0.0333, 0.9333]])
    """

    def __init__(self, num_classes: int, start_epsilon: float = 0.1) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes is {num_classes}; an online table needs at least 2 classes")
        if not 0 <= start_epsilon <= 1:
            raise ValueError(f"start_epsilon is {start_epsilon}, expected a share between 0 and 1")
        self.num_classes = num_classes
        start = (1 - start_epsilon) * torch.eye(num_classes) + start_epsilon / num_classes
        self.declare("current", start, "replace")
        self.declare("sums", torch.zeros(num_classes, num_classes, dtype=torch.float64), "sum")
        self.declare("counts", torch.zeros(num_classes, dtype=torch.float64), "sum")

    @property
    def current(self) -> Tensor:
        """The table in use in this epoch, float32 (K, K); rows sum to 1."""
        return self.tensor("current")

    @torch.no_grad()
    def observe(self, logits: Tensor, index: Tensor) -> None:
        """Add a batch's correct predictions: logits (N, K), index (N,) int64; negative (ignored) indices never count.

        Does not wait for a GPU. Not for mixed samples (mixup), for which "correct" has no meaning.
        """
        if logits.device != self.current.device:
            self.to_(logits.device)
        correct = logits.argmax(-1) == index
        probabilities = torch.softmax(logits.double(), -1) * correct[:, None]
        row = index.clamp_min(0)
        self.tensor("sums").index_add_(0, row, probabilities)
        self.tensor("counts").index_add_(0, row, correct.double())

    @torch.no_grad()
    def turn(self, all_reduce: AllReduce | None = None) -> None:
        """End the epoch: the means of what was observed replace the rows in use, and counting starts again."""
        if all_reduce is not None:
            self.all_reduce_(all_reduce)
        sums, counts = self.tensor("sums"), self.tensor("counts")
        seen = counts > 0
        rows = sums / counts.clamp_min(1)[:, None]
        self.current.copy_(torch.where(seen[:, None], rows, self.current.double()))
        sums.zero_()
        counts.zero_()
