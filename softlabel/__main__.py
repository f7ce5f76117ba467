"""The program: `softlabel`, and `python -m softlabel`."""

from __future__ import annotations

import sys

from softlabel.isolation import leave_current_folder

leave_current_folder()

from softlabel.cli.main import main  # noqa: E402 (what it imports must not come from the current folder)

if __name__ == "__main__":
    sys.exit(main())
