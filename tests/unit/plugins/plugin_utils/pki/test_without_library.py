# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Without the cryptography library everything still imports, and its first use says how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils import _pki

PACKAGE = "ansible_collections.certops.cms.plugins.plugin_utils._pki"
MODULES = sorted(path.stem for path in Path(_pki.__path__[0]).glob("*.py") if path.stem != "__init__")

PROGRAM = """
import importlib, sys
sys.modules["cryptography"] = None
for name in {modules!r}:
    importlib.import_module("{package}." + name)
from {package} import {module}
from ansible_collections.certops.cms.plugins.plugin_utils._errors import MissingLibrary
try:
    {call}
except MissingLibrary as exc:
    print(exc)
"""


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("certs", "certs.load_certificates(b'', 'x')"),
        ("keys", "keys.load_key(b'', None, 'x')"),
        ("keys", "keys.generate_key('rsa', 2048)"),
        ("csr", "csr.load_csr(b'')"),
        ("csr", "csr.build_csr(csr.Request('a.example.com'), None)"),
        ("bundles", "bundles.problems(b'', 'trust')"),
        ("profiles", "profiles.check(None, [], [], now=None, subject_label='x')"),
    ],
)
def test_the_missing_library_is_named(module: str, call: str) -> None:
    program = PROGRAM.format(package=PACKAGE, modules=MODULES, module=module, call=call)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert "pip install cryptography" in done.stdout
