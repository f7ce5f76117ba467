"""Any torch.nn.Module as a network: its head is told apart, and named parts of it give the pyramid."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Backbone, Network, Pyramid
from softlabel.networks.preprocessing import Standardise

Features = Callable[[nn.Module, Tensor], Tensor]


def adapt(
    module: nn.Module,
    inputs: InputSpec,
    *,
    head: str | None = None,
    features: Features | None = None,
    num_outputs: int | None = None,
    stages: Sequence[str] = (),
    preprocess: nn.Module | None = None,
) -> Network:
    """A network made of a copy of the user's module.

    head         dotted name of the part that turns features into logits, such as "fc"; by default the last Linear
    features     instead of a head: function of (module, inputs) that returns features (N, D)
    num_outputs  number of logits of a new linear head; None keeps the module's own
    stages       dotted names of the parts whose outputs are the levels of the pyramid, coarsest last
    preprocess   from raw inputs to what the module takes; by default pixels / 255 (or features), standardised

    Raises UnsupportedError where the module does not end in its head, or a name is not in it.
    """
    module = copy.deepcopy(module)
    preprocess = Standardise(inputs) if preprocess is None else preprocess
    own_head: nn.Module | None = None
    with probing(module, preprocess):
        sample = preprocess(example(inputs))
        if features is None:
            own_head = take_out(module, last_linear(module) if head is None else head, sample)
        backbone = AdaptedBackbone(module, features or call, tuple(stages))
        backbone.learn_shape(sample)
    if num_outputs is not None:
        own_head = nn.Linear(backbone.num_features, num_outputs)
    if own_head is None:
        raise UnsupportedError("adapt: a feature function leaves no head; give num_outputs for a new one")
    return Network(preprocess, backbone, own_head)


class AdaptedBackbone(Backbone):
    """A module without its head. Levels are the outputs of the named stages, or the pooled features alone.

    Its weights count as pretrained: nothing here knows how they were drawn.
    """

    pretrained = True

    def __init__(self, module: nn.Module, features: Features, stages: tuple[str, ...]) -> None:
        super().__init__()
        self.module = module
        self.features = features
        self.stages = stages
        self.stage_is_separate = False
        for name in stages:
            part(module, name)

    def forward(self, inputs: Tensor) -> Pyramid:
        with _overhearing(self.module, self.stages) as outputs:
            pooled = self.features(self.module, inputs)
        levels = tuple(outputs[name] for name in self.stages)
        return Pyramid(levels or (pooled,), pooled)

    def learn_shape(self, inputs: Tensor) -> None:
        """Read widths from one pass over standardised inputs. Raises UnsupportedError for shapes no pyramid has."""
        levels, pooled = self(inputs)
        if not isinstance(pooled, Tensor) or pooled.ndim != 2 or len(pooled) != len(inputs):
            raise UnsupportedError(f"adapt: features must have the shape (N, D), got {_shape(pooled)}")
        dimensions = {level.ndim if isinstance(level, Tensor) else 0 for level in levels}
        if dimensions not in ({2}, {4}):
            shapes = [_shape(level) for level in levels]
            raise UnsupportedError(f"adapt: stages must all give maps (N, C, H, W) or vectors (N, D), got {shapes}")
        self.spatial = dimensions == {4}
        self.widths = tuple(level.shape[1] for level in levels)
        self.num_features = pooled.shape[1]
        if len(self.stages) > 1:
            self.stage_is_separate = continues(self, part(self.module, self.stages[-1]), levels, pooled)

    def last_stage(self) -> nn.Module:
        if not self.stage_is_separate:
            raise UnsupportedError(
                "the last stage of this network cannot be told apart: name at least two stages of which the last one "
                "takes the output of the one before, and gives what is averaged and classified"
            )
        return part(self.module, self.stages[-1])


def continues(backbone: Backbone, stage: nn.Module, levels: Sequence[Tensor], pooled: Tensor) -> bool:
    """Whether a stage leads from the last level but one to the pooled features, as `Backbone.last_stage` promises."""
    try:
        return torch.allclose(backbone.pool(stage(levels[-2])), pooled, rtol=1e-4, atol=1e-5)
    except Exception:  # the user's code, given what it was not made for, may raise anything
        return False


def last_linear(module: nn.Module) -> str:
    """Dotted name of the last linear layer."""
    found: str | None = None
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and name:
            found = name
    if found is None:
        raise UnsupportedError(f"adapt: {type(module).__name__} has no linear layer; name its head or give features=")
    return found


def part(module: nn.Module, name: str) -> nn.Module:
    """The part of this dotted name. Raises UnsupportedError with the names there are."""
    try:
        return module.get_submodule(name)
    except AttributeError:
        there = ", ".join(child for child, _ in module.named_children())
        raise UnsupportedError(f"adapt: {type(module).__name__} has no part {name!r}; it has {there}") from None


def example(inputs: InputSpec, rows: int = 2) -> Tensor:
    """Raw samples that no data set contains, always the same: they show shapes, and whether two networks agree."""
    generator = torch.Generator().manual_seed(rows)
    if inputs.kind == "image":
        return torch.randint(0, 256, (rows, *inputs.shape), dtype=torch.uint8, generator=generator)
    drawn = torch.randn((rows, *inputs.shape), generator=generator)
    return drawn * torch.tensor(inputs.std) + torch.tensor(inputs.mean)


@contextlib.contextmanager
def probing(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside the block; every part has its own mode back after it."""
    modes = [(layer, layer.training) for module in modules for layer in module.modules()]
    try:
        for module in modules:
            module.eval()
        with torch.no_grad():
            yield
    finally:
        for layer, mode in modes:
            layer.training = mode


def call(module: nn.Module, inputs: Tensor) -> Tensor:
    """The features of a module whose head was taken out: its output."""
    output: Tensor = module(inputs)
    return output


def take_out(module: nn.Module, name: str, inputs: Tensor) -> nn.Module:
    """Put nothing in the place of the head, and return it. Raises UnsupportedError where something comes behind it."""
    head, gap = part(module, name), nn.Identity()
    module.set_submodule(name, gap)
    passed: list[Tensor] = []
    hook = gap.register_forward_hook(lambda _, arguments, output: passed.append(output))
    try:
        output = module(inputs)
    except Exception as error:  # the user's code may raise anything; the cause keeps its traceback
        raise UnsupportedError(f"adapt: without {name!r} the module fails on {_shape(inputs)}: {error}") from error
    hook.remove()
    if not isinstance(output, Tensor) or len(passed) != 1 or not torch.equal(output, passed[0]):
        raise UnsupportedError(f"adapt: the output of the module is not that of {name!r}; give features= instead")
    return head


@contextlib.contextmanager
def _overhearing(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Outputs of named parts of a module, for one call of it."""
    outputs: dict[str, Tensor] = {}

    def listener(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def listen(part: nn.Module, arguments: object, output: Tensor) -> None:
            outputs[name] = output

        return listen

    hooks = [part(module, name).register_forward_hook(listener(name)) for name in names]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _shape(value: object) -> str:
    return f"{tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
