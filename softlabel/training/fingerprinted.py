"""The data of a run as they are now, with what else decides it and lies outside of its folder."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

from softlabel.data.fingerprint import Fingerprint
from softlabel.deployed.model_files import DESCRIPTION, digest_of, find_model, read_description
from softlabel.networks.hub import PREFIX
from softlabel.tasks.prepared import Prepared
from softlabel.training.build_method import files_of_method, trained_networks
from softlabel.training.config import RunConfig

_READ = (".json", ".safetensors")
"""Endings of the files that a pretrained network is made from."""


def fingerprint_for(prepared: Prepared, configs: Iterable[RunConfig] = ()) -> Fingerprint:
    """The data as they are now, with what else lies outside of the run folders of these configurations."""
    outside = {name: digest for config in configs for name, digest in _outside(config).items()}
    return dataclasses.replace(prepared.splits.fingerprint, outside=outside)


def _outside(config: RunConfig) -> dict[str, str]:
    """Hashes of the pretrained network, and of the trained ones and the files that a method reads."""
    found: dict[str, str] = {}
    backbone = config.network.backbone
    if backbone.startswith(PREFIX):
        found["network.backbone"] = _pretrained(backbone.removeprefix(PREFIX))
    for name, folder in trained_networks(config).items():
        found[name] = digest_of(read_description(find_model(Path(folder)) / DESCRIPTION))
    for name, file in files_of_method(config).items():
        with open(Path(file).expanduser(), "rb") as opened:
            found[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def _pretrained(name: str) -> str:
    """The contents of a folder, or the revision of what the Hub's cache holds under a name."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(name, "config.json")
        return Path(cached).parent.name if isinstance(cached, str) else ""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.iterdir() if path.suffix in _READ and path.is_file()):
        with open(path, "rb") as file:
            digest.update(f"{path.name}\x1f{path.stat().st_size}\x1f".encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
