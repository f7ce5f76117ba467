"""Whole runs on masks: selection, temperature, what ships, pictures of predictions, and CamVid where the data are."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import softlabel
from softlabel.cli.main import main
from softlabel.deployed.export import export_model
from softlabel.deployed.model_folder import load_model
from softlabel.deployed.predicted_masks import file_names
from softlabel.deployed.rescore import evaluate
from softlabel.errors import DataError
from tests.made_masks import CLASSES, write_shapes

REAL = os.environ.get("SOFTLABEL_DATA") or None
needs_data = pytest.mark.skipif(REAL is None, reason="SOFTLABEL_DATA does not name the folder of the real data")


def trained(tmp_path: Path, method: str, epochs: int = 6) -> Path:
    write_shapes(tmp_path / "shapes")
    words = ["--epochs", str(epochs), "--batch-size", "8", "--runs", str(tmp_path / "runs")]
    assert main(["train", "--source", f"masks:{tmp_path / 'shapes'}", "--method", method, *words]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    return run


@pytest.mark.parametrize("method", ["cross_entropy", "dldl"])
def test_the_epoch_of_the_highest_miou_ships_and_answers_every_pixel(method: str, tmp_path: Path) -> None:
    run = trained(tmp_path, method)
    cell = json.loads((run / "result.json").read_text())
    by_epoch = {record["epoch"]: record["validation"]["miou"] for record in cell["curves"]}
    assert by_epoch[cell["selected_epoch"]] == max(by_epoch.values()) > min(by_epoch.values())
    assert cell["selected"]["after"]["pixel_accuracy"] > 0.6  # 0.33 at the start
    assert cell["intra_class_variance"] is None
    again = evaluate(run)
    assert again.after["miou"] == pytest.approx(cell["selected"]["after"]["miou"], abs=1e-9)

    folder = tmp_path / "answers"
    assert main(["predict", str(run), str(tmp_path / "shapes" / "images"), "--out", str(folder)]) == 0
    model = load_model(run)
    with open(folder / "answers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"{number:03d}.png" for number in range(40)]
    for row in rows[:3]:
        pixels = np.asarray(Image.open(tmp_path / "shapes" / "images" / row["file"])).transpose(2, 0, 1)
        with torch.no_grad():
            p = model(torch.from_numpy(pixels.copy())[None])[0].double()
        mask = np.asarray(Image.open(folder / "masks" / row["file"]))
        assert np.array_equal(mask, p.argmax(0).numpy())
        entropy = torch.special.entr(p).sum(0).numpy() / np.log(3)
        unsure = np.asarray(Image.open(folder / "uncertainty" / row["file"]))
        assert np.abs(unsure - 255 * entropy).max() < 0.51
        assert float(row["uncertainty"]) == pytest.approx(entropy.mean(), abs=1e-5)
        for place, name in enumerate(CLASSES):
            assert float(row[f"p_{name}"]) == pytest.approx((mask == place).mean(), abs=1e-5)


def test_masks_are_never_written_over_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(tmp_path, "cross_entropy", epochs=1)
    image, out = str(tmp_path / "shapes" / "images" / "000.png"), tmp_path / "out"
    assert main(["predict", str(run), image, "--out", str(out)]) == 0
    assert (out / "masks" / "000.png").is_file()
    assert main(["predict", str(run), image, "--out", str(out)]) == 2
    assert "has files already" in capsys.readouterr().err
    assert main(["predict", str(run), image, "--out", str(out), "--overwrite"]) == 0


def test_an_export_answers_as_the_model_does(tmp_path: Path) -> None:
    run = trained(tmp_path, "cross_entropy", epochs=1)
    assert export_model(run, tmp_path / "program.pt2", "torch").max_difference < 1e-5


def test_other_masks_are_scored_in_the_models_order_of_classes(tmp_path: Path) -> None:
    from softlabel.data.config import DataConfig

    run = trained(tmp_path, "cross_entropy", epochs=2)
    same = evaluate(run, DataConfig(source=f"masks:{tmp_path / 'shapes'}"))
    other = write_shapes(tmp_path / "other")
    (other / "classes.txt").write_text("square\nground\ndisc\n")
    for path in (other / "masks").iterdir():
        mask = np.asarray(Image.open(path))
        Image.fromarray(np.array([1, 2, 0, *[255] * 253], dtype=np.uint8)[mask]).save(path)
    assert evaluate(run, DataConfig(source=f"masks:{other}")).after == same.after
    for path in (other / "masks").iterdir():
        mask = np.asarray(Image.open(path))
        Image.fromarray(np.where(mask == 2, 255, mask)).save(path)
    with pytest.raises(DataError, match=r"no pixel is of 'disc'; .* pass --accept-void"):
        softlabel.evaluate(run, source=f"masks:{other}")
    assert softlabel.evaluate(run, source=f"masks:{other}", accept_void=True).rows == same.rows


def test_methods_without_pixels_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = f"masks:{write_shapes(tmp_path / 'shapes')}"
    for method in ("focal", "ldam", "sord"):
        assert main(["train", "--source", source, "--method", method, "--runs", str(tmp_path / "runs")]) == 2
        assert "cross_entropy and dldl know pixels" in capsys.readouterr().err


def test_names_of_pictures_are_different_and_stay_inside() -> None:
    assert file_names(["a.jpg", "b/a.jpg", "a.png"]) == ["a.jpg.png", "b/a.png", "a.png.png"]
    assert file_names(["../../etc/a.jpg", "b.jpg"]) == ["a.png", "b.png"]
    assert file_names(["/tmp/x/a.jpg"]) == ["a.png"]


@needs_data
def test_camvid(tmp_path: Path) -> None:
    source = f"packed:{REAL}/camvid_subset_train,camvid_subset_test"
    words = ["--resize", "48,64", "--epochs", "4", "--batch-size", "4", "--runs", str(tmp_path)]
    assert main(["train", "--source", source, "--method", "dldl", *words]) == 0
    (run,) = tmp_path.iterdir()
    scores = json.loads((run / "result.json").read_text())["selected"]["after"]
    assert scores["pixel_accuracy"] > 0.4
    assert 0 < scores["miou_within_3"] < scores["pixel_accuracy"]
