"""Hugging Face `datasets`, imported without what some versions of huggingface_hub print to stdout on the way.

Their lazy imports print "Error importing ..." for a cycle that they then resolve themselves; `--json` must stay JSON.
"""

from __future__ import annotations

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):
    import datasets

__all__ = ["datasets"]
