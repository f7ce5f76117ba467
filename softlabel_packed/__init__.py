"""Packed benchmark images: strips of images in one .npz, with labels or votes.

    packed:FOLDER/cifar10_lt_if100_train,cifar10_test
    packed:FOLDER/ferplus_train_00000_14278,ferplus_valid,ferplus_test
    packed:FOLDER/cifar10_test+cifar10h_test
    packed:FOLDER/utkface_subset1700
    packed:FOLDER/camvid_subset_train,camvid_subset_test
    packed:FOLDER/cifar10_train_00000_09999+cifar10n_cifar100n_train:c10_worse_label,cifar10_test

Files of one folder, without their ending. Of several, the name of each says its part (_train, _valid or _test); one
alone is split like any source without parts. IMAGES+LABELS takes the votes or labels of another file, and
IMAGES+LABELS:ARRAY one array of it; 'train_index', or the range of rows in the images' name, says which of its rows.

Votes for 'unknown' and 'NF' (no face; FER+) are not counted, and rows where one of them has most votes are left out.

Ages are values. PNG masks are class indices, and where the last class is 'Unlabelled' its pixels are void.

The format serves benchmarks alone, so it is a package beside softlabel, which finds it by its entry point as it would
any other that brings a source.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from softlabel.data.annotation import MASK, VALUE, VOID, VOTES
from softlabel.data.config import DataConfig
from softlabel.data.images import MAX_PIXELS, BadImageError, decode
from softlabel.data.masks import check_classes, decode_mask, mask_size, refuse_doubtful_void, resized
from softlabel.data.reading.columns import nearest, vote_table
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.image_table import struct_column
from softlabel.data.reading.plain_arrays import plain_arrays
from softlabel.data.reading.split_names import ANY_WORD, part_named
from softlabel.data.refusals import Place, Refusals
from softlabel.data.source import TRAIN, Source
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import among

NO_CLASS = ("unknown", "NF")
UNLABELLED = ("Unlabelled", "Void")
_IMAGES = ("buf", "off", "strip", "shape")
_ANNOTATIONS = ("counts", "votes", "labels", "age")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """One file of images: pixels uint8 (N, H, W[, 3]), and class indices (N,) or votes (N, K) of the named classes.

    Ages are numbers (N,), without classes; masks are uint8 (N, H, W).

    rows  (N,) rows of the file, from 0
    """

    file: str
    pixels: NDArray[np.uint8]
    annotation: NDArray[Any]
    classes: list[str]
    rows: NDArray[np.int64]


def read(config: DataConfig, argument: str) -> Source:
    """Every part decoded and checked against its checksum; then the images go the way of all images."""
    folder, names = os.path.split(argument)
    if not names:
        raise ConfigError("source 'packed' needs files: packed:FOLDER/TRAIN_FILE,TEST_FILE")
    given = names.split(",")
    splits = [_part_of(name) for name in given] if len(given) > 1 else [TRAIN]
    parts = [_without_uncounted(_read_part(folder, name)) for name in given]
    _check_alike(parts)
    starts = np.cumsum([0] + [len(part.rows) for part in parts])

    def place(position: int) -> Place:
        which = int(np.searchsorted(starts, position, side="right")) - 1
        return parts[which].file, int(parts[which].rows[position - starts[which]]) + 1

    total = int(starts[-1])
    draft = Draft(
        name=given[0].partition("+")[0],
        refusals=Refusals(parts[0].file, total, place),
        sample_id=np.arange(total),
        images=struct_column(pa.chunked_array([[_encoded(image) for part in parts for image in part.pixels]])),
        classes=parts[0].classes,
    )
    if len(parts) > 1:
        draft.split = np.repeat(np.array(splits, dtype=np.int8), np.diff(starts))
    _annotate(draft, np.concatenate([part.annotation for part in parts]), parts[0].classes, config)
    draft.notes += [note for part in parts if (note := _left_out(part))]
    return complete(draft, config)


def _part_of(name: str) -> int:
    words = re.findall(rf"_({ANY_WORD})(?=_|$)", name.partition("+")[0], re.IGNORECASE)
    found = [part for word in words if (part := part_named(word)) is not None]
    if len(found) != 1:
        raise ConfigError(f"packed: the name {name!r} does not say which part it is, expected _train, _valid or _test")
    return found[0]


def _read_part(folder: str, name: str) -> Part:
    image_name, _, labels_name = name.partition("+")
    file = f"{image_name}.npz"
    arrays = _arrays(folder, file)
    pixels = _pixels(arrays, file)
    labels_file, _, array = labels_name.partition(":")
    source = _arrays(folder, f"{labels_file}.npz") if labels_file else arrays
    where = f"{labels_file}.npz" if labels_file else file
    if "mask_buf" in source:
        return _with_masks(file, pixels, source)
    found = [key for key in ([array] if array else _ANNOTATIONS) if key in source]
    if not found:
        named = f"array {array!r}{nearest(array, list(source))}" if array else f"labels; there are {among(source)}"
        raise DataError(f"{where}: no {named}")
    annotation = source[found[0]]
    if labels_file:
        annotation = annotation[_rows_among(annotation, arrays, image_name, where)]
        if "labels" in source and len(source["labels"]) == len(pixels):
            _check_same_labels(arrays, source, file, where)
    if annotation.ndim not in (1, 2) or len(annotation) != len(pixels):
        raise DataError(f"{where}: {found[0]} has the shape {annotation.shape}, expected {len(pixels):,} rows")
    names = next((a[key] for a in (source, arrays) for key in ("columns", "class_names") if key in a), None)
    if names is None and found[0] != "age":
        raise DataError(f"{where}: no class names, expected an array 'class_names' or 'columns'")
    return Part(
        file, pixels, annotation, [] if names is None else [str(name) for name in names], np.arange(len(pixels))
    )


def _with_masks(file: str, pixels: NDArray[np.uint8], arrays: Arrays) -> Part:
    if "class_names" not in arrays:
        raise DataError(f"{file}: no class names, expected an array 'class_names'")
    classes = [str(name) for name in arrays["class_names"]]
    own = int(pixels.shape[1]), int(pixels.shape[2])
    masks = np.empty((len(pixels), *own), dtype=np.uint8)
    off = arrays["mask_off"].tolist()
    if len(off) != len(pixels) + 1:
        raise DataError(f"{file}: {len(off) - 1:,} masks, expected {len(pixels):,} like the images")
    for row, (start, end) in enumerate(pairwise(off)):
        encoded = arrays["mask_buf"][start:end].tobytes()
        try:
            size = mask_size(encoded, MAX_PIXELS)
            mask = decode_mask(encoded)
            check_classes(mask, classes)
        except BadImageError as bad:
            raise DataError(f"{file}, row {row + 1}: the mask {bad.problem}, expected {bad.expected}") from None
        if size != own:
            found, expected = (f"{height} x {width}" for height, width in (size, own))
            raise DataError(f"{file}, row {row + 1}: the mask has {found} pixels, expected {expected} like the image")
        masks[row] = mask
    return Part(file, pixels, masks, classes, np.arange(len(pixels)))


def _arrays(folder: str, file: str) -> Arrays:
    path = os.path.join(folder, file)
    if not os.path.isfile(path):
        raise DataError(f"{path}: does not exist, expected a packed file")
    try:
        return plain_arrays(path)
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file}: cannot be read as a packed file ({' '.join(str(error).split())[:120]})") from None


def _pixels(arrays: Arrays, file: str) -> NDArray[np.uint8]:
    """The images of a file, as its checksum says; JPEG files have none, as decoders of it differ."""
    missing = [name for name in _IMAGES if name not in arrays]
    if missing:
        raise DataError(f"{file}: no array {among(missing)}, expected a packed file of images")
    shape, strip, off = tuple(arrays["shape"].tolist()), int(arrays["strip"]), arrays["off"].tolist()
    if len(shape) not in (3, 4) or min(shape) < 1 or shape[3:] not in ((), (3,)) or strip < 1:
        raise DataError(f"{file}: shape {shape} in strips of {strip}, expected (N, H, W) or (N, H, W, 3)")
    starts = range(0, shape[0], strip)
    if off[:1] != [0] or off[-1] != len(arrays["buf"]) or sorted(off) != off or len(off) != len(starts) + 1:
        raise DataError(f"{file}: offsets of {len(off) - 1:,} items, expected {len(starts):,} that fill 'buf'")
    pixels = np.empty(shape, dtype=np.uint8)
    for item, start in enumerate(starts):
        into = pixels[start : start + strip]
        _decode_strip(arrays["buf"][off[item] : off[item + 1]].tobytes(), into, f"{file}, row {start + 1}")
    if "pixel_sha256" in arrays and hashlib.sha256(pixels.data).hexdigest() != str(arrays["pixel_sha256"]):
        raise DataError(f"{file}: the pixels differ from their checksum, expected {arrays['pixel_sha256']}")
    return pixels


def _decode_strip(encoded: bytes, into: NDArray[np.uint8], where: str) -> None:
    """Images that stand one below the other, into (n, H, W[, 3])."""
    try:
        strip = decode(encoded, "grey" if into.ndim == 3 else "rgb")
    except BadImageError as bad:
        raise DataError(f"{where}: {bad.problem}, expected {bad.expected}") from None
    height, width = len(into) * into.shape[1], into.shape[2]
    if strip.shape[1:] != (height, width):
        raise DataError(f"{where}: {strip.shape[1]} x {strip.shape[2]} pixels, expected {height} x {width}")
    into[...] = (strip[0] if into.ndim == 3 else strip.transpose(1, 2, 0)).reshape(into.shape)


def _rows_among(annotation: NDArray[Any], arrays: Arrays, image_name: str, where: str) -> NDArray[np.int64]:
    """Which rows of a labels file belong to the images, in their order."""
    stated = re.search(r"_(\d+)_(\d+)$", image_name)
    if "train_index" in arrays:
        rows = arrays["train_index"].astype(np.int64)
    elif stated:
        rows = np.arange(int(stated[1]), int(stated[2]) + 1)
    else:
        rows = np.arange(int(arrays["shape"][0]))
    if rows.min() < 0 or rows.max() >= len(annotation):
        raise DataError(
            f"{where}: {len(annotation):,} rows, expected one for row {int(rows.max()) + 1:,} of the images"
        )
    return rows


def _check_same_labels(arrays: Arrays, source: Arrays, file: str, where: str) -> None:
    different = np.flatnonzero(arrays.get("labels", source["labels"]) != source["labels"])
    if len(different):
        row = int(different[0])
        raise DataError(
            f"{where}, row {row + 1}: label {source['labels'][row]}, expected {arrays['labels'][row]} as in {file}"
        )


def _without_uncounted(part: Part) -> Part:
    """Votes for the classes alone; rows that most voters found to be of none are left out."""
    if part.annotation.ndim != 2 or not set(NO_CLASS) & set(part.classes):
        return part
    counted = np.array([name not in NO_CLASS for name in part.classes])
    votes = part.annotation[:, counted]
    kept = votes.max(1) >= part.annotation[:, ~counted].max(1)
    classes = [name for name in part.classes if name not in NO_CLASS]
    return Part(part.file, part.pixels[kept], votes[kept], classes, part.rows[kept])


def _left_out(part: Part) -> str:
    missing = int(part.rows[-1]) + 1 - len(part.rows)
    return f"{part.file}: rows left out, because most votes are for {among(NO_CLASS)}: {missing:,}" if missing else ""


def _check_alike(parts: Sequence[Part]) -> None:
    for part in parts[1:]:
        if part.classes != parts[0].classes:
            raise DataError(
                f"{part.file}: classes {among(part.classes, 3)}, expected those of {parts[0].file}:"
                f" {among(parts[0].classes, 3)}"
            )
        if part.annotation.ndim != parts[0].annotation.ndim:
            kinds = {1: "a label", 2: "votes", 3: "a mask"}
            raise DataError(
                f"{part.file}: {kinds[part.annotation.ndim]} a row, expected {kinds[parts[0].annotation.ndim]} as in"
                f" {parts[0].file}"
            )


def _annotate(draft: Draft, annotation: NDArray[Any], classes: list[str], config: DataConfig) -> None:
    if annotation.ndim == 3:
        counts = np.bincount(annotation.ravel(), minlength=VOID + 1)
        refuse_doubtful_void(draft.refusals.name, counts, classes, accept=config.accept_void)
        if classes[-1] in UNLABELLED:
            annotation[annotation == len(classes) - 1] = VOID
            draft.classes = classes[:-1]
        size = config.resize or annotation.shape[1:]
        draft.kind, draft.annotation = MASK, np.stack([resized(mask, *size) for mask in annotation])
        return
    if annotation.ndim == 2:
        columns = [pa.chunked_array([np.ascontiguousarray(column)]) for column in annotation.T]
        votes = vote_table(columns, classes, config.normalise, draft.refusals)
        draft.kind, draft.annotation = VOTES, votes.astype(np.float32)
        return
    if not classes:
        values = annotation.astype(np.float32)
        draft.kind, draft.annotation = VALUE, np.stack([values, np.full_like(values, np.nan)], 1)
        return
    wrong = (annotation < 0) | (annotation >= len(classes))
    draft.refusals.add_where(wrong, "labels", annotation, f"a class index from 0 to {len(classes) - 1}")
    draft.labels = pa.array(np.array(classes)[np.where(wrong, 0, annotation)])


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=0)  # the quickest of the lossless formats
    return buffer.getvalue()
