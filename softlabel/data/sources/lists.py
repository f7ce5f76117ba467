"""Published split lists (ImageNet-LT, Places-LT, iNaturalist): text files of lines 'relative/path.jpg LABEL'.

    lists:ROOT            ROOT/NAME_train.txt, ROOT/NAME_val.txt, ROOT/NAME_test.txt; images below ROOT
    lists:ROOT,PREFIX     PREFIX_train.txt and so on, as ROOT/PREFIX_train.txt or with a full path

The part may be written as a folder's: training, valid, validation, dev, eval, testing, in any case.
Labels are class indices from 0; NAME_classes.txt, one name a line, names them. Where there is no test list, the
validation list is the test part, as in papers on iNaturalist. Links are followed inside ROOT only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from softlabel.data.config import DataConfig
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.files import BadFileError, Root
from softlabel.data.reading.image_table import struct_column
from softlabel.data.reading.split_names import ANY_WORD, part_named, reading_notes, told_twice
from softlabel.data.reading.text_lines import class_names_in, text_lines
from softlabel.data.refusals import Place, Refusals
from softlabel.data.source import TEST, TRAIN, VALIDATION, Source
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import among, shown

_LIST = re.compile(rf"(.+)_({ANY_WORD})\.txt", re.IGNORECASE)
_LABEL = re.compile(r"\d{1,9}", re.ASCII)


@dataclass
class Lines:
    """The lines of all lists: the image, the label as written, the split, and the list and line they stand in."""

    images: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[int] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def place(self, position: int) -> Place:
        """List and line; no row, because a list has no header that rows could be counted from."""
        return self.places[position], None


def read(config: DataConfig, argument: str) -> Source:
    """The images that the lists name. Refusals name the list and its line."""
    folder, _, prefix = argument.partition(",")
    if not folder:
        raise ConfigError("source 'lists' needs a folder: lists:ROOT or lists:ROOT,PREFIX")
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: is not a folder, expected the one that the paths of the lists start from")
    stem = os.path.join(folder, os.path.expanduser(prefix)) if prefix else _only_stem(folder)
    lines, notes = _read_lists(stem)
    classes = class_names_in(f"{stem}_classes.txt")
    refusals = Refusals(os.path.basename(stem), len(lines.images), lines.place)
    draft = Draft(
        name=os.path.basename(stem),
        refusals=refusals,
        sample_id=np.arange(len(lines.images)),
        images=struct_column(None, pa.chunked_array([pa.array(_paths(lines, Root(folder), refusals), pa.string())])),
        labels=pa.array(_labels(lines, classes, refusals), pa.string()),
        classes=classes,
        split=np.array(lines.splits, dtype=np.int8),
        notes=notes,
    )
    return complete(draft, config)


def _only_stem(folder: str) -> str:
    found = [name for name in sorted(os.listdir(folder)) if (part := _part_of(name)) and part[1] == TRAIN]
    if len(found) != 1:
        names = among(found) if found else "none"
        raise DataError(
            f"{folder}: training lists: {names}; expected one NAME_train.txt (or say which: lists:ROOT,PREFIX)"
        )
    return os.path.join(folder, found[0].rpartition("_")[0])


def _part_of(name: str) -> tuple[str, int] | None:
    """The stem of a list's name and the part that the name says; None for other files."""
    match = _LIST.fullmatch(name)
    part = part_named(match[2]) if match else None
    return None if match is None or part is None else (match[1], part)


def _read_lists(stem: str) -> tuple[Lines, list[str]]:
    lines = Lines()
    folder, base = os.path.split(stem)
    there = sorted(os.listdir(folder or os.curdir)) if os.path.isdir(folder or os.curdir) else []
    parts = {name: found[1] for name in there if (found := _part_of(name)) and found[0] == base}
    words = [name[len(base) + 1 : -len(".txt")] for name in parts]
    twice = told_twice(words, "lists")
    if twice:
        raise DataError(f"{stem}: {twice}")
    if TRAIN not in parts.values():
        raise DataError(f"{stem}_train.txt: does not exist, expected lines 'relative/path.jpg LABEL'")
    only_validation = set(parts.values()) == {TRAIN, VALIDATION}
    for name in sorted(parts, key=parts.__getitem__):
        is_test = only_validation and parts[name] == VALIDATION
        _read_list(os.path.join(folder, name), TEST if is_test else parts[name], lines)
    if only_validation:
        return lines, ["no test list: the validation list is the test part"]
    return lines, reading_notes(words)


def _read_list(path: str, split: int, lines: Lines) -> None:
    name, before = os.path.basename(path), len(lines.images)
    for number, line in text_lines(path):
        image, _, label = line.strip().rpartition(" ")
        lines.images.append(image.rstrip())
        lines.labels.append(label)
        lines.splits.append(split)
        lines.places.append(f"{name}, line {number}")
    if len(lines.images) == before:
        raise DataError(f"{name}: is empty, expected lines 'relative/path.jpg LABEL'")


def _paths(lines: Lines, root: Root, refusals: Refusals) -> list[str | None]:
    """The file of every line; each image stands once in all lists together."""
    paths: list[str | None] = [None] * len(lines.images)
    first: dict[str, int] = {}
    for position, image in enumerate(lines.images):
        before = first.setdefault(os.path.normpath(image), position)
        if not image:
            refusals.add(position, None, shown(lines.labels[position]), "'relative/path.jpg LABEL'")
        elif before != position:
            refusals.add(position, None, f"{shown(image)} stands in {lines.places[before]} too", "each image once")
        else:
            try:
                paths[position] = root.locate(image)
            except BadFileError as bad:
                refusals.add(position, None, f"{shown(image)} {bad}", f"an image file inside {root.folder}")
    return paths


def _labels(lines: Lines, classes: list[str] | None, refusals: Refusals) -> list[str]:
    """The class of every line: its name where there are names, otherwise the index."""
    expected = "a class index from 0" + (f" to {len(classes) - 1}" if classes else "")
    labels = []
    for position, text in enumerate(lines.labels):
        index = int(text) if _LABEL.fullmatch(text) else -1
        known = index >= 0 and (classes is None or index < len(classes))
        if not known and lines.images[position]:
            refusals.add(position, None, f"label {shown(text)}", expected)
        labels.append((classes[index] if classes else str(index)) if known else "")
    return labels
