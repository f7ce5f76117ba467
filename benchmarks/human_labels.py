"""Labels that people gave to CIFAR-10 (CIFAR-10N; Wei et al., ICLR 2022), as a table of corrections for training rows.

    python benchmarks/human_labels.py DATA --label worse --out human.csv

DATA holds cifar10_train_00000_09999.npz, cifar10_test.npz and cifar10n_cifar100n_train.npz. The rows are those that
`recipes/cifar10-wrong-labels.toml` trains on; validation and test rows keep their labels.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import numpy as np

from softlabel.data.config import DataConfig
from softlabel.report.safe_csv import write_csv
from softlabel.training.prepare import prepare

RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10-wrong-labels.toml"
KINDS = ("aggre", "worse", "random")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--label", choices=KINDS, default="worse", help="majority, worst of three, or first of three")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["data"]
    prepared = prepare(DataConfig(source=f"packed:{options.data}/cifar10_train_00000_09999,cifar10_test", **recipe))
    key = "c10_random_label1" if options.label == "random" else f"c10_{options.label}_label"
    with np.load(options.data / "cifar10n_cifar100n_train.npz") as file:
        people, clean = file[key], file["c10_clean_label"]
    training, names = prepared.splits.training, prepared.task.class_names
    ids, given = training.sample_id.numpy(), training.annotation.numpy()
    assert (clean[ids] == given).all(), "the rows are not those of the labels"
    rows = [
        {"row": row + 1, "given_label": names[label], "label": names[people[row]]}
        for row, label in zip(ids.tolist(), given.tolist(), strict=True)
    ]
    with options.out.open("w", newline="", encoding="utf-8") as file:
        write_csv(file, list(rows[0]), rows)
    print(f"{len(rows):,} rows, {100 * (people[ids] != given).mean():.1f} % with another label than CIFAR-10's")


if __name__ == "__main__":
    main()
