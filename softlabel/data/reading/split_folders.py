"""Which folders of a data folder are its parts (train, validation, test), by their names and by what they hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from softlabel.data.reading.files import is_folder, is_hidden, is_image_name, written
from softlabel.data.reading.split_names import is_unsure, part_in, part_named, reading_notes, told_twice
from softlabel.data.source import SPLIT_NAMES, TRAIN
from softlabel.errors import DataError
from softlabel.text.words import among


@dataclass(frozen=True)
class Layout:
    """The parts of a folder by name, each TRAIN, VALIDATION or TEST; none where all its rows are one part."""

    parts: dict[str, int]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def layout_of(root: str) -> Layout:
    """The parts of a folder of images: folders that are named as parts and hold class folders.

    Raises DataError where two folders mean one part, none is for training, or parts lie below class folders, or stand
    where classes would.
    """
    layout = split_layout(root, _holds_class_folders, "images in class folders")
    if layout.parts:
        return layout
    _refuse_nested_parts(root)
    _refuse_parts_as_classes(root)
    return Layout({}, warnings=_classes_alike_inside(root))


def split_layout(root: str, holds: Callable[[str], bool], content: str) -> Layout:
    """The folders named as parts of which `holds` is true; `content` says what such a folder holds.

    Raises DataError where two of them mean one part, none is for training, or one is empty.
    """
    names = folders_in(root)
    parts = {name: part for name in names if (part := part_named(name)) is not None and holds(os.path.join(root, name))}
    if not parts:
        return Layout({})
    twice = told_twice(parts, "folders")
    if twice:
        raise DataError(f"{root}: {twice}")
    if TRAIN not in parts.values():
        there = f"{among(parts)} {'hold' if len(parts) > 1 else 'holds'} {content}"
        raise DataError(f"{root}: {there}, but no folder 'train' does, expected one (classes need other names)")
    bare = [name for name in names if part_named(name) is not None and name not in parts]
    meant = [name for name in bare if not is_unsure(name) and _is_meant_as_part(os.path.join(root, name))]
    if meant:
        raise DataError(f"{root}: the split folder {meant[0]!r} holds no {content}")
    others = [written(name) for name in names if part_named(name) is None]
    notes = [f"folders beside {among(parts)}, left out: {among(others)}"] if others else []
    warnings = [f"named as a part, but without {content}, left out: {among(bare)}"] if bare else []
    return Layout(parts, notes + reading_notes(parts), warnings)


def folders_in(path: str) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if is_folder(entry) and not is_hidden(entry.name))


def _holds_class_folders(path: str) -> bool:
    return any(_holds_images(os.path.join(path, name)) for name in folders_in(path))


def _holds_images(path: str) -> bool:
    """Whether an image lies at any depth below; what a link leads to is not looked at, but taken to hold some."""
    if os.path.islink(path):
        return True
    for _, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if any(is_image_name(name) and not is_hidden(name) for name in files):
            return True
    return False


def _is_meant_as_part(path: str) -> bool:
    """Whether a folder without what a part holds is nevertheless one: empty, or with images elsewhere in it."""
    return _holds_images(path) or not any(files for _, _, files in os.walk(path))


def _refuse_nested_parts(root: str) -> None:
    """Raise DataError where a folder would be one class, and the folders below it are parts."""
    for name in folders_in(root):
        path = os.path.join(root, name)
        below = {inner: part for inner in folders_in(path) if (part := part_named(inner)) is not None}
        filled = {inner: part for inner, part in below.items() if _holds_images(os.path.join(path, inner))}
        whole = any(_holds_class_folders(os.path.join(path, inner)) for inner in filled)
        if TRAIN in filled.values() and (whole or len(filled) > 1):
            hint = f"folder:{written(path)}" if whole else f"{root}/{SPLIT_NAMES[TRAIN]}/{written(name)} and so on"
            raise DataError(f"{written(path)}: holds the parts {among(filled)}, expected a class; give {hint}")


def _refuse_parts_as_classes(root: str) -> None:
    """Raise DataError where a training and another part would be classes: by their names, and by what they hold.

    Either all classes are named so, or these hold folders of the same names, which are the classes then.
    """
    filled = [name for name in folders_in(root) if _holds_images(os.path.join(root, name))]
    named = {name: part for name in filled if (part := part_in(name)) is not None}
    inside = {name: set(folders_in(os.path.join(root, name))) for name in named}
    training = [name for name, part in named.items() if part == TRAIN]
    others = [name for name, part in named.items() if part != TRAIN]
    alike = [name for name in others if any(inside[name] & inside[other] for other in training)]
    if training and (alike or (others and len(named) == len(filled))):
        raise DataError(
            f"{root}: {among([*training, *others])} would be classes, and are named as parts; "
            f"expected {root}/{SPLIT_NAMES[TRAIN]}/CLASS/IMAGE and so on, or other names"
        )


def _classes_alike_inside(root: str) -> list[str]:
    """A warning where all class folders hold folders of the same names, which may have been meant as the classes."""
    names = folders_in(root)
    inside = {tuple(folders_in(os.path.join(root, name))) for name in names}
    if len(names) < 2 or len(inside) != 1 or len(same := inside.pop()) < 2:
        return []
    return [f"the classes are {among(names, 3)}, not the folders that all of them hold ({among(same, 3)})"]
