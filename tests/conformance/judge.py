# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a result of ``certops.cms.verify`` says about a case of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Rules about files as files. A suite gives sets of certificates, without an order and mostly without the root, so that
#: what is said about the form of a bundle is neither an acceptance nor a refusal of its chain.
FORM_RULES = frozenset({"file-form"})


def refusals(result: Mapping[str, Any]) -> list[str]:
    """Give the rules by which a chain was refused; none means that it was accepted.

    A result without findings must be the refusal to read a certificate: any other failure is a fault of the test.
    """
    if "findings" not in result:
        assert result["error"]["kind"] == "CertificateProblem", result
        return ["unreadable"]
    errors = [found["rule"] for found in result["findings"] if found["severity"] == "error"]
    assert result["valid"] is not bool(errors)
    return sorted(set(errors) - FORM_RULES)
