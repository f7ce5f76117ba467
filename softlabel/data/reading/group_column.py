"""The column that says which rows belong together, as numbers; and groups that lie in two parts, refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.reading.columns import in_order
from softlabel.data.refusals import Refusals
from softlabel.data.source import SPLIT_NAMES, TRAIN
from softlabel.text.words import shown


def group_numbers(groups: pa.DictionaryArray) -> NDArray[np.int64]:
    """Names of groups as numbers (N,) in the order of the names, so that the order of the rows changes no split."""
    names = [name or "" for name in groups.dictionary.to_pylist()]
    rank = {name: number for number, name in enumerate(in_order(names))}
    of_code = np.array([rank[name] for name in names] or [0], dtype=np.int64)
    codes: NDArray[np.int64] = pc.fill_null(groups.indices, 0).to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int64] = of_code[codes]
    return numbers


def refuse_straddling(
    groups: pa.DictionaryArray, column: str | None, split: NDArray[np.int8], refusals: Refusals
) -> None:
    """Refuse every row of a validation or test part whose group is also in an earlier part: what is measured leaks."""
    numbers = group_numbers(groups)
    for later in range(TRAIN + 1, len(SPLIT_NAMES)):
        for earlier in range(later):
            open_ = ~refusals.bad
            known, first = np.unique(numbers[open_ & (split == earlier)], return_index=True)
            example = dict(zip(known.tolist(), np.flatnonzero(open_ & (split == earlier))[first].tolist(), strict=True))
            leaking = open_ & (split == later) & np.isin(numbers, known)
            for position in np.flatnonzero(leaking).tolist():
                file, row = refusals.place(example[int(numbers[position])])
                other = f"{SPLIT_NAMES[earlier]} part (row {row})" if row else f"{SPLIT_NAMES[earlier]} part ({file})"
                value = (
                    f"group {shown(groups[position].as_py())} of the {SPLIT_NAMES[later]} part is also in the {other}"
                )
                refusals.add(position, column, value, "each group in one part only")
