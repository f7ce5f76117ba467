"""The batches of one stage: order, share of this process, augmentation, the method's transform; all of it addressed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from softlabel.data.augmentation import Augmentation, augment_with_annotation, augment_with_mask, augmentation_for
from softlabel.data.batch import Batch
from softlabel.data.batches import batches, num_batches
from softlabel.data.samplers import epoch_order, every_class_order
from softlabel.data.samples import Samples
from softlabel.evaluation.features import cached_features
from softlabel.methods.base.method import Method
from softlabel.methods.base.stage import SecondSampler, Stage
from softlabel.randomness import Address, generator
from softlabel.tasks.prepared import Prepared
from softlabel.training.build_method import own_training
from softlabel.training.config import RunConfig
from softlabel.training.engine import Engine
from softlabel.training.frozen_features import Views


class StageData:
    """Gives each epoch's batches, the same ones however often it is asked.

    Every process augments and transforms the whole batch and takes its share afterwards, so that two processes see what
    one would; only inputs that are slow to read are divided first, and each share then has draws of its own.
    """

    def __init__(
        self,
        config: RunConfig,
        prepared: Prepared,
        method: Method,
        stage_index: int,
        stage: Stage,
        engine: Engine,
        views: Views | None = None,
    ) -> None:
        """`views` are of the training rows where `prepared` holds what a frozen part made of them."""
        training = prepared.splits.training
        self._config = config.training
        self._own_training = own_training(config, method.network.backbone.pretrained)
        self._seed = config.seed
        self._method = method
        self._stage_index = stage_index
        self._stage = stage
        self._engine = engine
        self._training = training
        self._samples = training
        self._views = views
        self._index = prepared.task.index(training.annotation)
        self._validation = prepared.splits.validation
        self._second = self._validation if stage.second_source == "validation" else training
        self._augmentation: Augmentation = "none"  # views were changed when they were made
        if views is None:
            self._augmentation = augmentation_for(
                config.training.augment,
                training.input_kind,
                training.input_shape,
                mirrors=prepared.task.mirrors,
                masks=prepared.task.per_pixel,
            )
        self.epochs = stage.epochs_of(config.training.epochs)
        self.images_per_epoch = len(self._order(0)) if stage.gradients else len(training)
        self.steps_per_epoch = num_batches(self.images_per_epoch, config.training.batch_size) if stage.gradients else 0

    def step_size(self, step: int) -> int:
        """Samples of a step over all processes."""
        return min(self._config.batch_size, self.images_per_epoch - step * self._config.batch_size)

    def steps(self, epoch: int) -> Iterator[tuple[Batch, Batch | None]]:
        """This process's share of each batch, on the device, and of the second batch where the stage has one."""
        if self._stage.cached_features and self._samples is self._training:
            self._cache_features()
        first = self._prepared(*self._viewed(self._samples, self._order(epoch), epoch, "view"), epoch, "augmentation")
        if self._stage.second_source is None:
            for step, (batch, shared) in enumerate(first):
                yield self._share(self._transform(batch, epoch, step, shared), shared), None
            return
        assert self._second is not None  # a run without a validation part was refused before it began
        order = self._second_order(epoch)
        second = self._prepared(*self._viewed(self._second, order, epoch, "second view"), epoch, "second augmentation")
        for step, ((batch, shared), (other, other_shared)) in enumerate(zip(first, second, strict=True)):
            yield self._share(self._transform(batch, epoch, step, shared), shared), self._share(other, other_shared)

    def _viewed(self, samples: Samples, order: Tensor, epoch: int, purpose: str) -> tuple[Samples, Tensor]:
        """Training rows in views of their own, where there are views; other samples as they are."""
        if self._views is None or samples is not self._training:
            return samples, order
        return self._views.samples, self._views.drawn(order, generator(self._seed, self._stage_index, epoch, purpose))

    def _cache_features(self) -> None:
        """Only when the stage is trained, as its backbone is not finished before."""
        self._augmentation = "none"
        self._samples = cached_features(
            self._training, self._method.network, self._engine.device, self._config.batch_size
        )

    def plain_batches(self) -> Iterator[Batch]:
        """One pass over the training part in its own order, without augmentation; the same in every process."""
        return self._pass(self._samples)

    def validation_batches(self) -> Iterator[Batch] | None:
        """Likewise over the validation part; None where no rows are kept."""
        return None if self._validation is None else self._pass(self._validation)

    def _pass(self, samples: Samples) -> Iterator[Batch]:
        for batch in batches(samples, torch.arange(len(samples)), self._config.batch_size):
            yield batch.to(self._engine.device)

    def _prepared(self, samples: Samples, order: Tensor, epoch: int, purpose: str) -> Iterator[tuple[Batch, bool]]:
        """Augmented batches on the device, and whether each is already only this process's share."""
        shared = samples.streamed and self._engine.world > 1
        rank, world = (self._engine.rank, self._engine.world) if shared else (0, 1)
        for step, batch in enumerate(batches(samples, order, self._config.batch_size, rank=rank, world=world)):
            batch = batch.to(self._engine.device)
            if self._augmentation != "none":
                draws = self._generator(epoch, step, purpose, shared)
                batch = self._augmented(batch, draws)
            yield batch, shared

    def _augmented(self, batch: Batch, draws: torch.Generator) -> Batch:
        task, inputs, annotation = self._method.task, batch.inputs, batch.annotation
        if task.per_pixel:
            moved = augment_with_mask(inputs, annotation, self._augmentation, draws)
        else:
            moved = augment_with_annotation(inputs, annotation, self._augmentation, draws, task.mirror)
        return Batch(*moved, batch.sample_id)

    def _transform(self, batch: Batch, epoch: int, step: int, shared: bool) -> Batch:
        if type(self._method).transform is Method.transform:  # it would return the batch as it is
            return batch
        return self._method.transform(batch, self._generator(epoch, step, "transform", shared))

    def _generator(self, epoch: int, step: int, purpose: str, shared: bool) -> torch.Generator:
        address: list[Address] = [self._seed, self._stage_index, epoch, step, purpose]
        return generator(*address, self._engine.rank) if shared else generator(*address)

    def _share(self, batch: Batch, shared: bool) -> Batch:
        if shared or self._engine.world == 1:
            return batch
        return batch.parts(self._engine.world)[self._engine.rank]

    def _order(self, epoch: int) -> Tensor:
        sampler = self._stage.sampler or self._config.sampler
        draws, limit = generator(self._seed, self._stage_index, epoch, "order"), self._config.head_limit
        if sampler == "every-class":
            order = every_class_order(self._index, self._config.batch_size, generator=draws, head_limit=limit)
        else:
            order = epoch_order(
                self._index,
                sampler,
                epoch=epoch,
                epochs=self.epochs,
                generator=draws,
                head_limit=limit,
                balanced_epoch=self._own_training.balanced_epoch if sampler == "balanced" else "rows",
            )
        return self._without_rest(order)

    def _without_rest(self, order: Tensor) -> Tensor:
        """Without a last batch that would leave a process empty-handed."""
        rest = len(order) % self._config.batch_size
        return order[: len(order) - rest] if 0 < rest < self._engine.world else order

    def _second_order(self, epoch: int) -> Tensor:
        """As many positions as the first batches have, over as many passes as that takes."""
        assert self._second is not None
        sampler: SecondSampler = self._stage.second_sampler
        index = self._method.task.index(self._second.annotation)
        passes = -(-self.images_per_epoch // len(index))
        orders = [
            epoch_order(
                index,
                sampler,
                epoch=epoch,
                epochs=self.epochs,
                generator=generator(self._seed, self._stage_index, epoch, "second order", number),
            )
            for number in range(passes)
        ]
        return torch.cat(orders)[: self.images_per_epoch]
