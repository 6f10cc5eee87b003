# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every unit test gets: hypothesis samples that a run of all tests can afford, or all of them for the sweeps, and
keys that are quickly unlocked.

``make test-all`` sets CERTOPS_SWEEPS=all, ``make mutation`` sets it to mutation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from ansible_collections.certops.cms.plugins.plugin_utils._pki import pkcs8

# `make test` tries the same examples every time: a failure that comes and goes helps nobody. The sweep looks for new
# ones.
settings.register_profile("sample", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "all", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# A mutant is found or not; what the smallest example is does not matter.
settings.register_profile(
    "mutation",
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
SWEEPS = os.environ.get("CERTOPS_SWEEPS", "sample")
settings.load_profile(SWEEPS if SWEEPS in ("all", "mutation") else "sample")


@pytest.fixture(autouse=True, scope="session")
def _quick_keys() -> Iterator[None]:
    """Derive keys from passphrases with few rounds; what the rounds really are has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pkcs8, "ITERATIONS", 1000)
        yield


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value after its argument: what is made anew in each process must not be part of a test's name."""
    if isinstance(val, str | bytes) and len(val) > 60:
        return argname
    return None
