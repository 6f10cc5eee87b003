# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Pythons of this machine, and an environment for each: ``python -m tools.pythons newest tests/unit -n 2``.

Each environment lies under build/pythons and is built again only when its Python or the requirements change. What pip
chooses is the newest that requirements.txt allows on that Python, so a newer Python comes with a newer ansible-core;
the environment ``lowest`` has the oldest of everything instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools._run import BUILD, ROOT, heading, run, shown

#: What ansible-core 2.19 to 2.21 run on, 3.11 being the first that the collection is written for.
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-test.txt")
DIRECTORY = BUILD / "pythons"

ASK_PYTHON = "import ensurepip, ssl, sys, venv; print('{}.{}.{}'.format(*sys.version_info[:3]))"
ASK_CORE = "from importlib.metadata import version; print(version('ansible-core'))"


def ask(python: Path | str, code: str) -> str | None:
    """Run a line of Python elsewhere and give what it printed; None when that Python cannot be used."""
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def places(version: str) -> Iterator[Path]:
    """Give where a Python of one minor version may lie, the preferred place first.

    The shims of version managers are passed over: they answer for Pythons that are not chosen.
    """
    if version == running():
        yield Path(sys.executable).resolve()
    path = os.pathsep.join((os.environ.get("CALLER_PATH", ""), os.environ.get("PATH", "")))
    for folder in filter(None, path.split(os.pathsep)):
        if Path(folder).name != "shims":
            yield Path(folder) / f"python{version}"
    yield Path("/usr/bin") / f"python{version}"
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(managed.glob(f"{version}.*/bin/python{version}"), key=patch_release, reverse=True)


def patch_release(python: Path) -> int:
    found = re.search(r"\d+$", python.parent.parent.name)
    return int(found[0]) if found else -1


def running() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def find(version: str) -> Path | None:
    """Give a usable Python of one minor version, with venv and ensurepip; None when the machine has none."""
    for python in places(version):
        if python.is_file() and (ask(python, ASK_PYTHON) or "").startswith(f"{version}."):
            return python
    return None


@dataclass(frozen=True)
class Environment:
    """A Python with ansible-core and all that the tests of the product need."""

    name: str
    """What people call it: 3.13, lowest."""
    python: Path
    core: str
    """The release of ansible-core in it: 2.21.5."""

    @property
    def version(self) -> str:
        """The minor version of its Python."""
        return str(ask(self.python, ASK_PYTHON)).rpartition(".")[0]

    def __str__(self) -> str:
        return f"Python {ask(self.python, ASK_PYTHON)}, ansible-core {self.core}"

    def variables(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give the process environment in which its programs find each other."""
        programs = f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin"
        return {**os.environ, "PATH": programs, **(more or {})}


def own() -> Environment:
    """The environment of the Makefile, in which this tool runs."""
    return Environment(running(), Path(sys.executable), str(ask(sys.executable, ASK_CORE)))


def build(name: str, base: Path, *install: str) -> Environment:
    """Give an environment with these pip arguments installed; builds it when it is not there or not up to date."""
    directory = DIRECTORY / name
    python, stamp = directory / "bin" / "python", directory / ".ready"
    read = [path.read_text() for path in map(Path, install) if path.is_file()]
    wanted = hashlib.sha256(json.dumps([str(directory), str(base), install, read]).encode()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted and ask(python, ASK_CORE)):
        shutil.rmtree(directory, ignore_errors=True)
        run([str(base), "-m", "venv", str(directory)])
        run([str(python), "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check", *install])
        stamp.write_text(wanted)
    return Environment(name, python, str(ask(python, ASK_CORE)))


def for_version(version: str) -> Environment | None:
    """Give the environment of one minor version, the Makefile's own where it fits; None where that Python is absent."""
    if version == running():
        return own()
    base = find(version)
    if base is None:
        return None
    return build(version, base, *(word for path in REQUIREMENTS for word in ("-r", str(path))))


def newest() -> Environment:
    """Give the environment of the newest Python of this machine."""
    found = next(filter(find, reversed(VERSIONS)), running())
    return for_version(found) or own()


def lowest() -> Environment:
    """Give an environment with the oldest releases that requirements.txt allows, on the oldest Python."""
    base = next(filter(None, map(find, VERSIONS)), Path(sys.executable))
    product, tests = REQUIREMENTS
    pins = re.findall(r"^([A-Za-z0-9-]+)>=([0-9.]+)", product.read_text(), re.MULTILINE)
    return build("lowest", base, *(f"{name}=={version}" for name, version in pins), "-r", str(tests))


def main() -> int:
    parser = argparse.ArgumentParser(description="Run pytest with another Python and other releases of the libraries.")
    parser.add_argument("which", choices=("newest", "lowest", *VERSIONS))
    chosen, words = parser.parse_known_args()
    makers = {"newest": newest, "lowest": lowest}
    environment = makers[chosen.which]() if chosen.which in makers else for_version(chosen.which)
    if environment is None:
        print(f"Python {chosen.which} is not on this machine: nothing is run with it.")
        return 0
    heading(f"{chosen.which}: {environment}")
    if environment == own():
        print(f"That is {shown(environment.python.parent.parent)} itself, with which all tests run anyway.")
        return 0
    return run([str(environment.python), "-m", "pytest", *words], env=environment.variables(), check=False)


if __name__ == "__main__":
    sys.exit(main())
