# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write docs/conformance.md out of the list of differences: ``python -m tools.conformance``.

With ``--check`` nothing is written, and a page that differs is a failure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.conformance import disagreements
from tests.conformance.cases import LIMBO, PKITS
from tools._run import ROOT, shown

PAGE = ROOT / "docs" / "conformance.md"

SUITES = {LIMBO: "x509-limbo", PKITS: "PKITS"}

INTRODUCTION = """\
<!--
Copyright (c) 2026 certops.cms contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->

<!-- Written by `make conformance-page` from tests/conformance/disagreements.py; a test holds the two equal. -->

# Chain conformance

`certops.cms.verify` is run on two public suites of certificate chains, with the options that a user has:
`certificate`, `chain`, `anchors`, `profile`, `roles`, `host`, `at`, `digital_signature`, `max_intermediates`. All
cases go through the action of the module in one process, a sample of them through `ansible-playbook` as well.

- **PKITS** of NIST comes with the Python package `cryptography-vectors`. The certificates of each case are those of
  its signed mail, the settings are the default ones of the suite. It knows neither alternative names nor extended
  key usages, so that `web_pki` refuses all of it, and only `meeting_server` is run.
- **x509-limbo**, without its cases of BetterTLS, is read from `shared/conformance/limbo.json` beside the checkout.
  The tests are skipped where it is not there.

A suite gives sets of certificates and not files, so that the rule `file-form` (order of a bundle, root last) does
not count here. A difference that is not listed on this page fails the tests, and so does an entry that is no
difference any more. What is accepted although a suite wants it refused has a section of the certificate guide as
its reason.
"""


def summary() -> Iterator[str]:
    """Give the table of the sizes."""
    yield "| Suite | Profile | Cases | Agreed | Stricter | More lenient |"
    yield "|---|---|---|---|---|---|"
    for run in disagreements.RUNS:
        size = disagreements.SIZES[run[0]]
        stricter = len(disagreements.names(disagreements.STRICTER[run]))
        lenient = len(disagreements.names(disagreements.LENIENT[run]))
        agreed = size - stricter - lenient
        yield f"| {SUITES[run[0]]} | `{run[1]}` | {size} | {agreed} | {stricter} | {lenient} |"


def listed(title: str, run: tuple[str, str], differences: disagreements.Differences) -> Iterator[str]:
    """Give one list of differences, a row for each reason."""
    yield f"## {title}: {SUITES[run[0]]}, `{run[1]}`"
    yield ""
    yield "| Guide | Reason | Cases |"
    yield "|---|---|---|"
    for reason, names in differences.items():
        yield f"| {reason.guide} | {reason.text} | {', '.join(f'`{name}`' for name in names)} |"


def page() -> str:
    """Give the whole page."""
    lines = [INTRODUCTION, *summary(), ""]
    for run in disagreements.RUNS:
        lines += [*listed("More lenient", run, disagreements.LENIENT[run]), ""]
        lines += [*listed("Stricter", run, disagreements.STRICTER[run]), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
        print(f"{shown(PAGE)}: {'as listed' if same else 'differs from the list; run make conformance-page'}")
        return int(not same)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{shown(PAGE)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
