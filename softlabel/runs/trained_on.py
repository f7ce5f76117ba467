"""The fingerprint of a run's data beside the run: whoever reads the data again refuses what has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from softlabel.bounded_files import first_line, read_bytes
from softlabel.data.config import Columns
from softlabel.data.fingerprint import PARTS, Fingerprint, RowHashes, differences, scored_differences
from softlabel.errors import RunError
from softlabel.runs.atomic import write_bytes
from softlabel.runs.tensor_files import MOST_TENSORS, metadata_of, tensors_of

DATA = "data.safetensors"
FORMAT = "1"
_COLUMNS = ("inputs", "annotation", "places")
_READ = (".json", ".safetensors")
"""Endings of the files that a pretrained network is made from."""

Name = Annotated[str, Field(max_length=10_000)]


class _Names(BaseModel):
    """What the file says beside its tensors."""

    model_config = ConfigDict(extra="forbid", strict=True)

    class_names: list[Name]
    feature_columns: list[Name]
    annotation_columns: list[Name]
    outside: dict[Name, Name]


def record(folder: Path, fingerprint: Fingerprint) -> None:
    """Write what a run is trained on into its folder."""
    names = _Names(
        class_names=list(fingerprint.class_names),
        feature_columns=list(fingerprint.columns.features),
        annotation_columns=list(fingerprint.columns.annotation),
        outside=dict(fingerprint.outside),
    )
    tensors = {f"{name}.{kind}": getattr(fingerprint.parts[name], kind) for name in PARTS for kind in _COLUMNS}
    metadata = {"format": FORMAT, "names": names.model_dump_json()}
    write_bytes(folder / DATA, safetensors.numpy.save(tensors, metadata=metadata))


def recorded(folder: Path) -> Fingerprint:
    """What the run of a folder is trained on. Raises RunError when that is missing or damaged."""
    path = folder / DATA
    try:
        content = read_bytes(path, MOST_TENSORS)
        metadata = metadata_of(content, path)
        tensors = {name: tensor.numpy() for name, tensor in tensors_of(content, path).items()}
        names = _Names.model_validate_json(metadata["names"])
        parts = {name: RowHashes(*(tensors[f"{name}.{kind}"] for kind in _COLUMNS)) for name in PARTS}
        shapes = {(array.ndim, str(array.dtype)) for array in tensors.values()}
        whole = all(len(part) == len(part.annotation) == len(part.places) for part in parts.values())
        if metadata["format"] != FORMAT or shapes != {(1, "int64")} or not whole:
            raise ValueError("it does not hold rows of hashes")
    except FileNotFoundError:
        raise RunError(f"{path} is missing, so nothing says whether the data are still those of the run") from None
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {first_line(error)}") from None
    columns = Columns(tuple(names.feature_columns), tuple(names.annotation_columns))
    return Fingerprint(tuple(names.class_names), columns, parts, names.outside)


def recorded_columns(folder: Path | None) -> Columns | None:
    """The columns that the run of a folder reads, in its order; None where nothing is recorded yet."""
    return recorded(folder).columns if folder is not None and (folder / DATA).exists() else None


def refuse_changed_data(folder: Path, now: Fingerprint, way_out: str = "") -> None:
    """Raise RunError, saying which part and how many rows, unless the data are those of the run in the folder."""
    found = differences(recorded(folder), now)
    if found:
        raise RunError(f"{folder}: the data have changed since: {'; '.join(found)}{way_out}")


def refuse_changed_rows(folder: Path, now: Fingerprint, part: str) -> list[str]:
    """What has changed of other parts since the run in the folder.

    Raises RunError, saying how many rows, where the rows of this part have changed, or names.
    """
    found, beside = scored_differences(recorded(folder), now, part)
    if found:
        raise RunError(f"{folder}: the data have changed since: {'; '.join(found)}")
    return [f"changed since the training, which decides no score of the {part} part: {text}" for text in beside]
