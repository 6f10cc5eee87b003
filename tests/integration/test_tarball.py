# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users install: the tarball holds what it should and nothing else, and works without the checkout."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

from tests.integration.harness import ROOT, Workspace

#: What of the checkout users get; a folder with all that is in it.
SHIPPED = (
    "COPYING",
    "LICENSES/",
    "README.md",
    "REUSE.toml",
    "changelogs/changelog.yaml",
    "changelogs/config.yaml",
    "docs/",
    "meta/",
    "playbooks/",
    "plugins/",
    "requirements.txt",
    "roles/",
)
#: What ansible-galaxy adds.
ADDED = {"FILES.json", "MANIFEST.json"}


def made_tarball(workspace: Workspace) -> Path:
    done = workspace.command(
        "ansible-galaxy", "collection", "build", "--output-path", str(workspace.directory), str(ROOT)
    )
    assert done.returncode == 0, done.stderr
    (made,) = workspace.directory.glob("*.tar.gz")
    return made


def test_the_tarball_holds_what_users_need_and_nothing_else(workspace: Workspace) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    known = {name for name in listing.stdout.split("\0") if (ROOT / name).is_file()}
    with tarfile.open(made_tarball(workspace)) as tarball:
        held = {member.name for member in tarball if not member.isdir()}
    assert held == ADDED | {name for name in known if name.startswith(SHIPPED)}


def test_installed_from_the_tarball_it_works_without_the_checkout(workspace: Workspace) -> None:
    installed = workspace.directory / "installed"
    tarball = made_tarball(workspace)
    elsewhere = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    done = workspace.command(
        "ansible-galaxy", "collection", "install", "--offline", str(tarball), environment=elsewhere
    )
    assert done.returncode == 0, done.stderr

    done = workspace.command(
        "ansible-galaxy", "collection", "verify", "--offline", "certops.cms", environment=elsewhere
    )
    assert done.returncode == 0, done.stderr

    done = workspace.command("ansible-doc", "--json", "certops.cms.apply", environment=elsewhere)
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout)["certops.cms.apply"]["doc"]
    assert Path(described["filename"]).is_relative_to(installed)

    playbooks = sorted(path.stem for path in (installed / "ansible_collections/certops/cms/playbooks").glob("*.yml"))
    names = [f"certops.cms.{name}" for name in playbooks]
    done = workspace.command("ansible-playbook", "-i", "localhost,", "--list-tasks", *names, environment=elsewhere)
    assert done.returncode == 0, done.stderr
    for name in playbooks:
        assert f"playbook: {installed}/ansible_collections/certops/cms/playbooks/{name}.yml" in done.stdout
    assert "certops.cms.survey : " in done.stdout
