# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recipe's issuer gives a certificate that passes, out of a program that signs with a CA in a folder."""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Wanted
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys

NOW = datetime.datetime(2026, 11, 23, 15, 0, tzinfo=datetime.UTC)
IDENTITY: dict[str, Any] = {
    "id": "core1/callbridge",
    "base": "callbridge-g2",
    "subject": {"CN": "core1.example.com"},
    "names": ["core1.example.com"],
    "roles": ["server", "client"],
    "eku": ["serverAuth", "clientAuth"],
    "ku": ["digitalSignature", "keyEncipherment"],
    "key": {"where": "control", "type": "ecdsa", "size": "secp256r1"},
    "issuer": "corporate",
}
#: What an administrator would have: it reads a CSR and prints what its CA made of it.
PROGRAM = "from tests.unit.recipes import issuer; issuer.sign()"


def wanted(csr_pem: str = "") -> Wanted:
    request = csr.Request.of(*(IDENTITY[part] for part in ("subject", "names", "roles", "eku", "ku")))
    return Wanted.of(IDENTITY, csr_pem or csr.build_csr(request, keys.generate_key("ecdsa")).decode())


def authority(folder: str) -> Any:
    made = make_issuer("signing", {"type": "own_ca", "path": folder, "passphrase": "of the signing CA"}, ".")
    made.prepare(NOW)
    return made


def sign() -> None:
    issued = authority(sys.argv[1]).issue(wanted(sys.stdin.read()), NOW)
    print(issued.leaf_pem, *issued.chain_pems, sep="\n")


def main(folder: str) -> dict[str, Any]:
    Path(folder, "roots.pem").write_text("".join(authority(folder).anchors()))
    command = shlex.join([sys.executable, "-c", PROGRAM, folder])
    issuer = make_issuer("corporate", {"type": "program", "command": command, "roots": f"{folder}/roots.pem"}, ".")
    issued, findings = issuer.obtain(wanted(), NOW)
    return {"chain": len(issued.chain_pems), "errors": [str(one) for one in findings if one.blocks]}


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.read())))
