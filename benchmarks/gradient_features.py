"""Images as histograms of oriented gradients: a table on which thousands of steps take seconds without a GPU.

    python -m benchmarks.gradient_features packed:DATA/ferplus_train_00000_14278,ferplus_test --out faces.parquet
    softlabel compare --recipe recipes/wrong-labels-features.toml --source parquet:faces.parquet
        --vote-columns 'votes_*'

Reads any source of images and writes Parquet: feature columns `f0`, `f1` ..., `split`, and either `label` or one column
`votes_CLASS` per class. The descriptor is scikit-image's (Dalal and Triggs, CVPR 2005): 9 orientations, blocks of 2 x 2
cells; of colour images the channel with the strongest gradient counts. It is computed from each image alone, so nothing
of a test image reaches the training part. Needs `pip install scikit-image`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from skimage.feature import hog

from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import open_source
from softlabel.data.source import SPLIT_NAMES, Source


def described(source: Source, cell: int) -> NDArray[np.float32]:
    """(N, D): the descriptor of every image."""
    images = source.samples.read(torch.arange(len(source.samples))).numpy()
    if images.shape[1] == 1:
        rows = [hog(image[0], pixels_per_cell=(cell, cell), cells_per_block=(2, 2)) for image in images]
    else:
        rows = [hog(i, pixels_per_cell=(cell, cell), cells_per_block=(2, 2), channel_axis=0) for i in images]
    return np.stack(rows).astype(np.float32)


def label_columns(source: Source) -> dict[str, pa.Array]:
    """The columns of labels or votes."""
    found = source.samples.annotation
    if source.annotation_kind.is_index:
        return {"label": pa.array([source.class_names[row] for row in found.tolist()])}
    if not source.annotation_kind.are_votes:
        raise SystemExit(f"{source.name} has neither labels nor votes")
    return {f"votes_{name}": pa.array(found[:, k].numpy()) for k, name in enumerate(source.class_names)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--cell", type=int, default=8, help="pixels of a cell's side")
    parser.add_argument("--out", type=Path, required=True, help="the Parquet file to write")
    options = parser.parse_args()
    source = open_source(DataConfig(source=options.source))
    features = described(source, options.cell)
    columns = {f"f{d}": pa.array(features[:, d]) for d in range(features.shape[1])} | label_columns(source)
    if source.split is not None:
        columns["split"] = pa.array([SPLIT_NAMES[part] for part in source.split.tolist()])
    pq.write_table(pa.table(columns), options.out)
    print(f"{options.out}: {len(features):,} rows, {features.shape[1]} features")


if __name__ == "__main__":
    main()
