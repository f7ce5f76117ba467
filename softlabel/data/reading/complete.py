"""A draft becomes a checked source: what cannot be used is refused, and what was understood is told."""

from __future__ import annotations

import numpy as np
import torch

from softlabel.data.config import DataConfig
from softlabel.data.duplicates import duplicate_warnings
from softlabel.data.fitting import Fitting
from softlabel.data.reading.arrow_rows import arrow_rows
from softlabel.data.reading.class_index import annotation_of
from softlabel.data.reading.draft import Annotation, Draft
from softlabel.data.reading.group_column import group_numbers, refuse_straddling
from softlabel.data.reading.image_table import ImageTable, check_images
from softlabel.data.reading.whole_checks import class_warnings, empty_training_split, nothing_to_learn_from, one_class
from softlabel.data.refusals import Refusal
from softlabel.data.samples import HeldSamples, Samples, StreamedSamples
from softlabel.data.source import Source
from softlabel.networks.inputs import Fit


def complete(draft: Draft, config: DataConfig) -> Source:
    """Check images and labels of a draft, and make its samples.

    Raises one DataError that tells all: rows that cannot be used (unless they are to be skipped), an empty training
    split, fewer than two classes, features that never vary.
    """
    images = _images(draft, config)
    if draft.group is not None and draft.split is not None:
        refuse_straddling(draft.group, draft.group_column, draft.split, draft.refusals)
    problems = empty_training_split(draft)
    if problems:  # nothing says which classes there are
        draft.refusals.settle(config.skip_bad, problems)
    annotation, classes = annotation_of(draft)
    is_final = config.skip_bad or not len(draft.refusals)  # mended rows may yet bring classes and values
    problems = [*one_class(draft, classes, is_final), *(nothing_to_learn_from(draft) if is_final else [])]
    hidden = _hidden_warnings(draft, images, annotation, classes) if problems or not is_final else []
    refused = draft.refusals.settle(config.skip_bad, problems, hidden)
    return _source(draft, images, annotation, classes, refused)


def _hidden_warnings(draft: Draft, images: ImageTable | None, annotation: Annotation, classes: list[str]) -> list[str]:
    """What would be warned of if the good rows were all: told with an error, so that all can be mended at once."""
    if not len(draft.refusals.good) or not classes:
        return []
    source = _source(draft, images, annotation, classes, [])
    part = np.zeros(len(source.samples), np.int8) if source.split is None else source.split.numpy()
    return [*source.warnings, *duplicate_warnings(source, part)]


def _source(
    draft: Draft, images: ImageTable | None, annotation: Annotation, classes: list[str], refused: list[Refusal]
) -> Source:
    kept = draft.refusals.good
    split = None if draft.split is None else draft.split[kept]
    left_out = f"{draft.refusals.name}: rows left out because they cannot be used: {len(draft.refusals):,}"
    warnings = [*draft.warnings, *([left_out] if refused else [])]
    rows = torch.from_numpy(kept)
    annotations, sample_id = torch.from_numpy(annotation[kept]), torch.from_numpy(draft.sample_id[kept])
    samples = _samples(draft, images, rows, annotations, sample_id)
    return Source(
        name=draft.name,
        description=f"{_describe(samples)}, {draft.kind.describe(samples.annotation, classes)}",
        samples=samples,
        annotation_kind=draft.kind,
        class_names=classes,
        split=None if split is None else torch.from_numpy(split),
        group=None if draft.group is None else torch.from_numpy(group_numbers(draft.group)[kept]),
        dataset=arrow_rows(draft, annotation, classes, kept),
        place=lambda sample_id: draft.refusals.place(int(np.searchsorted(draft.sample_id, sample_id))),
        warnings=[*warnings, *class_warnings(draft, annotation[kept], classes, split)],
        notes=draft.notes,
        refused=refused,
        feature_names=draft.feature_names if draft.named else [],
        annotation_columns=draft.annotation_columns,
        fit=None if images is None or images.fitting is None else images.fitting.fit,
    )


def _images(draft: Draft, config: DataConfig) -> ImageTable | None:
    if draft.images is None:
        return None
    images = check_images(
        draft.images,
        draft.refusals,
        column_name=draft.image_column,
        subject=draft.subject,
        colour=config.colour,
        fitting=None if config.resize is None else Fitting(config.resize, _fit(draft, config)),
        fit=None if draft.kind.of_pixels else config.fit,
        memory=config.memory,
        keep=True,
        max_pixels=round(config.max_megapixels * 1e6),
        white_level=config.white_level,
    )
    draft.notes += images.notes
    return images


def _fit(draft: Draft, config: DataConfig) -> Fit:
    """How images are brought to a size, where something is said of every pixel together with it."""
    return "stretch" if draft.kind.of_pixels else config.fit


def _samples(
    draft: Draft, images: ImageTable | None, rows: torch.Tensor, annotation: torch.Tensor, sample_id: torch.Tensor
) -> Samples:
    if images is None:
        assert draft.features is not None
        return HeldSamples(torch.from_numpy(draft.features), rows, annotation, sample_id)
    if images.pixels is not None:
        return HeldSamples(torch.from_numpy(images.pixels), rows, annotation, sample_id)
    return StreamedSamples(images.encoded, rows, annotation, sample_id, images.shape, images.fitting)


def _describe(samples: Samples) -> str:
    shape = samples.input_shape
    if samples.input_kind == "image":
        inputs = f"images, {shape[1]} x {shape[2]} {'grey' if shape[0] == 1 else 'rgb'}"
    else:
        inputs = f"rows of {shape[0]:,} features"
    return f"{len(samples):,} {inputs}"
