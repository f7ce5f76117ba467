"""Arrays of a .npz file, one by one and never unpickled: objects in it are refused."""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays by name. Raises what zipfile and NumPy raise for a file that is something else."""
    with zipfile.ZipFile(path) as stored:
        return {name.removesuffix(".npy"): _array(stored, name) for name in stored.namelist()}


def _array(stored: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with stored.open(name) as opened:
        array: NDArray[Any] = np.lib.format.read_array(opened, allow_pickle=False)
        return array
