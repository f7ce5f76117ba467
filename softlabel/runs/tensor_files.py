"""Files of tensors (safetensors), read with the bounds of `softlabel.bounded_files`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from softlabel.bounded_files import MEBIBYTE, content_of, damaged, in_words, parse_json
from softlabel.errors import RunError

MOST_TENSORS = 2**40
MOST_HEADER = 64 * MEBIBYTE
_METADATA: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file. Raises RunError when it is missing or damaged."""
    return tensors_of(content_of(path, MOST_TENSORS), path)


def tensors_of(content: bytes, path: Path) -> dict[str, Tensor]:
    """The named tensors of the content of a file, which `path` names in errors."""
    import safetensors.torch
    from safetensors import SafetensorError

    try:
        header_of(content)
        return dict(safetensors.torch.load(content))
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        raise RunError(damaged(path, f"it is not a safetensors file ({str(error) or type(error).__name__})")) from None


def metadata_of(content: bytes, path: Path) -> dict[str, str]:
    """The texts beside the tensors; none where there are none."""
    try:
        return _METADATA.validate_python(header_of(content).get("__metadata__", {}), strict=True)
    except ValidationError as error:
        raise RunError(damaged(path, in_words(error, "__metadata__"))) from None
    except ValueError as error:
        raise RunError(damaged(path, error)) from None


def header_of(content: bytes) -> dict[str, Any]:
    """Names, types and places of the tensors. Raises ValueError for a name that occurs twice, which the format forbids
    and its reader overlooks, and for what is no header."""
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(MOST_HEADER, len(content) - 8):
        raise ValueError(f"its header would have {length:,} bytes")
    header = parse_json(content[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    return header
