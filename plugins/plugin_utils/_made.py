# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules return that have a node make a certificate.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._engine.local_ca import Made
from ._pki import certs


def certificate_result(made: Made, files: Mapping[str, str], header: str | None) -> dict[str, Any]:
    """Give the result; with a header for the diff, the diff too. In check mode there is no certificate yet."""
    info = certs.describe(certs.load_certificates(made.pem, "certificate")[0]) if made.pem else {}
    result: dict[str, Any] = {
        "changed": made.new,
        "pem": made.pem.decode("ascii"),
        "certificate": info,
        "files": dict(files),
        "command": made.command,
    }
    if header is not None:
        said = [f"{info['subject']}, issued by {info['issuer']}, ends {info['not_after']}"] if info else []
        after = "".join(f"{line}\n" for line in [*files.values(), *said])
        result["diff"] = {
            "before": "" if made.new else after,
            "after": after,
            "before_header": header,
            "after_header": header,
        }
    return result
