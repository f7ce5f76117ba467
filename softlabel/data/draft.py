"""What a source has read but not yet checked as a whole, and the one way from there to a `Source`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from softlabel.data.arrow import datasets
from softlabel.data.columns import in_order, nearest
from softlabel.data.config import DataConfig
from softlabel.data.groups import group_numbers, refuse_straddling
from softlabel.data.image_table import ImageTable, Subject, check_images
from softlabel.data.refusals import Refusals, among, shown
from softlabel.data.samples import HeldSamples, Samples, StreamedSamples
from softlabel.data.source import SPLIT_NAMES, TRAIN, AnnotationKind, Source


def no_subject(position: int) -> str:
    """For sources whose refusals are placed by the image's own file name."""
    return ""


@dataclass
class Draft:
    """Columns of one source, row by row; rows that `refusals` knows as bad may hold anything.

    images       structs {bytes, path}; or features (N, D) float32
    labels       text, with `classes` if the source knows them; or votes (N, K) with `classes`
    split        (N,) int8, see `Source`; None where the source says nothing
    group        names of what stays in one split, dictionary-encoded; or None
    sample_id    (N,) int64
    """

    name: str
    refusals: Refusals
    sample_id: NDArray[np.int64]
    images: pa.ChunkedArray | None = None
    image_column: str | None = None
    subject: Subject = no_subject
    features: NDArray[np.float32] | None = None
    feature_names: list[str] = field(default_factory=list)
    labels: pa.Array | None = None
    label_column: str | None = None
    votes: NDArray[np.float64] | None = None
    classes: list[str] | None = None
    split: NDArray[np.int8] | None = None
    group: pa.DictionaryArray | None = None
    group_column: str | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def complete(draft: Draft, config: DataConfig) -> Source:
    """Check images and labels of a draft, and make its samples.

    Raises one DataError that tells all: rows that cannot be used (unless they are to be skipped), an empty training
    split, fewer than two classes, features that never vary.
    """
    images = _images(draft, config)
    kind: AnnotationKind = "label" if draft.votes is None else "distribution"
    if draft.group is not None and draft.split is not None:
        refuse_straddling(draft.group, draft.group_column, draft.split, draft.refusals)
    problems = _empty_training_split(draft)
    if problems:  # nothing says which classes there are
        draft.refusals.settle(config.skip_bad, problems)
    annotation, classes = _annotation(draft)
    is_final = config.skip_bad or not len(draft.refusals)  # mended rows may yet bring classes and values
    problems = [*_one_class(draft, classes, is_final), *(_nothing_to_learn_from(draft) if is_final else [])]
    refused = draft.refusals.settle(config.skip_bad, problems)
    kept = draft.refusals.good
    split = None if draft.split is None else draft.split[kept]
    if refused:
        draft.warnings.append(
            f"{draft.refusals.name}: rows left out because they cannot be used: {len(draft.refusals):,}"
        )
    draft.warnings += _class_warnings(draft, annotation[kept], classes, split)
    rows = torch.from_numpy(kept)
    annotations, sample_id = torch.from_numpy(annotation[kept]), torch.from_numpy(draft.sample_id[kept])
    samples = _samples(draft, images, rows, annotations, sample_id)
    return Source(
        name=draft.name,
        description=_describe(samples, classes, kind),
        samples=samples,
        annotation_kind=kind,
        class_names=classes,
        split=None if split is None else torch.from_numpy(split),
        group=None if draft.group is None else torch.from_numpy(group_numbers(draft.group)[kept]),
        dataset=_dataset(draft, annotation, classes, kept),
        place=lambda sample_id: draft.refusals.place(int(np.searchsorted(draft.sample_id, sample_id))),
        warnings=draft.warnings,
        notes=draft.notes,
        refused=refused,
        feature_names=draft.feature_names,
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
        resize=config.resize,
        memory=config.memory,
        max_pixels=round(config.max_megapixels * 1e6),
    )
    draft.notes += images.notes
    return images


def _samples(
    draft: Draft, images: ImageTable | None, rows: torch.Tensor, annotation: torch.Tensor, sample_id: torch.Tensor
) -> Samples:
    if images is None:
        assert draft.features is not None
        return HeldSamples(torch.from_numpy(draft.features), rows, annotation, sample_id)
    if images.pixels is not None:
        return HeldSamples(torch.from_numpy(images.pixels), rows, annotation, sample_id)
    return StreamedSamples(images.encoded, rows, annotation, sample_id, images.shape, images.resize)


def _annotation(draft: Draft) -> tuple[NDArray[np.int64] | NDArray[np.float32], list[str]]:
    if draft.votes is not None:
        assert draft.classes is not None
        return draft.votes.astype(np.float32), draft.classes
    assert draft.labels is not None
    return _class_indices(draft, draft.labels)


def _class_indices(draft: Draft, labels: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """The class index of every row; the classes are those of the training rows. Other labels are refused."""
    encoded = labels.dictionary_encode()
    names: list[str | None] = encoded.dictionary.to_pylist()
    codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    classes = draft.classes if draft.classes is not None else _training_classes(draft, codes, names)
    position_of = {name: k for k, name in enumerate(classes)}
    index_of = np.array([position_of.get(name or "", -1) for name in names] or [0], dtype=np.int64)
    index = index_of[codes]
    for position in np.flatnonzero((index < 0) & ~draft.refusals.bad).tolist():
        name = names[codes[position]]
        expected = "one of the classes" + (" of the training rows" if draft.classes is None else "")
        draft.refusals.add(
            position, draft.label_column, f"unknown label {shown(name)}", expected + nearest(name or "", classes)
        )
    return index.clip(min=0), classes


def _training_classes(draft: Draft, codes: NDArray[np.int64], names: Sequence[str | None]) -> list[str]:
    training = ~draft.refusals.bad
    if draft.split is not None:
        training &= draft.split == TRAIN
    return in_order([name for name in (names[code] for code in np.unique(codes[training])) if name])


def _empty_training_split(draft: Draft) -> list[str]:
    good = draft.refusals.good
    if draft.split is None or not len(good) or (draft.split[good] == TRAIN).any():
        return []
    return [f"{draft.refusals.name}: the training split is empty, expected rows of split 'train'"]


def _one_class(draft: Draft, classes: list[str], is_final: bool) -> list[str]:
    may_be_more = not is_final and draft.labels is not None and len(pc.unique(draft.labels)) > 1
    if len(classes) > 1 or may_be_more or not len(draft.refusals.good):
        return []
    return [f"{draft.refusals.name}: one class only ({among(classes)}), expected at least two"]


def _nothing_to_learn_from(draft: Draft) -> list[str]:
    """Features that do not vary: some are noted, but not all can be so."""
    good = draft.refusals.good
    if draft.features is None or len(good) < 2:
        return []
    features = draft.features[good]
    constant = [draft.feature_names[d] for d in np.flatnonzero(features.min(0) == features.max(0))]
    if len(constant) == features.shape[1]:
        return [f"{draft.refusals.name}: every feature has one value in all rows ({among(constant)}), expected others"]
    if constant:
        draft.notes.append(f"features with one value in all rows: {len(constant):,} ({among(constant, 5)})")
    return []


def _class_warnings(
    draft: Draft, annotation: NDArray[np.generic], classes: list[str], split: NDArray[np.int8] | None
) -> list[str]:
    warnings = [f"classes {shown(a)} and {shown(b)} differ only in spaces or case" for a, b in _twins(classes)]
    training = annotation if split is None else annotation[split == TRAIN]
    if annotation.ndim == 2:
        without = [classes[k] for k in np.flatnonzero((training == 0).all(0))]
        if without:
            warnings.append(f"no votes in the training rows for {among(without)}")
    else:
        counts = np.bincount(training.astype(np.int64), minlength=len(classes))
        empty = [classes[k] for k in np.flatnonzero(counts == 0)]
        if empty:
            warnings.append(f"no training rows for {among(empty)}")
        if len(training) >= 20 and 2 * len(classes) > len(training):
            warnings.append(f"{len(classes):,} classes for {len(training):,} training rows: is this column the label?")
    return warnings


def _twins(classes: Sequence[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    pairs = [(first.setdefault(name.strip().casefold(), name), name) for name in classes]
    return [(a, b) for a, b in pairs if a != b]


def _describe(samples: Samples, classes: list[str], kind: AnnotationKind) -> str:
    shape = samples.input_shape
    if samples.input_kind == "image":
        inputs = f"images, {shape[1]} x {shape[2]} {'grey' if shape[0] == 1 else 'rgb'}"
    else:
        inputs = f"rows of {shape[0]:,} features"
    votes = ", votes or probabilities" if kind == "distribution" else ""
    return f"{len(samples):,} {inputs}, {len(classes)} classes{votes}"


def _dataset(
    draft: Draft, annotation: NDArray[np.generic], classes: list[str], kept: NDArray[np.int64]
) -> datasets.Dataset:
    """The checked rows as an Arrow dataset; what is memory-mapped stays so."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    features: dict[str, object] = {}
    if draft.images is not None:
        columns["image"], features["image"] = draft.images, datasets.Image(decode=False)
    else:
        assert draft.features is not None
        width = draft.features.shape[1]
        columns["features"] = pa.FixedSizeListArray.from_arrays(pa.array(draft.features.ravel()), width)
        features["features"] = datasets.List(datasets.Value("float32"), length=width)
    if annotation.ndim == 1:
        columns["label"], features["label"] = pa.array(annotation), datasets.ClassLabel(names=classes)
    else:
        columns["votes"] = pa.FixedSizeListArray.from_arrays(pa.array(annotation.ravel()), len(classes))
        features["votes"] = datasets.List(datasets.Value("float32"), length=len(classes))
    if draft.split is not None:
        columns["split"], features["split"] = (
            pa.array(draft.split, pa.int64()),
            datasets.ClassLabel(names=list(SPLIT_NAMES)),
        )
    info = datasets.DatasetInfo(features=datasets.Features(features))
    table = pa.table(columns).cast(info.features.arrow_schema)
    dataset = datasets.Dataset(datasets.table.InMemoryTable(table), info=info)
    return dataset if len(kept) == len(dataset) else dataset.select(kept)
