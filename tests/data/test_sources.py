import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from softlabel.data.annotation import VOTES
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import list_sources, open_source
from softlabel.data.refusals import RefusedRowsError
from softlabel.errors import ConfigError, DataError
from tests.data.conftest import ROWS, save_folder


def everything(source):
    return source.samples.read(torch.arange(len(source.samples)))


def refusal(config):
    with pytest.raises(DataError) as error:
        open_source(config)
    text = str(error.value)
    assert "Traceback" not in text
    return text


def test_sources_are_found_by_module_name():
    assert list_sources() == ["arff", "csv", "digits", "folder", "hub", "lists", "masks", "mat", "packed", "parquet"]
    with pytest.raises(ConfigError, match="did you mean 'folder'"):
        open_source(DataConfig(source="foldr:x"))
    for source in ("folder", "csv", "parquet", "hub"):
        with pytest.raises(ConfigError, match="needs a"):
            open_source(DataConfig(source=source))


def test_digits_are_the_real_ones(digits):
    source = open_source(DataConfig())
    assert source.description == "1,797 images, 8 x 8 grey, 10 classes"
    assert np.array_equal(everything(source)[:ROWS, 0].numpy(), digits.pixels)
    assert source.samples.annotation[:ROWS].tolist() == digits.labels.tolist()
    assert source.class_names == [str(k) for k in range(10)]
    assert source.split is None
    assert isinstance(source.dataset, datasets.Dataset)
    image = source.dataset.cast_column("image", datasets.Image())[5]["image"]
    assert np.array_equal(np.asarray(image), digits.pixels[5])


def test_held_and_streamed_samples_are_the_same(folder):
    held, streamed = (open_source(DataConfig(source=f"folder:{folder}", memory=m)) for m in ("hold", "stream"))
    assert not held.samples.streamed
    assert streamed.samples.streamed
    assert torch.equal(everything(held), everything(streamed))
    rows = torch.tensor([5, 3, 3])
    for samples in (held.samples.select(rows), streamed.samples.select(rows)):
        assert torch.equal(samples.read(torch.tensor([2, 0])), everything(held)[[3, 5]])
        assert samples.sample_id.tolist() == [5, 3, 3]
        assert samples.annotated(torch.zeros(3)).annotation.tolist() == [0, 0, 0]
    assert "in memory" in held.notes[0]
    assert "when they are needed" in streamed.notes[0]


def test_a_folder_of_class_folders(folder, digits):
    source = open_source(DataConfig(source=f"folder:{folder}"))
    order = sorted(range(ROWS), key=lambda i: (str(digits.labels[i]), i))
    assert source.samples.annotation.tolist() == [int(digits.labels[i]) for i in order]
    assert np.array_equal(everything(source)[:, 0].numpy(), digits.pixels[order])
    assert source.place_of(0) == f"0/{order[0]:03d}.png"
    assert source.name == "digits"


def test_a_folder_with_split_folders(tmp_path, digits):
    for name, rows in (("train", range(80)), ("valid", range(80, 100)), ("test", range(100, ROWS))):
        save_folder(tmp_path / "d" / name, digits, rows)
    source = open_source(DataConfig(source=f"folder:{tmp_path / 'd'}"))
    assert torch.bincount(source.split.long()).tolist() == [80, 20, 20]
    assert len(source.class_names) == 10
    save_folder(tmp_path / "d" / "val", digits, [0])
    assert "two folders for one split" in refusal(DataConfig(source=f"folder:{tmp_path / 'd'}"))


def test_classes_may_be_called_like_splits(tmp_path, digits):
    for name in ("train", "bus"):
        (tmp_path / "v" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(digits.pixels[i]).save(tmp_path / "v" / name / f"{i}.png")
    assert open_source(DataConfig(source=f"folder:{tmp_path / 'v'}")).class_names == ["bus", "train"]


def test_an_unknown_class_in_the_test_folder_is_refused(tmp_path, digits):
    save_folder(tmp_path / "d" / "train", digits, range(60))
    save_folder(tmp_path / "d" / "test", digits, range(60, 70))
    next((tmp_path / "d/test").iterdir()).rename(tmp_path / "d/test/zero")
    text = refusal(DataConfig(source=f"folder:{tmp_path / 'd'}"))
    assert "unknown label 'zero', expected one of the classes of the training rows" in text


def test_a_folder_says_what_it_leaves_out(folder):
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden").write_text("x")
    (folder / "empty").mkdir()
    source = open_source(DataConfig(source=f"folder:{folder}"))
    assert "files that are no images by their names, left out: 1 ('notes.txt')" in source.notes
    assert source.warnings == ["no images in 'empty': no class is made of it"]


def test_bad_files_of_a_folder_are_all_named_and_can_be_skipped(folder, digits, tmp_path):
    good = sorted((folder / "1").iterdir())
    good[0].write_bytes(good[0].read_bytes()[:-20])
    good[1].write_bytes(b"not an image")
    Image.new("L", (9, 7)).save(good[2])  # fitted to the size of the others
    Image.fromarray(digits.pixels[0]).save(folder / "loose.png")
    outside = tmp_path / "secret.png"
    Image.fromarray(digits.pixels[0]).save(outside)
    (folder / "2" / "link.png").symlink_to(outside)
    config = DataConfig(source=f"folder:{folder}")
    with pytest.raises(RefusedRowsError) as error:
        open_source(config)
    found = {refusal.file: f"{refusal.value}, expected {refusal.expected}" for refusal in error.value.refused}
    names = [f"1/{path.name}" for path in good]
    assert found[names[0]].startswith("is cut off before its end, expected a whole image")
    assert found[names[1]].startswith("is not an image that can be read")
    assert found["loose.png"] == "lies in no class folder, expected CLASS/IMAGE"
    assert found["2/link.png"].startswith("is a link that leads outside the folder")
    assert len(found) == 4
    source = open_source(config.model_copy(update={"skip_bad": True}))
    assert len(source.samples) == ROWS - 2
    assert len(source.refused) == 4
    assert source.warnings == ["digits: rows left out because they cannot be used: 4"]
    assert len(source.dataset) == ROWS - 2
    assert source.place_of(int(source.samples.sample_id[-1])).startswith("9/")
    resized = open_source(config.model_copy(update={"skip_bad": True, "resize": (7, 9)}))
    assert resized.samples.input_shape == (1, 7, 9)
    assert len(resized.samples) == ROWS - 2


def test_a_linked_class_folder_outside_is_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (folder / "x").symlink_to(tmp_path / "other")
    assert "is a link that leads outside" in refusal(DataConfig(source=f"folder:{folder}"))
    (folder / "x").unlink()
    (folder / "1" / "again").symlink_to(folder)
    open_source(DataConfig(source=f"folder:{folder}"))  # a loop of links inside the folder ends


def test_folders_that_hold_nothing(tmp_path):
    assert "does not exist" in refusal(DataConfig(source=f"folder:{tmp_path / 'none'}"))
    assert "no images in class folders" in refusal(DataConfig(source=f"folder:{tmp_path}"))
    (tmp_path / "a").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "a" / "1.png")
    assert "one class only ('a')" in refusal(DataConfig(source=f"folder:{tmp_path}"))


def test_grey_and_colour(folder):
    config = DataConfig(source=f"folder:{folder}")
    assert open_source(config).samples.input_shape == (1, 8, 8)
    rgb = open_source(config.model_copy(update={"colour": "rgb"}))
    assert rgb.samples.input_shape == (3, 8, 8)
    Image.new("RGB", (8, 8), (250, 0, 0)).save(folder / "1" / "red.png")
    assert open_source(config).samples.input_shape == (3, 8, 8)
    assert open_source(config.model_copy(update={"colour": "grey"})).samples.input_shape == (1, 8, 8)


def test_a_table_of_image_paths(faces, digits):
    path = faces.save(faces.rows)
    config = DataConfig(source=f"csv:{path}", image_column="path", label_column="digit")
    source = open_source(config)
    assert np.array_equal(everything(source)[:, 0].numpy(), digits.pixels)
    assert source.samples.annotation.tolist() == digits.labels.tolist()
    assert source.place_of(11) == "faces.csv, row 12"


def test_image_paths_may_start_from_another_folder(faces, digits, tmp_path, monkeypatch):
    rows = [[name.removeprefix("img/"), label] for name, label in faces.rows]
    path = faces.save(rows)
    options = {"source": f"csv:{path}", "image_column": "path", "label_column": "digit"}
    assert "'000.png' does not exist" in refusal(DataConfig(**options))
    monkeypatch.chdir(tmp_path)
    for root in ("img", str(tmp_path / "img"), "./img/../img/"):
        source = open_source(DataConfig(**options, image_root=root))
        assert np.array_equal(everything(source)[:, 0].numpy(), digits.pixels)
    assert "--image-root none: is not a folder" in refusal(DataConfig(**options, image_root="none"))
    rows[3][0] = "../faces.csv"
    (tmp_path / "img" / "out.png").symlink_to(tmp_path / "faces.csv")
    rows[4][0] = "out.png"
    text = refusal(DataConfig(**{**options, "source": f"csv:{faces.save(rows)}"}, image_root="img"))
    assert "'../faces.csv' leads outside the folder" in text
    assert "'out.png' is a link that leads outside the folder" in text


def test_backslashes_in_paths_are_asked_about(faces):
    rows = [[name.replace("/", "\\"), label] for name, label in faces.rows]
    rows[1][0] = "img\\none.png"
    text = refusal(DataConfig(source=f"csv:{faces.save(rows)}", image_column="path", label_column="digit"))
    assert "does not exist (did you mean 'img/000.png'?), expected an image file inside" in text
    assert "none.png' does not exist, expected" in text


def test_bad_paths_of_a_table(faces, digits):
    outside = faces.root.parent / "outside.png"
    Image.fromarray(digits.pixels[0]).save(outside)
    (faces.root / "img" / "link.png").symlink_to(outside)
    bad = ["img/none.png", "../outside.png", str(outside), "img", "", "img/link.png", "a\0b", "x" * 300, "img/.."]
    rows = [[name, "1"] for name in bad] + faces.rows
    path = faces.save(rows)
    with pytest.raises(RefusedRowsError) as error:
        open_source(DataConfig(source=f"csv:{path}", image_column="path", label_column="digit"))
    assert [refusal.row for refusal in error.value.refused] == list(range(1, len(bad) + 1))
    assert all(refusal.column == "path" for refusal in error.value.refused)
    values = [refusal.value for refusal in error.value.refused]
    assert values[0] == "'img/none.png' does not exist"
    assert values[1] == "'../outside.png' leads outside the folder"
    assert "leads outside the folder" in values[2]
    assert values[3] == "'img' is a folder"
    assert values[4] == "an empty value"
    assert values[5] == "'img/link.png' is a link that leads outside the folder"
    assert "cannot be opened" in values[7]
    assert f"faces.csv: {len(bad)} of {len(rows)} rows cannot be used" in str(error.value)
    kept = open_source(DataConfig(source=f"csv:{path}", image_column="path", label_column="digit", skip_bad=True))
    assert len(kept.samples) == ROWS
    assert kept.place_of(int(kept.samples.sample_id[0])) == f"faces.csv, row {len(bad) + 1}"


def test_a_table_of_features(write, digits):
    header = ["id", *(f"p{d}" for d in range(64)), "digit"]
    rows = [[i, *p.ravel().tolist(), y] for i, (p, y) in enumerate(zip(digits.pixels, digits.labels, strict=True))]
    config = {"feature_columns": ["p*"], "label_column": "digit"}
    for encoding in ("utf-8", "utf-8-sig"):
        path = write("table.csv", header, rows, encoding=encoding)
        source = open_source(DataConfig(source=f"csv:{path}", **config))
        assert everything(source).dtype == torch.float32
        assert np.array_equal(everything(source).numpy(), digits.pixels.reshape(ROWS, 64))
        assert source.feature_names == header[1:-1]
        assert source.description == "120 rows of 64 features, 10 classes"
    with_bom = DataConfig(source=f"csv:{path}", feature_columns=["id", "p0"], label_column="digit")
    assert open_source(with_bom).feature_names == ["id", "p0"]
    rows[4][1], rows[9][64], rows[9][65] = "nan", "ten", ""
    path = write("table.csv", header, rows)
    text = refusal(DataConfig(source=f"csv:{path}", **config))
    assert "table.csv, row 5, column 'p0': 'nan', expected a finite number" in text
    assert "table.csv, row 10, column 'p63': 'ten', expected a finite number" in text
    assert "table.csv, row 10, column 'digit': an empty value, expected a class label" in text
    assert "2 of 120 rows" in text


def test_a_table_of_votes(write, digits):
    header = ["id", *(f"votes_{k}" for k in range(10)), "p"]
    rows = [[i, *v.tolist(), i / 7] for i, v in enumerate(digits.votes)]
    options = {"feature_columns": ["p"], "vote_columns": ["votes_*"]}
    source = open_source(DataConfig(source=f"csv:{write('v.csv', header, rows)}", **options))
    assert source.annotation_kind is VOTES
    assert source.samples.annotation.dtype == torch.float32
    assert source.samples.annotation.tolist() == digits.votes.tolist()
    assert source.class_names == [str(k) for k in range(10)]
    rows[2][3] = -2
    text = refusal(DataConfig(source=f"csv:{write('v.csv', header, rows)}", **options))
    assert "v.csv, row 3, column 'votes_2': -2, expected a count of votes (a whole number from 0)" in text
    rows[2][1:11] = [0.5] * 10
    normalised = DataConfig(source=f"csv:{write('v.csv', header, rows)}", normalise=True, **options)
    assert open_source(normalised).samples.annotation[2].tolist() == pytest.approx([0.1] * 10)


def test_splits_named_in_a_column(write):
    rows = [[i, "ab"[i % 2], ["train", "Valid ", "test"][i % 3]] for i in range(30)]
    options = {"feature_columns": ["x"], "label_column": "y", "split_column": "s"}
    source = open_source(DataConfig(source=f"csv:{write('s.csv', ['x', 'y', 's'], rows)}", **options))
    assert source.split.tolist() == [0, 1, 2] * 10
    rows[3][2], rows[4][2] = "trian", ""
    text = refusal(DataConfig(source=f"csv:{write('s.csv', ['x', 'y', 's'], rows)}", **options))
    assert "s.csv, row 4, column 's': 'trian', expected train or validation or test" in text
    assert "row 5, column 's': an empty value" in text
    rows = [[i, "ab"[i % 2], "test"] for i in range(4)]
    path = write("s.csv", ["x", "y", "s"], rows)
    assert "the training split is empty" in refusal(DataConfig(source=f"csv:{path}", **options))


TABLES = {
    "empty": b"",
    "header only": b"x,y\n",
    "one class": b"x,y\n1,a\n2,a\n",
    "no such column": b"x,z\n1,a\n2,b\n",
    "doubled column": b"x,y,y\n1,a,b\n2,b,a\n",
    "too few values": b"x,y\n1,a\n2\n3,b\n",
    "too many values": b"x,y\n1,a\n2,b,c\n3,b\n",
    "not utf-8": b"x,y\n1,a\n2,\xe4\n3,b\n",
    "not utf-8 header": b"x,y\xe4\n1,a\n",
    "utf-16": "x,y\n1,a\n2,b\n".encode("utf-16"),
    "unclosed quote": b'x,y\n1,"a\n2,b\n3,b\n',
    "text as number": b"x,y\n1,a\nq,b\n",
    "nothing but line ends": b"\n\n\n",
    "a nul": b"x,y\n1\x00,a\n2,b\n",
    "an image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a huge field": b"x,y\n1,a\n2," + b"b" * (17 * 2**20) + b"\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_bad_tables_are_refused_in_words(name, tmp_path):
    (tmp_path / "t.csv").write_bytes(TABLES[name])
    text = refusal(DataConfig(source=f"csv:{tmp_path / 't.csv'}", feature_columns=["x"], label_column="y"))
    assert "t.csv" in text
    assert len(text.splitlines()) <= 8
    assert max(map(len, text.splitlines())) < 300


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"x,y\r\n1,a\r\n2,b\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfx,y\r\n1,a\r\n2,b\r\n", ["a", "b"]),
        (b'\xef\xbb\xbf"x","y"\n1,a\n2,b', ["a", "b"]),
        (b"x,y\r1,a\r2,b\r", ["a", "b"]),
        (b"x;y\n1;a,b\n2;c\n", ["a,b", "c"]),
        (b"x\ty\n1\ta\n2\tb\n", ["a", "b"]),
        (b"x,y\n\n1,a\n\n2,b\n", ["a", "b"]),
        (b'x,y\n1,"a\nb"\n2,"say ""b"""\n', ["a\nb", 'say "b"']),
        (b"x,y\n1,007\n2,NA\n", ["007", "NA"]),
        ("x,y\n1,é\n2,日\n".encode(), ["é", "日"]),
    ],
)
def test_tables_as_people_write_them(content, labels, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    source = open_source(DataConfig(source=f"csv:{tmp_path / 't.csv'}", feature_columns=["x"], label_column="y"))
    assert [source.class_names[k] for k in source.samples.annotation] == labels
    assert everything(source).ravel().tolist() == [1, 2]


def test_ragged_lines_keep_the_numbers_of_the_others(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"x,y\n1,a\n2\n\n3,b\nq,a\n")
    config = DataConfig(source=f"csv:{tmp_path / 't.csv'}", feature_columns=["x"], label_column="y")
    text = refusal(config)
    assert "t.csv, row 2: number of values 1 ('2'), expected 2 as in the header" in text
    assert "t.csv, row 4, column 'x': 'q', expected a finite number" in text
    source = open_source(config.model_copy(update={"skip_bad": True}))
    assert source.samples.sample_id.tolist() == [0, 2]
    assert source.place_of(2) == "t.csv, row 3"


def test_options_that_do_not_go_together(write):
    path = write("t.csv", ["x", "y"], [[1, "a"], [2, "b"]])
    cases = [
        ({"feature_columns": ["x"]}, "no label is named"),
        ({"label_column": "y"}, "no input is named"),
        ({"feature_columns": ["x"], "image_column": "x", "label_column": "y"}, "both --image-column"),
        (
            {"feature_columns": ["x"], "label_column": "y", "vote_columns": ["x"]},
            "--label-column and --vote-columns are given",
        ),
        ({"feature_columns": ["x", "y"], "label_column": "y"}, "to be a feature and also"),
    ]
    for options, message in cases:
        with pytest.raises(ConfigError, match=message):
            open_source(DataConfig(source=f"csv:{path}", **options))
    with pytest.raises(DataError, match="only one column of votes"):
        open_source(DataConfig(source=f"csv:{path}", feature_columns=["y"], vote_columns=["x"]))


@pytest.mark.parametrize(
    ("classes", "warning"),
    [
        (["cat", "Cat ", "dog"], "classes 'Cat ' and 'cat' differ only in spaces or case"),
        (["1", "1.0", "2"], "classes '1' and '1.0' are one number"),
        (["7", "8", "07"], "classes '07' and '7' are one number"),
    ],
)
def test_classes_that_look_alike_warn(classes, warning, write):
    rows = [[i, classes[i % 3]] for i in range(9)]
    source = open_source(
        DataConfig(source=f"csv:{write('t.csv', ['x', 'y'], rows)}", feature_columns=["x"], label_column="y")
    )
    assert source.warnings == [warning]


@pytest.mark.parametrize("cells", ["bytes", "struct", "path"])
def test_parquet_with_images(cells, tmp_path, digits, faces):
    data = [(tmp_path / row[0]).read_bytes() for row in faces.rows]
    columns = {
        "bytes": pa.array(data, pa.binary()),
        "struct": pa.array(
            [{"bytes": b, "path": None} for b in data[:-1]] + [{"bytes": None, "path": faces.rows[-1][0]}]
        ),
        "path": pa.array([row[0] for row in faces.rows]),
    }
    pa.parquet.write_table(pa.table({"image": columns[cells], "y": digits.labels}), tmp_path / "t.parquet")
    config = DataConfig(source=f"parquet:{tmp_path / 't.parquet'}", image_column="image", label_column="y")
    for memory in ("hold", "stream"):
        source = open_source(config.model_copy(update={"memory": memory}))
        assert np.array_equal(everything(source)[:, 0].numpy(), digits.pixels)
        assert source.samples.annotation.tolist() == digits.labels.tolist()


def test_parquet_refusals(tmp_path, digits, faces):
    data = [(tmp_path / row[0]).read_bytes() for row in faces.rows]
    data[1], data[2] = None, data[2][:-9]
    pa.parquet.write_table(pa.table({"image": pa.array(data), "y": digits.labels}), tmp_path / "t.parquet")
    config = DataConfig(source=f"parquet:{tmp_path / 't.parquet'}", image_column="image", label_column="y")
    text = refusal(config)
    assert "t.parquet, row 2, column 'image': an empty value" in text
    assert "t.parquet, row 3, column 'image': the image is cut off before its end" in text
    (tmp_path / "u.parquet").write_bytes(b"PAR1 nothing")
    assert "cannot be read as Parquet" in refusal(
        config.model_copy(update={"source": f"parquet:{tmp_path / 'u.parquet'}"})
    )
    swapped = config.model_copy(update={"image_column": "y", "label_column": "image"})
    assert "column 'image' holds values of type binary, expected labels" in refusal(swapped)
    both = config.model_copy(update={"image_column": "y"})
    assert "column 'y' holds values of type int64, expected paths or image bytes" in refusal(both)


def test_large_parquet_goes_through_the_cache(tmp_path, digits, faces, monkeypatch):
    monkeypatch.setattr("softlabel.data.reading.tables.IN_MEMORY", 1)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    data = [(tmp_path / row[0]).read_bytes() for row in faces.rows]
    pa.parquet.write_table(pa.table({"image": pa.array(data), "y": digits.labels}), tmp_path / "t.parquet")
    config = DataConfig(
        source=f"parquet:{tmp_path / 't.parquet'}", image_column="image", label_column="y", memory="stream"
    )
    assert np.array_equal(everything(open_source(config))[:, 0].numpy(), digits.pixels)


def test_hub_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    whole = open_source(DataConfig()).dataset.select(range(100))
    whole.save_to_disk(tmp_path / "whole")
    parts = datasets.DatasetDict(
        train=whole.select(range(70)), test=whole.select(range(70, 100)), odd=whole.select([0])
    )
    parts.save_to_disk(tmp_path / "parts")
    (tmp_path / "files").mkdir()
    for name in ("train", "test"):
        parts[name].to_parquet(tmp_path / "files" / f"{name}-00000-of-00001.parquet")
    one = open_source(DataConfig(source=f"hub:{tmp_path / 'whole'}"))
    assert one.split is None
    assert "image column: 'image' (by its type)" in one.notes
    for name in ("parts", "files"):
        source = open_source(DataConfig(source=f"hub:{tmp_path / name}"))
        assert torch.bincount(source.split.long()).tolist() == [70, 0, 30]
        assert torch.equal(everything(source), everything(one))
        assert source.place_of(75) == f"hub:{tmp_path / name}, split 'test', row 6"
        assert source.class_names == [str(k) for k in range(10)]


def test_the_hub_out_of_reach_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    text = refusal(DataConfig(source="hub:nobody/nothing"))
    assert "hub:nobody/nothing" in text
    assert "cannot be reached" in text
    assert "\n" not in text
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("raise SystemExit")
    with pytest.raises(ConfigError, match="holds no data set"):
        open_source(DataConfig(source=f"hub:{tmp_path / 'script'}"))


def test_a_local_folder_of_images_through_the_hub_reader(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    source = open_source(DataConfig(source=f"hub:{folder}"))
    plain = open_source(DataConfig(source=f"folder:{folder}"))
    assert source.class_names == plain.class_names
    assert torch.equal(everything(source), everything(plain))


def test_hidden_labels_of_a_hub_dataset_are_refused(tmp_path):
    labels = datasets.Features({"x": datasets.Value("float32"), "y": datasets.ClassLabel(names=["a", "b"])})
    parts = {"train": {"x": [1.0, 2.0], "y": [0, 1]}, "test": {"x": [3.0, 4.0], "y": [-1, -1]}}
    loaded = datasets.DatasetDict({name: datasets.Dataset.from_dict(p, features=labels) for name, p in parts.items()})
    loaded.save_to_disk(tmp_path / "d")
    text = refusal(DataConfig(source=f"hub:{tmp_path / 'd'}", feature_columns=["x"]))
    assert "split 'test', row 1, column 'y': unknown label '-1', expected one of the classes" in text


def test_an_image_that_goes_bad_later_is_named(folder):
    source = open_source(DataConfig(source=f"folder:{folder}", memory="stream"))
    path = folder / source.place_of(0)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=str(path)):
        everything(source)
