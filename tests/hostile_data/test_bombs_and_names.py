"""Images that unpack to gigabytes are refused by their header; names that lead out of the folder are never opened."""

import io

import pytest
from PIL import Image, ImageFile

from softlabel.data.images import BadImageError, quiet_decoding, read_header
from softlabel.data.reading.files import BadFileError, Root

SIDE = 7200
NAMES = [
    "..", "../o.png", "a/../../o.png", "/etc/passwd", "//etc/passwd", "./../o.png", "a/b/../../../o.png", "", ".", "a",
    "a/", "a\0.png", "\0", "n" * 300, "n/" * 3000 + "x", "link.png", "out/o.png", "/dev/zero", "/dev/stdin",
    "/proc/self/environ", "~/o.png", "..\\o.png", "file:///etc/passwd", "．．/o.png", "\udcff.png", "circle.png",
]  # fmt: skip


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_bombs_are_refused_without_decoding(format_, monkeypatch):
    stored = io.BytesIO()
    mode = "L" if format_ in ("JPEG", "WEBP") else "1"
    options = {"TIFF": {"compression": "tiff_lzw"}, "WEBP": {"method": 0, "quality": 0}}.get(format_, {})
    Image.new(mode, (SIDE, SIDE)).save(stored, format_, **options)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("the image was decoded"))
    with quiet_decoding(), pytest.raises(BadImageError, match=r"51\.8 megapixels"):
        read_header(stored.getvalue())


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
def test_names_stay_inside(name, tmp_path):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "o.png").write_bytes(b"outside")
    (root / "link.png").symlink_to("../o.png")
    (root / "out").symlink_to("..")
    (root / "circle.png").symlink_to("circle.png")
    with pytest.raises(BadFileError):
        Root(root).locate(name)
