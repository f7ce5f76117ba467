"""The 1,797 handwritten digits that come with scikit-learn: real, 8 x 8 grey, ten classes, no download."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
from PIL import Image
from sklearn.datasets import load_digits

from softlabel.data.config import DataConfig
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.image_table import struct_column
from softlabel.data.refusals import Refusals
from softlabel.data.source import Source
from softlabel.errors import ConfigError


def read(config: DataConfig, argument: str) -> Source:
    """The digits; their values 0 ... 16 become 0 ... 255. They go the way of all images: as PNG in an Arrow column."""
    if argument:
        raise ConfigError(f"source 'digits' takes no path, got {argument!r}")
    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    draft = Draft(
        name="digits",
        refusals=Refusals("digits", len(pixels), lambda position: ("digits", position + 1)),
        sample_id=np.arange(len(pixels)),
        images=struct_column(pa.chunked_array([[_png(image) for image in pixels]])),
        labels=pa.array(digits.target.astype(str)),
        classes=[str(digit) for digit in range(10)],
    )
    return complete(draft, config)


def _png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
