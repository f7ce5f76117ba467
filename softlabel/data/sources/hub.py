"""A dataset of the Hugging Face Hub (hub:NAME or hub:NAME#SUBSET), or a local dataset folder without a script.

The image and the class column are found by their types; where there are several, --image-column and --label-column say
which. Splits named train, validation and test (or as split folders may be) are used. Without a network, what is in the
local cache is read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from softlabel.bounded_files import MEBIBYTE, read_bytes
from softlabel.data.arrow import datasets
from softlabel.data.config import DataConfig, settled_columns
from softlabel.data.reading.annotation_columns import annotation_options
from softlabel.data.reading.columns import one_column
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.files import is_hidden, is_image_name
from softlabel.data.reading.split_folders import folders_in
from softlabel.data.reading.split_names import is_unsure, part_named, reading_notes, told_twice
from softlabel.data.reading.table_draft import columns_to_read, draft_of
from softlabel.data.reading.tables import Table
from softlabel.data.refusals import Place
from softlabel.data.source import TRAIN, Source
from softlabel.errors import ConfigError, DataError, RunError
from softlabel.text.words import among

_TIMEOUT = 10.0
HUB_NAME = re.compile(r"(?!\.)[\w.-]{1,96}(/(?!\.)[\w.-]{1,96})?")
DATA_ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl", ".arrow", ".zip", ".tar", ".tar.gz", ".zst")
PART_FOLDERS = ("train", "validation", "test")
PART_FILE = re.compile(r"(train|test|validation)\b.*\.json$")
MOST_FILES = 200_000
MOST_CARD = 16 * MEBIBYTE


def read(config: DataConfig, argument: str) -> Source:
    """The train, validation and test splits of a dataset; the image and the class column are found by their types."""
    if not argument:
        raise ConfigError("source 'hub' needs a name: hub:NAME or hub:FOLDER")
    name, _, subset = argument.partition("#")
    _refuse_no_dataset(name)
    parts, notes = _known_splits(_load(name, subset or None))
    features = next(iter(parts.values())).features
    config = _with_defaults(config, features, notes)
    chosen = columns_to_read(config, argument)(list(features))
    columns = _joined(parts, chosen, config, argument)
    table = Table(columns, np.arange(1, len(columns) + 1), [], notes)
    folder = name if os.path.isdir(name) else str(datasets.config.HF_CACHE_HOME)
    draft = draft_of(table, config, os.path.join(folder, os.path.basename(name)))
    draft.name = os.path.basename(os.path.normpath(name))
    _place_in_splits(draft, argument, parts, config)
    return complete(draft, config)


def _load(name: str, subset: str | None) -> datasets.DatasetDict:
    """All splits, from a local folder, the Hub, or the local cache when the Hub cannot be reached."""
    with _quiet():
        try:
            if os.path.isdir(name) and _is_saved(name):
                loaded = datasets.load_from_disk(name)
            elif os.path.isdir(name) or _reachable(name):
                _refuse_unsure_folders(name)
                loaded = datasets.load_dataset(name, subset)
            else:
                with _offline(name):
                    loaded = datasets.load_dataset(name, subset)
        except DataError:
            raise
        except Exception as error:  # whatever a foreign dataset or the network raises is one line for the user
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"hub:{name}: cannot be loaded ({reason or type(error).__name__})") from None
    return loaded if isinstance(loaded, datasets.DatasetDict) else datasets.DatasetDict(train=loaded)


def _refuse_no_dataset(name: str) -> None:
    """Raise ConfigError for a path that is no folder of a data set, before anything is looked for below it."""
    if os.path.isdir(name):
        if not (_is_saved(name) or _has_card(name) or _has_data(name)):
            raise ConfigError(
                f"hub:{name}: the folder holds no data set; expected one that `save_to_disk` wrote, a copy of one "
                "of the Hub with its README.md, or files such as *.parquet and *.csv in it or in data, train, "
                "validation or test"
            )
        _refuse_too_many_files(name)
    elif os.path.exists(name) or not HUB_NAME.fullmatch(name):
        there = "is a file" if os.path.exists(name) else "does not exist"
        raise ConfigError(f"hub:{name}: {there}; expected the folder of a data set, or a name of the Hub (OWNER/NAME)")


def _has_card(folder: str) -> bool:
    """Whether there is a README.md with the header that the Hub reads."""
    try:
        return read_bytes(Path(folder) / "README.md", MOST_CARD, links=True).startswith(b"---")
    except (FileNotFoundError, RunError):
        return False


def _has_data(folder: str) -> bool:
    """Whether there are files of data where a data set has them: in it, in `data`, or images in class folders."""
    places = [entry for entry in os.scandir(folder) if entry.is_dir() and not is_hidden(entry.name)]
    names = [*os.listdir(folder), *(name for place in places if place.name == "data" for name in os.listdir(place))]
    return (
        any(place.name in PART_FOLDERS for place in places)
        or any(name.lower().endswith(DATA_ENDINGS) or PART_FILE.match(name) for name in names)
        or any(is_image_name(name) for place in places for name in os.listdir(place))
    )


def _refuse_too_many_files(folder: str) -> None:
    """Raise ConfigError where a look at every file would take minutes, as of a home folder or a whole disk."""
    found = 0
    for _, folders, files in os.walk(folder):
        found += len(folders) + len(files)
        if found > MOST_FILES:
            raise ConfigError(
                f"hub:{folder}: more than {MOST_FILES:,} files lie below it; expected one data set's folder"
            )


def _refuse_unsure_folders(name: str) -> None:
    """Raise DataError for folders such as eval, which `datasets` would make the test part, other than all sources."""
    for part in folders_in(name) if os.path.isdir(name) else ():
        if is_unsure(part):
            problem = f"the folder {part!r} would be the test part here, and the validation part elsewhere"
            raise DataError(f"hub:{name}: {problem}; expected 'validation' or 'test' as its name, or folder:{name}")


def _is_saved(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, file)) for file in ("dataset_dict.json", "state.json"))


def _reachable(name: str) -> bool:
    """Ask the Hub once, briefly; `load_dataset` itself would try for half a minute."""
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=_TIMEOUT)
    except RepositoryNotFoundError:
        raise DataError(f"hub:{name}: the Hub has no such dataset, or it is private") from None
    except huggingface_hub.errors.HFValidationError as error:
        raise DataError(f"hub:{name}: {' '.join(str(error).split())[:160]}") from None
    except Exception:  # no network, a proxy, a timeout: the cache may still have it
        return False
    return True


@contextlib.contextmanager
def _offline(name: str) -> Iterator[None]:
    import huggingface_hub

    before = huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    except (ConnectionError, FileNotFoundError):
        raise DataError(
            f"hub:{name}: the Hub cannot be reached, and the dataset is neither a folder here nor in the cache"
        ) from None
    finally:
        huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = datasets.are_progress_bars_disabled()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()


def _known_splits(loaded: datasets.DatasetDict) -> tuple[dict[str, datasets.Dataset], list[str]]:
    parts = {name: part for name, part in loaded.items() if part_named(name) is not None}
    if not any(part_named(name) == TRAIN for name in parts):
        raise DataError(f"the dataset has the splits {among(loaded)}, expected one named 'train'")
    twice = told_twice(parts, "names")
    if twice:
        raise DataError(f"the dataset has {twice}")
    others = [name for name in loaded if name not in parts]
    return parts, ([f"splits {among(others)} are left out"] if others else []) + reading_notes(parts)


def _with_defaults(config: DataConfig, features: datasets.Features, notes: list[str]) -> DataConfig:
    """Image and label columns by their types, where there is one of a kind and the options name none."""
    found: dict[str, str] = {}
    if config.image_column is None and not (config.feature_columns or settled_columns(config).features):
        found |= _only("image_column", [name for name, kind in features.items() if isinstance(kind, datasets.Image)])
    if not annotation_options(config):
        found |= _only(
            "label_column", [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
        )
    notes += [f"{option.replace('_', ' ')}: {name!r} (by its type)" for option, name in found.items()]
    return config.model_copy(update=found)


def _only(option: str, names: list[str]) -> dict[str, str]:
    return {option: names[0]} if len(names) == 1 else {}


def _undecoded(part: datasets.Dataset) -> datasets.Dataset:
    for name, kind in part.features.items():
        if isinstance(kind, datasets.Image):
            part = part.cast_column(name, datasets.Image(decode=False))
    return part.flatten_indices() if part._indices is not None else part


def _joined(parts: dict[str, datasets.Dataset], chosen: list[str], config: DataConfig, argument: str) -> pa.Table:
    """The chosen columns of all splits, by name: a split may have them in another order, and its classes too."""
    tables = []
    for split, part in parts.items():
        file = f"hub:{argument}, split {split!r}"
        names = [one_column(name, part.column_names, file) for name in chosen]
        tables.append(_with_class_names(_undecoded(part).data.table.select(names), config, part.features))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"hub:{argument}: the splits hold columns of different types ({reason})") from None


def _with_class_names(table: pa.Table, config: DataConfig, features: datasets.Features) -> pa.Table:
    """Class numbers replaced by their names; a number without a name (-1 of hidden labels) stays and is refused."""
    kind = features.get(config.label_column) if config.label_column else None
    if not isinstance(kind, datasets.ClassLabel):
        return table
    position = table.column_names.index(config.label_column)
    numbers = table.column(position).to_pylist()
    names = [
        kind.names[n] if n is not None and 0 <= n < len(kind.names) else None if n is None else str(n) for n in numbers
    ]
    return table.set_column(position, config.label_column, pa.array(names, pa.string()))


def _place_in_splits(draft: Draft, argument: str, parts: dict[str, datasets.Dataset], config: DataConfig) -> None:
    """Rows are named by split and the row in it, and carry the split unless a column says it."""
    starts = np.cumsum([0, *(len(part) for part in parts.values())])
    names = list(parts)

    def place(position: int) -> Place:
        part = int(np.searchsorted(starts, position, side="right")) - 1
        return f"hub:{argument}, split {names[part]!r}", position - int(starts[part]) + 1

    draft.refusals.place = place
    kind = next(iter(parts.values())).features.get(config.label_column) if config.label_column else None
    if isinstance(kind, datasets.ClassLabel):
        draft.classes = list(kind.names)
    if config.split_column is None and len(parts) > 1:
        words = [part_named(name) for name in names]
        draft.split = np.repeat(np.array(words, dtype=np.int8), np.diff(starts))
