# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tools of the Makefile share: where the checkout is, and running a command in sight of the user."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def heading(text: str) -> None:
    """Print a line that stands out between the outputs of commands."""
    print(f"\n=== {text} ".ljust(100, "="), flush=True)


def shown(path: Path) -> str:
    """Give a path as a person in the checkout would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT, check: bool = True) -> int:
    """Print a command, run it, and give its exit status; end the whole tool when it fails and ``check`` is set."""
    print("$ " + shlex.join(command).replace(f"{ROOT}/", ""), flush=True)
    status = subprocess.run(command, env=env, cwd=cwd, check=False).returncode
    if status and check:
        sys.exit(f"{command[0]} failed with exit status {status}.")
    return status
