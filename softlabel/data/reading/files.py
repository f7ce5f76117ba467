"""Files of a data folder: nothing outside the folder is read, whatever a table or a link says."""

from __future__ import annotations

import os
import stat

IMAGE_ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
    ".heif",
    ".hif",
)


class BadFileError(Exception):
    """Why a name cannot be read, as part of a sentence: 'does not exist'."""


class Root:
    """A folder out of which nothing is read."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self.real = os.path.realpath(folder)
        self._parents: dict[str, str] = {}

    def locate(self, name: str) -> str:
        """The full path of a regular file inside the folder. Raises BadFileError: links are followed only inside it."""
        try:
            return self._locate(name)
        except FileNotFoundError:
            raise BadFileError(f"does not exist{self._meant(name)}") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise BadFileError(f"cannot be opened ({reason})") from None

    def holds(self, path: str) -> bool:
        """Whether a path, links resolved, lies inside the folder."""
        return self.holds_real(os.path.realpath(path))

    def _meant(self, name: str) -> str:
        """The end of a refusal where a path written with backslashes, as on Windows, would be found with slashes."""
        other = name.replace("\\", "/")
        try:
            found = other != name and bool(self._locate(other))
        except (BadFileError, OSError, ValueError):
            found = False
        return f" (did you mean {other!r}?)" if found else ""

    def _locate(self, name: str) -> str:
        if not is_text(name):
            raise BadFileError("has a name that is not UTF-8")
        parent, base = os.path.split(os.path.join(self.real, name))
        if base in ("", os.curdir, os.pardir):
            raise BadFileError("is not a file")
        real_parent = self._parents.get(parent)
        if real_parent is None:
            real_parent = self._parents[parent] = os.path.realpath(parent)
        path = os.path.join(real_parent, base)
        if not self.holds_real(real_parent):
            raise BadFileError("leads outside the folder")
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind):
            path = os.path.realpath(path)
            if not self.holds_real(path):
                raise BadFileError("is a link that leads outside the folder")
            kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise BadFileError("is a folder" if stat.S_ISDIR(kind) else "is not a regular file")
        return path

    def holds_real(self, real: str) -> bool:
        """As `holds`, for a path whose links are resolved already."""
        return real == self.real or real.startswith(self.real.rstrip(os.sep) + os.sep)


def is_text(name: str) -> bool:
    """Whether a file name is valid UTF-8: tables, JSON and Arrow cannot hold any other."""
    return written(name) == name


def written(name: str) -> str:
    """A file name that can be printed and stored; bytes that are no UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder; a link that leads in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_image_name(name: str) -> bool:
    """Whether a file name ends like an image of a format that is read."""
    return name.lower().endswith(IMAGE_ENDINGS)


def is_hidden(name: str) -> bool:
    """Files that systems leave in folders, which nobody means as data."""
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")
