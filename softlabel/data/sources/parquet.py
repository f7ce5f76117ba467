"""A Parquet file: as csv, and images may also lie in it as bytes.

The options are those of csv. An image column holds paths (relative to the file's folder), bytes, or the structs of
bytes and path that Hugging Face datasets write.
"""

from __future__ import annotations

from softlabel.data.config import DataConfig
from softlabel.data.reading.complete import complete
from softlabel.data.reading.table_draft import columns_to_read, draft_of
from softlabel.data.reading.tables import existing_file, read_parquet
from softlabel.data.source import Source


def read(config: DataConfig, argument: str) -> Source:
    """The rows of a Parquet file. Image paths are relative to the file's folder and stay inside it."""
    path = existing_file(argument, "parquet")
    return complete(draft_of(read_parquet(path, columns_to_read(config, argument)), config, path), config)
