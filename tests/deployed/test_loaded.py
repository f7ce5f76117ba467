"""A model in a program: whatever picture or row is given, the answer is that of the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from softlabel.deployed.loaded import LoadedModel, load
from softlabel.deployed.model_folder import save_model
from softlabel.deployed.predict import predict
from softlabel.errors import DataError, RunError, UnsupportedError
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec

PHOTOS = InputSpec("image", (3, 16, 16), [0.3] * 3, [0.4] * 3, fit="crop")
FEATURES = InputSpec("features", (2,), [0.0] * 2, [1.0] * 2, ["x", "y"])
NAMES = ["a", "b", "<c>"]


def saved(folder: Path, inputs: InputSpec) -> LoadedModel:
    config = NetworkConfig(backbone="resnet8" if inputs.kind == "image" else "mlp")
    network = build_network(config, inputs, 3, 0)
    task = {"name": "classification", "class_names": NAMES}
    return load(save_model(folder, network, inputs=inputs, network_config=config, task_json=task, temperature=0.5))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return saved(tmp_path_factory.mktemp("photos") / "model", PHOTOS)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_all_ways_to_give_a_picture_have_one_answer(photos: LoadedModel, picture: Path) -> None:
    image = Image.open(picture)
    pixels = np.asarray(image)
    (expected,) = predict(photos.folder, picture)
    for given in (
        picture,
        str(picture),
        image,
        pixels,
        [picture],
        [image],
        (pixels,),
        np.stack([pixels]),
        np.dstack([pixels, np.full((40, 70), 7, np.uint8)]),
    ):
        found = photos.predict(given)
        assert found["label"].tolist() == [expected["label"]]
        assert found["confidence"].tolist() == pytest.approx([expected["confidence"]])
        assert found["distribution"][found.index[0]] == pytest.approx(expected["distribution"])
        np.testing.assert_allclose(photos.probabilities(given)[0], list(expected["distribution"].values()), rtol=1e-6)


def test_pictures_of_several_sizes_and_kinds(photos: LoadedModel, picture: Path) -> None:
    grey = Image.new("L", (9, 30), 200)
    palette = Image.new("P", (9, 30), 3)
    found = photos.predict([picture, grey, palette, np.zeros((5, 5), np.uint8)], top=1)
    assert len(found) == 4
    assert all(len(distribution) == 1 for distribution in found["distribution"])


def test_rows_of_a_table(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", FEATURES)
    frame = pd.DataFrame({"z": ["n", "m"], "y": [1.0, 2.0], "x": [3.0, 4.0]})
    by_name, by_place = model.probabilities(frame), model.probabilities(frame[["x", "y"]].to_numpy())
    np.testing.assert_array_equal(by_name, by_place)
    np.testing.assert_allclose(by_name.sum(1), 1, rtol=1e-6)
    with torch.no_grad():
        direct = model.module(torch.tensor([[3.0, 1.0], [4.0, 2.0]]))
    np.testing.assert_allclose(direct.numpy(), by_name, rtol=1e-6)


def test_it_shows_what_it_is(photos: LoadedModel) -> None:
    assert photos.class_names == NAMES
    assert "task classification; classes a, b, <c>; inputs image 3 x 16 x 16" in repr(photos)
    assert "&lt;c&gt;" in photos._repr_html_()
    assert "<c>" not in photos._repr_html_()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((5, 5, 3)), "picture 1: is an array of float64, expected uint8 pixels"),
        (np.zeros((0, 3), np.uint8), "picture 1: has no pixels"),
        (["nowhere.png"], "nowhere.png: cannot be opened"),
        ([Image.new("L", (3, 3)), "nowhere.png"], "nowhere.png: cannot be opened"),
        (3.0, "inputs of type float, expected a path"),
        (None, "inputs of type NoneType, expected a path"),
        ({"a": 1}, "inputs of type dict, expected a path"),
        (np.zeros((2, 3, 9, 9), np.float32), "the array: float32 of shape"),
        (Image.new("F", (3, 3)), "picture 1: holds values without a stated scale"),
    ],
)
def test_what_is_no_picture(photos: LoadedModel, given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        photos.predict(given)


def test_a_model_of_one_size_refuses_others_unless_it_may_resize(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", InputSpec("image", (3, 16, 16), [0.3] * 3, [0.4] * 3))
    with pytest.raises(
        DataError, match=r"has 5 x 6 pixels .height x width., expected 16 x 16 as the network was trained"
    ):
        model.predict(np.zeros((5, 6, 3), np.uint8))
    assert len(model.predict(np.zeros((5, 6, 3), np.uint8), resize=True)) == 1


def test_pictures_for_a_model_of_features_and_folders_without_a_model(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", FEATURES)
    with pytest.raises(UnsupportedError, match="the pictures: the model reads rows of 2 features"):
        model.predict(Image.new("L", (3, 3)))
    with pytest.raises(RunError):
        load(tmp_path / "nothing")
