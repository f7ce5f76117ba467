"""The one configuration of a comparison: a TOML recipe and the command line's overrides. Imports nothing heavy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from softlabel.bounds import Processes, Seed
from softlabel.training.config import Predicts, RunConfig, Settings

MOST_SEEDS = 10_000
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=MOST_SEEDS)]


class ComparisonConfig(BaseModel):
    """What is compared, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: list[str] = Field(
        ["cross_entropy", "label_smoothing", "online_label_smoothing"],
        min_length=1,
        description="methods to compare: see `softlabel methods`",
    )
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] | Seeds = Field(
        3, description="how many seeds (3 is 0,1,2), or a list of them"
    )
    baseline: str | None = Field(None, description="method that the others are compared with; by default the first")
    jobs: Processes | Literal["auto"] = Field(
        "auto", description="runs that train at the same time; auto takes as many as pay off"
    )

    take_over: bool = Field(
        True, description="take over runs of finished comparisons in the same folder that would come out the same"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        seeds: Sequence[int | str] = [] if isinstance(self.seeds, int) else self.seeds
        for name, values in (("methods", self.methods), ("seeds", seeds)):
            value, times = Counter(values).most_common(1)[0] if values else (None, 0)
            if times > 1:
                raise ValueError(f"{name}: {value} is named twice")
        if self.baseline is not None and self.baseline not in self.methods:
            raise ValueError(
                f"baseline: {self.baseline} is not one of the methods compared ({', '.join(self.methods)})"
            )
        return self

    @property
    def seed_list(self) -> list[int]:
        """The seeds, one by one."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def baseline_name(self) -> str:
        """The baseline, or the first method where none was named."""
        return self.baseline or self.methods[0]


class _Compares(Predicts):
    comparison: ComparisonConfig = ComparisonConfig()


class CompareConfig(Settings, _Compares):
    """One comparison: every method with every seed on the same data, network and schedule."""

    @property
    def methods_used(self) -> Sequence[str]:
        return self.comparison.methods

    def cell(self, method: str, seed: int) -> RunConfig:
        """The training run of one method and seed; its options are the only ones it carries."""
        options = {method: self.methods[method]} if method in self.methods else {}
        shared = {part: getattr(self, part) for part in Settings.model_fields} | {"methods": options}
        return RunConfig(task=self.task, method=method, seed=seed, **shared)


def default_compare_config() -> CompareConfig:
    """The comparison of `softlabel compare` alone; what it sets applies only where no source is named.

    The digits are split first, then their training part is made long-tailed.
    """
    return CompareConfig.model_validate({"data": {"imbalance": 20.0}})
