# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand the tarball that ``make build`` made to galaxy-importer, and take each of its warnings for an error.

galaxy-importer is what Galaxy and Automation Hub run before they take a collection. It loads every plugin's
documentation and runs ansible-lint on what is in the tarball. Its way to run ansible-test wants containers;
tools/sanity.py does that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import yaml

from tools._run import BUILD, ROOT, heading, shown

SETTINGS = {
    "CHECK_CHANGELOG": "true",
    "CHECK_REQUIRED_TAGS": "true",
    "OFFLINE_ANSIBLE_LINT": "true",
    "RUN_ANSIBLE_DOC": "true",
    "RUN_ANSIBLE_LINT": "true",
    "RUN_ANSIBLE_TEST": "false",
    # flake8 knows no per-file reasons; ruff and the pep8 of ansible-test hold the same rules.
    "RUN_FLAKE8": "false",
}


def main() -> int:
    heading("galaxy-importer")
    facts = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    tarball = BUILD / f"{facts['namespace']}-{facts['name']}-{facts['version']}.tar.gz"
    folder = BUILD / "galaxy"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", str(tarball)],
        env={**os.environ, **{f"GALAXY_IMPORTER_{name}": value for name, value in SETTINGS.items()}},
        cwd=folder,  # where it leaves a file with its result
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    complaints = re.findall(r"^(?:WARNING|ERROR|CRITICAL)\b.*", done.stdout, re.MULTILINE)
    if done.returncode or complaints:
        print(done.stdout)
        return 1
    print(f"{shown(tarball)}: nothing to complain about")
    return 0


if __name__ == "__main__":
    sys.exit(main())
