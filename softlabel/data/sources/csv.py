"""A CSV file: per row an image path or numeric features, and a label or one column of votes per class.

Inputs: --image-column NAME (paths relative to the file's folder) or --feature-columns NAMES (p1 p2, or 'p*').
Annotation: --label-column NAME, or --vote-columns NAMES ('votes_*': counts, or probabilities that sum to 1).
Optional: --split-column NAME, with train, validation or test in each row.

UTF-8, separated by commas, semicolons or tabs. Labels are text as written: 007 stays 007, NA is a class like others.
"""

from __future__ import annotations

from softlabel.data.config import DataConfig
from softlabel.data.reading.complete import complete
from softlabel.data.reading.table_draft import columns_to_read, draft_of
from softlabel.data.reading.tables import existing_file, read_csv
from softlabel.data.source import Source


def read(config: DataConfig, argument: str) -> Source:
    """The rows of a CSV file. Image paths are relative to the file's folder and stay inside it; labels are text."""
    path = existing_file(argument, "csv")
    return complete(draft_of(read_csv(path, columns_to_read(config, argument)), config, path), config)
