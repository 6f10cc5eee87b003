# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write docs/rules.md out of the table of rules: ``make rules-page``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import (
    rules_files,
    rules_names,
    rules_nodes,
    rules_public,
    rules_usage,
    table,
)
from ansible_collections.certops.cms.plugins.plugin_utils._rules import certificates, issuing, planning, rolling_back
from ansible_collections.certops.cms.plugins.plugin_utils._rules.rule import Rule
from tools._run import ROOT, shown

PAGE = ROOT / "docs" / "rules.md"

INTRODUCTION = """\
<!--
Copyright (c) 2026 certops.cms contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->

<!-- Written by `make rules-page` from the table of rules; a test holds the two equal. -->

# The rules

Everything that a plan may find, by the name that stands in square brackets behind a finding. Most is looked for in
what is there today and in what the plan would bring, so that a mistake is told before anything is issued; a fault of
today that the plan removes is *cured*.

An **error** blocks its node and everything linked to it, a **warning** and a **remark** are shown. Where two stand in
one row, it depends on how much it hurts there. *Section* is one of the certificate guide, or a promise of
[safety.md](safety.md).

## Lowering a rule

What is an error by the guide may be all right on a server of yours. `cms_rules` lowers a rule for the hosts it is set
for, with a reason:

```yaml
cms_rules:
  eku-client-missing:
    severity: warning
    reason: this Call Bridge has no web app and no TLS trunk
```

`severity` is `warning` or `remark`. The reason has to be there: the plan shows it beside the finding, with the
severity that the rule has otherwise. A finding against several nodes is lowered when all of them lower its rule. What
is marked with *no* in the last column holds links, keys and runs together, or is a remark anyway, and cannot be
lowered; neither can what is judged apart from any host, such as an answer of an issuer. A rule that does not exist,
one that cannot be lowered and a missing reason are errors of the plan.
"""

CHAPTERS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Nodes", rules_nodes.RULES),
    ("Inventory", planning.INVENTORY),
    ("Names in certificates", rules_names.RULES),
    ("Usages, signatures, sizes", rules_usage.RULES),
    ("Public CAs", rules_public.RULES),
    ("Files", (*rules_files.RULES, *certificates.FILES, *certificates.NODES)),
    ("Renewing and issuing", (*planning.DUE, *issuing.ISSUERS)),
    ("Links", planning.LINKS),
    ("Trust", planning.TRUST),
    ("What runs", planning.RUNNING),
    ("Rolling back", rolling_back.RULES),
    ("What an issuer returned", issuing.ISSUED),
    ("One certificate: what it may be used for", certificates.USAGES),
    ("One certificate: its form", certificates.FORM),
    ("One certificate: its chain", certificates.CHAIN),
)


def rows(rules: tuple[Rule, ...]) -> Iterator[str]:
    """Give the table of one chapter."""
    yield "| Rule | Severity | Section | It holds that | Next step | Lowered |"
    yield "|---|---|---|---|---|---|"
    for rule in rules:
        severity = " or ".join((rule.severity, *rule.also))
        lowered = "yes" if rule.lowerable else "no"
        cells = (f"`{rule.id}`", severity, rule.section, rule.about, rule.next_step, lowered)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    """Give the whole page."""
    listed = {rule.id for _title, rules in CHAPTERS for rule in rules}
    if listed != set(table.BY_ID):
        raise SystemExit(f"tools/rules.py has no chapter for: {', '.join(sorted(set(table.BY_ID) - listed))}")
    lines = [INTRODUCTION]
    for title, rules in CHAPTERS:
        lines += [f"## {title}", "", *rows(rules), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{shown(PAGE)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
