"""What a transformers image processor does, from its configuration, as a part of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.errors import UnsupportedError
from softlabel.networks.inputs import InputSpec
from softlabel.networks.preprocessing import Standardise

BICUBIC = 3  # as Pillow and the processors' configurations count
DEFAULT_CROP = 224 / 256  # of processors that name the final size and derive the size before the crop


class HubPreprocess(nn.Module):
    """Resize, crop the centre, rescale, standardise.

    Raw images (N, C, H, W), pixels 0 to 255 -> (N, 3, h, w); grey ones are repeated over the channels.
    """

    def __init__(self, processor: Mapping[str, Any], inputs: InputSpec) -> None:
        super().__init__()
        height, width = inputs.shape[1:]
        self.size = resized(processor, height, width)
        self.crop = cropped(processor, self.size)
        self.mode = "bicubic" if processor.get("resample") == BICUBIC else "bilinear"
        self.resizes = self.size != (height, width)
        self.standardise = Standardise(statistics(processor, self.crop))

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = inputs.float()
        if self.resizes:
            pixels = F.interpolate(pixels, self.size, mode=self.mode, align_corners=False, antialias=True)
            pixels = pixels.clamp(0, 255)  # bicubic overshoots
        top, left = ((length - kept) // 2 for length, kept in zip(self.size, self.crop, strict=True))
        pixels = pixels[:, :, top : top + self.crop[0], left : left + self.crop[1]]
        standardised: Tensor = self.standardise(pixels)
        return standardised


def resized(processor: Mapping[str, Any], height: int, width: int) -> tuple[int, int]:
    """Height and width to which a processor resizes."""
    size = processor.get("size")
    if not processor.get("do_resize", size is not None) or size is None:
        return height, width
    if isinstance(size, int):
        size = {"shortest_edge": size} if processor.get("do_center_crop") else {"height": size, "width": size}
    if size.get("height") and size.get("width"):
        return int(size["height"]), int(size["width"])
    if {name for name, value in size.items() if value} != {"shortest_edge"}:
        raise UnsupportedError(f"network.backbone: the image processor's size {size} is not of a known form")
    shortest = int(size["shortest_edge"])
    if "crop_pct" in processor:
        if shortest >= 384:  # these processors crop only small images (ConvNeXT)
            return shortest, shortest
        shortest = int(shortest / (processor["crop_pct"] or DEFAULT_CROP))
    longest = int(shortest * max(height, width) / min(height, width))
    return (shortest, longest) if height <= width else (longest, shortest)


def cropped(processor: Mapping[str, Any], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the centre that is kept."""
    crop = processor.get("crop_size") if processor.get("do_center_crop") else None
    if "crop_pct" in processor and "shortest_edge" in processor.get("size", {}):
        crop = processor["size"]["shortest_edge"]
    if crop is None:
        return size
    kept = (crop, crop) if isinstance(crop, int) else (int(crop["height"]), int(crop["width"]))
    if kept[0] > size[0] or kept[1] > size[1]:
        raise UnsupportedError(f"network.backbone: the image processor crops {kept} from images of {size}")
    return kept


def statistics(processor: Mapping[str, Any], size: tuple[int, int]) -> InputSpec:
    """The processor's factor, mean and deviation, for pixels that are divided by 255 first."""
    factor = 255.0 * (float(processor.get("rescale_factor") or 1 / 255) if processor.get("do_rescale", True) else 1.0)
    mean, std = [0.0] * 3, [1.0] * 3
    if processor.get("do_normalize", True):
        mean, std = ([float(value) for value in processor[key]] for key in ("image_mean", "image_std"))
    return InputSpec("image", (len(mean), *size), [value / factor for value in mean], [value / factor for value in std])
