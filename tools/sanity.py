# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-test sanity`` with nothing ignored, with every Python of this machine that the collection supports.

Each Python comes with the newest ansible-core that it can run (tools/pythons.py). ansible-test works only in a real
directory ``.../ansible_collections/certops/cms``, so the files that git knows or would add are copied to build/sanity.
Its own virtual environments live in build/sanity-home, where the pip bootstrap that it would download is replaced by
one that uses Python's own ensurepip.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools import pythons
from tools._run import BUILD, ROOT, heading

COPIES = BUILD / "sanity"
HOME = BUILD / "sanity-home"

# ensurepip runs as a process of its own: in-process it would switch off the pip configuration of the machine.
BOOTSTRAP = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "-q"] + wanted))
"""
# The names under which ansible-core 2.19, 2.20 and 2.21 look for the bootstrap.
BOOTSTRAP_NAMES = ("get_pip_24_2.py", "get_pip_25_2.py")

# Where pip may have been told about the package index of this machine.
PIP_SETTINGS = (".pip", ".config/pip", ".netrc")

# The tests that load the plugins with the Python they run on. A second Python with the same ansible-core runs these;
# the rest look at texts, by rules that come with ansible-core, and would say the same again.
DEPEND_ON_PYTHON = ("ansible-doc", "compile", "import", "validate-modules")

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


def copy_collection(name: str) -> Path:
    """Copy what git tracks or would track into a place of its own that ansible-test wants, and give that place."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    collection = COPIES / name / "ansible_collections" / "certops" / "cms"
    shutil.rmtree(collection, ignore_errors=True)
    for entry in sorted(set(listing.stdout.split("\0")) - {""}):
        source, target = ROOT / entry, collection / entry
        if not source.is_symlink() and not source.is_file():
            continue  # deleted, but not yet in a commit
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    # ansible-test asks git for the files, and would get the answer of the checkout around it: none, build/ is ignored.
    subprocess.run(["git", "init", "--quiet", str(collection)], check=True)
    return collection


def prepare_home() -> None:
    """Make a home for ansible-test that leaves the user's own alone, and knows the user's pip settings."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in BOOTSTRAP_NAMES:
        (cache / name).write_text(BOOTSTRAP)
    for name in PIP_SETTINGS:
        theirs, ours = Path.home() / name, HOME / name
        if theirs.exists() and not ours.exists():
            ours.parent.mkdir(parents=True, exist_ok=True)
            ours.symlink_to(theirs)


@dataclass(frozen=True)
class Run:
    """One finished run of ansible-test."""

    environment: pythons.Environment
    status: int
    output: str
    verdicts: Mapping[str, str]
    """Test -> passed, failed or skipped, for those that ran."""

    @property
    def green(self) -> bool:
        return self.status == 0 and bool(self.verdicts) and set(self.verdicts.values()) == {PASSED}


def verdicts_of(output: str) -> dict[str, str]:
    """Read from what ansible-test printed which tests ran and how they ended."""
    verdicts = dict.fromkeys(re.findall(r'Running sanity test "([^"]+)"', output), PASSED)
    for pattern, verdict in ((r'Skipping sanity test "([^"]+)"', SKIPPED), (r'sanity test "([^"]+)" failed', FAILED)):
        verdicts.update(dict.fromkeys(re.findall(pattern, output), verdict))
    # A test that crashed ends the run; ansible-test says of none that it failed.
    for crashed in re.findall(
        r'Running sanity test "([^"]+)"(?:(?!Running sanity test)[\s\S])*?^FATAL: Command', output, re.M
    ):
        verdicts[crashed] = FAILED
    # The list at the end names tests with their options: import --python 3.11.
    closing = output.rpartition("failed. See error output above for details.")[2] if "failed. See" in output else ""
    verdicts.update({name: FAILED for name in verdicts if re.search(rf"^{re.escape(name)}\b", closing, re.MULTILINE)})
    return verdicts


def examine(environment: pythons.Environment, tests: Iterable[str]) -> Run:
    """Run ansible-test with one environment: these tests, or all of them when none is named."""
    collection = copy_collection(environment.name)
    words = [word for test in tests for word in ("--test", test)]
    command = [str(environment.python.parent / "ansible-test"), "sanity", "--local", "--color", "no"]
    done = subprocess.run(
        [*command, "--python", environment.version, *words],
        env=environment.variables({"HOME": str(HOME)}),
        cwd=collection,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(environment, done.returncode, done.stdout, verdicts_of(done.stdout))


def table(runs: Iterable[Run]) -> str:
    """Give who ran what as lines with a column for each run."""
    runs = list(runs)
    names = sorted({name for done in runs for name in done.verdicts})
    rows = [["", *(f"Python {done.environment.version}" for done in runs)]]
    rows.append(["", *(f"core {done.environment.core}" for done in runs)])
    # Who ran everything for a release of ansible-core, see main().
    for_all = {done.environment.core: f"as with {done.environment.version}" for done in runs}
    rows += [[name, *(done.verdicts.get(name, for_all[done.environment.core]) for done in runs)] for name in names]
    return "\n".join("  ".join(f"{cell:22}" if not at else f"{cell:13}" for at, cell in enumerate(row)) for row in rows)


def main() -> int:
    heading("ansible-test sanity")
    ignored = sorted((ROOT / "tests" / "sanity").glob("ignore*"))
    if ignored:
        print(f"{ignored[0].name}: nothing may be ignored. Next step: mend what it hides and remove the file.")
        return 1
    prepare_home()
    environments = {version: pythons.for_version(version) for version in pythons.VERSIONS}
    present = [environment for environment in environments.values() if environment is not None]
    # The newest Python of each release of ansible-core runs everything.
    complete = {environment.core: environment for environment in present}.values()
    wanted = [(one, sys.argv[1:] or (() if one in complete else DEPEND_ON_PYTHON)) for one in present]
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = list(pool.map(lambda order: examine(*order), wanted))
    for done in runs:
        if not done.green:
            heading(f"{done.environment}: exit status {done.status}")
            print(done.output)
    print(table(runs))
    for version in (version for version, environment in environments.items() if environment is None):
        print(f"Python {version}: not on this machine.")
    return int(not all(done.green for done in runs))


if __name__ == "__main__":
    sys.exit(main())
