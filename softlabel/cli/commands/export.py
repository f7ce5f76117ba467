"""`softlabel export`: a trained model for other programs, with its temperature folded in."""

from __future__ import annotations

import shlex
from pathlib import Path

from softlabel.cli.configuring.parser import Parser
from softlabel.cli.configuring.run_folders import model_folder
from softlabel.cli.screens.console import Console

FORMATS = ("safetensors", "torch", "onnx")

EXAMPLES = """\
safetensors  a folder of weights and JSON, the temperature folded into the head
torch        a torch.export program: raw inputs in, calibrated probabilities out
onnx         the same as an ONNX graph; needs softlabel[onnx]

Each is run and compared with the original before it is kept. labels.json
beside it says what its inputs and outputs are; use.py, of ten lines, goes from
a photo or a table to labels by torch or onnxruntime alone.

examples:
  softlabel export runs/digits-0001 --format torch
  softlabel export runs/digits-0001 --format onnx --out digits.onnx
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("export", "RUN --format FORMAT [options]", "Write a trained model for other programs.", EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a comparison, a run or a model")
    parser.add_argument("--format", choices=FORMATS, required=True, help="what to write")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="new folder, or .pt2 or .onnx file (default: RUN-export)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; words go to stderr")
    return parser


def run(words: list[str]) -> int:
    """Export, check, and say where it is."""
    arguments = parser().read(words)
    folder = model_folder(arguments.run)
    out = arguments.out or Path(f"{arguments.run.resolve().name}-export")

    from softlabel.deployed.export import export_model

    report = export_model(folder, out, arguments.format)
    console = Console(arguments.json)
    if arguments.json:
        console.document(report.to_json())
    console.say(f"{report.path.resolve()}  ({report.bytes / 1e6:.1f} MB)")
    if report.white_level is not None:
        console.say(f"its images are 8 bits a channel; a 16-bit value v is 255 v / {report.white_level} of them")
    if report.script is not None:
        given = "PHOTO" if report.reads_images else "TABLE.csv"
        console.say(f"\n{report.script.read_text(encoding='utf-8')}")
        console.say(f"use it: python {shlex.quote(str(report.script))} {given}")
    console.say(f"checked: no probability differs from the original's by more than {report.max_difference:.1e}")
    return 0
