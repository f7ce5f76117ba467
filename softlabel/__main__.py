"""The program: `softlabel`, and `python -m softlabel`."""

from __future__ import annotations

import sys

from softlabel.isolation import leave_current_folder

leave_current_folder()  # PYTHONPATH may name it too

from softlabel.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
