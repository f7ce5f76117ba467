"""What other programs call our options, and how people write a source: understood, or told what it is called here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from softlabel.text.words import nearest

OTHER_NAMES = {
    **dict.fromkeys(("lr", "base_lr", "initial_lr", "eta"), "learning_rate"),
    **dict.fromkeys(("wd", "l2", "decay_rate"), "weight_decay"),
    **dict.fromkeys(("bs", "batch", "batchsize", "train_batch_size"), "batch_size"),
    **dict.fromkeys(("model", "arch", "architecture", "net", "encoder", "timm"), "backbone"),
    **dict.fromkeys(("data", "dataset", "data_dir", "data_path", "path", "dir", "folder", "input", "csv"), "source"),
    **dict.fromkeys(("val_split", "val_share", "val_size", "validation_split", "valid_size"), "validation_share"),
    **dict.fromkeys(("test_split", "test_size"), "test_share"),
    **dict.fromkeys(("gpu", "gpus", "cuda", "accelerator"), "device"),
    **dict.fromkeys(("aug", "augmentation", "augmentations", "transform", "transforms"), "augment"),
    **dict.fromkeys(("size", "img_size", "image_size", "imgsz", "input_size", "resolution", "crop_size"), "resize"),
    **dict.fromkeys(("out", "output", "output_dir", "outdir", "save_dir", "log_dir"), "runs"),
    **dict.fromkeys(("opt", "optimizer", "optim"), "optimiser"),
    **dict.fromkeys(("amp", "fp16", "bf16", "mixed_precision", "half"), "precision"),
    **dict.fromkeys(("freeze", "freeze_backbone", "finetune", "linear_probe"), "trainable"),
    **dict.fromkeys(("n_epochs", "num_epochs", "max_epochs", "epoch", "iterations"), "epochs"),
    **dict.fromkeys(("algorithm", "loss", "criterion", "approach"), "method"),
    **dict.fromkeys(("grad_accum", "gradient_accumulation_steps", "accumulation"), "accumulate"),
    **dict.fromkeys(("warmup", "warmup_steps"), "warmup_epochs"),
    **dict.fromkeys(("lr_schedule", "scheduler", "lr_scheduler"), "schedule"),
    **dict.fromkeys(("target", "label", "labels", "target_column", "y"), "label_column"),
    **dict.fromkeys(("grad_clip", "clip", "max_norm", "clip_grad_norm"), "clip_norm"),
    **dict.fromkeys(("ranks", "num_processes", "nproc", "world_size"), "processes"),
    **dict.fromkeys(("random_seed", "random_state"), "seed"),
    **dict.fromkeys(("imbalance_factor", "imb_factor", "if"), "imbalance"),
    **dict.fromkeys(("config", "cfg", "yaml"), "recipe"),
}
"""What people type, and the option that it is here."""

ENDINGS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arff", ".arff.gz"), "arff"),
    ".mat": "mat",
    ".npz": "packed",
}
"""Of files, and the kind of source that reads them."""

_LIST = re.compile(r"_train(ing)?\.txt$", re.IGNORECASE)


def meant(name: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant by a name that none has: its name here, or the nearest one."""
    known = list(options)
    here = OTHER_NAMES.get(name.lower().replace("-", "_"))
    # a comparison has several of what a run has one of
    return next((option for option in (here, f"{here}s") if option in known), None) or nearest(name, known)


def with_kind(source: str) -> str:
    """A source as the configuration names it, where only the path was written; anything else as it is.

    The name of a kind stays that kind, whatever stands in the working folder: ./digits is the folder.

    >>> with_kind("digits"), with_kind("csv:a.csv")
    ('digits', 'csv:a.csv')
    """
    from softlabel.data.reading.open_source import list_sources

    path = os.path.expanduser(source)
    if source.partition(":")[0] in list_sources():
        return source
    if os.path.isdir(path):
        return f"{_kind_of_folder(path)}:{source}"
    kind = next((kind for ending, kind in ENDINGS.items() if path.lower().endswith(ending)), None)
    looks_like_a_path = os.sep in source or os.path.isfile(path) or kind is not None
    if (":" in source and not os.path.isfile(path)) or not looks_like_a_path:
        return source
    return f"{kind or 'folder'}:{source.removesuffix('.npz') if kind == 'packed' else source}"


def _kind_of_folder(path: str) -> str:
    """The kind of source whose files lie in a folder; class folders, where nothing says otherwise."""
    if _is_dataset(path):
        return "hub"
    try:
        with os.scandir(path) as entries:
            inside = list(entries)
    except OSError:  # which the source itself will tell
        return "folder"
    places = [path, *(entry.path for entry in inside if entry.is_dir())]
    if any(all(os.path.isdir(os.path.join(place, part)) for part in ("images", "masks")) for place in places):
        return "masks"
    return "lists" if any(_LIST.search(entry.name) and entry.is_file() for entry in inside) else "folder"


def _is_dataset(folder: str) -> bool:
    """Whether the Hugging Face library has saved a dataset there."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in ("dataset_dict.json", "dataset_info.json"))


def another_command(values: Mapping[str, Any], fields: Iterable[str]) -> str | None:
    """The command whose configuration these tables are, where the fields are those of another one."""
    known = set(fields)
    if "comparison" in values:
        return None if "comparison" in known else "compare"
    return "train" if {"method", "seed"} & values.keys() and "method" not in known else None
