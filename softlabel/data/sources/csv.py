"""A CSV file: per row an image path or numeric features, and a label or one column of votes per class."""

from __future__ import annotations

from softlabel.data.config import DataConfig
from softlabel.data.draft import complete
from softlabel.data.source import Source
from softlabel.data.table_draft import columns_to_read, draft_of
from softlabel.data.tables import existing_file, read_csv


def read(config: DataConfig, argument: str) -> Source:
    """The rows of a CSV file. Image paths are relative to the file's folder and stay inside it; labels are text."""
    path = existing_file(argument, "csv")
    return complete(draft_of(read_csv(path, columns_to_read(config, argument)), config, path), config)
