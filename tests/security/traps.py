"""A folder full of files that a careless program would run as code, each of which leaves a line when it is."""

from __future__ import annotations

from pathlib import Path

STANDARD = (
    *("abc", "argparse", "ast", "asyncio", "base64", "code", "codecs", "collections", "contextlib", "copy", "csv"),
    *(
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fcntl",
        "fractions",
        "functools",
        "hashlib",
        "importlib",
        "inspect",
    ),
    *(
        "io",
        "json",
        "linecache",
        "logging",
        "math",
        "multiprocessing",
        "operator",
        "os",
        "pathlib",
        "pickle",
        "platform",
    ),
    *(
        "queue",
        "random",
        "re",
        "runpy",
        "select",
        "shutil",
        "signal",
        "site",
        "socket",
        "statistics",
        "string",
        "struct",
    ),
    *("subprocess", "tempfile", "textwrap", "threading", "time", "tokenize", "tomllib", "traceback", "types", "typing"),
    *("unittest", "uuid", "warnings", "weakref", "zipfile", "zlib"),
)
LIBRARIES = (
    *("datasets", "jinja2", "joblib", "kornia", "lightning_fabric", "lightning_utilities", "markupsafe", "matplotlib"),
    *("numpy", "onnx", "onnxruntime", "onnxscript", "pandas", "PIL", "pyarrow", "pydantic", "safetensors", "scipy"),
    *("sklearn", "tensorboard", "tensorflow", "torch", "torchvision", "tqdm", "transformers", "triton"),
)
STARTS = ("sitecustomize", "usercustomize", "conftest", "setup", "startup", "tests", "__main__")
TRAPS = (*STANDARD, *LIBRARIES, *STARTS)


def set_traps(folder: Path, log: Path) -> None:
    """Write a module of each name, and packages of a few, that add their names to the log."""
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"open({str(log)!r}, 'a').write({name!r} + '\\n')\nraise SystemExit(99)\n")
    for name in ("encodings", "lightning", "softlabel_plugins"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"open({str(log)!r}, 'a').write({name!r} + '\\n')\n")
    (folder / "pyproject.toml").write_text("[tool.softlabel]\nseeds = 9\n")
    (folder / "matplotlibrc").write_text("backend: module://trapped_backend\n")
    (folder / "code.pth").write_text("import code\n")
