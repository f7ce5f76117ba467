"""What a frozen backbone makes of every sample, computed once and kept in files that memory maps.

Of training rows several augmented views are kept, and each row of an epoch draws one of them; validation, test and
plain passes have the image as it is. The draws of the views depend on the split seed alone, so runs of all methods and
seeds whose frozen part has the same weights read the same files.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from softlabel.data.augmentation import Augmentation, augment_with_annotation, augmentation_for
from softlabel.data.batches import batches
from softlabel.data.samples import HeldSamples, Samples
from softlabel.methods.base.method import Method
from softlabel.networks.adapter import probing
from softlabel.networks.network import Entry
from softlabel.randomness import generator
from softlabel.runs.atomic import make_folder
from softlabel.runs.partial import partial_folder, remove_leftovers
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig

CHUNK = 64
"""Images of one pass through the frozen part."""
GIGABYTE = 1e9
INPUTS, ANNOTATION = "inputs.npy", "annotation.npy"


@dataclass(frozen=True)
class Views:
    """Training rows as the loop reads them: view v of row n is at n + v * rows."""

    samples: Samples
    rows: int
    count: int

    def drawn(self, order: Tensor, draws: torch.Generator) -> Tensor:
        """Positions of rows (M,), each in a view of its own: int64 (M,)."""
        return order + self.rows * torch.randint(0, self.count, (len(order),), generator=draws)


@dataclass(frozen=True)
class FrozenFeatures:
    """The data of a run behind the frozen part of its network.

    prepared  the same data, whose samples are rows (N, size) in place of images
    views     of the training rows
    """

    prepared: Prepared
    views: Views


def frozen_features(
    config: RunConfig,
    prepared: Prepared,
    method: Method,
    folder: Path,
    say: Callable[[str], None],
    device: torch.device,
) -> FrozenFeatures | None:
    """Compute what is not in the folder yet.

    None where images are read instead: nothing is frozen, the method changes its inputs, several processes share the
    work, or the files would be larger than `cache_limit`.
    """
    entry = method.network.entry
    if entry is None or method.needs_inputs or config.training.processes > 1:
        return None
    maker = _Maker(config, prepared, method, entry, folder, device)
    gigabytes = maker.gigabytes()
    if gigabytes > config.training.cache_limit:
        say(
            f"the frozen part is computed in every epoch: kept, its output would take {gigabytes:.1f} GB, above "
            f"--cache-limit {config.training.cache_limit:g}"
        )
        return None
    return maker.features(say)


class _Maker:
    def __init__(
        self, config: RunConfig, prepared: Prepared, method: Method, entry: Entry, folder: Path, device: torch.device
    ) -> None:
        training = prepared.splits.training
        self._prepared = prepared
        self._method = method
        self._entry = entry
        self._folder = folder
        self._device = device
        self._split_seed = config.data.split_seed
        self._augmentation: Augmentation = augmentation_for(
            config.training.augment, training.input_kind, training.input_shape, mirrors=prepared.task.mirrors
        )
        self._views = 1 if self._augmentation == "none" else config.training.views

    def gigabytes(self) -> float:
        """What all files take."""
        splits = self._prepared.splits
        rows = len(splits.training) * (self._views + (self._augmentation != "none")) + len(splits.test)
        rows += 0 if splits.validation is None else len(splits.validation)
        return rows * self._entry.size * 4 / GIGABYTE

    def features(self, say: Callable[[str], None]) -> FrozenFeatures:
        make_folder(self._folder)
        remove_leftovers(self._folder)
        splits = self._prepared.splits
        plain = self._kept("training", splits.training, "none", 1, say)
        views = plain
        if self._augmentation != "none":
            views = self._kept("training", splits.training, self._augmentation, self._views, say)
        validation = None if splits.validation is None else self._kept("validation", splits.validation, "none", 1, say)
        test = self._kept("test", splits.test, "none", 1, say)
        behind = dataclasses.replace(splits, training=plain, validation=validation, test=test)
        prepared = dataclasses.replace(self._prepared, splits=behind)
        return FrozenFeatures(prepared, Views(views, len(splits.training), self._views))

    def _kept(
        self, part: str, samples: Samples, augmentation: Augmentation, views: int, say: Callable[[str], None]
    ) -> Samples:
        place = self._folder / f"{part}-{augmentation}-{views}-{self._key()}"
        if not place.exists():
            what = f"{views} views of " if augmentation != "none" else ""
            say(f"frozen features of {what}{len(samples):,} {part} images, computed once")
            with partial_folder(place) as partial:
                self._compute(partial, samples, augmentation, views)
                partial.rename(place)
        inputs = torch.from_numpy(np.load(place / INPUTS, mmap_mode="c"))
        annotation = torch.from_numpy(np.load(place / ANNOTATION))
        return HeldSamples(inputs, torch.arange(len(inputs)), annotation, samples.sample_id.repeat(views))

    def _key(self) -> str:
        """Of the weights of the frozen part, and of what is kept."""
        digest = hashlib.blake2b(f"{self._entry}\x1f{self._split_seed}".encode(), digest_size=8)
        for name, value in self._method.network.backbone.state_dict().items():
            digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def _compute(self, folder: Path, samples: Samples, augmentation: Augmentation, views: int) -> None:
        shape = (views * len(samples), self._entry.size)
        kept = np.lib.format.open_memmap(folder / INPUTS, "w+", np.float32, shape)
        annotation = samples.annotation.repeat(views, *[1] * (samples.annotation.ndim - 1))
        network = self._method.network
        with probing(network):
            for view in range(views):
                done = view * len(samples)
                for batch in batches(samples, torch.arange(len(samples)), CHUNK):
                    draws = generator(self._split_seed, "view", view, done)
                    inputs, true = augment_with_annotation(
                        batch.inputs, batch.annotation, augmentation, draws, self._prepared.task.mirror
                    )
                    rows = slice(done, done + len(batch))
                    kept[rows] = self._entry.rows(network, inputs.to(self._device)).cpu().numpy()
                    annotation[rows] = true
                    done += len(batch)
        kept.flush()
        np.save(folder / ANNOTATION, annotation.numpy())
