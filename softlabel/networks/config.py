"""Which network a run trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from softlabel.bounds import Width
from softlabel.read_only_with import ReadOnlyWith

_MLP = ReadOnlyWith(
    "--backbone mlp",
    lambda network, run: network.backbone == "mlp" or (network.backbone == "auto" and not run.data.has_images),
)


class NetworkConfig(BaseModel):
    """Backbone and what of it is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field(
        "auto",
        description="auto (efficientnet_lite0 with ImageNet weights for images above 48 pixels, resnet8 for smaller "
        "ones, mlp for features, encoder_decoder for masks), efficientnet_lite0, resnet8, resnet20, resnet32, "
        "resnet56, mlp, linear, hf:PATH_OR_NAME or timm:NAME",
    )
    trainable: Literal["all", "last", "head"] = Field(
        "all",
        description="all: fine-tune everything; last: last stage of the backbone, and head; head: linear probing",
    )
    head: Literal["auto", "linear", "cosine", "centred", "value", "pixel"] = Field(
        "auto",
        description="auto: what method and task ask for; cosine: lengths of features and weights do not count; "
        "pixel: a class per pixel",
    )
    hidden: Annotated[list[Width], _MLP] = Field(
        [128, 128], min_length=1, max_length=64, description="widths of the layers of the mlp"
    )

    @property
    def head_kind(self) -> Literal["linear", "cosine", "centred", "value", "pixel"]:
        """The head where no method has a say."""
        return "linear" if self.head == "auto" else self.head
