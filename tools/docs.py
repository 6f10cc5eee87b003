# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build one site of all documentation in build/docs: the pages of docs/, the playbooks, the roles, the plugins.

antsibull-docs writes the pages of plugins and roles from the same texts that ansible-doc shows; the page of the
playbooks is made of the words at the head of each. Sphinx takes every warning for an error, so a link that leads
nowhere, a heading out of order or a page that no other one leads to ends the build.
"""

from __future__ import annotations

import re
import shutil
import sys
import zlib
from pathlib import Path

import yaml

from tools._run import BUILD, ROOT, heading, run, shown

SITE = BUILD / "docs"
SOURCE = BUILD / "docs-source"
FRAME = Path(__file__).resolve().parent / "site"
PAGE_NAME = "Modules, roles, connection"

#: Where docs.ansible.com has what the pages of the plugins point to. Sphinx would fetch its whole inventory for that.
ANSIBLE_PAGES = {
    "std:label action_plugins": "plugins/action.html#action-plugins",
    "std:label ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "std:label common_return_values": "reference_appendices/common_return_values.html#common-return-values",
    "std:label ansible_collections.ansible.builtin.copy_module": "collections/ansible/builtin/copy_module.html",
    "std:label ansible_collections.ansible.builtin.raw_module": "collections/ansible/builtin/raw_module.html",
    **{
        f"std:envvar {name}": f"reference_appendices/config.html#envvar-{name}"
        for name in (
            "ANSIBLE_HOST_KEY_CHECKING",
            "ANSIBLE_PRIVATE_KEY_FILE",
            "ANSIBLE_REMOTE_PORT",
            "ANSIBLE_REMOTE_USER",
        )
    },
}


def head_of(playbook: Path) -> str:
    """Give the words at the head of a playbook, those about its licence left out."""
    blocks = re.findall(r"(?:^#.*\n)+", playbook.read_text(), re.MULTILINE)
    words = [block for block in blocks if "SPDX-License-Identifier" not in block]
    if not words:
        sys.exit(f"{shown(playbook)} does not say what it is for. Next step: a comment below its licence.")
    return "\n".join(line.removeprefix("#").strip() for line in words[0].splitlines())


def linked(text: str) -> str:
    """Make links of the pages that a text names by their path."""
    return re.sub(r"docs/([a-z-]+)\.md", r"[\1](\1.md)", text)


def without_sources(text: str) -> str:
    """Name what lies outside docs/, such as tests, where the page links to it: the site does not hold it."""
    return re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", text)


def page_of_playbooks() -> str:
    """Give the page that says what each playbook is for, and which plays it holds."""
    parts = [
        "# Playbooks\n",
        "Each is started by its full name; the inventory says the rest, see [variables](variables.md).\n",
    ]
    for playbook in sorted((ROOT / "playbooks").glob("*.yml")):
        parts += [f"## {playbook.stem}\n", linked(head_of(playbook)) + "\n"]
        parts += [f"```console\n$ ansible-playbook -i inventory.yml certops.cms.{playbook.stem}\n```\n"]
        parts += [f"{number}. {play['name']}" for number, play in enumerate(yaml.safe_load(playbook.read_text()), 1)]
        parts += [""]
    return "\n".join(parts)


def front_page() -> str:
    """Give the first page, with the pages of docs/ that it does not name in the place for further ones."""
    frame = (FRAME / "index.md").read_text()
    named = frame.split()
    further = sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem not in named)
    return frame.replace("@further@", "\n".join(further))


def mend_collection_page(path: Path) -> None:
    """Give the page of the collection a name for people, and take out the button that leads to no address."""
    text = re.sub(r"^Certops\.Cms\n=+$", f"{PAGE_NAME}\n{'=' * len(PAGE_NAME)}", path.read_text(), flags=re.MULTILINE)
    path.write_text(re.sub(r"^\.\. ansible-links::\n\n(?: .*\n)+", "", text, flags=re.MULTILINE))


def write_inventory(path: Path) -> None:
    """Write ANSIBLE_PAGES in the format of Sphinx's inventories: a head of four lines, then compressed rows."""
    head = (
        "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    rows = ((*key.split(" "), page) for key, page in ANSIBLE_PAGES.items())
    lines = "".join(f"{name} {kind} -1 {page} {name}\n" for kind, name, page in rows)
    path.write_bytes(head.encode() + zlib.compress(lines.encode()))


def gather_sources() -> None:
    """Put all that Sphinx reads into one folder."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCE)
    for page in SOURCE.glob("*.md"):
        page.write_text(without_sources(page.read_text()))
    (SOURCE / "index.md").write_text(front_page())
    (SOURCE / "playbooks.md").write_text(page_of_playbooks())
    write_inventory(SOURCE / "ansible.inv")
    # antsibull-docs refuses a folder that others may write to.
    (SOURCE / "reference").mkdir(mode=0o755)
    command = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    run([*command, "--dest-dir", str(SOURCE / "reference"), "certops.cms"])
    mend_collection_page(SOURCE / "reference" / "index.rst")


def main() -> int:
    heading("documentation")
    gather_sources()
    shutil.rmtree(SITE, ignore_errors=True)
    status = run(
        ["sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-c", str(FRAME), str(SOURCE), str(SITE)],
        check=False,
    )
    if status == 0:
        print(f"Open {shown(SITE / 'index.html')}: {len(list(SITE.rglob('*.html')))} pages")
    return status


if __name__ == "__main__":
    sys.exit(main())
