"""Images with a mask each, in two folders; the mask says the class of every pixel.

    street/images/1.jpg   street/masks/1.png   street/classes.txt
    street/train/images/1.jpg   street/train/masks/1.png   street/test/images/2.jpg   ...

A mask is a PNG of 8-bit grey values or palette indices, named and sized like its image: class indices from 0, and 255
where a pixel is void. classes.txt names the classes, one a line; without it they are the numbers up to the largest.
Split folders are named train (training), val (valid, validation, dev, eval) and test (testing), in any case. Links are
followed inside the folder only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softlabel.data.annotation import MASK, VOID
from softlabel.data.config import DataConfig
from softlabel.data.images import BadImageError, quiet_decoding, read_header
from softlabel.data.masks import check_classes, decode_mask, mask_size, refuse_doubtful_void
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.files import BadFileError, Root, is_hidden, is_image_name, written
from softlabel.data.reading.image_table import commonest_size, struct_column
from softlabel.data.reading.split_folders import Layout, split_layout
from softlabel.data.reading.text_lines import class_names_in
from softlabel.data.refusals import Refusals
from softlabel.data.source import TRAIN, Source
from softlabel.errors import ConfigError, DataError
from softlabel.text.words import among

IMAGES, MASKS, CLASSES = "images", "masks", "classes.txt"


@dataclass
class Pairs:
    """Names of images and of their masks relative to the folder, the split of each, and masks without an image."""

    images: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    splits: list[int] = field(default_factory=list)
    lone: list[str] = field(default_factory=list)


def read(config: DataConfig, argument: str) -> Source:
    """Every image with its mask; refusals name the file that cannot be used."""
    if not argument:
        raise ConfigError("source 'masks' needs a path: masks:PATH")
    root = os.path.normpath(argument)
    layout = _layout(root)
    pairs = Pairs()
    for part, split in layout.parts.items() or [("", TRAIN)]:
        _list(root, part, split, pairs)
    if not pairs.images:
        raise DataError(f"{argument}: no images in {IMAGES}/, expected {argument}/{IMAGES}/1.png and the like")
    names = [written(name) for name in pairs.images]
    refusals = Refusals(os.path.basename(os.path.abspath(root)), len(names), lambda position: (names[position], None))
    inside = Root(root)
    images = [_located(inside, name, position, refusals, "") for position, name in enumerate(pairs.images)]
    masks = [_located(inside, name, position, refusals, f"{name} ") for position, name in enumerate(pairs.masks)]
    with quiet_decoding():
        annotation, classes = _read_masks(images, masks, pairs.masks, refusals, config, os.path.join(root, CLASSES))
    draft = Draft(
        name=refusals.name,
        refusals=refusals,
        sample_id=np.arange(len(images)),
        images=struct_column(None, pa.chunked_array([pa.array(images, pa.string())])),
        kind=MASK,
        annotation=annotation,
        classes=classes,
        split=np.array(pairs.splits, dtype=np.int8) if layout.parts else None,
        notes=list(layout.notes),
        warnings=list(layout.warnings),
    )
    if pairs.lone:
        draft.warnings.append(f"masks without an image: {len(pairs.lone):,} ({among(pairs.lone, 3)})")
    return complete(draft, config)


def _layout(root: str) -> Layout:
    """No parts where images/ and masks/ lie in the folder itself; otherwise the parts that hold them."""
    if not os.path.isdir(root):
        raise DataError(f"{root}: {'is a file' if os.path.exists(root) else 'does not exist'}, expected a folder")
    if os.path.isdir(os.path.join(root, IMAGES)):
        return Layout({})
    layout = split_layout(root, lambda part: os.path.isdir(os.path.join(part, IMAGES)), f"a folder {IMAGES!r}")
    if not layout.parts:
        raise DataError(f"{root}: no folder {IMAGES!r}, expected {IMAGES}/ and {MASKS}/, or train/ with these")
    return layout


def _list(root: str, part: str, split: int, pairs: Pairs) -> None:
    """Images of a part in the order of their names; the mask of each has the same name, and ends in .png."""
    for folder in (IMAGES, MASKS):
        if not os.path.isdir(os.path.join(root, part, folder)):
            raise DataError(f"{os.path.join(root, part, folder)}: does not exist, expected a folder")
    images = sorted(n for n in os.listdir(os.path.join(root, part, IMAGES)) if is_image_name(n) and not is_hidden(n))
    of_images = [f"{os.path.splitext(name)[0]}.png" for name in images]
    pairs.images += [os.path.join(part, IMAGES, name) for name in images]
    pairs.masks += [os.path.join(part, MASKS, name) for name in of_images]
    pairs.splits += [split] * len(images)
    there = (name for name in os.listdir(os.path.join(root, part, MASKS)) if not is_hidden(name))
    pairs.lone += sorted(os.path.join(part, MASKS, written(name)) for name in set(there) - set(of_images))


def _located(root: Root, name: str, position: int, refusals: Refusals, subject: str) -> str | None:
    try:
        return root.locate(name)
    except BadFileError as bad:
        what = "a mask for this image" if subject else "an image file"
        refusals.add(position, None, f"{written(subject)}{bad}", f"{what} inside {root.folder}")
        return None


def _read_masks(
    images: list[str | None],
    masks: list[str | None],
    names: list[str],
    refusals: Refusals,
    config: DataConfig,
    class_file: str,
) -> tuple[NDArray[np.uint8], list[str]]:
    """Masks uint8 (N, H, W), all of the size of most images or as `resize` says, and the classes."""
    most = round(config.max_megapixels * 1e6)
    sizes: dict[int, tuple[int, int]] = {}
    for position in refusals.good.tolist():
        try:
            sizes[position] = _same_size(images[position] or "", masks[position] or "", names[position], most)
        except BadImageError as bad:
            refusals.add(position, None, bad.problem, bad.expected)
    size = config.resize or commonest_size(sizes.values())
    classes = class_names_in(class_file)
    annotation = np.zeros((len(masks), *size), dtype=np.uint8)
    for position, own in sizes.items():
        if config.resize is None and own != size:
            continue  # its image will be refused
        try:
            mask = decode_mask(masks[position] or "", config.resize)
            if classes is not None:
                check_classes(mask, classes)
        except BadImageError as bad:
            refusals.add(position, None, f"{written(names[position])} {bad.problem}", bad.expected)
        else:
            annotation[position] = mask
    pixels = np.bincount(annotation[refusals.good].ravel(), minlength=VOID + 1)
    classes = classes or [str(k) for k in range(int(np.flatnonzero(pixels[:VOID]).max(initial=0)) + 1)]
    refuse_doubtful_void(refusals.name, pixels, classes, accept=config.accept_void)
    return annotation, classes


def _same_size(image: str, mask: str, name: str, max_pixels: int) -> tuple[int, int]:
    """Height and width of an image and of its mask. Raises BadImageError, which names the mask if it is the bad one."""
    header = read_header(image, max_pixels)
    try:
        height, width = mask_size(mask, max_pixels)
    except BadImageError as bad:
        raise BadImageError(f"{written(name)} {bad.problem}", bad.expected) from None
    if (height, width) != (header.height, header.width):
        raise BadImageError(
            f"{written(name)} has {height} x {width} pixels (height x width)",
            f"{header.height} x {header.width} like the image",
        )
    return height, width
