# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-test sanity`` with nothing ignored.

ansible-test works only in a real directory ``.../ansible_collections/certops/cms``, so the files that git knows or
would add are copied to build/sanity. Its own virtual environments live in build/sanity-home, where the pip bootstrap
that it would download is replaced by one that uses Python's own ensurepip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools._run import BUILD, ROOT, heading, run

COLLECTION = BUILD / "sanity" / "ansible_collections" / "certops" / "cms"
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


def copy_collection() -> int:
    """Copy what git tracks or would track into the place ansible-test wants, and say how many files that were."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(COLLECTION, ignore_errors=True)
    count = 0
    for name in sorted(set(listing.stdout.split("\0")) - {""}):
        source, target = ROOT / name, COLLECTION / name
        if not source.is_symlink() and not source.is_file():
            continue  # deleted, but not yet in a commit
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
        count += 1
    # ansible-test asks git for the files, and would get the answer of the checkout around it: none, build/ is ignored.
    subprocess.run(["git", "init", "--quiet", str(COLLECTION)], check=True)
    return count


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


def main() -> int:
    heading("ansible-test sanity")
    print(f"Copied {copy_collection()} files to {COLLECTION.relative_to(ROOT)}")
    ignored = sorted((COLLECTION / "tests" / "sanity").glob("ignore*"))
    if ignored:
        print(f"{ignored[0].name}: nothing may be ignored. Next step: mend what it hides and remove the file.")
        return 1
    prepare_home()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return run(
        ["ansible-test", "sanity", "--local", "--python", version, "--color", "no", *sys.argv[1:]],
        env={**os.environ, "HOME": str(HOME)},
        cwd=COLLECTION,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
