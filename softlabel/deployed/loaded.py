"""A trained model in a program: pictures or rows in, calibrated answers out."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from softlabel.deployed.model_folder import DeployedModel, load_model
from softlabel.deployed.predict import Predictions, predictions_of, training_data
from softlabel.networks.network import Network

if TYPE_CHECKING:
    import pandas as pd


class LoadedModel:
    """What a run has kept, ready to answer.

    module        torch.nn.Module: raw inputs -> calibrated probabilities; images uint8 (N, C, H, W), features (N, D)
    class_names   of the K classes
    """

    def __init__(self, folder: Path, module: DeployedModel) -> None:
        self.folder = folder
        self.module = module

    @property
    def class_names(self) -> list[str]:
        """Names of the K classes."""
        return self.module.class_names

    def predict(self, given: object, *, top: int | None = None, **reading: Any) -> pd.DataFrame:
        """A row for each input: label and calibrated confidence (or what the task answers), and the distribution.

        given     a picture (path, Pillow image, uint8 array (H, W) or (H, W, 3)), a list of such, the path of a folder
                  or a table, a data frame, an Arrow table, or an array: features (N, D), or images uint8 (N, C, H, W)
        top       keeps the most probable classes of a distribution
        reading   as of `softlabel.predict`: image_column, feature_columns, image_root, resize, skip_bad, abstain_below

        Raises DataError or ConfigError for inputs that cannot be used.

        >>> import numpy as np
        >>> import softlabel as sl
        >>> model = sl.load("runs/digits-0001")
        >>> model.predict(np.zeros((8, 8), np.uint8)).columns.tolist()
        ['label', 'confidence', 'distribution']
        """
        import pandas as pd

        found = self._predictions(given, reading)
        rows = [_shortened(answer, top) for answer in found]
        names = [row.pop("file", None) or row.pop("row", None) for row in rows]
        return pd.DataFrame(rows, index=pd.Index(names, name="input"), columns=self._columns(found))

    def probabilities(self, given: object, **reading: Any) -> NDArray[np.float32]:
        """The calibrated probabilities of every class, (N, K), or (N, K, H, W) of pixels; arguments as of `predict`."""
        found = [probabilities.numpy() for _, probabilities in self._predictions(given, reading).with_probabilities()]
        return np.stack(found) if found else np.zeros((0, len(self.class_names)), np.float32)

    def __repr__(self) -> str:
        facts = "; ".join(f"{name} {value}" for name, value in self._facts().items())
        return f"<softlabel model of {self.folder}: {facts}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in {"folder": str(self.folder), **self._facts()}.items()
        )
        return f"<table>{rows}</table>"

    def _predictions(self, given: object, reading: dict[str, Any]) -> Predictions:
        return predictions_of(self.module, training_data(self.folder), given, **reading)

    def _columns(self, found: Predictions) -> list[str]:
        return [*found.task.answer_fields, "distribution"]

    def _facts(self) -> dict[str, str]:
        names, inputs = self.class_names, self.module.inputs
        shown = ", ".join(names[:6]) + (f", … ({len(names):,})" if len(names) > 6 else "")
        return {
            "task": str(self.module.task_json["name"]),
            "classes": shown,
            "inputs": f"{inputs.kind} {' x '.join(map(str, inputs.shape))}",
            "network": type(self.module.network.backbone).__name__,
            "temperature": f"{self.module.temperature:.3g}",
        }


def load(folder: str | Path, network: Network | None = None) -> LoadedModel:
    """The model of a run, a comparison, or a safetensors export.

    network   the architecture, where it was a module of one's own, made by `softlabel.networks.adapter.adapt`

    Raises RunError for a folder without a whole model.
    Source: probabilities after temperature scaling (Guo et al. 2017, section 4.2).
    """
    return LoadedModel(Path(folder), load_model(folder, network))


def _shortened(answer: dict[str, Any], top: int | None) -> dict[str, Any]:
    if top is None:
        return answer
    best = sorted(answer["distribution"].items(), key=lambda item: -item[1])[:top]
    return answer | {"distribution": dict(best)}
