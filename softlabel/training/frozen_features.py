"""What a frozen backbone makes of every sample, computed once and kept in files that memory maps.

Of training rows several augmented views are kept, and each row of an epoch draws one of them; validation, test and
plain passes have the image as it is. The draws of the views depend on the split seed alone, so runs of all methods and
seeds whose frozen part has the same weights read the same files.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.data.augmentation import Augmentation, augment_with_annotation, augmentation_for
from softlabel.data.batches import batches
from softlabel.data.samples import HeldSamples, Samples
from softlabel.evaluation.scores import rows_at_once
from softlabel.methods.base.method import Method
from softlabel.networks.folded import folded
from softlabel.networks.network import Entry
from softlabel.randomness import generator
from softlabel.runs.atomic import make_folder
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.partial import partial_folder, remove_leftovers
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig
from softlabel.training.progress import Preparing

GIGABYTE = 1e9
INPUTS, ANNOTATION = "inputs.npy", "annotation.npy"


def _nothing(*_: object) -> None:
    pass


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
    device: torch.device,
    say: Callable[[str], None] = _nothing,
    preparing: Preparing = _nothing,
    pool: Samples | None = None,
) -> FrozenFeatures | None:
    """Compute what is not in the folder yet; another process that is just computing it is waited for.

    pool       rows of which other runs have other parts: all are computed, once, and each run takes its own; for tasks
               whose annotation no augmentation changes
    say        is told why features are not kept
    preparing  is told how many images have passed

    None where images are read instead: nothing is frozen, the method changes its inputs, several processes share the
    work, or the files would be larger than `cache_limit`.
    """
    entry = method.network.entry
    if entry is None or method.needs_inputs or config.training.processes > 1:
        return None
    maker = _Maker(config, prepared, method, entry, folder, device, pool)
    gigabytes, limit = maker.gigabytes(), config.training.cache_limit
    if gigabytes > limit:
        say(
            f"the frozen part is computed in every epoch: kept, its output would take {gigabytes:.1f} GB, above "
            f"--cache-limit {limit:g}"
        )
        return None
    return maker.features(preparing)


class _Maker:
    def __init__(
        self,
        config: RunConfig,
        prepared: Prepared,
        method: Method,
        entry: Entry,
        folder: Path,
        device: torch.device,
        pool: Samples | None = None,
    ) -> None:
        training = prepared.splits.training
        self._prepared = prepared
        self._method = method
        self._entry = entry
        self._folder = folder
        self._device = device
        self._pool = pool
        self._split_seed = config.data.split_seed
        self._augmentation: Augmentation = augmentation_for(
            config.training.augment,
            training.input_kind,
            training.input_shape,
            mirrors=prepared.task.mirrors,
            masks=prepared.task.per_pixel,
        )
        self._views = 1 if self._augmentation == "none" else config.training.views

    def gigabytes(self) -> float:
        """What all files take."""
        splits = self._prepared.splits
        if self._pool is not None:
            passes = 1 + (self._views if self._augmentation != "none" else 0)
            return len(self._pool) * passes * self._entry.size * 4 / GIGABYTE
        rows = len(splits.training) * (self._views + (self._augmentation != "none")) + len(splits.test)
        rows += 0 if splits.validation is None else len(splits.validation)
        return rows * self._entry.size * 4 / GIGABYTE

    def features(self, preparing: Preparing) -> FrozenFeatures:
        make_folder(self._folder)
        with FolderLock(self._folder).held(patience=math.inf):
            remove_leftovers(self._folder)
            return self._features(preparing)

    def _features(self, preparing: Preparing) -> FrozenFeatures:
        splits = self._prepared.splits
        plain = self._kept("training", splits.training, "none", 1, preparing)
        views = plain
        if self._augmentation != "none":
            views = self._kept("training", splits.training, self._augmentation, self._views, preparing)
        validation = (
            None if splits.validation is None else self._kept("validation", splits.validation, "none", 1, preparing)
        )
        test = self._kept("test", splits.test, "none", 1, preparing)
        behind = dataclasses.replace(splits, training=plain, validation=validation, test=test)
        prepared = dataclasses.replace(self._prepared, splits=behind)
        return FrozenFeatures(prepared, Views(views, len(splits.training), self._views))

    def _kept(
        self, part: str, samples: Samples, augmentation: Augmentation, views: int, preparing: Preparing
    ) -> Samples:
        if self._pool is not None:
            return self._of_pool(self._pool, samples, augmentation, views, preparing)
        place = self._computed(part, samples, augmentation, views, preparing)
        inputs = torch.from_numpy(np.lib.format.open_memmap(place / INPUTS, "c"))
        annotation = torch.from_numpy(np.array(np.lib.format.open_memmap(place / ANNOTATION, "r")))
        return HeldSamples(inputs, torch.arange(len(inputs)), annotation, samples.sample_id.repeat(views))

    def _of_pool(
        self, pool: Samples, samples: Samples, augmentation: Augmentation, views: int, preparing: Preparing
    ) -> Samples:
        """The rows of these samples in what was computed of all; view v of row n of the pool is at n + v * rows."""
        rows_of_pool = hashlib.blake2b(pool.sample_id.numpy().tobytes(), digest_size=4).hexdigest()
        place = self._computed(f"all-{rows_of_pool}", pool, augmentation, views, preparing)
        inputs = torch.from_numpy(np.lib.format.open_memmap(place / INPUTS, "c"))
        known, order = pool.sample_id.sort()
        rows = order[torch.searchsorted(known, samples.sample_id)]
        rows = torch.cat([rows + view * len(pool) for view in range(views)])
        annotation = samples.annotation.repeat(views, *[1] * (samples.annotation.ndim - 1))
        return HeldSamples(inputs, rows, annotation, samples.sample_id.repeat(views))

    def _computed(
        self, part: str, samples: Samples, augmentation: Augmentation, views: int, preparing: Preparing
    ) -> Path:
        """The folder of what the frozen part makes of these samples."""
        place = self._folder / f"{part}-{augmentation}-{views}-{self._key()}"
        if not place.exists():
            with partial_folder(place) as partial:
                told = functools.partial(_told, preparing, self._name(part, views, len(samples)), views * len(samples))
                self._compute(partial, samples, augmentation, views, told)
                partial.rename(place)
        return place

    def _name(self, part: str, views: int, rows: int) -> str:
        gigabytes = views * rows * self._entry.size * 4 / GIGABYTE
        kind = part.partition("-")[0]
        images = "all images" if kind == "all" else f"the {kind} images"
        seen = f"{views} views of {images}" if views > 1 else images.removeprefix("the ")
        return f"frozen features of {seen}, {gigabytes:.2g} GB"

    def _key(self) -> str:
        """Of the weights of the frozen part, and of what is kept."""
        digest = hashlib.blake2b(f"{self._entry}\x1f{self._split_seed}".encode(), digest_size=8)
        for name, value in self._method.network.backbone.state_dict().items():
            digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def _compute(
        self, folder: Path, samples: Samples, augmentation: Augmentation, views: int, preparing: Callable[[int], None]
    ) -> None:
        shape = (views * len(samples), self._entry.size)
        kept = _reserved(folder / INPUTS, shape)
        annotation = samples.annotation.repeat(views, *[1] * (samples.annotation.ndim - 1))
        network = folded(self._method.network)
        for view in range(views):
            done = view * len(samples)
            for batch in batches(samples, torch.arange(len(samples)), rows_at_once(samples)):
                draws = generator(self._split_seed, "view", view, done)
                inputs, true = augment_with_annotation(
                    batch.inputs, batch.annotation, augmentation, draws, self._prepared.task.mirror
                )
                rows = slice(done, done + len(batch))
                kept[rows] = self._entry.rows(network, inputs.to(self._device)).cpu().numpy()
                annotation[rows] = true
                done += len(batch)
                preparing(done)
        del kept  # which writes what is left
        np.save(folder / ANNOTATION, annotation.numpy())


def _reserved(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A file of numbers that memory maps; raises OSError where the disk has no room, which a map would die of."""
    kept = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return kept


def _told(preparing: Preparing, what: str, total: int, done: int) -> None:
    preparing(what, done, total)
