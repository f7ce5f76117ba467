"""The models that stand in for pretrained ones: random weights in the format of the transformers library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

transformers = pytest.importorskip("transformers")

STATISTICS = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}
PROCESSORS: dict[str, dict[str, Any]] = {
    "resnet": {"image_processor_type": "ConvNextImageProcessor", "do_resize": True, "size": {"shortest_edge": 16}}
    | {"crop_pct": 0.875, "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    | STATISTICS,
    "convnext": {"do_resize": True, "size": {"shortest_edge": 40}, "do_center_crop": True, "resample": 2}
    | {"crop_size": {"height": 32, "width": 32}, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    | STATISTICS,
    "vit": {"image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 16, "width": 16}}
    | {"resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    | STATISTICS,
}


def save_pretrained(family: str, path: Path) -> None:
    """Write weights and configuration, as a download would have."""
    transformers.utils.logging.disable_progress_bar()
    if family == "resnet":
        config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic")
        transformers.ResNetForImageClassification(config).save_pretrained(path)
    elif family == "convnext":
        config = transformers.ConvNextConfig(hidden_sizes=[4, 6, 8, 10], depths=[1, 1, 1, 1])
        transformers.ConvNextModel(config).save_pretrained(path)
    else:
        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        config = transformers.ViTConfig(**sizes, image_size=16, patch_size=8)
        transformers.ViTForImageClassification(config).save_pretrained(path)
    transformers.utils.logging.enable_progress_bar()
