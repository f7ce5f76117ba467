"""Folders of images, one folder per class; or train, validation and test folders with class folders inside.

    photos/cat/1.png   photos/dog/2.jpg          or   photos/train/cat/1.png   photos/test/dog/2.jpg

Split folders are named train (training), val (valid, validation, dev, eval) and test (testing), in any case, and hold
class folders; folders beside them are left out. Images lie at any depth below their class folder; PNG, JPEG, WebP, BMP,
GIF, TIFF, AVIF and HEIC; hidden files are passed by. Links are followed inside the folder only.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from softlabel.data.config import DataConfig
from softlabel.data.reading.columns import in_order
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.files import BadFileError, Root, is_folder, is_hidden, is_image_name, is_text, written
from softlabel.data.reading.image_table import struct_column
from softlabel.data.reading.split_folders import Layout, layout_of
from softlabel.data.refusals import Refusals
from softlabel.data.source import TRAIN, Source
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import among


@dataclass
class Listing:
    """Image files below a folder: names relative to it, the class and split of each, and what was passed by."""

    names: list[str] = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    splits: list[int] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def read(config: DataConfig, argument: str) -> Source:
    """The images of a folder; classes are named after their folders. Files that are no images by name are counted."""
    root = _existing_folder(argument)
    listing = Listing()
    layout = layout_of(root)
    for part, split in layout.parts.items() or [("", TRAIN)]:
        _list_classes(Root(root), part, split, listing)
    if not listing.names:
        raise DataError(f"{argument}: {_no_images(listing)}, expected {argument}/CLASS/IMAGE.png and the like")
    draft = _draft(root, listing, layout)
    return complete(draft, config)


def _no_images(listing: Listing) -> str:
    """That there are none, and what there is instead."""
    if not listing.others:
        return "no images in class folders"
    endings = Counter(os.path.splitext(name)[1].lower() or "no ending" for name in listing.others)
    found = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(3))
    return f"no images in class folders, but files of formats that are not read ({found})"


def _existing_folder(argument: str) -> str:
    if not argument:
        raise ConfigError("source 'folder' needs a path: folder:PATH")
    if not os.path.isdir(argument):
        what = "is a file" if os.path.exists(argument) else "does not exist"
        raise DataError(f"{argument}: {what}, expected a folder of class folders")
    return os.path.normpath(argument)


def _list_classes(root: Root, part: str, split: int, listing: Listing) -> None:
    with os.scandir(os.path.join(root.folder, part)) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = os.path.join(part, entry.name)
        if is_hidden(entry.name):
            continue
        if is_folder(entry):
            _check_class_name(name)
            _list_images(root, name, entry.name, split, listing)
        elif is_image_name(entry.name):
            _add(listing, name, None, split)
        else:
            listing.others.append(name)


def _check_class_name(folder: str) -> None:
    if not is_text(folder):
        raise DataError(f"{written(folder)}: the name of the folder is not UTF-8, expected one that can be a class")


def _list_images(root: Root, folder: str, class_name: str, split: int, listing: Listing) -> None:
    before = len(listing.names)
    for name in _walk(root, folder, listing, set()):
        if is_image_name(name):
            _add(listing, name, class_name, split)
        else:
            listing.others.append(name)
    if len(listing.names) == before:
        listing.empty.append(folder)


def _walk(root: Root, folder: str, listing: Listing, visited: set[str]) -> Iterator[str]:
    """Files below a folder in the order of their names; linked folders only inside the root, each folder once."""
    path = os.path.join(root.folder, folder)
    real = os.path.realpath(path)
    if real in visited:
        return
    visited.add(real)
    if not root.holds(path):
        raise DataError(f"{folder}: is a link that leads outside {root.folder}, expected a folder inside it")
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = os.path.join(folder, entry.name)
        if is_hidden(entry.name):
            continue
        if is_folder(entry):
            yield from _walk(root, name, listing, visited)
        else:
            yield name


def _add(listing: Listing, name: str, class_name: str | None, split: int) -> None:
    listing.names.append(name)
    listing.classes.append(class_name)
    listing.splits.append(split)


def _draft(root: str, listing: Listing, layout: Layout) -> Draft:
    name = os.path.basename(os.path.abspath(root))
    refusals = Refusals(name, len(listing.names), lambda position: (written(listing.names[position]), None))
    inside = Root(root)
    paths: list[str | None] = [
        _located(inside, image, position, refusals) for position, image in enumerate(listing.names)
    ]
    for position, class_name in enumerate(listing.classes):
        if class_name is None:
            refusals.add(position, None, "lies in no class folder", "CLASS/IMAGE")
    draft = Draft(
        name=name,
        refusals=refusals,
        sample_id=np.arange(len(paths)),
        images=struct_column(None, pa.chunked_array([pa.array(paths, pa.string())])),
        labels=pa.array(listing.classes, pa.string()),
        split=np.array(listing.splits, dtype=np.int8) if layout.parts else None,
        notes=list(layout.notes),
        warnings=list(layout.warnings),
    )
    if listing.others:
        count = len(listing.others)
        draft.notes.append(f"files that are no images by their names, left out: {count:,} ({among(listing.others, 3)})")
    if listing.empty:
        draft.warnings.append(f"no images in {among(in_order(listing.empty), 5)}: no class is made of it")
    return draft


def _located(root: Root, name: str, position: int, refusals: Refusals) -> str | None:
    try:
        return root.locate(name)
    except BadFileError as bad:
        refusals.add(position, None, str(bad), f"an image file inside {root.folder}")
        return None
